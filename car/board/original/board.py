"""Driver for an unmodified original board: speeds as text at 9,600 bit/s, no wheel angles.

Limits of such a car: wheel angles are estimated from the speeds that the board has confirmed, so a
blocked wheel or disabled torque goes unnoticed, and signs must correct the position. It takes 6
commands a second, not 20. Power cannot be cut and torque not disabled from here. It has no
watchdog, so in addition to our stop at every exit, a second process
(`car.board.original.stop_guard`) stops the wheels if this one is killed.
"""

from __future__ import annotations

import logging
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import serial

from car.board.base import BoardThread
from car.board.motor_bus import LostPacketError, cannot_open, port_gone
from car.board.original import stop_guard
from car.board.original.protocol import (
    BAUD,
    EMPTY_PCT,
    LOW_PCT,
    Battery,
    Echo,
    Reader,
    Said,
    Speeds,
    Stopped,
    Torque,
    driveable,
    token,
)
from car.board.procedures import estop_on
from car.board.wheel_units import safe_units
from car.driving.types import WheelReading
from pixelopolis.errors import BoardError
from pixelopolis.supervision import Worker
from pixelopolis.vehicle.control_table import LEFT_MOTOR_ID, RIGHT_MOTOR_ID, BoardFault
from pixelopolis.vehicle.speeds import MOTOR_UNIT_RAD_S

BUSY_S: Final = 0.13
"""Time from a command's echo until the board accepts the next one: a 0.03 s wait, 17 bytes for each
motor, and the rest of the echo. Anything sent meanwhile is lost."""
LONGEST_ANSWER_S: Final = 0.3
MAX_UNHEARD: Final = 4
"""The board is lost after this many commands in a row without an echo."""
STOP_TRIES: Final = 5
EXTRAPOLATE_S: Final = 0.35
"""How long the wheels are assumed to keep turning without a new confirmation."""
EMPTY_REPORTS: Final = 2
"""Consecutive low reports required, since motors pull the voltage down for moments."""
STANDING: Final = (0, 0)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadReckoning:
    """Wheel angles at one time, and the speeds from then on."""

    left_rad: float = 0.0
    right_rad: float = 0.0
    left_rad_s: float = 0.0
    right_rad_s: float = 0.0
    since_s: float = 0.0

    def at(self, now_s: float) -> WheelReading:
        """Return the angles at a time, up to the end of the estimate."""
        until_s = max(self.since_s, min(now_s, self.since_s + EXTRAPOLATE_S))
        took_s = until_s - self.since_s
        return WheelReading(
            self.left_rad + self.left_rad_s * took_s,
            self.right_rad + self.right_rad_s * took_s,
            until_s,
        )

    def then(self, units: tuple[int, int], now_s: float) -> DeadReckoning:
        """Return the estimate after the board accepted other speeds."""
        here = self.at(now_s)
        left_rad_s, right_rad_s = (value * MOTOR_UNIT_RAD_S for value in units)
        return DeadReckoning(here.left_rad, here.right_rad, left_rad_s, right_rad_s, now_s)


class OriginalBoard(BoardThread):
    """Drives two wheels through a board with the firmware of 2020.

    Args:
        port: serial port of the board.
        baud: rate in bit/s.
        chars: characters of a command, see `board.frame_chars`.
        clock: monotonic seconds, the same clock as `now_s` of `set_goal`.
    """

    def __init__(
        self,
        port: str,
        baud: int = BAUD,
        chars: int = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(port, clock)
        self._baud = baud
        self._chars = chars
        self._reckoning: DeadReckoning | None = None
        self._reader = Reader()
        self._misread = False
        """The board counts the characters of a command differently."""
        self._torque: bool | None = None
        self._empty_reports = 0
        self._guard: subprocess.Popen[bytes] | None = None
        self._guarding = Worker("stop guard", clock)
        self._guard_due_s = 0.0

    @property
    def workers(self) -> tuple[Worker, ...]:
        return (*super().workers, self._guarding)

    def start(self) -> None:
        log.warning(
            "An original board tells no wheel angles: they are reckoned from its speeds. If the "
            "wheels do not turn, press its torque button."
        )
        self._start_guard()
        super().start()

    def _start_guard(self) -> None:
        # -P: do not import from the script's own folder
        program = [sys.executable, "-P", str(Path(stop_guard.__file__))]
        command = [*program, self._port_name, str(self._baud), self._command_to_stop]
        try:
            self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        except OSError as error:  # out of memory or processes: not the cable's fault
            self._guard_lost(f"cannot be started: {error}")

    def _guard_lost(self, why: str) -> None:
        """Note that there is no guard, and when to start the next."""
        guard, self._guard = self._guard, None
        if guard is not None and guard.stdin is not None:
            guard.stdin.close()
        error = ChildProcessError(f"the process that stops the wheels {why}")
        self._guard_due_s = self._clock() + self._guarding.ended(error)

    def _keep_guard(self) -> None:
        """Replace a guard that ended; the wheels stand meanwhile."""
        if self._stop.is_set():
            return
        if self._guard is not None and self._guard.poll() is not None:
            self._guard_lost(f"ended with code {self._guard.returncode}")
        elif self._guard is None and self._clock() >= self._guard_due_s:
            self._start_guard()

    def reading(self) -> WheelReading | None:
        """Return the wheel angles estimated from confirmed speeds, None before the first."""
        reckoning = self._reckoning
        return reckoning.at(self._clock()) if reckoning else None

    def close(self) -> None:
        super().close()
        guard, self._guard = self._guard, None
        if guard is None or guard.stdin is None:
            return
        try:
            guard.stdin.write(stop_guard.TRY_ONCE_MORE if self._armed else stop_guard.GOODBYE)
            guard.stdin.close()
        except OSError:
            log.warning("The process that guards the wheels had ended.")
        guard.wait()

    def _stop_warning(self) -> str:
        return (
            "The wheels' stop could not be confirmed, and this board does not stop them by itself: "
            "switch it off."
        )

    @property
    def _command_to_stop(self) -> str:
        return token(*STANDING, self._chars)

    def _session(self) -> None:
        try:
            line = serial.Serial(self._port_name, self._baud, timeout=0, exclusive=True)
        except (OSError, ValueError, termios.error) as error:
            raise cannot_open(self._port_name, error) from error
        with line:
            try:
                self._connect(line)
                self._drive(line)
            except BoardError:  # which is also an OSError
                raise
            except (OSError, termios.error) as error:
                raise port_gone(self._port_name, error) from error
            finally:
                self._ready.clear()
                self._finish(line)

    def _finish(self, line: serial.Serial) -> None:
        if not self._armed:
            return
        try:
            self._halt(line)
        except (OSError, termios.error, BoardError, LostPacketError):
            log.debug("the stop was not confirmed")

    def _connect(self, line: serial.Serial) -> None:
        """Check that the board is present and understands a stop."""
        self._torque = None  # the button may have been pressed while disconnected
        self._halt(line)
        if self._estop_wanted:
            self._estop_done.set()
            raise estop_on()
        if self._release_wanted:
            self._released()

    def _halt(self, line: serial.Serial) -> None:
        """Stop the wheels and verify it by the board's answer.

        Raises:
            BoardError: it does not answer, or misreads our commands.
        """
        heard = False
        for _ in range(STOP_TRIES):
            chars = 9 - self._chars if self._misread else self._chars
            said = self._command(line, STANDING, chars)
            heard = heard or bool(said)
            if Stopped() in said:
                self._armed = False
                break
            # it read the command but took it for other speeds: it counts the characters differently
            if Echo(token(*STANDING, chars)) in said and any(isinstance(s, Speeds) for s in said):
                self._misread = self._armed = True
        if self._misread:
            raise BoardError(
                f"The board takes our stop, {self._command_to_stop!r}, for something else.",
                f"Set board.frame_chars to {9 - self._chars}.",
            )
        if not heard:
            raise BoardError(
                f"No original board answers on {self._port_name} at {self._baud} bit/s.",
                "Check board.port and board.kind, and that the board has power.",
            )
        if Stopped() not in said:
            raise LostPacketError("The board does not confirm that it stops")

    def _drive(self, line: serial.Serial) -> None:
        """Exchange speeds and echoes until told to stop, or until something is lost."""
        unheard = 0
        while not (self._stop.is_set() or self._estop_wanted):
            self._keep_guard()
            goals = safe_units(self._goal, self._clock())
            units = driveable(goals[LEFT_MOTOR_ID], goals[RIGHT_MOTOR_ID])
            trouble = self._trouble()
            if trouble is not None:
                units = STANDING
                self._ready.clear()
                self._note(trouble)
            elif not self._ready.is_set():
                self._armed = True
                self._connected()
            said = self._command(line, units, self._chars)
            self._update(cycles=self._status.cycles + 1)
            if Echo(token(*units, self._chars)) in said:
                unheard = 0
            else:
                unheard += 1
                self._update(lost_packets=self._status.lost_packets + 1)
            if unheard >= MAX_UNHEARD:
                raise BoardError(
                    f"The board on {self._port_name} does not answer any more.",
                    "Check the board's power and its USB cable.",
                )

    def _trouble(self) -> BoardError | None:
        """Return why the wheels must stand although the board answers."""
        if self._guard is None:
            return BoardError(
                "No process is there that would stop the wheels if this one were killed.",
                "It is started again; see that memory and processes are left.",
            )
        if self._torque is False:
            return BoardError("The motors' torque is off.", "Press the board's torque button.")
        if self._empty_reports >= EMPTY_REPORTS:
            return BoardError("The battery is empty.", "Charge the battery.")
        return None

    def _command(self, line: serial.Serial, units: tuple[int, int], chars: int) -> list[Said]:
        """Send speeds; return the board's messages until it accepts the next ones."""
        frame = token(*units, chars)
        began_s = self._clock()
        line.write(frame.encode() + b"\n")
        said: list[Said] = []
        end_s = began_s + LONGEST_ANSWER_S
        while (now_s := self._clock()) < end_s:
            select.select([line], [], [], end_s - now_s)
            for each in self._reader.feed(line.read(line.in_waiting)):
                self._take(each, frame, units)
                said.append(each)
                if isinstance(each, Echo):
                    end_s = self._clock() + BUSY_S
        return said

    def _take(self, said: Said, frame: str, units: tuple[int, int]) -> None:
        match said:
            case Echo(token=read) if read == frame:
                reckoning = self._reckoning or DeadReckoning(since_s=self._clock())
                self._reckoning = reckoning.then(units, self._clock())
            case Torque(on=on):
                self._torque = on
            case Battery(adc_pct=pct):
                self._take_battery(pct)

    def _take_battery(self, pct: int) -> None:
        fault = BoardFault(0)
        if pct <= LOW_PCT:
            fault |= BoardFault.BATTERY_LOW
        if pct <= EMPTY_PCT:
            fault |= BoardFault.BATTERY_EMPTY
        self._empty_reports = self._empty_reports + 1 if pct <= EMPTY_PCT else 0
        charge = 100 * (pct - EMPTY_PCT) / (100 - EMPTY_PCT)
        self._update(fault=fault, battery_pct=round(min(max(charge, 0.0), 100.0), 1))
