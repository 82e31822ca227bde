"""The control table compared with ROBOTIS' own, and wrong rows for its reader."""

import copy
import tomllib
from enum import IntFlag, StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any

import dynamixel_easy_sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.errors import SettingsError
from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    XL430,
    Access,
    Area,
    BoardFault,
    BoardRegister,
    MotorRegister,
    parse_table,
)
from pixelopolis.vehicle.speeds import MOTOR_MAX_UNITS


def robotis_table() -> dict[int, int]:
    """Return size by address from the model file that ROBOTIS ships with dynamixel-sdk."""
    folder = Path(dynamixel_easy_sdk.__file__).parent / "control_table"
    text = (folder / "xl430_w250.model").read_text(encoding="utf-8")
    rows = text.split("[control table]")[1].strip().splitlines()[1:]
    return {int(row.split("\t")[0]): int(row.split("\t")[1]) for row in rows if row.strip()}


def test_motor_registers_are_where_robotis_has_them() -> None:
    theirs = robotis_table()
    ours = {register.address: register.size for register in XL430}
    # the model file has the first cell of each run; two registers are newer than it
    cells = {a: s for a, s in ours.items() if a >= 168 and a not in (168, 224, 578, 634)}
    assert theirs == {a: s for a, s in ours.items() if a not in (60, 147, *cells)}


def test_indirect_data_lies_where_the_manual_has_it() -> None:
    rows = {
        "indirect_address_1": (168, 224),
        "indirect_address_28": (222, 251),
        "indirect_address_29": (578, 634),
        "indirect_address_56": (632, 661),
    }
    for name, (address, default) in rows.items():
        register = XL430[name]
        assert (register.address, register.size, register.default) == (address, 2, default)
        assert (register.min, register.max) == (64, 661)
        assert XL430.indirect[default] == address
    assert len(XL430.indirect) == 56
    assert XL430.size == 662


@pytest.mark.parametrize(
    ("name", "address", "size", "access", "default"),
    [
        (MotorRegister.OPERATING_MODE, 11, 1, Access.READ_WRITE, 3),
        (MotorRegister.VELOCITY_LIMIT, 44, 4, Access.READ_WRITE, MOTOR_MAX_UNITS),
        (MotorRegister.TORQUE_ENABLE, 64, 1, Access.READ_WRITE, 0),
        (MotorRegister.HARDWARE_ERROR_STATUS, 70, 1, Access.READ, 0),
        (MotorRegister.BUS_WATCHDOG, 98, 1, Access.READ_WRITE, 0),
        (MotorRegister.GOAL_VELOCITY, 104, 4, Access.READ_WRITE, 0),
        (MotorRegister.PRESENT_VELOCITY, 128, 4, Access.READ, None),
        (MotorRegister.PRESENT_POSITION, 132, 4, Access.READ, None),
    ],
)
def test_motor_registers_that_we_drive_with(
    name: MotorRegister, address: int, size: int, access: Access, default: int | None
) -> None:
    register = XL430[name]
    assert register[:2] == (name, address)
    assert (register.size, register.access, register.default) == (size, access, default)


def test_eeprom_ends_where_ram_begins() -> None:
    for table in (BOARD, XL430):
        for register in table:
            assert (register.area is Area.EEPROM) == (register.address < 64)


def test_board_is_a_dynamixel_device() -> None:
    assert BOARD_ID == 200
    # addresses that ping and every Dynamixel tool read
    for name, address in (("model_number", 0), ("firmware_version", 6), ("id", 7)):
        assert BOARD[name].address == XL430[name].address == address
    assert BOARD[BoardRegister.HOST_TIMEOUT_MS].default == 90


@given(st.sampled_from(XL430.registers + BOARD.registers), st.data())
def test_values_survive_encoding(register: Any, data: Any) -> None:
    bits = register.size * 8
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if register.signed else (0, 2**bits - 1)
    value = data.draw(st.integers(low, high))
    encoded = register.encode(value)
    assert len(encoded) == register.size
    assert register.decode(encoded) == value
    with pytest.raises(OverflowError):
        register.encode(high + 1)


def test_a_block_spans_its_registers() -> None:
    assert XL430.block(MotorRegister.PRESENT_VELOCITY, MotorRegister.PRESENT_POSITION) == (128, 8)


class Names(StrEnum):
    FIRST = "first"
    SECOND = "second"


GOOD = {
    "name": "thing",
    "model_number": 1,
    "firmware_version": 1,
    "registers": [
        {"name": "first", "address": 0, "size": 2, "area": "ram", "access": "rw", "max": 9},
        {"name": "second", "address": 2, "size": 1, "area": "ram", "access": "r"},
    ],
    "bits": {"first": {"host_silent": 1, "battery_low": 2, "battery_empty": 4, "estop": 8}},
}


def test_a_good_table_is_read() -> None:
    table = parse_table(GOOD, Names, {"first": BoardFault})
    assert table["second"].address == 2
    assert table.size == 3
    assert table.at(1) is None


@pytest.mark.parametrize(
    ("row", "field", "value", "complaint"),
    [
        (1, "address", 1, "second overlaps"),
        (1, "mask", 300, "second cannot hold 300"),
        (0, "size", 3, "first.size is 3"),
        (0, "max", 70000, "first cannot hold 70000"),
        (0, "limit", "third", "unknown third"),
        (0, "colour", "red", "colour"),
        (1, "name", "third", "Names"),
    ],
)
def test_a_wrong_row_is_named(row: int, field: str, value: object, complaint: str) -> None:
    section: Any = copy.deepcopy(GOOD)
    section["registers"][row][field] = value
    with pytest.raises(SettingsError, match=complaint):
        parse_table(section, Names, {})


def test_bits_must_equal_their_enumeration() -> None:
    class Other(IntFlag):
        HOST_SILENT = 2

    with pytest.raises(SettingsError, match="bits of first differ from Other"):
        parse_table(GOOD, Names, {"first": Other})


def test_the_file_has_no_section_that_nobody_reads() -> None:
    text = files("pixelopolis.vehicle").joinpath("control_table.toml").read_text(encoding="utf-8")
    assert set(tomllib.loads(text)) == {"car", "board", "xl430_w250"}
