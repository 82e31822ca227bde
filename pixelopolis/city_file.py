"""Reading a town from TOML, with every fault named at its line.

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

An edge without pieces is straight. Pieces run from node to node; `offset_right_m` moves the lane
to the right of that line, so the two directions of a street share one line. A `distance_m` below
zero counts from the end of the edge.
"""

from __future__ import annotations

import math
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pixelopolis.city import Building, City, Destination, Edge, Node, Road, Sign
from pixelopolis.errors import CityError, Fault
from pixelopolis.geometry import Curve, Pose, arc, bezier, join, straight
from pixelopolis.signs import SIGN_CLASSES

NODE_TOLERANCE_M = 0.005
"""How far the pieces of an edge may end from the node they lead to."""

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,40}$")]
Metres = Annotated[float, Field(allow_inf_nan=False, ge=-1000, le=1000)]
Length = Annotated[float, Field(allow_inf_nan=False, gt=0, le=1000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Road(_Table):
    style: Literal["white", "asphalt"]
    lane_width_m: Annotated[float, Field(ge=0.18, le=1.0)] = 0.28
    line_width_m: Annotated[float, Field(ge=0.004, le=0.05)] = 0.015
    mouth_m: Annotated[float, Field(ge=0.05, le=2.0)] = 0.30


class _Node(_Table):
    id: Id
    x_m: Metres
    y_m: Metres


class _Piece(_Table):
    straight_m: Length | None = None
    arc_radius_m: Annotated[float, Field(ge=0.16, le=1000)] | None = None
    turn_deg: Annotated[float, Field(ge=-360, le=360)] | None = None
    bezier_m: list[list[float]] | None = None


class _Edge(_Table):
    id: Id
    from_: Id = Field(alias="from")
    to: Id
    priority: Annotated[int, Field(ge=0, le=100)] = 1
    speed_limit_mps: Annotated[float, Field(gt=0, le=2.0)] = 0.136
    offset_right_m: Annotated[float, Field(ge=0, le=1.0)] = 0.0
    heading_deg: Metres | None = None
    pieces: list[_Piece] = []


class _TurnBan(_Table):
    from_: Id = Field(alias="from")
    to: Id


class _Sign(_Table):
    sign_class: str = Field(alias="class")
    edge: Id
    distance_m: Metres
    side: Literal["left", "right"] = "right"
    height_m: Annotated[float, Field(ge=0.04, le=1.0)] = 0.16


class _Destination(_Table):
    id: Id
    edge: Id
    distance_m: Metres
    kind: Annotated[str, Field(min_length=1, max_length=40)] = "place"
    name: dict[str, str]


class _Building(_Table):
    x_m: Metres
    y_m: Metres
    width_m: Length
    depth_m: Length
    height_m: Length
    heading_deg: Metres = 0.0
    kind: str = "house"
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#e8e0d0"


class _File(_Table):
    name: Id
    road: _Road
    node: list[_Node] = Field(min_length=2)
    edge: list[_Edge] = Field(min_length=1)
    turn_ban: list[_TurnBan] = []
    sign: list[_Sign] = []
    destination: list[_Destination] = []
    building: list[_Building] = []


class _Places:
    """Finds the line of a table or of a key in it, for messages."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._tables: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int, str], int] = {}
        counts: dict[str, int] = {}
        table, index = "", 0
        for number, line in enumerate(text.splitlines(), start=1):
            if head := re.match(r"\s*\[\[?\s*([A-Za-z_]+)\s*\]\]?", line):
                table = head[1]
                index = counts.get(table, 0)
                counts[table] = index + 1
                self._tables[table, index] = number
            elif key := re.match(r"\s*([A-Za-z_]+)\s*=", line):
                self._keys.setdefault((table, index, key[1]), number)

    def place(self, table: str, index: int, key: str = "") -> str:
        line = (
            self._keys.get((table, index, key))
            or self._keys.get(("", 0, table))
            or self._tables.get((table, index), 1)
        )
        return f"{self._source}:{line} {table}[{index}]{'.' + key if key else ''}"

    def of_error(self, loc: tuple[int | str, ...]) -> str:
        table = str(loc[0]) if loc else ""
        rest = list(loc[1:])
        index = int(rest.pop(0)) if rest and isinstance(rest[0], int) else 0
        key = str(rest[0]) if rest else ""
        place = self.place(table, index, key)
        return place + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in rest[1:])


def shipped_cities() -> tuple[str, ...]:
    """Return the names of the towns that come with the package."""
    return tuple(
        sorted(
            entry.name.removesuffix(".toml")
            for entry in files("pixelopolis").joinpath("cities").iterdir()
            if entry.name.endswith(".toml")
        )
    )


def load_city(name: str) -> City:
    """Return a town by name, by `grid:COLSxROWS:SEED`, or from a TOML file.

    Raises:
        CityError: when there is no such town, or with every fault that its file has.
    """
    from pixelopolis.grid import grid_city_text  # noqa: PLC0415  (the generator writes a file)

    if name.startswith("grid:"):
        return parse_city(grid_city_text(name), name)
    if name in shipped_cities():
        shipped = files("pixelopolis").joinpath("cities", f"{name}.toml")
        return parse_city(shipped.read_text(encoding="utf-8"), f"{name}.toml")
    path = Path(name)
    try:
        return parse_city(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise CityError(
            f"city {name!r} is neither a shipped town, a grid, nor a readable file ({error}).",
            f"Use one of {', '.join(shipped_cities())}, grid:COLSxROWS:SEED, or a TOML file.",
        ) from error


def parse_city(text: str, source: str) -> City:
    """Return the town that a TOML text describes.

    Raises:
        CityError: with every fault found, each with its line.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refused(source, [Fault(source, f"not TOML: {error}")]) from error
    places = _Places(text, source)
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        raise _refused(source, [_of_pydantic(places, e) for e in error.errors()]) from error
    faults: list[Fault] = []
    city = _build(file, places, faults)
    if faults or city is None:
        raise _refused(source, faults)
    return city


def _refused(source: str, faults: list[Fault]) -> CityError:
    count = f"{len(faults)} fault{'s' if len(faults) != 1 else ''}"
    return CityError(f"city {source} has {count}.", "Correct them and try again.", tuple(faults))


def _of_pydantic(places: _Places, error: Any) -> Fault:
    value = error["input"]
    shown = "" if isinstance(value, dict | list) else f" (got {value!r})"
    return Fault(places.of_error(error["loc"]), f"{error['msg']}{shown}")


def _build(file: _File, places: _Places, faults: list[Fault]) -> City | None:
    road = Road(**file.road.model_dump())
    nodes: dict[str, Node] = {}
    for i, n in enumerate(file.node):
        if n.id in nodes:
            faults.append(Fault(places.place("node", i, "id"), f"node {n.id!r} exists already"))
        nodes[n.id] = Node(n.id, n.x_m, n.y_m)
    edges: dict[str, Edge] = {}
    for i, e in enumerate(file.edge):
        unknown = [(key, end) for key, end in (("from", e.from_), ("to", e.to)) if end not in nodes]
        faults += [
            Fault(places.place("edge", i, key), f"no node {end!r}; add it or correct the id")
            for key, end in unknown
        ]
        if e.id in edges:
            faults.append(Fault(places.place("edge", i, "id"), f"edge {e.id!r} exists already"))
        elif not unknown:
            try:
                curve = _edge_curve(e, nodes[e.from_], nodes[e.to], road)
            except ValueError as error:
                faults.append(Fault(places.place("edge", i, "pieces"), f"edge {e.id!r}: {error}"))
            else:
                edges[e.id] = Edge(e.id, e.from_, e.to, curve, e.priority, e.speed_limit_mps)
    if faults:
        return None
    bans = _bans(file, edges, places, faults)
    city = City(
        name=file.name,
        road=road,
        nodes=nodes,
        edges=edges,
        signs=_signs(file, edges, places, faults),
        destinations=_destinations(file, edges, places, faults),
        buildings=tuple(
            Building(
                b.x_m,
                b.y_m,
                b.width_m,
                b.depth_m,
                b.height_m,
                math.radians(b.heading_deg),
                b.kind,
                b.colour,
            )
            for b in file.building
        ),
        turn_bans=bans,
    )
    _check_junctions(city, file, places, faults)
    return city


def _edge_curve(edge: _Edge, start: Node, end: Node, road: Road) -> Curve:
    direct = math.hypot(end.x_m - start.x_m, end.y_m - start.y_m)
    if not edge.pieces:
        if direct < 1e-6:
            raise ValueError("its nodes are at one place; give it pieces")
        heading = math.atan2(end.y_m - start.y_m, end.x_m - start.x_m)
        line = straight(Pose(start.x_m, start.y_m, heading), direct)
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
        miss = math.hypot(at.x_m - end.x_m, at.y_m - end.y_m)
        if miss > NODE_TOLERANCE_M:
            raise ValueError(
                f"its pieces end at ({at.x_m:.3f}, {at.y_m:.3f}), {miss:.3f} m from node "
                f"{end.id!r} at ({end.x_m:.3f}, {end.y_m:.3f})"
            )
    if line.length_m < 2 * road.mouth_m + 0.05:
        raise ValueError(
            f"{line.length_m:.3f} m from node to node is too short: two mouths of "
            f"{road.mouth_m} m and 0.05 m of lane must fit"
        )
    lane = line.part(road.mouth_m, line.length_m - road.mouth_m)
    return lane.offset(-edge.offset_right_m) if edge.offset_right_m else lane


def _piece_curve(piece: _Piece, at: Pose) -> Curve:
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
    first_forward, first_left = at.to_local(controls[0][0], controls[0][1])
    if first_forward <= 0 or abs(math.atan2(first_left, first_forward)) > math.radians(2):
        raise ValueError("the first control point of bezier_m must lie straight ahead (2 degrees)")
    return bezier([(at.x_m, at.y_m), *((c[0], c[1]) for c in controls)])


def _distance(
    value: float, edge_id: str, edges: dict[str, Edge], place: tuple[str, int], places: _Places
) -> tuple[float, Fault | None]:
    table, index = place
    edge = edges.get(edge_id)
    if edge is None:
        return 0.0, Fault(places.place(table, index, "edge"), f"no edge {edge_id!r}")
    s_m = value if value >= 0 else edge.length_m + value
    if not 0 <= s_m <= edge.length_m + 1e-9:
        return 0.0, Fault(
            places.place(table, index, "distance_m"),
            f"{value} m lies outside edge {edge_id!r}, which is {edge.length_m:.3f} m long",
        )
    return min(s_m, edge.length_m), None


def _bans(
    file: _File, edges: dict[str, Edge], places: _Places, faults: list[Fault]
) -> frozenset[tuple[str, str]]:
    for i, ban in enumerate(file.turn_ban):
        for key, edge in (("from", ban.from_), ("to", ban.to)):
            if edge not in edges:
                faults.append(Fault(places.place("turn_ban", i, key), f"no edge {edge!r}"))
    return frozenset((ban.from_, ban.to) for ban in file.turn_ban)


def _signs(
    file: _File, edges: dict[str, Edge], places: _Places, faults: list[Fault]
) -> tuple[Sign, ...]:
    signs = []
    for i, sign in enumerate(file.sign):
        if sign.sign_class not in SIGN_CLASSES:
            faults.append(
                Fault(
                    places.place("sign", i, "class"),
                    f"no sign class {sign.sign_class!r}; use one of {', '.join(SIGN_CLASSES)}",
                )
            )
        s_m, fault = _distance(sign.distance_m, sign.edge, edges, ("sign", i), places)
        if fault:
            faults.append(fault)
        signs.append(Sign(sign.sign_class, sign.edge, s_m, sign.side, sign.height_m))
    return tuple(signs)


def _destinations(
    file: _File, edges: dict[str, Edge], places: _Places, faults: list[Fault]
) -> dict[str, Destination]:
    found: dict[str, Destination] = {}
    for i, d in enumerate(file.destination):
        if d.id in found:
            faults.append(
                Fault(places.place("destination", i, "id"), f"destination {d.id!r} exists already")
            )
        if not d.name.get("en"):
            faults.append(
                Fault(places.place("destination", i, "name"), "an English name (en) is missing")
            )
        s_m, fault = _distance(d.distance_m, d.edge, edges, ("destination", i), places)
        if fault:
            faults.append(fault)
        found[d.id] = Destination(d.id, d.edge, s_m, d.kind, dict(d.name))
    return found


def _check_junctions(city: City, file: _File, places: _Places, faults: list[Fault]) -> None:
    for i, e in enumerate(file.edge):
        turns: dict[str, str] = {}
        for movement in city.exits.get(e.id, ()):
            if movement.turn in turns:
                faults.append(
                    Fault(
                        places.place("edge", i, "to"),
                        f"at node {e.to!r} both edge {turns[movement.turn]!r} and edge "
                        f"{movement.to_edge!r} are reached by going {movement.turn}; move a node, "
                        "or ban one with [[turn_ban]]",
                    )
                )
            turns[movement.turn] = movement.to_edge
            sharpest = float(abs(movement.curve.curvatures_per_m).max())
            if sharpest > 1 / 0.16:
                faults.append(
                    Fault(
                        places.place("edge", i, "to"),
                        f"the way from edge {e.id!r} to edge {movement.to_edge!r} bends with "
                        f"{1 / sharpest:.3f} m, less than the 0.16 m that a car can follow; "
                        "enlarge road.mouth_m",
                    )
                )
