"""Checks that observations are current: by their times, and by changes between pictures. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from car.driving.types import Frame, Observation, WheelReading
from pixelopolis.vehicle.control_table import PULSES_PER_TURN
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M

JITTER_M: Final = 2.5 * 2 * math.pi / PULSES_PER_TURN * WHEEL_RADIUS_M
"""The angle of a standing wheel may jitter by two pulses, 0.1 mm."""
TURNED_M: Final = 0.0003
"""A wheel that moved farther than this, six pulses, has turned."""
LONGEST_STEP_S: Final = 0.15
"""If turning this far took longer (2 mm/s), the wheels stood or were not heard."""


@dataclass(frozen=True, slots=True)
class Ages:
    """The age of each input in seconds; None: nothing yet.

    Negative, infinite and NaN ages are impossible and count as stale.
    """

    camera_s: float | None = None
    wheels_s: float | None = None
    sight_s: float | None = None
    link_s: float | None = None
    picture_s: float = 0.0
    """How long wheels have turned since any pixel changed."""


def age_s(now_s: float, then_s: float | None) -> float | None:
    return None if then_s is None else now_s - then_s


def is_possible(age: float | None) -> bool:
    return age is not None and 0.0 <= age < math.inf


def plausible(now: Observation) -> Observation:
    """Return the observation without inputs whose times or angles are impossible.

    They would corrupt the driver's state for long.
    """
    frame, wheels, sightings = now.frame, now.wheels, now.sightings
    if frame is not None and not is_possible(now.now_s - frame.captured_s):
        frame = None
    if wheels is not None and not _are_angles(now, wheels):
        wheels = None
    if sightings is not None and not is_possible(now.now_s - sightings.captured_s):
        sightings = None
    if (frame, wheels, sightings) == (now.frame, now.wheels, now.sightings):
        return now
    return replace(now, frame=frame, wheels=wheels, sightings=sightings)


def _are_angles(now: Observation, wheels: WheelReading) -> bool:
    finite = math.isfinite(wheels.left_rad) and math.isfinite(wheels.right_rad)
    return finite and is_possible(now.now_s - wheels.measured_s)


class FrozenPictureDetector:
    """Detects a camera that repeats one picture with new times.

    While the car stands, pictures may stay equal. While its wheels turn, every picture differs from
    the last, if only by noise. Pictures without any structure, such as bare ground without noise,
    prove nothing.
    """

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._age_s = 0.0
        self._turning = TurningTime()

    def step(self, frame: Frame | None, wheels: WheelReading | None) -> float:
        """Take in the newest frame and wheels (repeats are harmless); return `Ages.picture_s`."""
        if wheels is not None:
            self._turning.move(wheels)
        if frame is not None and frame is not self._frame:
            last, self._frame = self._frame, frame
            if last is None or _differ(last, frame):
                self._turning.time_s = 0.0
            self._age_s = self._turning.time_s
        return self._age_s


class TurningTime:
    """Measures how long wheels have turned.

    Distance is measured from a mark that moves only once the wheels have surely turned, so slow
    turning is not lost. While they stand, the mark's time moves on, so standing does not count.

    Attributes:
        time_s: the sum; the owner may reset it.
    """

    def __init__(self) -> None:
        self.time_s = 0.0
        self._mark: WheelReading | None = None

    def move(self, wheels: WheelReading) -> None:
        """Take in the newest wheel angles; repeats are harmless."""
        mark = self._mark
        if mark is None or wheels.measured_s < mark.measured_s:
            self._mark = wheels
            return
        left, right = wheels.left_rad - mark.left_rad, wheels.right_rad - mark.right_rad
        way_m = max(abs(left), abs(right)) * WHEEL_RADIUS_M
        if way_m > TURNED_M:
            self.time_s += min(wheels.measured_s - mark.measured_s, LONGEST_STEP_S)
            self._mark = wheels
        elif way_m <= JITTER_M:
            self._mark = replace(mark, measured_s=wheels.measured_s)


def _differ(before: Frame, after: Frame) -> bool:
    crop = after.crop_rgb
    return not np.array_equal(before.crop_rgb, crop) or crop.min() == crop.max()
