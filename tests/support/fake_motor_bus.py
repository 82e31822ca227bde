"""A fake motor bus: registers of board and motors in memory, with injected faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from car.board.motor_bus import DeviceRefusedError, LostPacketError
from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    LEFT_MOTOR_ID,
    RIGHT_MOTOR_ID,
    XL430,
    BoardRegister,
    ControlTable,
    MotorRegister,
)

Write = tuple[int, str, int]
"""(device, register, value)."""


@dataclass
class FakeMotorBus:
    """Replaces `car.board.motor_bus.MotorBus`: exchanges are done at once, or fail on request.

    Attributes:
        silent: devices that answer nothing.
        mute_for: remaining exchanges of a device that fail.
        refused: registers whose writes a device refuses.
        ignored: registers whose writes have no effect.
        writes: all writes in order.
        reads: all reads in order, by device and register.
        on_write: called before each write.
    """

    name: str = "/dev/fake"
    baud: int = 1_000_000
    lost_packets: int = 0
    silent: set[int] = field(default_factory=set)
    mute_for: dict[int, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)
    writes: list[Write] = field(default_factory=list)
    reads: list[tuple[int, str]] = field(default_factory=list)
    pings: list[int] = field(default_factory=list)
    closed: bool = False
    on_write: Callable[[Write], None] = lambda write: None

    def __post_init__(self) -> None:
        self.models = {BOARD_ID: BOARD.model_number}
        self.models |= dict.fromkeys((LEFT_MOTOR_ID, RIGHT_MOTOR_ID), XL430.model_number)
        self.values: dict[tuple[int, str], int] = {}
        self.values[BOARD_ID, BoardRegister.BATTERY_MV] = 11_500

    def __getitem__(self, key: tuple[int, str]) -> int:
        return self.values.get(key, 0)

    def __setitem__(self, key: tuple[int, str], value: int) -> None:
        self.values[key] = value

    def written(self, device: int, register: str) -> list[int]:
        return [value for id_, name, value in self.writes if (id_, name) == (device, register)]

    # --- interface of the real bus ----------------------------------------------------------------

    def close(self) -> None:
        self.closed = True

    def ping(self, device_id: int) -> int | None:
        self.pings.append(device_id)
        if self._is_mute(device_id):
            return None
        return self.models.get(device_id)

    def read(self, device_id: int, table: ControlTable, name: str) -> int:
        return self.read_block(device_id, table, name, name)[name]

    def read_block(
        self, device_id: int, table: ControlTable, first: str, last: str, tries: int = 5
    ) -> Mapping[str, int]:
        self.reads.append((device_id, first))
        if self._is_mute(device_id):
            raise LostPacketError(f"{device_id} does not answer")
        return {name: self[device_id, name] for name in self._names(table, first, last)}

    def read_all(
        self, table: ControlTable, first: str, last: str, device_ids: tuple[int, ...]
    ) -> Mapping[int, Mapping[str, int]]:
        for device_id in device_ids:
            if self._is_mute(device_id):
                raise LostPacketError("one is missing")
        return {
            device_id: {name: self[device_id, name] for name in self._names(table, first, last)}
            for device_id in device_ids
        }

    def write(self, device_id: int, table: ControlTable, name: str, value: int) -> None:
        table[name].encode(value)
        if self._is_mute(device_id):
            raise LostPacketError(f"{device_id} does not answer")
        if name in self.refused:
            raise DeviceRefusedError(f"{device_id} refuses {name}")
        self._put((device_id, name, value))

    def write_all(self, table: ControlTable, name: str, values: Mapping[int, int]) -> None:
        for device_id, value in values.items():
            table[name].encode(value)
            if device_id not in self.silent:
                self._put((device_id, name, value))

    def _put(self, write: Write) -> None:
        self.on_write(write)
        self.writes.append(write)
        device_id, name, value = write
        if name in self.ignored:
            return
        self[device_id, name] = value
        if (device_id, name, value) == (BOARD_ID, BoardRegister.ESTOP, 1):
            self[BOARD_ID, BoardRegister.MOTOR_POWER] = 0

    def _is_mute(self, device_id: int) -> bool:
        left = self.mute_for.get(device_id, 0)
        self.mute_for[device_id] = max(0, left - 1)
        return left > 0 or device_id in self.silent

    def _names(self, table: ControlTable, first: str, last: str) -> list[str]:
        address, length = table.block(first, last)
        return [r.name for r in table if address <= r.address and r.end <= address + length]


def driving_bus() -> FakeMotorBus:
    """Return a bus whose motors have power and torque, and turn the wheels forward."""
    bus = FakeMotorBus()
    bus[BOARD_ID, BoardRegister.MOTOR_POWER] = 1
    for motor in (LEFT_MOTOR_ID, RIGHT_MOTOR_ID):
        bus[motor, MotorRegister.TORQUE_ENABLE] = 1
        bus[motor, MotorRegister.BUS_WATCHDOG] = 10
        bus[motor, MotorRegister.GOAL_VELOCITY] = 100
    return bus


class Clock:
    """A clock that the test advances, or that advances a little at every reading."""

    def __init__(self, now_s: float = 100.0, each_s: float = 0.0) -> None:
        self.now_s, self.each_s = now_s, each_s

    def __call__(self) -> float:
        self.now_s += self.each_s
        return self.now_s
