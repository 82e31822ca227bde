"""Do the wheels turn as they say? What they say is compared with what the camera shows.

A motor that is mounted mirrored and not told so says "forward" and turns backwards; two that were
exchanged steer to the wrong side. Their angles look right then, the car believes that it gets on,
and drives backwards or turns on the spot. The ground before it moves otherwise, though: of every
stretch the motions that each mistake would make are compared with the pictures (`ground`).
Where the ground shows nothing all fit alike, which proves nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from car.driving.ground import TRIED, TRIED_WIDELY, GroundModel, Relief, Variations, compare
from car.driving.types import Frame, WheelReading
from pixelopolis.reasons import Reason, ReasonCode, reason
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M

STEP_M: Final = 0.02
"""The way of the quicker wheel between two pictures that are compared."""
LONGEST_STEP_M: Final = 0.05
"""With pictures missing the two share too little."""
STEPS: Final = 8
"""Evidence is the mean over so many steps, 0.16 m."""
SURE: Final = 0.05
"""By this part of their sum a mistake's motions must fit better than those that the wheels say.
Measured in 3 towns and 13 looks, before slips and cameras a little off were granted too: at most
0.016 with right wheels; with wrong ones more than 0.08 within 0.3 m, but for swapped wheels on a
straight lane, which show when the car leaves it."""
FITS: Final = 0.6
"""It must fit, too. Pictures that have nothing to do with each other leave 0.7 and more."""
HELD: Final = -0.35
"""A car that is held while its wheels turn is no mistake: standing then fits far better."""
LEAD: Final = 0.05
"""Mistakes whose gains are nearer to each other than this cannot be told apart."""
NOISE: Final = 0.02
"""Added to every difference, so that perfect pictures divide by something."""
HISTORY_S: Final = 1.0
"""Frames are older than wheel angles by less than this."""


class Mistake(StrEnum):
    """What may be wrong with the motors."""

    LEFT_REVERSED = "left"
    RIGHT_REVERSED = "right"
    BOTH_REVERSED = "both"
    SWAPPED = "swapped"
    SWAPPED_AND_REVERSED = "swapped_and_reversed"
    """Exchanged as they are mounted: each turns for the other side."""
    REVERSED_OR_SWAPPED = "reversed_or_swapped"
    """Both reversed or swapped: over a straight lane both look alike."""


Wheels = tuple[float, float]

TRULY: Final[Mapping[Mistake, Callable[[float, float], Wheels]]] = {
    Mistake.LEFT_REVERSED: lambda left, right: (-left, right),
    Mistake.RIGHT_REVERSED: lambda left, right: (left, -right),
    Mistake.BOTH_REVERSED: lambda left, right: (-left, -right),
    Mistake.SWAPPED: lambda left, right: (right, left),
    Mistake.SWAPPED_AND_REVERSED: lambda left, right: (-right, -left),
}
"""What the wheels (left, right) really do when they say that they do this."""

SLIPS: Final[tuple[Wheels, ...]] = ((0.6, 1.0), (0.8, 1.0), (1.0, 0.6), (1.0, 0.8))
"""Parts of what the wheels say when one slips or is held: that looks like swapped motors where a
car goes nearly straight, and is none."""

ON_THE_SPOT: Final = frozenset({Mistake.LEFT_REVERSED, Mistake.RIGHT_REVERSED})

_WORDS: Final[Mapping[Mistake, Reason]] = {
    Mistake.LEFT_REVERSED: reason(ReasonCode.MOTOR_REVERSED, side="left"),
    Mistake.RIGHT_REVERSED: reason(ReasonCode.MOTOR_REVERSED, side="right"),
    Mistake.BOTH_REVERSED: reason(ReasonCode.MOTORS_REVERSED),
    Mistake.SWAPPED: reason(ReasonCode.MOTORS_SWAPPED),
    Mistake.SWAPPED_AND_REVERSED: reason(ReasonCode.MOTORS_SWAPPED),
    Mistake.REVERSED_OR_SWAPPED: reason(ReasonCode.MOTORS_REVERSED_OR_SWAPPED),
}


def reason_of(mistake: Mistake) -> Reason:
    """Return why a car with it stands."""
    return _WORDS[mistake]


@dataclass(frozen=True, slots=True)
class MotionFit:
    """How well a mistake's motion explains one step, as `ground_motion` measures it; 0 is best.

    Attributes:
        itself: the difference that it leaves.
        gain: by which part of their sum that is less than what the wheels' own motion leaves.
        over_standing: the same against a car that stands.
        over_slips: the same against each of the `SLIPS`.
    """

    itself: float
    gain: float
    over_standing: float
    over_slips: tuple[float, ...] = (1.0,) * len(SLIPS)


NO_FIT: Final = MotionFit(1.0, 0.0, 0.0, (0.0,) * len(SLIPS))


def verdict(steps: Sequence[Mapping[Mistake, MotionFit]]) -> Mistake | None:
    """Return the mistake that explains some steps so much better than none that it must be so.

    Args:
        steps: at least one.
    """

    def mean(mistake: Mistake, what: str) -> float:
        return float(np.mean([getattr(step[mistake], what) for step in steps]))

    best = max(TRULY, key=lambda mistake: mean(mistake, "gain"))
    is_sure = bool(
        mean(best, "gain") > SURE
        and mean(best, "itself") < FITS
        and mean(best, "over_standing") > HELD
        and np.mean([step[best].over_slips for step in steps], axis=0).min() > SURE
    )
    if not is_sure:
        return None
    rivals = [each for each in TRULY if mean(each, "gain") > mean(best, "gain") - LEAD]
    # one wheel that turns backwards turns the car on the spot, as nothing else does
    alike = {reason_of(each).code for each in rivals if each not in ON_THE_SPOT}
    ambiguous = best not in ON_THE_SPOT and len(alike) > 1
    return Mistake.REVERSED_OR_SWAPPED if ambiguous else best


class WheelCheck:
    """Looks at every frame and wheel reading of a drive. The verdict stays.

    Args:
        ground: sees it move.

    Attributes:
        mistake: what is wrong with the wheels, None as long as nothing is known to be.
    """

    def __init__(self, ground: GroundModel) -> None:
        self.mistake: Mistake | None = None
        self._ground = ground
        self._readings: deque[WheelReading] = deque()
        self._key: tuple[Frame, Relief, Wheels] | None = None
        self._steps: deque[Mapping[Mistake, MotionFit]] = deque(maxlen=STEPS)

    def forget(self) -> None:
        """Begin anew: the car was put somewhere else."""
        self._key = None
        self._steps.clear()

    def step(self, frame: Frame | None, wheels: WheelReading | None) -> Mistake | None:
        """Take in the newest; the same again is harmless."""
        if wheels is not None and (not self._readings or wheels is not self._readings[-1]):
            self._note(wheels)
        if frame is None or self.mistake is not None or not self._ground.is_usable:
            return self.mistake
        if self._key is None or frame is not self._key[0]:
            self._see(frame)
        return self.mistake

    def _note(self, wheels: WheelReading) -> None:
        readings = self._readings
        if readings and wheels.measured_s <= readings[-1].measured_s:
            readings.clear()
        readings.append(wheels)
        while readings[0].measured_s < wheels.measured_s - HISTORY_S:
            readings.popleft()

    def _see(self, frame: Frame) -> None:
        now = self._wheels_at(frame.captured_s)
        if now is None:
            return
        if self._key is None:
            self._key = frame, self._ground.relief(frame.crop_rgb), now
            return
        _, before, then = self._key
        left_m, right_m = now[0] - then[0], now[1] - then[1]
        way_m = max(abs(left_m), abs(right_m))
        if way_m < STEP_M:
            return
        after = self._ground.relief(frame.crop_rgb)
        self._key = frame, after, now
        if way_m > LONGEST_STEP_M:
            return
        fits = self._fits(before, after, left_m, right_m)
        if fits is None:
            return
        self._steps.append(fits)
        if len(self._steps) == STEPS:
            self.mistake = verdict(self._steps)

    def _wheels_at(self, time_s: float) -> Wheels | None:
        """Return how far the wheels (left, right) say that they had come, in metres."""
        readings = self._readings
        if not readings:
            return None
        times = [reading.measured_s for reading in readings]
        left, right = (
            float(np.interp(time_s, times, angles)) * WHEEL_RADIUS_M
            for angles in zip(*((r.left_rad, r.right_rad) for r in readings), strict=True)
        )
        return left, right

    def _fits(
        self, before: Relief, after: Relief, left_m: float, right_m: float
    ) -> Mapping[Mistake, MotionFit] | None:
        def difference(left: float, right: float, tried: Variations = TRIED) -> Relief | None:
            turn_rad = (right - left) / WHEEL_BASE_M
            return self._ground.difference(before, after, (left + right) / 2, turn_rad, tried)

        as_said, standing = difference(left_m, right_m, TRIED_WIDELY), difference(0.0, 0.0)
        if as_said is None or standing is None:
            return None
        slips = [difference(left * left_m, right * right_m) for left, right in SLIPS]
        fits = dict.fromkeys(TRULY, NO_FIT)
        for mistake, truly in TRULY.items():
            mistaken = difference(*truly(left_m, right_m))
            if mistaken is not None:
                said, other = compare(as_said, mistaken)
                fits[mistake] = MotionFit(
                    other,
                    _gain(said, other),
                    _gain(*compare(standing, mistaken)),
                    tuple(
                        0.0 if slip is None else _gain(*compare(slip, mistaken)) for slip in slips
                    ),
                )
        return fits


def _gain(first: float, second: float) -> float:
    return (first - second) / (first + second + 2 * NOISE)
