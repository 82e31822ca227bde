"""Which movements through a junction may run together, from the ground that cars sweep.

Two movements conflict when there is a place on each where the bodies of two cars, each with a
margin around it, would overlap. Movements that share an edge always conflict: one car an edge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city import City
from pixelopolis.geometry import Curve
from pixelopolis.vehicle import CAR_FRONT_M, CAR_REAR_M, CAR_WIDTH_M

MARGIN_M = 0.03
"""Around each body: how far a car that keeps its lane well may be off its curve."""

STEP_M = 0.02
"""Between the bodies that are compared; a corner moves at most this far between two of them, which
is less than the margins of both."""

MovementKey = tuple[str, str]


def bodies_overlap(
    first: Curve,
    second: Curve,
    margin_m: float = MARGIN_M,
    first_range_m: tuple[float, float] | None = None,
    second_range_m: tuple[float, float] | None = None,
) -> bool:
    """Return whether cars anywhere on two curves can touch.

    Args:
        first: centre line of one car's axle.
        second: centre line of the other's.
        margin_m: added to every side of both bodies.
        first_range_m: part of the first curve to look at, metres from its start.
        second_range_m: part of the second curve.
    """
    a, a_heading = _bodies(first, first_range_m)
    b, b_heading = _bodies(second, second_range_m)
    half = np.array([(CAR_FRONT_M + CAR_REAR_M) / 2, CAR_WIDTH_M / 2]) + margin_m
    between = b[None, :, :] - a[:, None, :]
    near = np.hypot(between[..., 0], between[..., 1]) <= 2 * math.hypot(*half)
    if not near.any():
        return False
    # two rectangles are apart when one of their four sides' directions separates them
    turn = b_heading[None, :] - a_heading[:, None]
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    apart = np.zeros(near.shape, dtype=bool)
    for heading in (a_heading[:, None], b_heading[None, :]):
        along = between[..., 0] * np.cos(heading) + between[..., 1] * np.sin(heading)
        aside = between[..., 1] * np.cos(heading) - between[..., 0] * np.sin(heading)
        apart |= np.abs(along) > half[0] + half[0] * cos + half[1] * sin
        apart |= np.abs(aside) > half[1] + half[0] * sin + half[1] * cos
    return bool((near & ~apart).any())


def _bodies(
    curve: Curve, range_m: tuple[float, float] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = range_m if range_m is not None else (0.0, curve.length_m)
    count = max(1, math.ceil((high - low) / STEP_M)) + 1
    poses = [curve.pose_at(float(s)) for s in np.linspace(low, high, count)]
    middles = [pose.ahead((CAR_FRONT_M - CAR_REAR_M) / 2) for pose in poses]
    return (
        np.array([(pose.x_m, pose.y_m) for pose in middles]),
        np.array([pose.heading_rad for pose in poses]),
    )


@lru_cache(maxsize=16)
def movement_conflicts(city: City) -> Mapping[MovementKey, frozenset[MovementKey]]:
    """Return for every movement the others that must not run at the same time."""
    found: dict[MovementKey, set[MovementKey]] = {key: set() for key in city.movements}
    by_node: dict[str, list[MovementKey]] = {}
    for key, movement in city.movements.items():
        by_node.setdefault(movement.node, []).append(key)
    for keys in by_node.values():
        for one, other in combinations(keys, 2):
            shares = one[0] == other[0] or one[1] == other[1]
            curves = city.movements[one].curve, city.movements[other].curve
            if shares or bodies_overlap(*curves):
                found[one].add(other)
                found[other].add(one)
    return {key: frozenset(others) for key, others in found.items()}
