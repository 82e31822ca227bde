"""Speeds: how fast to drive before a stop line, and what each wheel does for it."""

from __future__ import annotations

import math

from pixelopolis.vehicle import WHEEL_RADIUS_M, steering_to_wheels

DECELERATION_MPS2 = 0.12
"""Comfortable braking; from 0.136 m/s the car slows over the last 8 cm."""

CREEP_MPS = 0.02
"""The slowest speed before a stop line, so that the line is reached."""

STOPPED_WITHIN_M = 0.006
"""A stop line this near is reached (the motors' lag takes the car on by a few millimetres)."""


def speed_before_stop_mps(remaining_m: float, cruise_mps: float) -> float:
    """Return the speed at `remaining_m` before a stop line; 0 when it is reached."""
    if remaining_m <= STOPPED_WITHIN_M:
        return 0.0
    braking = math.sqrt(2 * DECELERATION_MPS2 * remaining_m)
    return min(cruise_mps, max(braking, CREEP_MPS))


def wheel_speeds_rad_s(steering: float, speed_mps: float) -> tuple[float, float]:
    """Return (left, right) for a steering in [-1, 1] and the outer wheel's speed."""
    return steering_to_wheels(steering, speed_mps / WHEEL_RADIUS_M)
