"""The part of the simulated devices that board and motors share: the control table. Pure.

`bus` adds packets. Source of the error codes: ROBOTIS' e-manual, DYNAMIXEL Protocol 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pixelopolis.vehicle.control_table import Access, Area, ControlTable, Register
from sim.hardware.dynamixel import StatusError

FACTORY_RESET_ALL: Final = 0xFF
FACTORY_RESET_KEEPS: Final[Mapping[int, tuple[str, ...]]] = {
    FACTORY_RESET_ALL: (),
    0x01: ("id",),
    0x02: ("id", "baud_rate"),
}
"""Registers that each option of a factory reset keeps (e-manual, Factory Reset(0x06))."""


class Device:
    """A control table in memory, with its access rules."""

    boot_s = 0.0
    """Time without answers after a reboot."""

    def __init__(self, table: ControlTable) -> None:
        self.table = table
        self.powered = True
        self._ready_s = 0.0
        # stored twice: bytes for the host, numbers for our own reads, 200 times a second
        self._memory = bytearray(table.size)
        self._values: dict[str, int] = {}
        self._known = bytearray(table.size)
        for register in table:
            self._known[register.address : register.end] = b"\1" * register.size
        self._indirect_from = min(table.indirect, default=table.size)
        self._registered: tuple[int, bytes] | None = None
        self._defaults(Area.EEPROM)
        self._defaults(Area.RAM)

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def __setitem__(self, name: str, value: int) -> None:
        """Set a register from inside the device, without the access rules."""
        if self._values.get(name) != value:
            register = self.table[name]
            self._memory[register.address : register.end] = register.encode(value)
            self._values[name] = value

    def _defaults(self, area: Area) -> None:
        for register in self.table:
            if register.area is area:
                self[register.name] = register.default or 0

    @property
    def id(self) -> int:
        return self["id"]

    @property
    def alert(self) -> bool:
        """Whether status packets carry the alert bit."""
        return False

    def answers(self, now_s: float) -> bool:
        """Whether the device takes packets."""
        return self.powered and now_s >= self._ready_s

    def refresh(self, now_s: float) -> None:
        """Update measured registers."""

    def reboot(self, now_s: float) -> None:
        self._ready_s = now_s + self.boot_s
        self._registered = None
        self._defaults(Area.RAM)

    def factory_reset(self, option: int, now_s: float) -> StatusError:
        """Reset EEPROM except for what the option keeps, and reboot."""
        if option not in FACTORY_RESET_KEEPS:
            return StatusError.DATA_RANGE
        kept = {name: self[name] for name in FACTORY_RESET_KEEPS[option] if name in self._values}
        self._defaults(Area.EEPROM)
        for name, value in kept.items():
            self[name] = value
        self.reboot(now_s)
        return StatusError.NONE

    def clear(self, _parameters: bytes) -> StatusError:
        """Carry out Clear(0x10), which only motors support."""
        return StatusError.INSTRUCTION

    def backup(self, _parameters: bytes, _now_s: float) -> StatusError:
        """Carry out Control Table Backup(0x20), which only motors support."""
        return StatusError.INSTRUCTION

    def _target(self, address: int) -> int:
        """Return the address that an access reaches; indirect data redirects it."""
        at = self.table.indirect.get(address)
        return address if at is None else int.from_bytes(self._memory[at : at + 2], "little")

    def read(self, address: int, length: int, now_s: float) -> tuple[StatusError, bytes]:
        """Return (error, bytes); gaps between registers read as zero."""
        end = address + length
        if end > self.table.size or not any(self._known[address:end]):
            return StatusError.ACCESS, b""
        self.refresh(now_s)
        if end <= self._indirect_from:
            return StatusError.NONE, bytes(self._memory[address:end])
        return StatusError.NONE, bytes(self._memory[self._target(at)] for at in range(address, end))

    def write(self, address: int, data: bytes) -> StatusError:
        """Write whole registers, all or none."""
        values: dict[str, int] = {}
        targets = [self._target(address + at) for at in range(len(data))]
        error, at = StatusError.NONE, 0
        while at < len(data) and not error:
            register = self.table.at(targets[at])
            if register is None or register.access is Access.READ:
                return StatusError.ACCESS
            end = at + register.size
            if targets[at:end] != list(range(register.address, register.end)):
                return StatusError.DATA_LENGTH
            values[register.name] = register.decode(data[at:end])
            error = self._refusal(register, values[register.name])
            at = end
        if not data:
            return StatusError.DATA_LENGTH
        if error:
            return error
        before = {name: self[name] for name in values}
        for name, value in values.items():
            self[name] = value
        for name, value in before.items():
            self._written(name, value)
        return StatusError.NONE

    def register_write(self, address: int, data: bytes) -> StatusError:
        """Store a write until `action`."""
        self._registered = (address, data)
        return StatusError.NONE

    def action(self) -> StatusError:
        if self._registered is None:
            return StatusError.INSTRUCTION
        (address, data), self._registered = self._registered, None
        return self.write(address, data)

    def _refusal(self, register: Register, value: int) -> StatusError:
        """Return the error of a host's write, or `NONE`."""
        if register.values and value not in register.values:
            return StatusError.DATA_RANGE
        if register.mask is not None and value & ~register.mask:
            return StatusError.DATA_RANGE
        if register.min is not None and value < register.min:
            return StatusError.DATA_RANGE
        if register.max is not None and value > register.max:
            return StatusError.DATA_RANGE
        if register.limit is not None and abs(value) > self[register.limit]:
            return StatusError.DATA_LIMIT
        return StatusError.NONE

    def _written(self, name: str, before: int) -> None:
        """React to a host's write; `before` is the old value."""
