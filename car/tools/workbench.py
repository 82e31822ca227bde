"""Finds motors of unknown rate and id, through the car's board or a plain adapter.

A board's host link keeps its rate, and a register sets that of the motor bus. A plain USB adapter
is the motor bus itself, so the port's rate is changed; the motors then need their own supply.
Pinging the board tells which of the two is connected.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, NamedTuple, Self

from car.board.motor_bus import DeviceRefusedError, MotorBus, PacketError
from car.board.procedures import PINGS, check_model, switch_on
from pixelopolis.errors import BoardError
from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    BUS_BAUD,
    MOTOR_BAUDS,
    XL430,
    BoardRegister,
)

FACTORY_BAUD: Final = MOTOR_BAUDS[XL430["baud_rate"].default or 0]
LIKELY_BAUDS: Final = (FACTORY_BAUD, BUS_BAUD)
"""A motor is new, or was set up before."""
BOOT_S: Final = 0.5
"""A motor answers well within this time after power-on."""


class Found(NamedTuple):
    """A device that answered on the motor bus."""

    baud: int
    id: int
    model: int
    firmware: int

    @property
    def name(self) -> str:
        return XL430.name if self.model == XL430.model_number else f"model {self.model}"


class ScanResult(NamedTuple):
    """All devices that answered, and the rates that could not be tried."""

    found: tuple[Found, ...]
    skipped: tuple[int, ...]


class Workbench:
    """A port for finding and configuring motors; a context manager.

    Attributes:
        bus: the open port.
        has_board: the motors are behind the car's board.

    Args:
        port: name of the serial port.

    Raises:
        BoardError: the port cannot be opened.
    """

    def __init__(self, port: str) -> None:
        self.bus = MotorBus(port, BUS_BAUD)
        try:
            self.has_board = any(
                self.bus.ping(BOARD_ID) == BOARD.model_number for _ in range(PINGS)
            )
            self._had_power = self.has_board and bool(
                self.bus.read(BOARD_ID, BOARD, BoardRegister.MOTOR_POWER)
            )
        except BaseException:
            self.bus.close()
            raise
        self.baud = BUS_BAUD

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the board as it was, and close the port; never raises."""
        with suppress(BoardError, PacketError):
            self.tune(BUS_BAUD)
            if self.has_board and not self._had_power:
                self.power_off()
        self.bus.close()

    def power_on(self) -> None:
        """Switch the motors' power on, if there is a board.

        Raises:
            BoardError: emergency stop or empty battery.
        """
        if self.has_board and not switch_on(self.bus).motor_power:
            time.sleep(BOOT_S)

    def power_off(self) -> None:
        """Switch the motors' power off, so that cables may be changed."""
        if self.has_board:
            self.bus.write(BOARD_ID, BOARD, BoardRegister.MOTOR_POWER, 0)

    def tune(self, baud: int) -> None:
        """Set the rate for talking to motors.

        Raises:
            RefusedError: the board does not support it.
            BoardError: the adapter does not support it.
        """
        if not self.has_board:
            self.bus.set_baud(baud)
        else:
            code = MOTOR_BAUDS.index(baud)
            self.bus.write(BOARD_ID, BOARD, BoardRegister.MOTOR_BAUD, code)
            self.bus.set_wire_baud(baud)
        self.baud = baud

    def scan(
        self, bauds: Sequence[int] = MOTOR_BAUDS, on_rate: Callable[[int], None] = lambda _: None
    ) -> ScanResult:
        """Ping all devices at every rate.

        Args:
            bauds: rates in bit/s.
            on_rate: called with each rate before it is tried.
        """
        found: set[Found] = set()
        skipped = []
        for baud in bauds:
            on_rate(baud)
            try:
                self.tune(baud)
            except (DeviceRefusedError, BoardError) as error:
                if isinstance(error, BoardError) and self.has_board:
                    raise
                skipped.append(baud)
                continue
            found.update(Found(baud, *answer) for answer in self.bus.ping_all())
        ours = BOARD_ID if self.has_board else None
        return ScanResult(tuple(sorted(f for f in found if f.id != ours)), tuple(skipped))

    def find_one(self, on_rate: Callable[[int], None] = lambda _: None) -> Found:
        """Return the only connected motor, staying at its rate.

        Raises:
            BoardError: there is none, more than one, or one of another model.
        """
        result = self.scan(LIKELY_BAUDS, on_rate)
        if not result.found:
            rest = [baud for baud in MOTOR_BAUDS if baud not in LIKELY_BAUDS]
            result = self.scan(rest, on_rate)
        if not result.found:
            raise nobody_answers(self.bus.name, self.has_board, MOTOR_BAUDS)
        if len(result.found) > 1:
            named = ", ".join(f"id {f.id} at {f.baud} bit/s" for f in result.found)
            raise BoardError(f"More than one motor answers: {named}.", "Connect only one of them.")
        (motor,) = result.found
        check_model("The motor", motor.id, motor.model)
        self.tune(motor.baud)
        return motor


def nobody_answers(port: str, has_board: bool, bauds: Sequence[int]) -> BoardError:
    """Return the error for a motor bus without answers at these rates."""
    rates = "any rate" if len(bauds) == len(MOTOR_BAUDS) else f"{', '.join(map(str, bauds))} bit/s"
    supply = "" if has_board else " Behind a plain adapter it needs its own supply."
    return BoardError(
        f"No motor answers on {port} at {rates}.", f"Check the motor's cable and power.{supply}"
    )
