"""How well the car keeps its timing: delays, rates and misses, over a sliding window."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from car.driving.types import WheelReading
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M

WINDOW_FRAMES: Final = 12_000
"""Ten minutes at 20 frames/s."""


@dataclass(frozen=True, slots=True)
class LoopFigures:
    """`frame_to_command_ms`: from a frame's capture to its wheel command."""

    p50_ms: float | None
    p99_ms: float | None
    frames: int
    loop_misses: int


class LoopMetrics:
    """Written by the control thread, read by others.

    Args:
        period_s: the longest allowed time between two commands.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._lock = threading.Lock()
        self._delays_ms: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._frames = 0
        self._misses = 0
        self._last_s: float | None = None

    def command(self, now_s: float, captured_s: float | None) -> float:
        """Count a command; `captured_s` is given with the first command of a frame.

        Returns:
            By how many seconds the command was late, 0 if in time.
        """
        with self._lock:
            if captured_s is not None:
                self._delays_ms.append((now_s - captured_s) * 1000)
                self._frames += 1
            last_s, self._last_s = self._last_s, now_s
            late_s = 0.0 if last_s is None else max(0.0, now_s - last_s - self._period_s)
            self._misses += late_s > 0
            return late_s

    def figures(self) -> LoopFigures:
        with self._lock:
            delays = list(self._delays_ms)
            frames, misses = self._frames, self._misses
        if not delays:
            return LoopFigures(None, None, frames, misses)
        p50, p99 = np.percentile(delays, (50, 99))
        return LoopFigures(float(p50), float(p99), frames, misses)


class Speedometer:
    """Speed from wheel angles, over a quarter of a second."""

    WINDOW_S = 0.25

    def __init__(self) -> None:
        self._readings: deque[WheelReading] = deque()

    def take(self, reading: WheelReading | None, now_s: float) -> None:
        if reading is not None and (not self._readings or reading is not self._readings[-1]):
            self._readings.append(reading)
        while self._readings and self._readings[0].measured_s < now_s - self.WINDOW_S:
            self._readings.popleft()

    def speeds(self) -> tuple[float, float]:
        """Return (m/s, rad/s counterclockwise); zeros without fresh readings."""
        readings = list(self._readings)
        if len(readings) < 2 or readings[-1].measured_s <= readings[0].measured_s:
            return 0.0, 0.0
        first, last = readings[0], readings[-1]
        meters_per_rad_s = WHEEL_RADIUS_M / (last.measured_s - first.measured_s)
        left = (last.left_rad - first.left_rad) * meters_per_rad_s
        right = (last.right_rad - first.right_rad) * meters_per_rad_s
        return (left + right) / 2, (right - left) / WHEEL_BASE_M
