"""How fast a car may drive along its path: each edge's limit, slowed down for in time. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from car.driving.speed_profile import DECELERATION_MPS2
from pixelopolis.city.route_path import RoutePath

EARLY_M: Final = 0.05
"""A limit holds from so far before its edge to so far behind it: the motors obey 0.13 s late, and
the car is within 4 cm of where it believes to be, mostly."""


class SpeedLimits:
    """The speed limits along a path.

    A way through a junction has the lower limit of the two edges that it joins.

    Args:
        path: to be driven.
        ordered_mps: what an order says of each edge of the route beside the town's own limits, None
            where it says nothing; empty when it says nothing at all.
    """

    def __init__(self, path: RoutePath, ordered_mps: Sequence[float | None] = ()) -> None:
        edges = path.route.edges
        said = ordered_mps or (None,) * len(edges)
        of_edges = [
            min(path.city.edges[edge].speed_limit_mps, math.inf if limit is None else limit)
            for edge, limit in zip(edges, said, strict=True)
        ]
        # legs are edge, movement, edge, ...
        self._legs = tuple(
            (leg.start_m - EARLY_M, leg.end_m + EARLY_M, min(of_edges[i // 2 : (i + 1) // 2 + 1]))
            for i, leg in enumerate(path.legs)
        )

    def at(self, distance_m: float) -> float:
        """Return the speed allowed at a path distance, m/s.

        Before a slower edge it falls as a comfortable braking does (v^2 = limit^2 + 2 a s).
        """
        return min(
            math.sqrt(limit**2 + 2 * DECELERATION_MPS2 * max(0.0, start_m - distance_m))
            for start_m, end_m, limit in self._legs
            if distance_m < end_m or end_m == self._legs[-1][1]
        )
