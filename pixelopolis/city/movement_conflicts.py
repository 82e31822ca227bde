"""Which movements through a junction may run together, from the ground that cars sweep.

Two movements conflict when there is a place on each where the bodies of two cars, each with a
margin around it, would overlap. Movements that share an edge always conflict: one car an edge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations
from typing import Final

import numpy as np

from pixelopolis.city.model import City
from pixelopolis.geometry import Curve
from pixelopolis.vehicle.bodies import Bodies, bodies_at, bodies_overlap

MARGIN_M: Final = 0.03
"""Around each body: how far a car that keeps its lane well may be off its curve."""

STEP_M: Final = 0.02
"""Between the bodies that are compared; a corner moves at most this far between two of them, which
is less than the margins of both."""

MovementKey = tuple[str, str]


def bodies_along(curve: Curve) -> Bodies:
    """Return the bodies of a car whose axle is anywhere on a curve, a few centimetres apart."""
    count = max(1, math.ceil(curve.length_m / STEP_M)) + 1
    along_m = np.linspace(0.0, curve.length_m, count)
    headings = np.interp(along_m, curve.s_m, curve.headings_rad)
    axles = np.column_stack(
        [np.interp(along_m, curve.s_m, curve.points_m[:, k]) for k in (0, 1)],
    )
    return bodies_at(axles, headings)


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
            if shares or bodies_overlap(bodies[one], bodies[other], MARGIN_M):
                found[one].add(other)
                found[other].add(one)
    return {key: frozenset(others) for key, others in found.items()}
