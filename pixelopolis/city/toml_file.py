"""Reads a town from TOML and reports every fault with its line.

    open_ended = true           cars need not return: a stretch for testing
    [road]                      style = "white" | "asphalt", lane_width_m, line_width_m, mouth_m
    [[node]]                    id, x_m, y_m
    [[edge]]                    id, from, to, priority, speed_limit_mps, offset_right_m,
                                heading_deg, pieces = [
                                    {straight_m = 0.4},
                                    {arc_radius_m = 0.3, turn_deg = 90},        # left positive
                                    {bezier_m = [[x, y], [x, y], [x, y]]}]      # two controls, end
    [[turn_ban]]                from, to            (edges)
    [[sign]]                    class, edge, distance_m, side, height_m
    [[destination]]             id, edge, distance_m, kind, name = {en = "..."}
    [[building]]                x_m, y_m, width_m, depth_m, height_m, heading_deg, kind, colour

An edge without pieces is straight. Pieces run from node to node; `offset_right_m` shifts the lane
to the right of that line, so that both directions of a street can share one line. A negative
`distance_m` counts from the end of the edge.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from pydantic import ValidationError

from pixelopolis.city.checks import Problem, reach_problems, room_problems, street_problems
from pixelopolis.city.clearances import lane_problems, obstacle_problems
from pixelopolis.city.model import Building, City, Destination, Edge, Node, Road, Sign
from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.city.toml_schema import CityTables, EdgeTable, PieceTable
from pixelopolis.errors import CityError, Fault
from pixelopolis.geometry import Curve, Pose, arc, bezier, join, straight

NODE_TOLERANCE_M: Final = 0.005
"""How far an edge's pieces may end from its node."""

MAX_LANES_M: Final = 10_000.0
"""Maximum total length of edges, node to node: four times the largest grid."""

MAX_AT_NODE: Final = 12
"""Maximum number of edges that begin, or end, at one node: one per 30 degrees."""


@lru_cache(maxsize=16)
def parse_city(text: str, source: str) -> City:
    """Return the town described by a TOML text; the same text is the same town.

    Layouts, scenery and lanes are kept by a town's identity, and are then found again.

    Args:
        text: the TOML document.
        source: its name in messages, usually a file name.

    Raises:
        CityError: lists every fault with its line.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also for overlong numbers
        at = re.search(r"\(at line (\d+)", str(error))
        place = f"{source}:{at[1]}" if at else source
        raise _refused(source, [Fault(place, f"not TOML: {error}")]) from error
    lines = _Lines(text, source)
    try:
        tables = CityTables.model_validate(data)
    except ValidationError as error:
        raise _refused(source, [lines.of_pydantic(e) for e in error.errors()]) from error
    builder = _Builder(tables, lines)
    city = builder.build()
    if builder.faults:
        raise _refused(source, builder.faults)
    return city


def _refused(source: str, faults: list[Fault]) -> CityError:
    count = f"{len(faults)} fault{'s' if len(faults) != 1 else ''}"
    return CityError(f"city {source} has {count}.", "Correct them and try again.", tuple(faults))


class _Lines:
    """Finds the line of a table or of a key in it, for messages."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._lists: set[str] = set()
        self._tables: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int, str], int] = {}
        counts: dict[str, int] = {}
        table, index = "", 0
        for number, line in enumerate(text.split("\n"), start=1):
            if head := re.match(r"\s*(\[\[?)\s*([A-Za-z_]+)\s*\]", line):
                table = head[2]
                index = counts.get(table, 0)
                counts[table] = index + 1
                self._tables[table, index] = number
                if head[1] == "[[":
                    self._lists.add(table)
            elif key := re.match(r"\s*([A-Za-z_]+)\s*=", line):
                self._keys.setdefault((table, index, key[1]), number)

    def place(self, table: str, index: int, key: str = "") -> str:
        line = (
            self._keys.get((table, index, key))
            or self._keys.get(("", 0, table))
            or self._tables.get((table, index), 1)
        )
        number = f"[{index}]" if table in self._lists else ""
        return f"{self._source}:{line} {table}{number}{'.' + key if key else ''}"

    def of_pydantic(self, error: Any) -> Fault:
        """Return the fault for one entry of `ValidationError.errors()`."""
        table, *rest = error["loc"] or ("file",)
        index = rest.pop(0) if rest and isinstance(rest[0], int) else 0
        place = self.place(table, index, str(rest[0]) if rest else "")
        place += "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in rest[1:])
        value = error["input"]
        shown = "" if isinstance(value, dict | list) else f" (got {repr(value)[:60]})"
        return Fault(place, error["msg"] + shown)


class _Builder:
    """Builds a town from valid tables and notes what does not fit together."""

    def __init__(self, tables: CityTables, lines: _Lines) -> None:
        self.faults: list[Fault] = []
        self._tables = tables
        self._lines = lines
        self._edges: dict[str, Edge] = {}
        self._faulty: set[str] = set()
        """Edges already reported; references to them are not reported again."""

    def build(self) -> City:
        """Return the town; use it only if `faults` is empty afterwards."""
        tables = self._tables
        nodes: dict[str, Node] = {}
        for i, n in enumerate(tables.node):
            if n.id in nodes:
                self._fault("node", i, "id", f"node {n.id!r} exists already")
            nodes[n.id] = Node(n.id, n.x_m, n.y_m)
        road = Road(**tables.road.model_dump())
        if not self._is_small(nodes):
            self._faulty = {e.id for e in tables.edge}
        else:
            for i, e in enumerate(tables.edge):
                self._add_edge(i, e, nodes, road)
        city = City(
            name=tables.name,
            road=road,
            nodes=nodes,
            edges=self._edges,
            signs=tuple(self._signs()),
            destinations=self._destinations(),
            buildings=tuple(self._buildings()),
            turn_bans=frozenset(self._turn_bans()),
        )
        self._check(city, is_whole=not self.faults)
        return city

    def _fault(self, table: str, index: int, key: str, message: str) -> None:
        self.faults.append(Fault(self._lines.place(table, index, key), message))

    def _is_small(self, nodes: dict[str, Node]) -> bool:
        """Report a town that would take hours to build, which is surely not intended."""
        lanes_m = 0.0
        for i, e in enumerate(self._tables.edge):
            ends = [(nodes[n].x_m, nodes[n].y_m) for n in (e.from_, e.to) if n in nodes]
            lanes_m += _rough_length_m(e, ends)
            if lanes_m > MAX_LANES_M:
                text = f"the lanes up to this one have more than {MAX_LANES_M:.0f} m"
                self._fault("edge", i, "pieces", text)
                return False
        for key in ("from_", "to"):
            for node, count in Counter(getattr(e, key) for e in self._tables.edge).items():
                if count > MAX_AT_NODE:
                    i = next(i for i, e in enumerate(self._tables.edge) if getattr(e, key) == node)
                    text = f"{count} edges at node {node!r}; more than {MAX_AT_NODE} have no room"
                    self._fault("edge", i, key.rstrip("_"), text)
                    return False
        return True

    def _add_edge(self, i: int, e: EdgeTable, nodes: dict[str, Node], road: Road) -> None:
        if e.id in self._edges or e.id in self._faulty:
            self._fault("edge", i, "id", f"edge {e.id!r} exists already")
            return
        unknown = [(key, end) for key, end in (("from", e.from_), ("to", e.to)) if end not in nodes]
        for key, end in unknown:
            self._fault("edge", i, key, f"no node {end!r}; add it or correct the id")
        if not unknown:
            try:
                curve = _lane(e, nodes[e.from_], nodes[e.to], road)
            except ValueError as error:
                self._fault("edge", i, "pieces", f"edge {e.id!r}: {error}")
            else:
                self._edges[e.id] = Edge(e.id, e.from_, e.to, curve, e.priority, e.speed_limit_mps)
                return
        self._faulty.add(e.id)

    def _edge(self, table: str, index: int, key: str, edge_id: str) -> Edge | None:
        if edge_id not in self._edges and edge_id not in self._faulty:
            self._fault(table, index, key, f"no edge {edge_id!r}; add it or correct the id")
        return self._edges.get(edge_id)

    def _distance_m(self, table: str, index: int, edge_id: str, distance_m: float) -> float:
        edge = self._edge(table, index, "edge", edge_id)
        if edge is None:
            return 0.0
        s_m = distance_m if distance_m >= 0 else edge.length_m + distance_m
        if not 0 <= s_m <= edge.length_m + 1e-9:
            self._fault(
                table,
                index,
                "distance_m",
                f"{distance_m} m lies outside edge {edge_id!r} ({edge.length_m:.3f} m long)",
            )
        return min(s_m, edge.length_m)

    def _turn_bans(self) -> Iterator[tuple[str, str]]:
        for i, ban in enumerate(self._tables.turn_ban):
            first = self._edge("turn_ban", i, "from", ban.from_)
            second = self._edge("turn_ban", i, "to", ban.to)
            if first and second and first.to_node != second.from_node:
                self._fault(
                    "turn_ban", i, "to", f"edge {ban.from_!r} does not lead to edge {ban.to!r}"
                )
            yield ban.from_, ban.to

    def _signs(self) -> Iterator[Sign]:
        for i, sign in enumerate(self._tables.sign):
            if sign.sign_class not in SIGN_CLASSES:
                self._fault(
                    "sign",
                    i,
                    "class",
                    f"no sign class {sign.sign_class!r}; use one of {', '.join(SIGN_CLASSES)}",
                )
            s_m = self._distance_m("sign", i, sign.edge, sign.distance_m)
            yield Sign(sign.sign_class, sign.edge, s_m, sign.side, sign.height_m)

    def _destinations(self) -> dict[str, Destination]:
        found: dict[str, Destination] = {}
        for i, d in enumerate(self._tables.destination):
            if d.id in found:
                self._fault("destination", i, "id", f"destination {d.id!r} exists already")
            if not d.name.get("en"):
                self._fault("destination", i, "name", "an English name (en) is missing")
            s_m = self._distance_m("destination", i, d.edge, d.distance_m)
            found[d.id] = Destination(d.id, d.edge, s_m, d.kind, dict(d.name))
        return found

    def _buildings(self) -> Iterator[Building]:
        for b in self._tables.building:
            box = b.model_dump(exclude={"heading_deg", "colour"})
            heading_rad = math.radians(b.heading_deg)
            yield Building(**box, color=b.colour, heading_rad=heading_rad)

    def _check(self, city: City, is_whole: bool) -> None:
        """Report the problems of the whole town, or only of its lanes if parts are missing."""
        if not city.edges:
            return
        try:
            self._note(street_problems(city))
            self._note(lane_problems(city))
            if is_whole:
                self._note(obstacle_problems(city))
                self._note(room_problems(city))
                if not self._tables.open_ended:
                    self._note(reach_problems(city))
        except ValueError as error:  # two lanes that meet at one point leave no room for a curve
            self._fault("road", 0, "mouth_m", f"a junction has no room: {error}")

    def _note(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            key = problem.key
            index = key if isinstance(key, int) else self._index(problem.table, key)
            self._fault(problem.table, index, problem.field, problem.message)

    def _index(self, table: str, id_: str) -> int:
        rows = getattr(self._tables, table)
        return next(index for index, row in enumerate(rows) if row.id == id_)


def _lane(edge: EdgeTable, start: Node, end: Node, road: Road) -> Curve:
    direct_m = math.hypot(end.x_m - start.x_m, end.y_m - start.y_m)
    if not edge.pieces:
        if direct_m < 1e-6:
            raise ValueError("its nodes are at one place; give it pieces")
        heading_rad = math.atan2(end.y_m - start.y_m, end.x_m - start.x_m)
        line = straight(Pose(start.x_m, start.y_m, heading_rad), direct_m)
    else:
        if edge.heading_deg is None:
            raise ValueError("pieces need heading_deg, the direction in which the first one leaves")
        at = Pose(start.x_m, start.y_m, math.radians(edge.heading_deg))
        curves = []
        for number, piece in enumerate(edge.pieces):
            try:
                curves.append(_piece_curve(piece, at))
            except ValueError as error:
                raise ValueError(f"pieces[{number}]: {error}") from error
            at = curves[-1].end
        line = join(curves)
        miss_m = math.hypot(at.x_m - end.x_m, at.y_m - end.y_m)
        if miss_m > NODE_TOLERANCE_M:
            raise ValueError(
                f"its pieces end at ({at.x_m:.3f}, {at.y_m:.3f}), {miss_m:.3f} m from node "
                f"{end.id!r} at ({end.x_m:.3f}, {end.y_m:.3f})"
            )
    if line.length_m < 2 * road.mouth_m + 0.05:
        raise ValueError(
            f"{line.length_m:.3f} m from node to node is too short: two mouths of "
            f"{road.mouth_m} m and 0.05 m of lane must fit"
        )
    lane = line.part(road.mouth_m, line.length_m - road.mouth_m)
    return lane.offset(-edge.offset_right_m) if edge.offset_right_m else lane


def _rough_length_m(edge: EdgeTable, ends: Sequence[tuple[float, float]]) -> float:
    """Return an edge's approximate length; an upper bound for Bézier pieces."""
    if not edge.pieces:
        return math.dist(*ends) if len(ends) == 2 else 0.0
    total_m = 0.0
    for piece in edge.pieces:
        corners = piece.bezier_m or []
        total_m += piece.straight_m or 0.0
        total_m += (piece.arc_radius_m or 0.0) * math.radians(abs(piece.turn_deg or 0.0))
        total_m += sum(math.dist(a, b) for a, b in pairwise(corners) if len(a) == len(b))
    return total_m


def _piece_curve(piece: PieceTable, at: Pose) -> Curve:
    kinds = [
        kind
        for kind in ("straight_m", "arc_radius_m", "bezier_m")
        if getattr(piece, kind) is not None
    ]
    if len(kinds) != 1 or (piece.arc_radius_m is None) != (piece.turn_deg is None):
        raise ValueError("one of straight_m, arc_radius_m with turn_deg, or bezier_m is wanted")
    if piece.straight_m is not None:
        return straight(at, piece.straight_m)
    if piece.arc_radius_m is not None and piece.turn_deg is not None:
        return arc(at, piece.arc_radius_m, math.radians(piece.turn_deg))
    controls = piece.bezier_m or []
    if len(controls) != 3 or any(len(c) != 2 for c in controls):
        raise ValueError("bezier_m takes two control points and the end, [[x, y], [x, y], [x, y]]")
    first_forward_m, first_left_m = at.to_local(controls[0][0], controls[0][1])
    if first_forward_m <= 0 or abs(math.atan2(first_left_m, first_forward_m)) > math.radians(2):
        raise ValueError("the first control point of bezier_m must lie straight ahead (2 degrees)")
    return bezier([(at.x_m, at.y_m), *((c[0], c[1]) for c in controls)])
