"""Checks the clearance between lanes that no node joins, buildings, and signs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.checks import Problem
from pixelopolis.city.model import Building, City
from pixelopolis.geometry import Curve, FloatArray
from pixelopolis.vehicle.dimensions import CAR_WIDTH_M

CLEARANCE_M: Final = 0.20
"""Between the center lines of two lanes: two cars 0.15 m wide, each 25 mm off its line."""

FORK_M: Final = 0.30
"""Two lanes of one node may be closer than CLEARANCE_M up to this far beyond its mouth."""

OPPOSITE_RAD: Final = math.radians(150)
"""Two lanes whose headings differ by more run in opposite directions."""

POST_M: Final = CAR_WIDTH_M / 2 + 0.03
"""Between a center line and a sign: half a car, plus a lane-keeping car's usual offset."""

_STEP_M: Final = CLEARANCE_M / 4

MAX_SAMPLES: Final = 64
"""Maximum samples per stretch, which bounds the cost of comparing long lanes."""

SELF_M: Final = 3 * CLEARANCE_M
"""Points of one lane closer than this along it are neighbors, not a conflict."""


@dataclass(frozen=True, slots=True, eq=False)
class _Strip:
    """A stretch of an edge from node to node, or of a movement.

    `points_m` (N, 2) are samples, `s_m` (N,) their positions along it.
    """

    edge: str
    """The edge to blame."""
    name: str
    to_edge: str
    """Empty for an edge's own lane."""
    nodes: frozenset[str]
    inside: frozenset[str]
    """Those of its nodes whose fork area contains all of it."""
    points_m: FloatArray
    s_m: FloatArray

    @property
    def words(self) -> str:
        return f"its way to edge {self.to_edge!r}" if self.to_edge else "its lane"


def _pairs(strips: Sequence[_Strip]) -> Iterator[tuple[_Strip, _Strip]]:
    """Yield every pair of strips, including one with itself, whose boxes are within CLEARANCE_M."""
    low = np.array([strip.points_m.min(axis=0) for strip in strips])
    high = np.array([strip.points_m.max(axis=0) for strip in strips])
    for number, strip in enumerate(strips):
        upto = slice(number + 1)
        gaps = np.maximum(low[upto] - high[number], low[number] - high[upto]).max(axis=1)
        for other in np.flatnonzero(gaps < CLEARANCE_M):
            yield strip, strips[int(other)]


def _strips(city: City) -> Iterator[_Strip]:
    for edge in city.edges.values():
        start, end = (city.nodes[node] for node in (edge.from_node, edge.to_node))
        first, last = edge.curve.points_m[0], edge.curve.points_m[-1]
        # mouths included: no other lane may pass between a lane's end and its node
        for curve, from_m in (
            (edge.curve, 0.0),
            (Curve(np.array([(start.x_m, start.y_m), first])), -city.road.mouth_m),
            (Curve(np.array([last, (end.x_m, end.y_m)])), edge.length_m),
        ):
            name, ends = f"edge {edge.id!r}", (start.id, end.id)
            yield from _stretches(city, curve, from_m, edge.id, name, "", ends)
    for movement in city.movements.values():
        before, behind = city.edges[movement.from_edge], city.edges[movement.to_edge]
        nodes = (before.from_node, movement.node, behind.to_node)
        name = f"the way from edge {before.id!r} to edge {behind.id!r}"
        yield from _stretches(city, movement.curve, 0.0, before.id, name, behind.id, nodes)


def _stretches(
    city: City,
    curve: Curve,
    from_m: float,
    edge: str,
    name: str,
    to_edge: str,
    nodes: Collection[str],
) -> Iterator[_Strip]:
    """Cut a curve that begins at `from_m` into strips of at most MAX_SAMPLES."""
    s_m = np.linspace(0.0, curve.length_m, math.ceil(curve.length_m / _STEP_M) + 1)
    points_m = curve.points_at(s_m)
    for at in range(0, len(s_m), MAX_SAMPLES):
        stretch = slice(at, at + MAX_SAMPLES)
        inside = [node for node in nodes if _is_around(city, node, points_m[stretch]).all()]
        yield _Strip(
            edge,
            name,
            to_edge,
            frozenset(nodes),
            frozenset(inside),
            points_m[stretch],
            from_m + s_m[stretch],
        )


def _is_around(city: City, node: str, points_m: FloatArray) -> NDArray[np.bool_]:
    """Return which points (N, 2) lie where a node's lanes fork."""
    at, reach_m = city.nodes[node], city.road.mouth_m + FORK_M
    return np.asarray(np.hypot(*(points_m - (at.x_m, at.y_m)).T) < reach_m)


def lane_problems(city: City) -> Iterator[Problem]:
    """Return lanes and movements that touch where no node joins them."""
    named: set[tuple[str, str]] = set()
    for strip, other in _pairs([*_strips(city)]):
        pair = (strip.edge, other.edge)
        lanes = not strip.to_edge and not other.to_edge
        if pair in named or (strip.inside & other.nodes and not lanes):
            continue
        near = _near(strip, other)
        apart = near.any(axis=1)
        if not apart.any():
            continue
        for node in strip.nodes & other.nodes:
            apart &= ~_is_around(city, node, strip.points_m)
        if apart.any():
            x_m, y_m = strip.points_m[np.flatnonzero(apart)[0]]
            what = (
                f"{strip.words} comes within {CLEARANCE_M} m of {other.name} near "
                f"({x_m:.2f}, {y_m:.2f}), where no node joins them; move it or add a node"
            )
        elif lanes and strip.edge != other.edge and (near & _against(city, strip, other)).any():
            what = (
                f"{strip.words} and {other.name} lie on each other and run against each other; "
                "give both offset_right_m, or move one"
            )
        else:
            continue
        named |= {pair, pair[::-1]}
        yield Problem("edge", strip.edge, "pieces", what)


def _near(one: _Strip, other: _Strip) -> NDArray[np.bool_]:
    """Return which samples (N, M) of two strips are too close."""
    between = one.points_m[:, None] - other.points_m[None]
    near: NDArray[np.bool_] = (between**2).sum(axis=2) < CLEARANCE_M**2
    if one.name == other.name:
        near &= np.abs(one.s_m[:, None] - other.s_m[None]) >= SELF_M
    return near


def _against(city: City, one: _Strip, other: _Strip) -> NDArray[np.bool_]:
    """Return which samples (N, M) of two lanes, without mouths, have opposite headings."""
    is_lane = [
        (strip.s_m >= 0) & (strip.s_m <= city.edges[strip.edge].length_m) for strip in (one, other)
    ]
    turned = _headings(one)[:, None] - _headings(other)[None]
    opposite: NDArray[np.bool_] = np.cos(turned) < math.cos(OPPOSITE_RAD)
    return opposite & is_lane[0][:, None] & is_lane[1][None]


def _headings(strip: _Strip) -> FloatArray:
    steps = np.gradient(strip.points_m, axis=0)
    return np.arctan2(steps[:, 1], steps[:, 0])


# --- buildings and signs --------------------------------------------------------------------------


def obstacle_problems(city: City) -> Iterator[Problem]:
    """Return buildings that stand on the road, and signs that a car would hit."""
    driven = [(f"the lane of edge {e.id!r}", e.curve) for e in city.edges.values()]
    driven += [
        (f"the way from edge {m.from_edge!r} to edge {m.to_edge!r}", m.curve)
        for m in city.movements.values()
    ]
    points = np.vstack([curve.points_m[::4] for _, curve in driven])
    owners = np.repeat(np.arange(len(driven)), [len(c.points_m[::4]) for _, c in driven])
    eastwards = np.argsort(points[:, 0])
    points, owners = points[eastwards], owners[eastwards]

    def nearest(box: Building, within_m: float) -> tuple[float, int]:
        """Return the distance of the nearest center line point to a building, and its index."""
        reach_m = math.hypot(box.width_m, box.depth_m) / 2 + within_m
        low, high = np.searchsorted(points[:, 0], (box.x_m - reach_m, box.x_m + reach_m))
        if low == high:
            return math.inf, 0
        gaps_m = _box_gaps_m(box, points[low:high])
        at = int(np.argmin(gaps_m))
        return float(gaps_m[at]), int(low) + at

    for number, building in enumerate(city.buildings):
        gap_m, at = nearest(building, city.road.lane_width_m)
        if gap_m < city.road.lane_width_m / 2:
            x_m, y_m = points[at]
            yield Problem(
                "building",
                number,
                "x_m",
                f"it stands on {driven[owners[at]][0]} near ({x_m:.2f}, {y_m:.2f}); move it away",
            )
    for number, sign in enumerate(city.signs):
        pose = city.sign_pose(sign)
        gap_m, at = nearest(Building(pose.x_m, pose.y_m, 0.0, 0.0, sign.height_m), POST_M)
        if gap_m < POST_M:
            yield Problem(
                "sign",
                number,
                "distance_m",
                f"it would stand on {driven[owners[at]][0]}, {gap_m:.2f} m from its middle; "
                "move it, or put it on the other side",
            )


def _box_gaps_m(box: Building, points_m: FloatArray) -> FloatArray:
    """Return the distances of points (N, 2) from a building's footprint, 0 inside."""
    cos, sin = math.cos(box.heading_rad), math.sin(box.heading_rad)
    off = points_m - (box.x_m, box.y_m)
    along = np.abs(off[:, 0] * cos + off[:, 1] * sin) - box.width_m / 2
    aside = np.abs(off[:, 1] * cos - off[:, 0] * sin) - box.depth_m / 2
    gaps: FloatArray = np.hypot(np.maximum(along, 0.0), np.maximum(aside, 0.0))
    return gaps
