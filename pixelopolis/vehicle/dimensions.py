"""The car's dimensions and wheel rule, shared by the car, the simulator and training."""

from __future__ import annotations

import math
from typing import Final

WHEEL_BASE_M: Final = 0.12518
"""Between the wheels' middles; the original's constant L."""
WHEEL_RADIUS_M: Final = 0.0315
"""The original's constant R."""
WHEEL_WIDTH_M: Final = 0.024
CAR_FRONT_M: Final = 0.14
"""From the axle to the front of the body."""
CAR_REAR_M: Final = 0.06
"""From the axle to the back of the body."""
CAR_WIDTH_M: Final = 0.15
CAR_HEIGHT_M: Final = 0.22

MOTOR_UNIT_RAD_S: Final = 0.229 * 2 * math.pi / 60
"""One unit of the XL430-W250's velocity registers (ROBOTIS e-manual: 0.229 rpm)."""
MOTOR_MAX_UNITS: Final = 265
"""XL430-W250's default Velocity Limit (ROBOTIS e-manual), 0.2 m/s at our wheels."""
MOTOR_MAX_RAD_S: Final = MOTOR_MAX_UNITS * MOTOR_UNIT_RAD_S

CRUISE_MPS: Final = 0.136
"""The original's cruise speed, 180 motor units."""

SLOWEST_MPS: Final = 0.02
"""No speed limit may be lower: the motors' speeds have steps of 0.8 mm/s."""

MAX_STEERING_DEG: Final = 48
"""What steering 1 means at the original's geometry."""

STEERING_SLOWDOWN: Final = 3.6153 * MAX_STEERING_DEG / 180
"""Part of the cruise speed that the inner wheel loses at full steering: the original slows it by
3.6153 units a degree of at most 48, at 180 units."""


def steering_to_wheels(steering: float, cruise_rad_s: float) -> tuple[float, float]:
    """Return (left, right) wheel speeds for a steering in [-1, 1], left negative.

    The outer wheel keeps `cruise_rad_s`, the inner one slows down (the original's wheel rule).
    """
    inner = cruise_rad_s * (1 - STEERING_SLOWDOWN * min(abs(steering), 1.0))
    return (inner, cruise_rad_s) if steering < 0 else (cruise_rad_s, inner)


def curvature_to_steering(curvature_per_m: float) -> float:
    """Return the steering in [-1, 1] that drives a curvature (left positive).

    With the inner wheel slowed by the part q the curvature is 2 q / (L (2 - q)).
    """
    bend = abs(curvature_per_m) * WHEEL_BASE_M
    steering = min(2 * bend / (2 + bend) / STEERING_SLOWDOWN, 1.0)
    return -math.copysign(steering, curvature_per_m)


def steering_to_curvature(steering: float) -> float:
    """Return the curvature (left positive) that a steering in [-1, 1] drives."""
    slow = STEERING_SLOWDOWN * min(abs(steering), 1.0)
    return -math.copysign(2 * slow / (WHEEL_BASE_M * (2 - slow)), steering)
