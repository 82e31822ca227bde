"""Common base of all board drivers: a thread that reconnects, and a status.

A subclass implements connecting, driving and stopping (`_session`, `_still`). A lost board is
reported and retried until it works. The wheels are stopped and released however the process
ends; if it is killed, watchdogs do it.
"""

from __future__ import annotations

import atexit
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from car.board.motor_bus import PacketError
from car.board.status import BoardStatus, EmergencyStop
from car.board.wheel_units import Goal
from car.driving.types import WheelReading
from pixelopolis.errors import BoardError
from pixelopolis.supervision import Worker, WorkerThread

RETRY_S: Final = 0.5
JOIN_TIMEOUT_S: Final = 5.0
ESTOP_TIMEOUT_S: Final = 1.0
"""An emergency stop not confirmed within this time is reported as failed, and still retried."""

RELEASE_TIMEOUT_S: Final = 2.0
"""A release that has not succeeded within this time is dropped, so that no car starts much
later."""

log = logging.getLogger(__name__)


class BoardThread(ABC):
    """Drives two wheels. All methods may be called from any thread.

    Args:
        port: serial port of the board.
        clock: monotonic seconds, the same clock as `now_s` of `set_goal`.
    """

    def __init__(self, port: str, clock: Callable[[], float]) -> None:
        self._port_name = port
        self._clock = clock
        self._goal: Goal | None = None
        self._reading: WheelReading | None = None
        self._status = BoardStatus(problem="Not started.")
        self._error: BoardError | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._ready = threading.Event()
        self._armed = False
        """The wheels may turn: torque was enabled and not confirmed as disabled."""
        self._estop_asked_s: float | None = None
        self._estop_done = threading.Event()
        self._release_asked_s: float | None = None
        self._release_done = threading.Event()
        self.worker = WorkerThread(
            "board", self._run, self._stop, after=self._ended, pause=self._pause, clock=clock
        )

    # --- for the car ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start connecting in the background."""
        self._update(problem=f"Connecting to {self._port_name}.")
        atexit.register(self.close)
        self.worker.start()

    def wait_connected(self, timeout_s: float) -> None:
        """Wait until board and motors are ready.

        Raises:
            BoardError: they are not, and why; the thread keeps trying.
        """
        if not self._ready.wait(timeout_s):
            raise self._error or BoardError(
                f"The board on {self._port_name} is not ready after {timeout_s} s.", "Try again."
            )

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The threads that driving the wheels depends on."""
        return (self.worker,)

    def set_goal(self, left_rad_s: float, right_rad_s: float, now_s: float) -> None:
        """Set the wheels' speeds, forward positive; they are valid for 0.25 s."""
        self._goal = Goal(left_rad_s, right_rad_s, now_s)

    def reading(self) -> WheelReading | None:
        """Return the newest wheel angles, None before the first."""
        return self._reading

    def status(self) -> BoardStatus:
        return replace(self._status, estop=self._estop())

    def request_emergency_stop(self) -> None:
        """Stop the wheels and cut their power at once, without waiting; `status` tells the outcome.

        The stop holds until it is released here, even if the cable is lost.
        """
        if self._estop_asked_s is None:
            self._estop_done.clear()
            self._release_asked_s = None
            self._estop_asked_s = self._clock()
        self._wake.set()

    def emergency_stop(self, timeout_s: float = ESTOP_TIMEOUT_S) -> None:
        """Stop the wheels and cut their power at once, and verify it.

        Raises:
            BoardError: it was not confirmed; it is still being tried.
        """
        self.request_emergency_stop()
        if not self._estop_done.wait(timeout_s):
            why = self._error.message if self._error else "No answer."
            raise BoardError(
                f"The emergency stop could not be confirmed within {timeout_s} s: {why}",
                "Take the car off the road and switch its battery off.",
            )

    def request_release(self) -> None:
        """Try for a limited time to release the emergency stop, without waiting."""
        self._release_done.clear()
        self._estop_asked_s = None
        self._release_asked_s = self._clock()
        self._wake.set()

    def release_emergency_stop(self, timeout_s: float = RELEASE_TIMEOUT_S) -> None:
        """Release the emergency stop.

        Raises:
            BoardError: the board did not release it, for example because its button is pressed.
        """
        self.request_release()
        if not self._release_done.wait(timeout_s):
            why = self._error.message if self._error else "No answer."
            raise BoardError(
                f"The emergency stop was not released within {timeout_s} s: {why}",
                "Release the board's button, then try again.",
            )

    def close(self) -> None:
        """Stop the wheels, disable torque and end the thread. Never raises."""
        atexit.unregister(self.close)
        self._stop.set()
        self._wake.set()
        self.worker.close(JOIN_TIMEOUT_S)

    # --- for each kind ----------------------------------------------------------------------------

    @abstractmethod
    def _session(self) -> None:
        """Open the port, prepare, and drive until `_stop` is set or something is lost.

        Raises:
            BoardError: a person must intervene.
            PacketError: retrying may help.
        """

    def _stop_warning(self) -> str:
        """Return the warning for wheels whose stop could not be confirmed."""
        return "The wheels' stop could not be confirmed."

    # --- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._session()
            except BoardError as error:
                self._note(error)
            except PacketError as error:
                self._note(BoardError(f"{error}.", "Check the motor cables; we try again."))
            finally:
                self._ready.clear()
            self._pause(RETRY_S)

    def _ended(self, error: BaseException | None) -> None:
        if not self._stop.is_set():
            self._note(BoardError(f"Unexpected: {error}.", "We try again; please report it."))
            return
        self._update(connected=False, problem="Closed.", stop_confirmed=not self._armed)
        if self._armed:
            log.error("%s", self._stop_warning())

    def _pause(self, seconds: float) -> None:
        """Sleep, unless something urgent is pending."""
        if not self._stop.is_set() and self._wake.wait(max(seconds, 0.0)):
            self._wake.clear()

    def _connected(self) -> None:
        self._error = None
        self._update(connected=True, problem="", connections=self._status.connections + 1)
        self._ready.set()
        log.info("Board and motors are ready on %s", self._port_name)

    def _note(self, error: BoardError) -> None:
        if self._error is None or str(self._error) != str(error):
            log.warning("%s", error)
        self._error = error
        self._update(connected=False, problem=f"{error.message} {error.next_step}")

    def _update(self, **changes: object) -> None:
        # only the thread writes, so replacing the value is safe
        self._status = replace(self._status, **changes)  # type: ignore[arg-type]

    @property
    def _release_wanted(self) -> bool:
        asked_s = self._release_asked_s
        return asked_s is not None and self._clock() - asked_s < RELEASE_TIMEOUT_S

    def _released(self) -> None:
        self._release_asked_s = None
        self._release_done.set()

    @property
    def _estop_wanted(self) -> bool:
        return self._estop_asked_s is not None

    def _estop(self) -> EmergencyStop:
        asked_s = self._estop_asked_s
        if asked_s is None:
            return EmergencyStop.NONE
        if self._estop_done.is_set():
            return EmergencyStop.CONFIRMED
        late = self._clock() - asked_s > ESTOP_TIMEOUT_S
        return EmergencyStop.FAILED if late else EmergencyStop.REQUESTED
