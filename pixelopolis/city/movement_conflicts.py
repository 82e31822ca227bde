"""Which movements through a junction may run together, from the ground that cars sweep.

Two movements conflict when there is a place on each where the bodies of two cars, each with a
margin around it, would overlap. Movements that share an edge always conflict: one car an edge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.model import City
from pixelopolis.geometry import Curve
from pixelopolis.vehicle.dimensions import CAR_FRONT_M, CAR_REAR_M, CAR_WIDTH_M

MARGIN_M: Final = 0.03
"""Around each body: how far a car that keeps its lane well may be off its curve."""

STEP_M: Final = 0.02
"""Between the bodies that are compared; a corner moves at most this far between two of them, which
is less than the margins of both."""

MovementKey = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Bodies:
    """Where a car's body is along a curve: middles (N, 2) in metres and headings (N,)."""

    middles_m: NDArray[np.float64]
    headings_rad: NDArray[np.float64]


def bodies_along(curve: Curve) -> Bodies:
    """Return the bodies of a car whose axle is anywhere on a curve, a few centimetres apart."""
    count = max(1, math.ceil(curve.length_m / STEP_M)) + 1
    along_m = np.linspace(0.0, curve.length_m, count)
    headings = np.interp(along_m, curve.s_m, curve.headings_rad)
    axles = np.column_stack(
        [np.interp(along_m, curve.s_m, curve.points_m[:, k]) for k in (0, 1)],
    )
    ahead_m = (CAR_FRONT_M - CAR_REAR_M) / 2
    forward = np.column_stack([np.cos(headings), np.sin(headings)])
    return Bodies(axles + ahead_m * forward, headings)


def bodies_overlap(first: Bodies, second: Bodies, margin_m: float = MARGIN_M) -> bool:
    """Return whether any body of the first can touch any of the second.

    Args:
        first: one car's.
        second: the other's.
        margin_m: added to every side of all bodies.
    """
    half = np.array([(CAR_FRONT_M + CAR_REAR_M) / 2, CAR_WIDTH_M / 2]) + margin_m
    between = second.middles_m[None, :, :] - first.middles_m[:, None, :]
    one, other = np.nonzero(np.hypot(between[..., 0], between[..., 1]) <= 2 * math.hypot(*half))
    if one.size == 0:
        return False
    gaps = between[one, other]
    own, its = first.headings_rad[one], second.headings_rad[other]
    cos, sin = np.abs(np.cos(its - own)), np.abs(np.sin(its - own))
    # two rectangles are apart when one of their four sides' directions separates them
    apart = np.zeros(one.size, dtype=bool)
    for heading in (own, its):
        along = gaps[:, 0] * np.cos(heading) + gaps[:, 1] * np.sin(heading)
        aside = gaps[:, 1] * np.cos(heading) - gaps[:, 0] * np.sin(heading)
        apart |= np.abs(along) > half[0] + half[0] * cos + half[1] * sin
        apart |= np.abs(aside) > half[1] + half[0] * sin + half[1] * cos
    return not bool(apart.all())


@lru_cache(maxsize=16)
def movement_conflicts(city: City) -> Mapping[MovementKey, frozenset[MovementKey]]:
    """Return for every movement the others that must not run at the same time."""
    found: dict[MovementKey, set[MovementKey]] = {key: set() for key in city.movements}
    by_node: dict[str, list[MovementKey]] = {}
    bodies: dict[MovementKey, Bodies] = {}
    for key, movement in city.movements.items():
        by_node.setdefault(movement.node, []).append(key)
        bodies[key] = bodies_along(movement.curve)
    for keys in by_node.values():
        for one, other in combinations(keys, 2):
            shares = one[0] == other[0] or one[1] == other[1]
            if shares or bodies_overlap(bodies[one], bodies[other]):
                found[one].add(other)
                found[other].add(one)
    return {key: frozenset(others) for key, others in found.items()}
