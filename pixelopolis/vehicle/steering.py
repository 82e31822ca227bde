"""The wheel rule: conversion between steering, wheel speeds and curvature. Pure."""

from __future__ import annotations

import math
from typing import Final

from pixelopolis.vehicle.dimensions import WHEEL_BASE_M

MAX_STEERING_DEG: Final = 48
"""Angle at steering 1 in the original's geometry."""

STEERING_SLOWDOWN: Final = 3.6153 * MAX_STEERING_DEG / 180
"""Fraction of the cruise speed that the inner wheel loses at full steering: the original slows it
by 3.6153 units per degree, at most 48 degrees, at 180 units."""


def steering_to_wheels(steering: float, cruise_rad_s: float) -> tuple[float, float]:
    """Return (left, right) wheel speeds for a steering in [-1, 1], left negative.

    The outer wheel keeps `cruise_rad_s`, the inner one slows down (the original's wheel rule).
    """
    inner = cruise_rad_s * (1 - STEERING_SLOWDOWN * min(abs(steering), 1.0))
    return (inner, cruise_rad_s) if steering < 0 else (cruise_rad_s, inner)


def curvature_to_steering(curvature_per_m: float) -> float:
    """Return the steering in [-1, 1] for a curvature (left positive).

    With the inner wheel slowed by the fraction q, the curvature is 2 q / (L (2 - q)).
    """
    bend = abs(curvature_per_m) * WHEEL_BASE_M
    steering = min(2 * bend / (2 + bend) / STEERING_SLOWDOWN, 1.0)
    return -math.copysign(steering, curvature_per_m)


def steering_to_curvature(steering: float) -> float:
    """Return the curvature (left positive) of a steering in [-1, 1]."""
    slow = STEERING_SLOWDOWN * min(abs(steering), 1.0)
    return -math.copysign(2 * slow / (WHEEL_BASE_M * (2 - slow)), steering)
