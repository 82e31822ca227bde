"""Motion planning of an XL430-W250: profiles for positions, ramps for speeds. Pure.

Units are the registers': pulses, velocity units (0.229 rpm), seconds. Source: ROBOTIS' e-manual,
Profile Acceleration(108), Profile Velocity(112) and "What is the Profile".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from pixelopolis.vehicle.control_table import PULSES_PER_TURN, MovingStatus

PULSES_PER_S: Final = 0.229 / 60 * PULSES_PER_TURN
"""Pulses/s of one velocity unit."""
UNITS_PER_S: Final = 214.577 / 60 / 0.229
"""Acceleration of one unit of Profile Acceleration(108): 214.577 rpm per minute."""

_STEP: Final = MovingStatus(0)
_TRAPEZOIDAL: Final = MovingStatus.RECTANGULAR | MovingStatus.TRIANGULAR


@dataclass(frozen=True, slots=True)
class Profile:
    """A motion from rest at one position to rest at another.

    A real motor blends a new goal with its present speed; this one starts at rest.

    Attributes:
        kind: bits of Moving Status(123).
        begun_s: start time.
        start, goal: pulses.
        ramp_s: duration of acceleration, and of deceleration.
        lasts_s: total duration; 0 for a step.
    """

    kind: MovingStatus
    begun_s: float
    start: float
    goal: float
    ramp_s: float
    lasts_s: float

    @property
    def _cruise(self) -> float:
        """Speed between the ramps in pulses/s."""
        return (self.goal - self.start) / (self.lasts_s - self.ramp_s)

    def ongoing(self, now_s: float) -> bool:
        return now_s - self.begun_s < self.lasts_s

    def velocity(self, now_s: float) -> float:
        """Return the planned speed in pulses/s."""
        if not self.ongoing(now_s):
            return 0.0
        gone_s = now_s - self.begun_s
        nearest_s = min(gone_s, self.lasts_s - gone_s)
        return self._cruise * (min(nearest_s / self.ramp_s, 1.0) if self.ramp_s else 1.0)

    def position(self, now_s: float) -> float:
        """Return the planned position in pulses."""
        if not self.ongoing(now_s):
            return self.goal
        gone_s = now_s - self.begun_s
        left_s = self.lasts_s - gone_s
        if gone_s < self.ramp_s:
            return self.start + self._cruise * gone_s**2 / (2 * self.ramp_s)
        if left_s < self.ramp_s:
            return self.goal - self._cruise * left_s**2 / (2 * self.ramp_s)
        return self.start + self._cruise * (gone_s - self.ramp_s / 2)


def plan_position(
    now_s: float, start: float, goal: float, velocity: int, acceleration: int, by_time: bool
) -> Profile:
    """Return the profile to a goal position.

    Args:
        now_s: start time.
        start: present position in pulses.
        goal: in pulses.
        velocity: Profile Velocity(112): a speed, or the total duration in ms.
        acceleration: Profile Acceleration(108), or the duration of the acceleration in ms.
        by_time: the profile is time-based (Drive Mode(10)).
    """
    way = abs(goal - start)
    if velocity == 0 or way == 0:
        return Profile(_STEP, now_s, start, goal, 0.0, 0.0)
    if by_time:
        lasts_s = velocity / 1000
        ramp_s = min(acceleration / 1000, lasts_s / 2)
        kind = _TRAPEZOIDAL if ramp_s else MovingStatus.RECTANGULAR
        return Profile(kind, now_s, start, goal, ramp_s, lasts_s)
    cruise = velocity * PULSES_PER_S
    if acceleration == 0:
        return Profile(MovingStatus.RECTANGULAR, now_s, start, goal, 0.0, way / cruise)
    speeding = acceleration * UNITS_PER_S * PULSES_PER_S
    ramp_s = cruise / speeding
    if way < cruise * ramp_s:  # it must slow down before it is as fast as it may be
        ramp_s = math.sqrt(way / speeding)
        return Profile(MovingStatus.TRIANGULAR, now_s, start, goal, ramp_s, 2 * ramp_s)
    return Profile(_TRAPEZOIDAL, now_s, start, goal, ramp_s, way / cruise + ramp_s)


@dataclass(frozen=True, slots=True)
class Ramp:
    """A transition between two speeds in velocity units."""

    begun_s: float
    start: float
    goal: int
    lasts_s: float

    def velocity(self, now_s: float) -> float:
        gone_s = now_s - self.begun_s
        if gone_s >= self.lasts_s:
            return self.goal
        return self.start + (self.goal - self.start) * gone_s / self.lasts_s


def plan_velocity(now_s: float, start: float, goal: int, acceleration: int, by_time: bool) -> Ramp:
    """Return the ramp to a goal velocity; arguments as in `plan_position`."""
    if by_time:
        lasts_s = acceleration / 1000
    elif acceleration:
        lasts_s = abs(goal - start) / (acceleration * UNITS_PER_S)
    else:
        lasts_s = 0.0
    return Ramp(now_s, start, goal, lasts_s)
