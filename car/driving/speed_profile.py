"""Speed before a stop line and behind a car, and the wheel speeds for a steering."""

from __future__ import annotations

import math
from typing import Final

from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.steering import steering_to_wheels

DECELERATION_MPS2: Final = 0.12
"""Comfortable braking; from 0.136 m/s the car slows over the last 8 cm."""

CREEP_MPS: Final = 0.02
"""Minimum speed before a stop line, so that it is reached."""

STOPPED_WITHIN_M: Final = 0.006
"""A stop line this near counts as reached (motor lag moves the car on by a few millimeters)."""

SAFE_GAP_M: Final = 0.15
"""Minimum bumper-to-bumper gap to drive up to. Here the other car fills a third of the picture, and
its width gives the gap within 2 cm, within 4 cm with lens tolerances. In the tightest bends two
corners are 5 cm nearer than the gap along the lane."""

HEADWAY_S: Final = 1.5
"""Time to cover the distance to the safe gap. Detections are 0.15 s old, motors take 0.13 s, and a
followed car stays out of what the lane model sees (0.2 to 0.4 m ahead)."""

STOP_GAP_M: Final = SAFE_GAP_M + HEADWAY_S * CREEP_MPS
"""Stop behind a car at this gap. The rest would take seconds of creeping, with more and more of
the lane hidden."""

RESTART_GAP_M: Final = STOP_GAP_M + 0.04
"""Restart only beyond this gap, so that an unsteady box does not start the car."""

PEEK_GAP_M: Final = 0.08
"""A car that may have left, and cannot be seen from the stop gap, is approached to this gap: there,
enough of it would be in the picture."""


def speed_before_stop_mps(remaining_m: float, cruise_mps: float) -> float:
    """Return the speed at `remaining_m` before a stop line; 0 once it is reached."""
    if remaining_m <= STOPPED_WITHIN_M:
        return 0.0
    braking = math.sqrt(2 * DECELERATION_MPS2 * remaining_m)
    return min(cruise_mps, max(braking, CREEP_MPS))


def speed_behind_mps(gap_m: float, cruise_mps: float) -> float:
    """Return the speed at `gap_m` behind a car; 0 from `STOP_GAP_M` on.

    The other car may stop at any moment, so its speed is not used: behind a car at constant speed
    the gap settles at the safe gap plus 1.5 s.
    """
    if gap_m <= STOP_GAP_M:
        return 0.0
    remaining_m = gap_m - SAFE_GAP_M
    return min(speed_before_stop_mps(remaining_m, cruise_mps), remaining_m / HEADWAY_S)


def wheel_speeds_rad_s(steering: float, speed_mps: float) -> tuple[float, float]:
    """Return (left, right) for a steering in [-1, 1] and the outer wheel's speed."""
    return steering_to_wheels(steering, speed_mps / WHEEL_RADIUS_M)
