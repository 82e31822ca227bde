"""What must hold for a town's streets as a whole, so that cars can drive them and not meet."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from pixelopolis.city import City, Edge, Turn
from pixelopolis.geometry import Curve

MIN_RADIUS_M = 0.16
"""The sharpest bend that a lane may have. The sharpest that ships is 0.30 m."""

BEND_WINDOW_M = 0.05
"""Bends are measured over this length: a kink of 2 degrees between two pieces is no bend."""

CLEARANCE_M = 0.20
"""Between the centre lines of two lanes: two cars, 0.15 m wide, each 25 mm off its line."""

FORK_M = 0.30
"""Beyond the mouth of a node that two lanes share they may still be nearer than CLEARANCE_M."""

_STEP_M = CLEARANCE_M / 4


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one edge; `field` is that of the city file where to mend it."""

    edge: str
    field: str
    message: str


def street_problems(city: City) -> Iterator[Problem]:
    """Return what is wrong with the lanes and junctions of a town."""
    for edge in city.edges.values():
        radius_m = _sharpest_radius_m(edge.curve)
        if radius_m < MIN_RADIUS_M:
            yield Problem(
                edge.id,
                "pieces",
                f"the lane of edge {edge.id!r} bends with {radius_m:.3f} m, less than the "
                f"{MIN_RADIUS_M} m that a car can follow",
            )
    yield from _junction_problems(city)
    yield from _clearance_problems(city)


def _sharpest_radius_m(curve: Curve) -> float:
    window_m = min(BEND_WINDOW_M, curve.length_m)
    at = np.append(np.arange(0.0, curve.length_m - window_m, window_m / 4), 0.0)
    turned = np.interp(at + window_m, curve.s_m, curve.headings_rad) - np.interp(
        at, curve.s_m, curve.headings_rad
    )
    sharpest = float(np.abs(turned).max()) / window_m
    return 1 / sharpest if sharpest > 1e-9 else math.inf


def _junction_problems(city: City) -> Iterator[Problem]:
    for edge in city.edges.values():
        ways: dict[Turn, str] = {}
        for movement in city.exits[edge.id]:
            if movement.turn in ways:
                yield Problem(
                    edge.id,
                    "to",
                    f"at node {edge.to_node!r} both edge {ways[movement.turn]!r} and edge "
                    f"{movement.to_edge!r} are reached by going {movement.turn}; move a node, "
                    "or ban one with [[turn_ban]]",
                )
            ways[movement.turn] = movement.to_edge
            radius_m = _sharpest_radius_m(movement.curve)
            if radius_m < MIN_RADIUS_M:
                yield Problem(
                    edge.id,
                    "to",
                    f"the way from edge {edge.id!r} to edge {movement.to_edge!r} bends with "
                    f"{radius_m:.3f} m, less than the {MIN_RADIUS_M} m that a car can follow; "
                    "enlarge road.mouth_m",
                )


def _clearance_problems(city: City) -> Iterator[Problem]:
    """Lanes that touch where no node joins them, found through cells of CLEARANCE_M."""
    cells: dict[tuple[int, int], list[tuple[Edge, float, float, float]]] = defaultdict(list)
    named: set[tuple[str, str]] = set()
    for edge in city.edges.values():
        curve = edge.curve
        for s_m in np.linspace(0.0, curve.length_m, math.ceil(curve.length_m / _STEP_M) + 1):
            x_m = float(np.interp(s_m, curve.s_m, curve.points_m[:, 0]))
            y_m = float(np.interp(s_m, curve.s_m, curve.points_m[:, 1]))
            column, row = int(x_m // CLEARANCE_M), int(y_m // CLEARANCE_M)
            for dx, dy in product((-1, 0, 1), repeat=2):
                for other, other_s_m, other_x_m, other_y_m in cells.get(
                    (column + dx, row + dy), ()
                ):
                    pair = (edge.id, other.id)
                    if pair in named or (other is edge and s_m - other_s_m < 3 * CLEARANCE_M):
                        continue
                    gap_m = math.hypot(x_m - other_x_m, y_m - other_y_m)
                    if gap_m >= CLEARANCE_M or _near_shared_node(city, edge, other, x_m, y_m):
                        continue
                    named.add(pair)
                    yield Problem(
                        edge.id,
                        "pieces",
                        f"its lane comes within {CLEARANCE_M} m of edge {other.id!r} near "
                        f"({x_m:.2f}, {y_m:.2f}), where no node joins them; move it or add a node",
                    )
            cells[column, row].append((edge, float(s_m), x_m, y_m))


def _near_shared_node(city: City, one: Edge, other: Edge, x_m: float, y_m: float) -> bool:
    shared = {one.from_node, one.to_node} & {other.from_node, other.to_node}
    reach_m = city.road.mouth_m + FORK_M
    return any(
        math.hypot(x_m - city.nodes[n].x_m, y_m - city.nodes[n].y_m) < reach_m for n in shared
    )
