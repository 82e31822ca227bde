"""Checks by camera that the wheels turn as reported.

A mirrored motor that is not configured as such reports "forward" and turns backward; two exchanged
motors steer to the wrong side. Their angles look right, so the car drives backward or turns on
the spot without noticing. For each stretch, the motions that each mistake would cause are compared
with the pictures (`ground`). Where the ground shows no structure, all fit alike and prove nothing.
"""

from __future__ import annotations

import logging
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
"""Distance of the faster wheel between two compared pictures."""
LONGEST_STEP_M: Final = 0.05
"""After a longer distance the two pictures overlap too little."""
STEPS: Final = 8
"""Clear evidence is the mean over this many steps, 0.16 m."""
MORE_STEPS: Final = 12
"""Faint evidence is the mean over this many, 0.24 m."""
CLEAR: Final = 0.12
"""Minimum gain of clear evidence. Most mistakes give 0.17 and more; with correct wheels,
`evaluate rides --encounters 60 --minutes 12 --seed 77` had 0.054 once over `STEPS`."""
SURE: Final = 0.065
"""Minimum gain: a mistake's motions must fit better than the reported ones by this part of their
sum. With correct wheels at most 0.016 in 3 towns and 13 looks, before slip and camera tolerances
were added, and 0.057 once in `evaluate rides --encounters 300 --seed 77`; with wrong ones more than
0.08 within 0.3 m, except for swapped wheels on a straight lane, which show when the car leaves
it."""
FITS: Final = 0.6
"""Maximum difference of a fitting motion. Unrelated pictures leave 0.7 and more."""
MOVES: Final = 0.02
"""Minimum gain over standing. A car that is held in place while its wheels turn, or that sees
little but the back of a car that drives as it does, has no wrong wheels: standing fits best."""
WEAVE_M: Final = 0.24
WEAVE_PER_M: Final = 1.3
"""A car that goes straight shows nothing of swapped wheels, and little of reversed ones on a plain
road. So it weaves over its first meters of wheel: bends of this curvature to one side, the other
and back, which move it 5 mm aside and leave neither an offset nor a turn."""
LEAD: Final = 0.05
"""Mistakes whose gains differ by less than this cannot be distinguished."""
NOISE: Final = 0.02
"""Added to every difference to avoid division by zero."""
HISTORY_S: Final = 1.0
"""Frames are less than this older than wheel angles."""


log = logging.getLogger(__name__)


class WheelFault(StrEnum):
    """What may be wrong with the motors."""

    LEFT_REVERSED = "left"
    RIGHT_REVERSED = "right"
    BOTH_REVERSED = "both"
    SWAPPED = "swapped"
    SWAPPED_AND_REVERSED = "swapped_and_reversed"
    """Exchanged without remounting: each turns for the other side."""
    REVERSED_OR_SWAPPED = "reversed_or_swapped"
    """Either reversed or swapped: on a straight lane both look alike."""


Wheels = tuple[float, float]

TRULY: Final[Mapping[WheelFault, Callable[[float, float], Wheels]]] = {
    WheelFault.LEFT_REVERSED: lambda left, right: (-left, right),
    WheelFault.RIGHT_REVERSED: lambda left, right: (left, -right),
    WheelFault.BOTH_REVERSED: lambda left, right: (-left, -right),
    WheelFault.SWAPPED: lambda left, right: (right, left),
    WheelFault.SWAPPED_AND_REVERSED: lambda left, right: (-right, -left),
}
"""What the wheels (left, right) really do, given what they report."""

SLIPS: Final[tuple[Wheels, ...]] = ((0.6, 1.0), (0.8, 1.0), (1.0, 0.6), (1.0, 0.8))
"""Fractions of the reported motion if one wheel slips or is held: on a nearly straight lane that
looks like swapped motors."""

ON_THE_SPOT: Final = frozenset({WheelFault.LEFT_REVERSED, WheelFault.RIGHT_REVERSED})

_WORDS: Final[Mapping[WheelFault, Reason]] = {
    WheelFault.LEFT_REVERSED: reason(ReasonCode.MOTOR_REVERSED, side="left"),
    WheelFault.RIGHT_REVERSED: reason(ReasonCode.MOTOR_REVERSED, side="right"),
    WheelFault.BOTH_REVERSED: reason(ReasonCode.MOTORS_REVERSED),
    WheelFault.SWAPPED: reason(ReasonCode.MOTORS_SWAPPED),
    WheelFault.SWAPPED_AND_REVERSED: reason(ReasonCode.MOTORS_SWAPPED),
    WheelFault.REVERSED_OR_SWAPPED: reason(ReasonCode.MOTORS_REVERSED_OR_SWAPPED),
}


def reason_of(wheel_fault: WheelFault) -> Reason:
    """Return the reason for standing with this mistake."""
    return _WORDS[wheel_fault]


@dataclass(frozen=True, slots=True)
class MotionFit:
    """How well a mistake's motion explains one step; 0 is best.

    Attributes:
        itself: the difference that remains.
        gain: by which part of their sum it is less than that of the reported motion.
        over_standing: the same relative to a standing car.
        over_slips: the same relative to each of the `SLIPS`.
    """

    itself: float
    gain: float
    over_standing: float
    over_slips: tuple[float, ...] = (1.0,) * len(SLIPS)


NO_FIT: Final = MotionFit(1.0, 0.0, 0.0, (0.0,) * len(SLIPS))


def verdict(
    steps: Sequence[Mapping[WheelFault, MotionFit]], sure: float = SURE
) -> WheelFault | None:
    """Return the mistake that explains some steps so much better than none that it is certain.

    Args:
        steps: at least one.
        sure: minimum mean gain.
    """

    def mean(wheel_fault: WheelFault, what: str) -> float:
        return float(np.mean([getattr(step[wheel_fault], what) for step in steps]))

    best = max(TRULY, key=lambda wheel_fault: mean(wheel_fault, "gain"))
    is_sure = bool(
        mean(best, "gain") > sure
        and mean(best, "itself") < FITS
        and mean(best, "over_standing") > MOVES
        and np.mean([step[best].over_slips for step in steps], axis=0).min() > SURE
    )
    if not is_sure:
        return None
    rivals = [each for each in TRULY if mean(each, "gain") > mean(best, "gain") - LEAD]
    # one reversed wheel turns the car on the spot, as nothing else does
    alike = {reason_of(each).code for each in rivals if each not in ON_THE_SPOT}
    ambiguous = best not in ON_THE_SPOT and len(alike) > 1
    return WheelFault.REVERSED_OR_SWAPPED if ambiguous else best


class WheelCheck:
    """Checks every frame and wheel reading of a drive. The verdict is final.

    Args:
        ground: model of ground motion.

    Attributes:
        wheel_fault: what is wrong with the wheels, None if nothing is known.
    """

    def __init__(self, ground: GroundModel) -> None:
        self.wheel_fault: WheelFault | None = None
        self._ground = ground
        self._readings: deque[WheelReading] = deque()
        self._key: tuple[Frame, Relief, Wheels] | None = None
        self._steps: deque[Mapping[WheelFault, MotionFit]] = deque(maxlen=MORE_STEPS)
        self._ways_m: deque[Wheels] = deque(maxlen=MORE_STEPS)
        self._turned_m = 0.0

    @property
    def weave_per_m(self) -> float:
        """Curvature (left positive) to add, so that wrong wheels show soon."""
        if self._turned_m >= WEAVE_M:
            return 0.0
        outward = abs(self._turned_m / WEAVE_M - 0.5) > 0.25
        return WEAVE_PER_M if outward else -WEAVE_PER_M

    def forget(self) -> None:
        """Start over: the car was moved by hand."""
        self._key = None
        self._steps.clear()
        self._ways_m.clear()

    def step(self, frame: Frame | None, wheels: WheelReading | None) -> WheelFault | None:
        """Take in the newest frame and wheels; repeats are harmless."""
        if wheels is not None and (not self._readings or wheels is not self._readings[-1]):
            self._note(wheels)
        if frame is None or self.wheel_fault is not None or not self._ground.is_usable:
            return self.wheel_fault
        if self._key is None or frame is not self._key[0]:
            self._see(frame)
        return self.wheel_fault

    def _note(self, wheels: WheelReading) -> None:
        readings = self._readings
        if readings and wheels.measured_s <= readings[-1].measured_s:
            readings.clear()
        if readings:
            before = readings[-1]
            left_rad, right_rad = (
                abs(now - then)
                for now, then in (
                    (wheels.left_rad, before.left_rad),
                    (wheels.right_rad, before.right_rad),
                )
            )
            self._turned_m += max(left_rad, right_rad) * WHEEL_RADIUS_M
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
        self._ways_m.append((left_m, right_m))
        steps = tuple(self._steps)
        if len(steps) >= STEPS:
            self.wheel_fault = verdict(steps[-STEPS:], CLEAR)
            if self.wheel_fault is None and len(steps) == MORE_STEPS:
                self.wheel_fault = verdict(steps)
            if self.wheel_fault is not None:
                self._explain(self.wheel_fault)

    def _explain(self, wheel_fault: WheelFault) -> None:
        """Log the evidence, so that whoever sees the car stand can judge it."""
        ways = ", ".join(f"{1000 * l_m:.0f}/{1000 * r_m:.0f}" for l_m, r_m in self._ways_m)
        told = "; ".join(
            f"{each} " + ", ".join(f"{step[each].gain:+.2f}" for step in self._steps)
            for each in TRULY
        )
        log.warning("Wheels %s: left/right %s mm. Gains: %s.", wheel_fault, ways, told)

    def _wheels_at(self, time_s: float) -> Wheels | None:
        """Return the reported distance of the wheels (left, right) in meters."""
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
    ) -> Mapping[WheelFault, MotionFit] | None:
        def difference(left: float, right: float, tried: Variations = TRIED) -> Relief | None:
            turn_rad = (right - left) / WHEEL_BASE_M
            return self._ground.difference(before, after, (left + right) / 2, turn_rad, tried)

        as_said, standing = difference(left_m, right_m, TRIED_WIDELY), difference(0.0, 0.0)
        if as_said is None or standing is None:
            return None
        slips = [difference(left * left_m, right * right_m) for left, right in SLIPS]
        fits = dict.fromkeys(TRULY, NO_FIT)
        for wheel_fault, truly in TRULY.items():
            mistaken = difference(*truly(left_m, right_m))
            if mistaken is not None:
                said, other = compare(as_said, mistaken)
                fits[wheel_fault] = MotionFit(
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
