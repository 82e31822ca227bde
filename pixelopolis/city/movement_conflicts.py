"""Which movements through a junction may run at the same time, from the areas that cars sweep.

Two movements conflict if there is a position on each where two cars' bodies, with margins, would
overlap. Movements that share an edge always conflict: an edge holds one car.
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
"""Margin around each body: the usual offset of a lane-keeping car."""

STEP_M: Final = 0.02
"""Distance between compared bodies; a corner moves at most this far between two of them, which is
less than both margins."""

MovementKey = tuple[str, str]


def bodies_along(curve: Curve) -> Bodies:
    """Return the bodies of a car with its axle on a curve, a few centimeters apart."""
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
