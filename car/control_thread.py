"""The control thread: newest frame in, wheel speeds out, at least every 50 ms."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from car.camera.frames import FrameSource, WholeFrame
from car.driving.driver import Driver
from car.driving.types import Frame, Observation, Sightings, WheelReading
from car.driving.wheel_check import WheelFault
from car.metrics import LoopMetrics, Speedometer
from car.shared_state import SharedState
from pixelopolis.model_io.crops import lane_crop
from pixelopolis.reasons import Reason
from pixelopolis.supervision import Worker, WorkerThread, guarded

log = logging.getLogger(__name__)

PERIOD_S: Final = 0.05
"""Maximum time between two wheel commands."""
MISS_S: Final = 1.5 * PERIOD_S
"""A command this much after the previous one counts as a miss."""
LOG_EVERY_S: Final = 10.0


class Wheels(Protocol):
    """The part of the board that the control thread uses."""

    def set_goal(self, left_rad_s: float, right_rad_s: float, now_s: float) -> None: ...
    def reading(self) -> WheelReading | None: ...


class ControlThread:
    """Runs the driver.

    Args:
        driver: makes the decisions.
        frames: the camera.
        wheels: the board.
        shared_state: holds mission and decision.
        sightings: returns the newest detections.
        on_event: called after a decision that the server must learn at once.
        on_frame: called after the decision on a new frame.

    Attributes:
        wheel_fault: what is wrong with the wheels, judged by camera. Set after the decision that
            follows from it is taken, so that nobody reports the fault of a car that still drives.
        picture_frozen: what is wrong with the camera's pictures, judged by the wheels; likewise.
    """

    wheel_fault: WheelFault | None = None
    picture_frozen: Reason | None = None

    def __init__(
        self,
        driver: Driver,
        frames: FrameSource,
        wheels: Wheels,
        shared_state: SharedState,
        *,
        sightings: Callable[[], Sightings | None] = lambda: None,
        on_event: Callable[[], None],
        on_frame: Callable[[], None],
    ) -> None:
        self.metrics = LoopMetrics(MISS_S)
        self.speedometer = Speedometer()
        self._driver = driver
        self._frames = frames
        self._wheels = wheels
        self._shared_state = shared_state
        self._sightings = sightings
        self._on_event, self._on_frame = on_event, on_frame
        self._frame: tuple[WholeFrame, Frame] | None = None
        self._misses = 0
        self._log_after_s = 0.0
        self._stopping = threading.Event()
        self.worker = WorkerThread("control", self._run, self._stopping, after=self._stand)
        self.figures_worker = Worker("figures")

    def start(self) -> None:
        self.worker.start()

    def close(self) -> None:
        """End the thread; its last command is standstill."""
        self.worker.close(timeout_s=2.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._cycle()

    def _stand(self, _error: BaseException | None) -> None:
        self._wheels.set_goal(0.0, 0.0, time.monotonic())

    def _cycle(self) -> None:
        known = self._frame[0].number if self._frame else 0
        whole = self._frames.wait_newer(known, PERIOD_S)
        is_new = whole is not None and whole.number > known
        if whole is not None and is_new:
            self._frame = (
                whole,
                Frame(lane_crop(whole.image_rgb, self._driver.lane_part), whole.captured_s),
            )
        wheels, sightings = self._wheels.reading(), self._sightings()
        mission, link_seen_s = self._shared_state.orders()
        now_s = time.monotonic()  # read after all inputs, so that none is from the future
        decision = self._driver.step(
            Observation(
                now_s=now_s,
                frame=self._frame[1] if self._frame else None,
                wheels=wheels,
                mission=mission,
                link_seen_s=link_seen_s,
                paused=self._shared_state.paused,
                sightings=sightings,
            )
        )
        commanded_s = time.monotonic()
        self._wheels.set_goal(decision.left_rad_s, decision.right_rad_s, commanded_s)
        is_event = self._shared_state.take_decision(decision, mission, whole if is_new else None)
        self.wheel_fault = self._driver.wheel_fault
        self.picture_frozen = self._driver.picture_frozen
        if is_event:
            self._on_event()
        with guarded(self.figures_worker):  # a failure here must not stop driving
            captured_s = whole.captured_s if whole is not None and is_new else None
            self._watch(self.metrics.command(commanded_s, captured_s), commanded_s)
            self.speedometer.take(wheels, now_s)
            if is_new:
                self._on_frame()

    def _watch(self, late_s: float, now_s: float) -> None:
        self._misses += late_s > 0
        if self._misses and now_s > self._log_after_s:
            log.warning(
                "Control loop: %d late commands, the last by %.0f ms.", self._misses, late_s * 1000
            )
            self._misses, self._log_after_s = 0, now_s + LOG_EVERY_S
