"""Conversion between wheel speeds and angles and motor registers; plain functions, no bus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from pixelopolis.vehicle.control_table import LEFT_MOTOR_ID, PULSES_PER_TURN, RIGHT_MOTOR_ID
from pixelopolis.vehicle.speeds import MOTOR_MAX_RAD_S, MOTOR_MAX_UNITS, MOTOR_UNIT_RAD_S

GOAL_MAX_AGE_S: Final = 0.25
"""Older goals are replaced by standstill: their sender has gone silent."""


@dataclass(frozen=True, slots=True)
class Goal:
    left_rad_s: float
    right_rad_s: float
    set_s: float


def velocity_units(rad_s: float) -> int:
    """Return the velocity register for a wheel speed, within the motor's limit."""
    units = round(rad_s / MOTOR_UNIT_RAD_S)
    return max(-MOTOR_MAX_UNITS, min(MOTOR_MAX_UNITS, units))


def safe_units(goal: Goal | None, now_s: float) -> dict[int, int]:
    """Return the velocity register of each motor; 0 without a fresh goal."""
    if goal is None or now_s - goal.set_s > GOAL_MAX_AGE_S:
        return {LEFT_MOTOR_ID: 0, RIGHT_MOTOR_ID: 0}
    return {
        LEFT_MOTOR_ID: velocity_units(goal.left_rad_s),
        RIGHT_MOTOR_ID: velocity_units(goal.right_rad_s),
    }


def scaled(units: dict[int, int], factor: float) -> dict[int, int]:
    """Return both goals scaled equally, so that the car keeps its curve."""
    return {motor: round(value * factor) for motor, value in units.items()}


class LineQuality:
    """Fraction of failed cycles, and whether it requires slower wheels."""

    SLOW_ABOVE = 0.6
    """Fraction of failed cycles: of 50 a second 20 remain, the camera's frame rate."""
    FULL_BELOW = 0.4
    SLOW_FACTOR = 0.4
    """As for other late inputs (`car.driving.behavior`)."""
    CYCLES = 25
    """Length of the sliding window."""

    def __init__(self) -> None:
        self.failed = 0.0
        self.factor = 1.0

    def note(self, good: bool) -> None:
        self.failed += ((not good) - self.failed) / self.CYCLES
        if self.failed > self.SLOW_ABOVE:
            self.factor = self.SLOW_FACTOR
        elif self.failed < self.FULL_BELOW:
            self.factor = 1.0


class WheelCounter:
    """Converts a motor's position register to a continuous wheel angle.

    The register is a 32-bit number that wraps around and restarts when the motor loses power.
    """

    def __init__(self) -> None:
        self.angle_rad = 0.0
        self._last: tuple[int, float] | None = None

    def forget(self) -> None:
        """Take the next position as a new start: the wheel may have turned unobserved."""
        self._last = None

    def update(self, pulses: int, now_s: float) -> float:
        """Return the angle since the first reading, in radians."""
        if self._last is not None:
            before, before_s = self._last
            step = (pulses - before + 2**31) % 2**32 - 2**31
            step_rad = step * 2 * math.pi / PULSES_PER_TURN
            if abs(step_rad) <= 1.5 * MOTOR_MAX_RAD_S * (now_s - before_s) + 0.5:
                self.angle_rad += step_rad
        self._last = pulses, now_s
        return self.angle_rad
