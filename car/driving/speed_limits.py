"""Speed limits along a path, with braking in time for them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from car.driving.speed_profile import DECELERATION_MPS2
from pixelopolis.city.route_path import RoutePath

EARLY_M: Final = 0.05
"""A limit applies this far before and after its edge: the motors respond after 0.13 s, and the
position is mostly known to 4 cm."""


class SpeedLimits:
    """The speed limits along a path.

    A movement has the lower limit of the two edges that it joins.

    Args:
        path: the driven path.
        ordered_mps: the order's limit for each edge of the route besides the town's own limits;
            None: no limit for this edge; empty: none at all.
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

        Before a slower edge it falls as in comfortable braking (v^2 = limit^2 + 2 a s).
        """
        return min(
            math.sqrt(limit**2 + 2 * DECELERATION_MPS2 * max(0.0, start_m - distance_m))
            for start_m, end_m, limit in self._legs
            if distance_m < end_m or end_m == self._legs[-1][1]
        )
