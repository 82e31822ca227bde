"""Which of what the driver is told is of now: by its times, and by what pictures show. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from car.observation import Frame, Observation, WheelReading
from pixelopolis.vehicle import WHEEL_RADIUS_M

TURNED_M: Final = 0.0003
"""A wheel that moves less from frame to frame (6 mm/s) may be standing."""
LONGEST_STEP_S: Final = 0.5
"""With wheel readings farther apart nobody knows when they turned."""


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
        self._last: tuple[Frame, WheelReading | None] | None = None
        self._age_s = 0.0

    def step(self, frame: Frame | None, wheels: WheelReading | None) -> float:
        """Take in the newest, the same again is harmless; return `Ages.picture_s`."""
        if frame is None or (self._last is not None and frame is self._last[0]):
            return self._age_s
        last, self._last = self._last, (frame, wheels)
        if last is None or _differ(last[0], frame):
            self._age_s = 0.0
        elif last[1] is not None and wheels is not None:
            self._age_s += _turning_s(last[1], wheels)
        return self._age_s


def _differ(before: Frame, after: Frame) -> bool:
    crop = after.crop_rgb
    return not np.array_equal(before.crop_rgb, crop) or crop.min() == crop.max()


def _turning_s(before: WheelReading, after: WheelReading) -> float:
    left, right = after.left_rad - before.left_rad, after.right_rad - before.right_rad
    turned = max(abs(left), abs(right)) * WHEEL_RADIUS_M > TURNED_M
    return min(max(after.measured_s - before.measured_s, 0.0), LONGEST_STEP_S) if turned else 0.0
