"""Speeds: how fast to drive before a stop line or behind a car, and what each wheel does for it."""

from __future__ import annotations

import math
from typing import Final

from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.steering import steering_to_wheels

DECELERATION_MPS2: Final = 0.12
"""Comfortable braking; from 0.136 m/s the car slows over the last 8 cm."""

CREEP_MPS: Final = 0.02
"""The slowest speed before a stop line, so that the line is reached."""

STOPPED_WITHIN_M: Final = 0.006
"""A stop line this near is reached (the motors' lag takes the car on by a few millimetres)."""

SAFE_GAP_M: Final = 0.15
"""Nearer than this from bumper to bumper no car is driven up to. There it fills a third of the
picture, and its width gives the gap within 2 cm, within 4 when the lens is not as drawn; in the
tightest bends two corners are 5 cm nearer to each other than the gap along the lane."""

HEADWAY_S: Final = 1.5
"""Time to cover the way that is left to the safe gap. What is seen is 0.15 s old, the motors take
0.13 s, and a car that is followed stays out of what the lane model sees (0.2 to 0.4 m ahead)."""

STOP_GAP_M: Final = SAFE_GAP_M + HEADWAY_S * CREEP_MPS
"""Here one stops behind a car. The rest would be crept, seconds long, by a lane of which the other
hides more and more."""

GO_ON_GAP_M: Final = STOP_GAP_M + 0.04
"""Who has stopped behind a car goes on when there is so much: an unsteady box starts nobody."""

LOOKS_FROM_M: Final = 0.08
"""A car that may have gone, and can't be seen from where one stopped behind it, is crept up to as
far as this: there at the latest enough of it is in the picture."""


def speed_before_stop_mps(remaining_m: float, cruise_mps: float) -> float:
    """Return the speed at `remaining_m` before a stop line; 0 when it is reached."""
    if remaining_m <= STOPPED_WITHIN_M:
        return 0.0
    braking = math.sqrt(2 * DECELERATION_MPS2 * remaining_m)
    return min(cruise_mps, max(braking, CREEP_MPS))


def speed_behind_mps(gap_m: float, cruise_mps: float) -> float:
    """Return the speed at `gap_m` behind a car; 0 from `STOP_GAP_M` on.

    The other's speed is not counted on, since it may stop at any moment: behind a steady car the
    gap settles at the safe one and the way of 1.5 s.
    """
    if gap_m <= STOP_GAP_M:
        return 0.0
    remaining_m = gap_m - SAFE_GAP_M
    return min(speed_before_stop_mps(remaining_m, cruise_mps), remaining_m / HEADWAY_S)


def wheel_speeds_rad_s(steering: float, speed_mps: float) -> tuple[float, float]:
    """Return (left, right) for a steering in [-1, 1] and the outer wheel's speed."""
    return steering_to_wheels(steering, speed_mps / WHEEL_RADIUS_M)
