"""The camera thread: keeps the newest whole frame and reopens a lost source."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from car.camera.frames import WholeFrame, upright
from car.camera.source import SILENCE_S, Source
from car.camera.sources import open_source
from pixelopolis.errors import CameraError
from pixelopolis.model_io.crops import Image
from pixelopolis.supervision import WorkerThread

log = logging.getLogger(__name__)

RETRY_S: Final = (0.2, 2.0)
"""First and longest pause before a source is reopened."""

LOG_AGAIN_S: Final = 60.0
"""A problem is logged when it changes, and at this interval while it persists."""

RATE_WINDOW_S: Final = 5.0


class CameraThread:
    """Reads a source in a thread of its own; only the newest frame is kept.

    Args:
        spec: see `open_source`.
        rotate_deg: see `upright`.
        open_: opens the source (replaced in tests).
        clock: monotonic seconds, the same clock as the capture times.
    """

    def __init__(
        self,
        spec: str,
        rotate_deg: int = 0,
        open_: Callable[[str], Source] = open_source,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._rotate_deg = rotate_deg
        self._open = open_
        self._changed = threading.Condition()
        self._newest: WholeFrame | None = None
        self._trouble = "not opened yet"
        self._logged = ("", 0.0)
        self._times_s: deque[float] = deque(maxlen=1000)
        self._stopping = threading.Event()
        self.worker = WorkerThread("camera", self._run, self._stopping)

    def start(self) -> None:
        self.worker.start()

    def close(self) -> None:
        """Stop the thread; never raises. A blocked source is left to the daemon thread."""
        self.worker.close(SILENCE_S + 1)

    def newest(self) -> WholeFrame | None:
        with self._changed:
            return self._newest

    def wait_newer(self, number: int, timeout_s: float) -> WholeFrame | None:
        """Return the newest frame, waiting up to `timeout_s` for one after `number`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest is not None and self._newest.number > number, timeout_s
            )
            return self._newest

    @property
    def trouble(self) -> str:
        """Why there are no current frames; empty while there are."""
        return self.worker.trouble or self._trouble or self._untimely()

    def fps(self, now_s: float) -> float:
        """Return the recent frame rate in frames per second."""
        recent = [t for t in list(self._times_s) if t > now_s - RATE_WINDOW_S]
        return len(recent) / RATE_WINDOW_S

    def _untimely(self) -> str:
        """Return an error text if the newest picture is not current, because of source or clock."""
        newest = self.newest()
        if newest is None:
            return ""
        age_s = self._clock() - newest.captured_s
        if 0.0 <= age_s <= SILENCE_S:
            return ""
        return (
            f"camera.source: pictures of {self._spec!r} are not current: "
            f"the newest says that it is {age_s:.1f} s old."
        )

    def _run(self) -> None:
        jitter = random.Random(self._spec)
        pause_s = RETRY_S[0]
        while not self._stopping.is_set():
            try:
                source = self._open(self._spec)
            except CameraError as error:
                self._log_trouble(error)
                self._stopping.wait(pause_s * jitter.uniform(0.5, 1.0))
                pause_s = min(2 * pause_s, RETRY_S[1])
                continue
            pause_s = RETRY_S[0]
            try:
                while not self._stopping.is_set():
                    self._keep(*source.read())
            except CameraError as error:
                self._log_trouble(error)
                self._stopping.wait(pause_s)
            finally:
                source.close()

    def _keep(self, image: Image, captured_s: float) -> None:
        picture = np.ascontiguousarray(upright(image, self._rotate_deg))
        with self._changed:
            number = self._newest.number + 1 if self._newest else 1
            self._newest = WholeFrame(picture, captured_s, number)
            self._trouble = ""
            self._times_s.append(self._clock())
            self._changed.notify_all()

    def _log_trouble(self, error: CameraError) -> None:
        self._trouble = error.message
        said, now_s = self._logged, self._clock()
        if said[0] != error.message or now_s - said[1] > LOG_AGAIN_S:
            log.warning("%s", error)
            self._logged = error.message, now_s
