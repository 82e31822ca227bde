"""The detector thread: runs the detector on the newest frame at a limited rate.

Steering never waits for it: inference runs outside the interpreter lock in a low-priority thread,
and frames that arrive meanwhile are skipped.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from car.camera.frames import FrameSource, WholeFrame
from car.driving.types import Sightings, SightModel
from pixelopolis.model_io.crops import detector_crop
from pixelopolis.model_io.inputs import detector_input
from pixelopolis.supervision import WorkerThread

MAX_HZ: Final = 10.0
"""At cruise speed the car drives 14 mm between two detections, a tenth of its length."""

NICENESS: Final = 5
"""Added to the thread's niceness, so that steering goes first (per thread on Linux)."""

WINDOW: Final = 2000
"""Size of the sliding window of figures."""

WAIT_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class DetectorFigures:
    """`look_ms`: from a frame's capture until its detections are known; None before the first."""

    looks: int
    hz: float
    p50_ms: float | None
    p99_ms: float | None


class DetectorThread:
    """Keeps the newest detections.

    Args:
        frames: the camera.
        model: the detector.
        most_hz: maximum detection rate.
    """

    def __init__(
        self,
        frames: FrameSource,
        model: SightModel,
        most_hz: float = MAX_HZ,
    ) -> None:
        self._frames = frames
        self._model = model
        self._period_s = 1.0 / most_hz
        self._newest: Sightings | None = None
        self._looks = 0
        self._delays_ms: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self.worker = WorkerThread("detector", self._run, self._stopping)

    def start(self) -> None:
        self.worker.start()

    def close(self) -> None:
        """End the thread; never raises."""
        self.worker.close(timeout_s=2.0)

    def newest(self) -> Sightings | None:
        """Return the newest detections; the same object until there are newer ones."""
        return self._newest

    def figures(self) -> DetectorFigures:
        with self._lock:
            delays = list(self._delays_ms)
        if not delays:
            return DetectorFigures(0, 0.0, None, None)
        times_s, delays_ms = zip(*delays, strict=True)
        span_s = times_s[-1] - times_s[0]
        p50, p99 = np.percentile(delays_ms, (50, 99))
        hz = (len(delays) - 1) / span_s if span_s > 0 else 0.0
        return DetectorFigures(self._looks, hz, float(p50), float(p99))

    def _run(self) -> None:
        # a system that forbids it only loses the lower priority
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        number = 0
        while not self._stopping.is_set():
            began_s = time.monotonic()
            frame = self._frames.wait_newer(number, WAIT_S)
            if frame is None or frame.number <= number:
                continue
            number = frame.number
            self._look(frame)
            self._stopping.wait(max(0.0, self._period_s - (time.monotonic() - began_s)))

    def _look(self, frame: WholeFrame) -> None:
        seen = self._model.detect(detector_input(detector_crop(frame.image_rgb)))
        self._newest = Sightings(frame.captured_s, seen)
        now_s = time.monotonic()
        with self._lock:
            self._looks += 1
            self._delays_ms.append((now_s, (now_s - frame.captured_s) * 1000))
