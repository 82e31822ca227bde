"""The town: nodes, one-way edges, the movements that join them, signs and destinations.

An edge's center line runs from the mouth of one node to the mouth of the next; inside a node, a
movement joins the end of one edge to the start of another. A car's place is (edge, meters along
it) or (movement, meters along it). `toml_file` reads and checks towns, `generators` make them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from math import degrees, pi
from typing import Final, Literal

from pixelopolis.geometry import Curve, Pose, connect, wrap_rad

STRAIGHT_LIMIT_DEG: Final = 35.0
"""A movement that turns by less goes straight on."""

LANGUAGES: Final = ("en", "ja", "th", "es", "ar", "ko", "zh", "fr", "de", "hi")
"""In which places have names, as far as a town gives them."""

U_TURN_LIMIT_DEG: Final = 150.0
"""A movement that turns by more is a U-turn, for which the streets are too narrow."""


class Turn(StrEnum):
    """The command for a junction, in the order of the lane model's outputs."""

    STRAIGHT = "straight"
    LEFT = "left"
    RIGHT = "right"


def turn_of(angle_rad: float) -> Turn | None:
    """Return the command for a change of heading (left positive), None for a U-turn."""
    angle_deg = degrees(wrap_rad(angle_rad))
    if abs(angle_deg) <= STRAIGHT_LIMIT_DEG:
        return Turn.STRAIGHT
    if abs(angle_deg) > U_TURN_LIMIT_DEG:
        return None
    return Turn.LEFT if angle_deg > 0 else Turn.RIGHT


@dataclass(frozen=True, slots=True)
class Road:
    """The appearance of the streets.

    `white`: white ground, a red line on the left border and a blue one on the right, as in the
    original town. `asphalt`: dark ground, white borders, dashed yellow between opposite lanes.
    """

    style: Literal["white", "asphalt"]
    lane_width_m: float = 0.28
    line_width_m: float = 0.015
    mouth_m: float = 0.30
    """Distance from a node to where its edges begin and end, along their center lines."""


@dataclass(frozen=True, slots=True)
class Node:
    id: str
    x_m: float
    y_m: float


@dataclass(frozen=True)
class Edge:
    """A one-way lane between two nodes; `curve` runs from mouth to mouth.

    `priority`: a lower number has more right of way, as in the original.
    """

    id: str
    from_node: str
    to_node: str
    curve: Curve = field(repr=False)
    priority: int = 1
    speed_limit_mps: float = 0.136

    @property
    def length_m(self) -> float:
        return self.curve.length_m


@dataclass(frozen=True)
class Movement:
    """The way through `node` from the end of one edge to the start of another."""

    from_edge: str
    to_edge: str
    node: str
    turn: Turn
    curve: Curve = field(repr=False)

    @property
    def length_m(self) -> float:
        return self.curve.length_m


@dataclass(frozen=True, slots=True)
class Sign:
    """A board beside an edge; `height_m` is the height of its center above the road."""

    sign_class: str
    edge: str
    s_m: float
    side: Literal["left", "right"] = "right"
    height_m: float = 0.16


@dataclass(frozen=True, slots=True)
class Destination:
    """A place where visitors may go: the car stops at `s_m` along `edge`."""

    id: str
    edge: str
    s_m: float
    kind: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Building:
    """A box-shaped building; (x_m, y_m) is the center of its footprint."""

    x_m: float
    y_m: float
    width_m: float
    depth_m: float
    height_m: float
    heading_rad: float = 0.0
    kind: str = "house"
    color: str = "#e8e0d0"


@dataclass(frozen=True, eq=False)
class City:
    """A checked town, compared and hashed by identity. Create it with `sources.load_city`."""

    name: str
    road: Road
    nodes: Mapping[str, Node]
    edges: Mapping[str, Edge]
    signs: tuple[Sign, ...] = ()
    destinations: Mapping[str, Destination] = field(default_factory=dict)
    buildings: tuple[Building, ...] = ()
    turn_bans: frozenset[tuple[str, str]] = frozenset()

    @cached_property
    def movements(self) -> Mapping[tuple[str, str], Movement]:
        """Every legal movement, by (from_edge, to_edge)."""
        leaving: dict[str, list[Edge]] = {}
        for edge in self.edges.values():
            leaving.setdefault(edge.from_node, []).append(edge)
        found: dict[tuple[str, str], Movement] = {}
        for first in self.edges.values():
            for second in leaving.get(first.to_node, ()):
                key = (first.id, second.id)
                if key in self.turn_bans:
                    continue
                start, end = first.curve.end, second.curve.start
                turn = turn_of(end.heading_rad - start.heading_rad)
                if turn is not None:
                    found[key] = Movement(
                        first.id, second.id, first.to_node, turn, connect(start, end)
                    )
        return found

    @cached_property
    def exits(self) -> Mapping[str, tuple[Movement, ...]]:
        """The movements that begin at the end of each edge."""
        found: dict[str, list[Movement]] = {edge: [] for edge in self.edges}
        for movement in self.movements.values():
            found[movement.from_edge].append(movement)
        return {edge: tuple(movements) for edge, movements in found.items()}

    @cached_property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """(x_min, y_min, x_max, y_max) of all center lines."""
        curves = [e.curve for e in self.edges.values()]
        curves += [m.curve for m in self.movements.values()]
        low = [min(float(c.points_m[:, k].min()) for c in curves) for k in (0, 1)]
        high = [max(float(c.points_m[:, k].max()) for c in curves) for k in (0, 1)]
        return low[0], low[1], high[0], high[1]

    def sign_pose(self, sign: Sign) -> Pose:
        """Return the pose of a sign's board; its heading is the direction that its face looks."""
        beside_m = self.road.lane_width_m / 2 + 0.07
        left_m = beside_m if sign.side == "left" else -beside_m
        at = self.edges[sign.edge].curve.pose_at(sign.s_m).ahead(0.0, left_m)
        return at.ahead(0.0, 0.0, turn_rad=pi)
