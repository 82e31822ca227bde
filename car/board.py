"""The link to the controller board and the wheels' motors, in a thread of its own.

Fifty times a second: goal speeds out, wheel angles in. Losing packets is normal and only counted;
losing the board, a motor or the cable stops the wheels, says why, and is tried again until it
works. The right motor is mounted mirrored and told so by its Drive Mode, so that forward is
positive everywhere.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from car.board_steps import (
    MOTORS,
    arm,
    diagnose,
    exchange,
    find_board,
    power_motors,
    prepare,
    read_board,
    stop_wheels,
    stopped_motor,
)
from car.motor_bus import LostPacketError, MotorBus, PacketError
from car.observation import WheelReading
from car.wheels import Goal, WheelCounter, safe_units
from pixelopolis.control_table import (
    BOARD,
    BOARD_ID,
    BoardFault,
    BoardRegister,
    MotorRegister,
)
from pixelopolis.errors import BoardError

CYCLE_S = 0.02
BOARD_EVERY = 5
"""Cycles between two looks at the board's faults."""
MAX_FAILED_CYCLES = 10
"""So many cycles in a row without wheel angles: a device is gone, packets are not just lost."""
RETRY_S = 0.5
JOIN_TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BoardStatus:
    """What is known about board and motors; counters count since the start."""

    connected: bool = False
    problem: str = ""
    """Why it is not connected, and the next step; empty when it is."""
    battery_mv: int | None = None
    fault: BoardFault | None = None
    lost_packets: int = 0
    cycles: int = 0
    late_cycles: int = 0
    """Cycles that began more than a cycle late."""
    restarts: int = 0
    """How often the wheels had been stopped by a watchdog and were released again."""
    connections: int = 0
    stop_confirmed: bool | None = None
    """After `close`: whether the motors confirmed that they stand still without torque (True also
    when they never had any)."""


class Board:
    """Drives two wheels through the board. All methods may be called from any thread.

    Args:
        port: serial port of the board.
        baud: its rate in bit/s.
        clock: monotonic seconds, the same clock as `now_s` of `set_goal`.
    """

    def __init__(
        self, port: str, baud: int = 1_000_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._port_name = port
        self._baud = baud
        self._clock = clock
        self._goal: Goal | None = None
        self._reading: WheelReading | None = None
        self._status = BoardStatus(problem="Not started.")
        self._error: BoardError | None = None
        self._counters = {motor: WheelCounter() for motor in MOTORS}
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._heartbeat = 0
        self._armed = False
        self._lost_before = 0
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def start(self) -> None:
        """Begin to connect, in the background, as often as it takes."""
        self._update(problem=f"Connecting to {self._port_name}.")
        self._thread.start()

    def wait_connected(self, timeout_s: float) -> None:
        """Wait until board and motors are ready.

        Raises:
            BoardError: they are not, and why; the thread goes on trying.
        """
        if not self._ready.wait(timeout_s):
            raise self._error or BoardError(
                f"The board on {self._port_name} is not ready after {timeout_s} s.", "Try again."
            )

    def set_goal(self, left_rad_s: float, right_rad_s: float, now_s: float) -> None:
        """Set the wheels' speeds, forward positive; they hold for 0.25 s."""
        self._goal = Goal(left_rad_s, right_rad_s, now_s)

    def reading(self) -> WheelReading | None:
        """Return the newest wheel angles, None before the first."""
        return self._reading

    def status(self) -> BoardStatus:
        return self._status

    def close(self) -> None:
        """Stop the wheels, release the torque and end the thread. Never throws."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            bus: MotorBus | None = None
            try:
                bus = MotorBus(self._port_name, self._baud)
                self._connect(bus)
                self._drive(bus)
            except BoardError as error:
                self._note(error)
            except PacketError as error:
                self._note(BoardError(f"{error}", "Check the motor cables; we try again."))
            except Exception as error:  # the thread must outlive whatever a library does
                log.exception("The board's thread met an unexpected error")
                self._note(BoardError(f"Unexpected: {error}.", "We try again; please report it."))
            finally:
                self._ready.clear()
                self._finish(bus)
            self._stop.wait(RETRY_S)
        self._update(connected=False, problem="Closed.", stop_confirmed=not self._armed)
        if self._armed:
            log.error(
                "The wheels' stop could not be confirmed; the board stops them by itself "
                "after 0.1 s of silence."
            )

    def _note(self, error: BoardError) -> None:
        if self._error is None or str(self._error) != str(error):
            log.warning("%s", error)
        self._error = error
        self._update(connected=False, problem=f"{error.message} {error.next_step}")

    def _update(self, **changes: object) -> None:
        # only the thread writes, so that replacing the whole is safe
        self._status = replace(self._status, **changes)  # type: ignore[arg-type]

    def _finish(self, bus: MotorBus | None) -> None:
        """Stop the wheels as well as it can be done, and close the port."""
        if bus is None:
            return
        try:
            if self._armed and stop_wheels(bus, self._clock):
                self._armed = False
        except Exception:
            log.exception("Stopping the wheels met an unexpected error")
        self._lost_before += bus.lost_packets
        self._update(lost_packets=self._lost_before)
        bus.close()

    # what follows talks to the bus and may raise BoardError or PacketError

    def _connect(self, bus: MotorBus) -> None:
        """Find board and motors and make them ready to drive."""
        find_board(bus)
        board = power_motors(bus, self._clock, self._stop.is_set)
        self._update(battery_mv=board.battery_mv, fault=board.fault)
        for motor in MOTORS:
            prepare(bus, motor)
        self._armed = True
        arm(bus)
        for counter in self._counters.values():
            counter.forget()
        self._error = None
        self._update(connected=True, problem="", connections=self._status.connections + 1)
        self._ready.set()
        log.info("Board and motors are ready on %s", self._port_name)

    def _drive(self, bus: MotorBus) -> None:
        """Exchange goals and angles until we are told to stop, or something is gone."""
        failed = 0
        due_s = self._clock()
        while not self._stop.is_set():
            cycle = self._status.cycles + 1
            self._update(cycles=cycle, lost_packets=self._lost_before + bus.lost_packets)
            try:
                self._exchange(bus)
                failed = 0
                if cycle % BOARD_EVERY == 0:
                    self._check_board(bus)
            except PacketError as error:
                failed += 1
                log.debug("%s", error)
            if failed > MAX_FAILED_CYCLES:
                raise diagnose(bus)
            due_s += CYCLE_S
            now_s = self._clock()
            if now_s > due_s + CYCLE_S:
                self._update(late_cycles=self._status.late_cycles + 1)
                due_s = now_s
            self._stop.wait(max(0.0, due_s - now_s))

    def _exchange(self, bus: MotorBus) -> None:
        """Send the goals, read what the motors make of them, and see that they heed them."""
        goals = safe_units(self._goal, self._clock())
        asked_s = self._clock()
        seen = exchange(bus, goals)
        now_s = (asked_s + self._clock()) / 2
        left_rad, right_rad = (
            counter.update(seen[motor][MotorRegister.PRESENT_POSITION], now_s)
            for motor, counter in self._counters.items()
        )
        self._reading = WheelReading(left_rad, right_rad, now_s)
        side = stopped_motor(seen)
        if side is not None:
            self._restart(bus, f"the {side} motor's")
        elif any(seen[motor][MotorRegister.GOAL_VELOCITY] != goals[motor] for motor in MOTORS):
            raise LostPacketError("the goal speeds did not arrive")

    def _check_board(self, bus: MotorBus) -> None:
        self._heartbeat = (self._heartbeat + 1) % 256
        bus.write(BOARD_ID, BOARD, BoardRegister.HEARTBEAT, self._heartbeat)
        board = read_board(bus)
        self._update(fault=board.fault, battery_mv=board.battery_mv)
        if not board.motor_power:
            raise BoardError(
                f"The board cut the motors' power: {board.fault!r}.",
                "Release the emergency stop, or charge the battery.",
            )
        if board.fault & BoardFault.HOST_SILENT:
            self._restart(bus, "the board's, because it had not heard from us")

    def _restart(self, bus: MotorBus, whose: str) -> None:
        log.warning("A watchdog had stopped the wheels: %s. They drive again.", whose)
        arm(bus)
        self._update(restarts=self._status.restarts + 1)
