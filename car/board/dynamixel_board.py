"""The driver for the controller board and the wheel motors, in a thread of its own.

It writes goal speeds and reads wheel angles 50 times a second. Lost packets are normal and
counted; when too many are lost, the wheels turn slower. If the board, a motor or the cable is
lost, the wheels stop, the status says why, and the thread retries until it works. Forward is
positive everywhere: mirrored motors are configured by their Drive Mode.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from car.board.base import BoardThread
from car.board.motor_bus import LostPacketError, MotorBus, PacketError
from car.board.procedures import (
    CHECK_EVERY,
    MOTORS,
    arm,
    calibrate,
    cut_power,
    diagnose,
    estop_on,
    exchange,
    find_board,
    is_silent,
    missing_motors,
    power_motors,
    prepare,
    read_board,
    read_singly,
    release_estop,
    still_drives,
    stop_wheels,
)
from car.board.wheel_units import LineQuality, WheelCounter, safe_units, scaled
from car.driving.types import WheelReading
from pixelopolis.errors import BoardError
from pixelopolis.vehicle.control_table import BOARD, BOARD_ID, BUS_BAUD, BoardFault, BoardRegister

CYCLE_S: Final = 0.02
BOARD_EVERY: Final = 5
"""Cycles between two reads of the board's faults."""
MAX_FAILED_CYCLES: Final = 10
"""Failed cycles in a row from which a device counts as lost rather than single packets."""
BLIND_S: Final = 0.4
"""Stop the wheels after this time without wheel angles, as in `car.driving.behavior`."""
STOP_AFTER_MISSED: Final = 2
"""Stop both wheels once one motor has missed this many replies while the other answered: the silent
one stops by its Bus Watchdog, and the car would turn on the spot."""
MAX_MISSED: Final = 3
"""Missed replies after which a silent motor is checked for presence."""

log = logging.getLogger(__name__)


class DynamixelBoard(BoardThread):
    """Drives two wheels through the board.

    Args:
        port: serial port of the board.
        baud: rate in bit/s.
        clock: monotonic seconds, the same clock as `now_s` of `set_goal`.
        mirrored: sides whose motor turns backward when the car drives forward.
        battery_gain: factor that the board applies to its measured voltage.
    """

    def __init__(
        self,
        port: str,
        baud: int = BUS_BAUD,
        clock: Callable[[], float] = time.monotonic,
        *,
        mirrored: Collection[str] = ("right",),
        battery_gain: float = 1.0,
    ) -> None:
        super().__init__(port, clock)
        self._baud = baud
        self._mirrored = mirrored
        self._battery_gain = battery_gain
        self._counters = {motor: WheelCounter() for motor in MOTORS}
        self._quality = LineQuality()
        self._missed = dict.fromkeys(MOTORS, 0)
        self._to_check = list(MOTORS)
        self._check_due = False
        self._heartbeat = 0
        self._lost_before = 0

    def _stop_warning(self) -> str:
        return (
            "The wheels' stop could not be confirmed; the board stops them by itself within 0.1 s "
            "of silence."
        )

    def _session(self) -> None:
        bus = MotorBus(self._port_name, self._baud)
        try:
            self._connect(bus)
            self._drive(bus)
        except BoardError as error:
            self._note(error)  # before stopping, which takes a while if a device is silent
            raise
        finally:
            self._ready.clear()
            self._finish(bus)

    def _finish(self, bus: MotorBus) -> None:
        """Stop the wheels as well as possible and close the port."""
        try:
            if self._armed and stop_wheels(bus, self._clock):
                self._armed = False
        except Exception:
            log.exception("Stopping the wheels met an unexpected error")
        self._lost_before += bus.lost_packets
        self._update(lost_packets=self._lost_before)
        bus.close()

    # the methods below use the bus and may raise BoardError or PacketError

    def _connect(self, bus: MotorBus) -> None:
        """Find board and motors and prepare them for driving."""
        find_board(bus)
        self._apply_estop(bus)
        if self._release_wanted:
            release_estop(bus)
            self._released()
        calibrate(bus, self._battery_gain)
        board = read_board(bus)
        self._update(battery_mv=board.battery_mv, fault=board.fault)
        power_motors(bus, self._clock, self._is_urgent)
        for motor, side in MOTORS.items():
            prepare(bus, motor, side in self._mirrored)
        self._armed = True
        arm(bus)
        for counter in self._counters.values():
            counter.forget()
        self._missed = dict.fromkeys(MOTORS, 0)
        self._quality = LineQuality()
        self._seen_s = self._clock()
        self._connected()

    def _is_urgent(self) -> bool:
        return self._stop.is_set() or self._estop_wanted

    def _apply_estop(self, bus: MotorBus) -> None:
        if self._estop_wanted:
            cut_power(bus)
            self._armed = False
            self._estop_done.set()
            raise estop_on()

    def _drive(self, bus: MotorBus) -> None:
        """Exchange goals and angles until told to stop, or until something is lost."""
        failed = 0
        due_s = self._clock()
        while not self._stop.is_set():
            self._apply_estop(bus)
            cycle = self._status.cycles + 1
            self._update(
                cycles=cycle,
                lost_packets=self._lost_before + bus.lost_packets,
                slowed=self._quality.factor < 1,
            )
            try:
                self._exchange(bus)
                failed = 0
                if cycle % BOARD_EVERY == 0:
                    self._check_board(bus)
            except PacketError as error:
                failed += 1
                log.debug("%s", error)
            self._quality.note(failed == 0)
            if failed > MAX_FAILED_CYCLES:
                raise diagnose(bus)
            due_s += CYCLE_S
            now_s = self._clock()
            if now_s > due_s + CYCLE_S:
                self._update(late_cycles=self._status.late_cycles + 1)
                due_s = now_s
            self._pause(due_s - now_s)

    def _exchange(self, bus: MotorBus) -> None:
        """Send the goals, read the wheels, and periodically verify that the motors follow."""
        one_sided = max(self._missed.values()) >= STOP_AFTER_MISSED
        asked_s = self._clock()
        is_blind = asked_s - self._seen_s > BLIND_S
        goal = None if one_sided or is_blind else self._goal
        goals = scaled(safe_units(goal, asked_s), self._quality.factor)
        seen = self._look(bus, goals)
        now_s = (asked_s + self._clock()) / 2
        left_rad, right_rad = (
            counter.update(seen[motor], now_s) for motor, counter in self._counters.items()
        )
        self._reading = WheelReading(left_rad, right_rad, now_s)
        self._seen_s = now_s
        if self._check_due or self._status.cycles % CHECK_EVERY == 0:
            self._check_motor(bus, goals)

    def _check_motor(self, bus: MotorBus, goals: Mapping[int, int]) -> None:
        self._check_due = True  # check again at once, unless this check succeeds
        motor, *others = self._to_check
        if not still_drives(bus, motor, goals[motor]):
            self._restart(bus, f"the {MOTORS[motor]} motor's")
        self._to_check = [*others, motor]
        self._check_due = False

    def _look(self, bus: MotorBus, goals: Mapping[int, int]) -> Mapping[int, int]:
        """Read both motors at once, or singly if that fails, since a missing motor spoils both."""
        try:
            seen = exchange(bus, goals)
        except LostPacketError:
            seen = read_singly(bus)
        for motor in MOTORS:
            if motor in seen:
                self._missed[motor] = 0
            elif seen:  # if both are silent, it may be the line
                self._missed[motor] += 1
            if self._missed[motor] >= MAX_MISSED:
                self._missed[motor] = 0
                if is_silent(bus, motor):
                    raise missing_motors({motor: MOTORS[motor]})
        if len(seen) < len(MOTORS):
            raise LostPacketError("a motor's answer was lost")
        return seen

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
