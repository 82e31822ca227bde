"""The registers of the controller board and of the XL430-W250 motors, from `control_table.toml`.

The car's driver, the simulated devices and the firmware's header are generated from the same file.
Names are enumerations, checked against the file when this module is imported.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final, NamedTuple

from pixelopolis.errors import SettingsError

PULSES_PER_TURN: Final = 4096
"""Resolution of the XL430-W250's encoder (ROBOTIS e-manual)."""
RAM_BEGIN: Final = 64
"""EEPROM lies below this address (ROBOTIS e-manual)."""


class Access(StrEnum):
    READ = "r"
    READ_WRITE = "rw"


class Area(StrEnum):
    EEPROM = "eeprom"
    RAM = "ram"


class BoardRegister(StrEnum):
    MODEL_NUMBER = "model_number"
    FIRMWARE_VERSION = "firmware_version"
    ID = "id"
    HOST_TIMEOUT_MS = "host_timeout_ms"
    RELEASE_DELAY_MS = "release_delay_ms"
    BATTERY_LOW_MV = "battery_low_mv"
    BATTERY_EMPTY_MV = "battery_empty_mv"
    HOST_GONE_MS = "host_gone_ms"
    MOTOR_POWER = "motor_power"
    ESTOP = "estop"
    HEARTBEAT = "heartbeat"
    BUTTONS = "buttons"
    LEDS = "leds"
    MOTOR_BAUD = "motor_baud"
    FAULT = "fault"
    BATTERY_MV = "battery_mv"
    BATTERY_GAIN = "battery_gain"
    UPTIME_MS = "uptime_ms"
    HOST_PACKETS = "host_packets"
    BAD_PACKETS = "bad_packets"


class MotorRegister(StrEnum):
    MODEL_NUMBER = "model_number"
    MODEL_INFORMATION = "model_information"
    FIRMWARE_VERSION = "firmware_version"
    ID = "id"
    BAUD_RATE = "baud_rate"
    RETURN_DELAY_TIME = "return_delay_time"
    DRIVE_MODE = "drive_mode"
    OPERATING_MODE = "operating_mode"
    SECONDARY_ID = "secondary_id"
    PROTOCOL_TYPE = "protocol_type"
    HOMING_OFFSET = "homing_offset"
    MOVING_THRESHOLD = "moving_threshold"
    TEMPERATURE_LIMIT = "temperature_limit"
    MAX_VOLTAGE_LIMIT = "max_voltage_limit"
    MIN_VOLTAGE_LIMIT = "min_voltage_limit"
    PWM_LIMIT = "pwm_limit"
    VELOCITY_LIMIT = "velocity_limit"
    MAX_POSITION_LIMIT = "max_position_limit"
    MIN_POSITION_LIMIT = "min_position_limit"
    STARTUP_CONFIGURATION = "startup_configuration"
    SHUTDOWN = "shutdown"
    TORQUE_ENABLE = "torque_enable"
    LED = "led"
    STATUS_RETURN_LEVEL = "status_return_level"
    REGISTERED_INSTRUCTION = "registered_instruction"
    HARDWARE_ERROR_STATUS = "hardware_error_status"
    VELOCITY_I_GAIN = "velocity_i_gain"
    VELOCITY_P_GAIN = "velocity_p_gain"
    POSITION_D_GAIN = "position_d_gain"
    POSITION_I_GAIN = "position_i_gain"
    POSITION_P_GAIN = "position_p_gain"
    FEEDFORWARD_2ND_GAIN = "feedforward_2nd_gain"
    FEEDFORWARD_1ST_GAIN = "feedforward_1st_gain"
    BUS_WATCHDOG = "bus_watchdog"
    GOAL_PWM = "goal_pwm"
    GOAL_VELOCITY = "goal_velocity"
    PROFILE_ACCELERATION = "profile_acceleration"
    PROFILE_VELOCITY = "profile_velocity"
    GOAL_POSITION = "goal_position"
    REALTIME_TICK = "realtime_tick"
    MOVING = "moving"
    MOVING_STATUS = "moving_status"
    PRESENT_PWM = "present_pwm"
    PRESENT_LOAD = "present_load"
    PRESENT_VELOCITY = "present_velocity"
    PRESENT_POSITION = "present_position"
    VELOCITY_TRAJECTORY = "velocity_trajectory"
    POSITION_TRAJECTORY = "position_trajectory"
    PRESENT_INPUT_VOLTAGE = "present_input_voltage"
    PRESENT_TEMPERATURE = "present_temperature"
    BACKUP_READY = "backup_ready"


class MotorMode(IntEnum):
    """The modes of the XL430-W250 (ROBOTIS e-manual, Operating Mode(11))."""

    VELOCITY = 1
    POSITION = 3
    EXTENDED_POSITION = 4
    PWM = 16


class BoardFault(IntFlag):
    HOST_SILENT = 1
    BATTERY_LOW = 2
    BATTERY_EMPTY = 4
    ESTOP = 8


class BoardButton(IntFlag):
    """Bits of the board's buttons, 1 while pressed."""

    USER = 1
    ESTOP = 2
    RESET = 4


class BoardLed(IntFlag):
    BOARD = 1
    MOTORS = 2
    TAKE_BOARD = 4
    TAKE_MOTORS = 8


class DriveMode(IntFlag):
    """Bits of the motor's Drive Mode(10)."""

    REVERSE = 1
    TIME_BASED_PROFILE = 4
    TORQUE_ON_BY_GOAL_UPDATE = 8


class HardwareError(IntFlag):
    """Bits of the motor's Hardware Error Status(70) and Shutdown(63)."""

    INPUT_VOLTAGE = 1
    OVERHEATING = 4
    ENCODER = 8
    ELECTRICAL_SHOCK = 16
    OVERLOAD = 32


class StartupConfiguration(IntFlag):
    """Bits of the motor's Startup Configuration(60)."""

    TORQUE_ON = 1
    RAM_RESTORE = 2


class MovingStatus(IntFlag):
    """Bits of the motor's Moving Status(123); a trapezoidal profile sets both profile bits."""

    IN_POSITION = 1
    PROFILE_ONGOING = 2
    FOLLOWING_ERROR = 8
    RECTANGULAR = 16
    TRIANGULAR = 32


class Register(NamedTuple):
    """One register; see the head of `control_table.toml` for the fields."""

    name: str
    address: int
    size: int
    area: Area
    access: Access
    default: int | None = None
    min: int | None = None
    max: int | None = None
    values: tuple[int, ...] = ()
    mask: int | None = None
    limit: str | None = None
    low: str | None = None
    high: str | None = None
    signed: bool = False
    unit: str = ""
    scale: float = 1.0

    @property
    def end(self) -> int:
        """The address after the last byte."""
        return self.address + self.size

    def encode(self, value: int) -> bytes:
        """Return the bytes of a value.

        Raises:
            OverflowError: the value does not fit the register's size.
        """
        return value.to_bytes(self.size, "little", signed=self.signed)

    def decode(self, data: bytes) -> int:
        """Return the value of exactly `size` bytes."""
        return int.from_bytes(data, "little", signed=self.signed)


@dataclass(frozen=True)
class ControlTable:
    """The registers of one kind of device, by name and by address.

    `indirect` maps each cell of indirect data to the address of the 2-byte register that selects
    the byte reached there.
    """

    name: str
    model_number: int
    firmware_version: int
    registers: tuple[Register, ...]
    bits: Mapping[str, Mapping[str, int]]
    indirect: Mapping[int, int]
    id: int | None = None

    @cached_property
    def _by_name(self) -> Mapping[str, Register]:
        return {register.name: register for register in self.registers}

    @cached_property
    def _by_address(self) -> Mapping[int, Register]:
        return {register.address: register for register in self.registers}

    @cached_property
    def size(self) -> int:
        """Number of bytes from address 0 to the end of the last register."""
        return max(register.end for register in self.registers)

    def __getitem__(self, name: str) -> Register:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Register]:
        return iter(self.registers)

    def at(self, address: int) -> Register | None:
        """Return the register that begins at this address."""
        return self._by_address.get(address)

    def block(self, first: str, last: str) -> tuple[int, int]:
        """Return (address, length) of the bytes from register `first` to register `last`."""
        start = self[first].address
        return start, self[last].end - start


def parse_table(
    section: Mapping[str, Any], names: type[StrEnum], bits: Mapping[str, type[IntFlag]]
) -> ControlTable:
    """Build a checked table from one section of the file.

    Args:
        section: as read from TOML.
        names: the enumeration that must list exactly the section's registers.
        bits: for each register with named bits, the enumeration that must equal them.

    Raises:
        SettingsError: a row is wrong; says what and where.
    """
    title = section.get("name", "?")

    def check(right: bool, message: str) -> None:
        if not right:
            raise SettingsError(f"control table {title}: {message}.", "Correct the table's row.")

    registers: list[Register] = []
    for row in section["registers"]:
        unknown = set(row) - set(Register._fields)
        check(not unknown, f"{row.get('name')} has unknown fields {sorted(unknown)}")
        register = Register(
            **row
            | {
                "area": Area(row["area"]),
                "access": Access(row["access"]),
                "values": tuple(row.get("values", ())),
            }
        )
        check(register.size in (1, 2, 4), f"{register.name}.size is {register.size}, not 1, 2 or 4")
        bounds = (register.default, register.min, register.max, register.mask)
        for value in (*bounds, *register.values):
            try:
                register.encode(value or 0)
            except OverflowError:
                check(False, f"{register.name} cannot hold {value}")
        registers.append(register)

    found, expected = {r.name for r in registers}, set(names)
    check(
        found == expected,
        f"registers {sorted(found ^ expected)} are not in both the file and {names.__name__}",
    )
    for register in registers:
        for other in (register.limit, register.low, register.high):
            check(other is None or other in found, f"{register.name} is bound by unknown {other}")
    cells = tuple(_cells(section.get("indirect", ())))
    for cell in cells:
        registers += _cell_registers(*cell, last=max(data for _, _, data in cells))
    registers.sort(key=lambda register: register.address)
    for before_it, register in pairwise(registers):
        check(register.address >= before_it.end, f"{register.name} overlaps {before_it.name}")
    for name, flags in bits.items():
        want = {flag.name.lower(): flag.value for flag in flags if flag.name}
        check(section["bits"].get(name) == want, f"bits of {name} differ from {flags.__name__}")
    return ControlTable(
        name=title,
        model_number=section["model_number"],
        firmware_version=section["firmware_version"],
        registers=tuple(registers),
        bits=section["bits"],
        indirect={data: address for _, address, data in cells},
        id=section.get("id"),
    )


def _cells(runs: Iterable[Mapping[str, int]]) -> Iterator[tuple[int, int, int]]:
    """Return (number, address of its indirect address, address of its data) of every cell."""
    for run in runs:
        for i in range(run["count"]):
            yield run["first"] + i, run["address"] + 2 * i, run["data"] + i


def _cell_registers(number: int, address: int, data: int, last: int) -> tuple[Register, Register]:
    """Return a cell's two registers; initially it maps to its own byte. EEPROM is not reachable."""
    ram, free = Area.RAM, Access.READ_WRITE
    return (
        Register(f"indirect_address_{number}", address, 2, ram, free, data, RAM_BEGIN, last),
        Register(f"indirect_data_{number}", data, 1, ram, free, 0, 0, 255),
    )


def _document() -> dict[str, Any]:
    text = files(__package__).joinpath("control_table.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _tables(document: Mapping[str, Any]) -> tuple[ControlTable, ControlTable]:
    return (
        parse_table(
            document["board"],
            BoardRegister,
            {"fault": BoardFault, "buttons": BoardButton, "leds": BoardLed},
        ),
        parse_table(
            document["xl430_w250"],
            MotorRegister,
            {
                "drive_mode": DriveMode,
                "startup_configuration": StartupConfiguration,
                "moving_status": MovingStatus,
                "hardware_error_status": HardwareError,
            },
        ),
    )


_DOCUMENT: Final = _document()

BOARD, XL430 = _tables(_DOCUMENT)
"""The controller board and the motor of the car."""

LEFT_MOTOR_ID: Final[int] = _DOCUMENT["car"]["left_motor_id"]
RIGHT_MOTOR_ID: Final[int] = _DOCUMENT["car"]["right_motor_id"]
"""Ids of the motors on a car's bus. The right one is mounted mirrored."""

MOTOR_BAUDS: Final[tuple[int, ...]] = tuple(_DOCUMENT["car"]["motor_bauds"])
"""Rate in bit/s for each value of the XL430-W250's Baud Rate(8) (ROBOTIS e-manual). A motor
receives only packets of its own rate."""
BUS_BAUD: Final[int] = _DOCUMENT["car"]["bus_baud"]
"""Rate of a car's motor bus and of the board's link to the host."""

BOARD_ID: Final = 200 if BOARD.id is None else BOARD.id
