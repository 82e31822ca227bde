"""Initial places of the cars, the same for the simulator and the cars."""

from __future__ import annotations

import math
from typing import Final

from pixelopolis.city.model import City, Edge
from pixelopolis.city.route import Place, next_edges, reached
from pixelopolis.errors import SettingsError
from pixelopolis.vehicle.dimensions import CAR_FRONT_M, CAR_REAR_M

ROOM_M: Final = 0.05
"""Free lane before and behind a waiting car, so that its whole body stands on its edge."""

CAR_ROOM_M: Final = 2 * (max(CAR_FRONT_M, CAR_REAR_M) + ROOM_M)
"""Minimum length of a lane for a car to wait in its middle."""


def spawn_places(city: City, count: int) -> tuple[Place, ...]:
    """Return where `count` cars start: in the middle of edges, far apart.

    The first `n` places are the same for every count. Edges that can be blocked without cutting
    the town in two come first; neighbors (edges that share a node) come last; no edge holds two
    cars.

    Raises:
        SettingsError: the town has too few edges that can hold a car.
    """
    free = {e.id: e for e in city.edges.values() if e.length_m >= CAR_ROOM_M}
    if not 0 < count <= len(free):
        raise SettingsError(
            f"cars: {count} asked for, but city {city.name!r} has room for 1 to {len(free)}.",
            "Ask for fewer cars, or take a larger town such as grid:4x3:1.",
        )
    bypassed = {id_ for id_ in free if _has_a_way_around(city, id_)}
    taken: list[Edge] = []
    while len(taken) < count:
        best = max(
            free.values(),
            key=lambda edge: (
                not any(_neighbors(edge, other) for other in taken),
                edge.id in bypassed,
                min((_apart_m(edge, other) for other in taken), default=edge.length_m),
            ),
        )
        taken.append(free.pop(best.id))
    return tuple(Place(edge.id, edge.length_m / 2) for edge in taken)


def _has_a_way_around(city: City, edge: str) -> bool:
    onward = next_edges(city)
    before = [other for other, following in onward.items() if edge in following and other != edge]
    behind = set(onward[edge]) - {edge}
    return all(behind <= reached(other, onward, without=edge) for other in before)


def _neighbors(edge: Edge, other: Edge) -> bool:
    return bool({edge.from_node, edge.to_node} & {other.from_node, other.to_node})


def _apart_m(edge: Edge, other: Edge) -> float:
    middle, its = (e.curve.pose_at(e.length_m / 2) for e in (edge, other))
    return math.hypot(middle.x_m - its.x_m, middle.y_m - its.y_m)
