"""Which of what the driver is told is of now: by its times, and by what pictures show. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from car.driving.types import Frame, Observation, WheelReading
from pixelopolis.vehicle.control_table import PULSES_PER_TURN
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M

JITTER_M: Final = 2.5 * 2 * math.pi / PULSES_PER_TURN * WHEEL_RADIUS_M
"""The angle of a standing wheel may change by two pulses, 0.1 mm, again and again."""
TURNED_M: Final = 0.0003
"""A wheel that has come farther than this, six pulses, has turned."""
LONGEST_STEP_S: Final = 0.15
"""If turning so far took longer (2 mm/s; nobody drives so slowly), they stood or were not heard."""


@dataclass(frozen=True, slots=True)
class Ages:
    """How old each part's news is, in seconds; None for nothing yet.

    Negative is from the future, infinite and NaN at no time: none can be, and all are stale.
    """

    camera_s: float | None = None
    wheels_s: float | None = None
    sight_s: float | None = None
    link_s: float | None = None
    picture_s: float = 0.0
    """For how long wheels have turned since any pixel changed."""


def age_s(now_s: float, then_s: float | None) -> float | None:
    return None if then_s is None else now_s - then_s


def is_possible(age: float | None) -> bool:
    """Tell whether something can be so old."""
    return age is not None and 0.0 <= age < math.inf


def sound(now: Observation) -> Observation:
    """Return what is told without parts whose times or angles cannot be.

    They would spoil what the driver remembers, long after they are gone.
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


class PictureWatch:
    """Notices a camera that shows one picture again and again under new times.

    A picture of a standing car may stay the same for ever. Before a car whose wheels turn every
    picture differs from the last, if only by noise; but for one that has no structure at all, such
    as bare ground without noise, which says nothing here.
    """

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._age_s = 0.0
        self._turning = Turning()

    def step(self, frame: Frame | None, wheels: WheelReading | None) -> float:
        """Take in the newest, the same again is harmless; return `Ages.picture_s`."""
        if wheels is not None:
            self._turning.move(wheels)
        if frame is not None and frame is not self._frame:
            last, self._frame = self._frame, frame
            if last is None or _differ(last, frame):
                self._turning.time_s = 0.0
            self._age_s = self._turning.time_s
        return self._age_s


class Turning:
    """For how long wheels have turned.

    However slow they are and often they are read, no way is lost: it is measured from a mark that
    stays where it is until they have turned for certain. While they stand the mark's time goes on,
    so that standing does not count.

    Attributes:
        time_s: the sum; its owner may begin anew.
    """

    def __init__(self) -> None:
        self.time_s = 0.0
        self._mark: WheelReading | None = None

    def move(self, wheels: WheelReading) -> None:
        """Take in the newest wheel angles; the same again is harmless."""
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
