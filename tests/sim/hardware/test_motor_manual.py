"""The simulated motor compared with ROBOTIS' manual of the XL430-W250.

The table is a second transcription of the manual, which reveals slips in `control_table.toml`.
"""

import math
from typing import NamedTuple

import pytest

from pixelopolis.vehicle.control_table import BOARD, BOARD_ID, XL430, BoardRegister, MovingStatus
from pixelopolis.vehicle.speeds import MOTOR_UNIT_RAD_S
from sim.hardware.dynamixel import (
    ALERT,
    Instruction,
    Packet,
    Parser,
    StatusError,
    crc16,
    encode,
    encode_status,
)
from sim.hardware.motor import MOTOR_BOOT_S
from tests.support.bus_host import BROADCAST, Host, words

NONE, RESULT, RANGE = StatusError.NONE, StatusError.RESULT_FAIL, StatusError.DATA_RANGE
LENGTH, LIMIT, ACCESS = StatusError.DATA_LENGTH, StatusError.DATA_LIMIT, StatusError.ACCESS

OK = b"\0"
VELOCITY, POSITION, EXTENDED, PWM = 1, 3, 4, 16
REVERSE, BY_TIME, TORQUE_BY_GOAL = 1, 4, 8
VOLTAGE_ERROR, HEAT_ERROR = 1, 4
NEAR = 3
"""Tolerance in pulses: a simulated wheel turns at whole units of speed until none is left."""


class Row(NamedTuple):
    """A register in the manual; `first` is its initial value, None for measured ones."""

    address: int
    size: int
    name: str
    writable: bool
    first: int | None
    allowed: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    error: StatusError = RANGE


ROWS = (
    Row(0, 2, "model_number", False, 1060),
    Row(2, 4, "model_information", False, None),
    Row(6, 1, "firmware_version", False, None),
    Row(7, 1, "id", True, 1, (1,), (253, 254, 255)),
    Row(8, 1, "baud_rate", True, None, (3,), (8, 255)),
    Row(9, 1, "return_delay_time", True, 250, (0, 254), (255,)),
    Row(10, 1, "drive_mode", True, 0, (1, 4, 5, 8, 13), (2, 3, 14, 16)),
    Row(11, 1, "operating_mode", True, 3, (1, 3, 4, 16), (0, 2, 5, 15, 17)),
    Row(12, 1, "secondary_id", True, 255, (0, 252)),
    Row(13, 1, "protocol_type", True, 2, (2,), (0, 3)),
    Row(20, 4, "homing_offset", True, 0, (-1044479, 1044479), (-1044480, 1044480)),
    Row(24, 4, "moving_threshold", True, 10, (0, 1023), (1024,)),
    Row(31, 1, "temperature_limit", True, 72, (100, 50), (101,)),
    Row(32, 2, "max_voltage_limit", True, 140, (140,), (59, 141)),
    Row(34, 2, "min_voltage_limit", True, 60, (60,), (59, 141)),
    Row(36, 2, "pwm_limit", True, 885, (0, 885), (886,)),
    Row(44, 4, "velocity_limit", True, 265, (0, 1023), (1024,)),
    Row(48, 4, "max_position_limit", True, 4095, (0, 4095), (4096,)),
    Row(52, 4, "min_position_limit", True, 0, (4095, 0), (4096,)),
    Row(60, 1, "startup_configuration", True, 0, (3, 0), (4, 128)),
    Row(63, 1, "shutdown", True, 52, (0, 61), (2, 64, 128)),
    Row(64, 1, "torque_enable", True, 0, (1, 0), (2,)),
    Row(65, 1, "led", True, 0, (1, 0), (2,)),
    Row(68, 1, "status_return_level", True, 2, (2,), (3,)),
    Row(69, 1, "registered_instruction", False, 0),
    Row(70, 1, "hardware_error_status", False, 0),
    Row(76, 2, "velocity_i_gain", True, 1000, (0, 16383), (16384,)),
    Row(78, 2, "velocity_p_gain", True, 100, (0, 16383), (16384,)),
    Row(80, 2, "position_d_gain", True, 4000, (0, 16383), (16384,)),
    Row(82, 2, "position_i_gain", True, 0, (0, 16383), (16384,)),
    Row(84, 2, "position_p_gain", True, 640, (0, 16383), (16384,)),
    Row(88, 2, "feedforward_2nd_gain", True, 0, (0, 16383), (16384,)),
    Row(90, 2, "feedforward_1st_gain", True, 0, (0, 16383), (16384,)),
    Row(98, 1, "bus_watchdog", True, 0, (127, 0), (-1, -128)),
    Row(100, 2, "goal_pwm", True, None, (-885, 885), (-886, 886), LIMIT),
    Row(104, 4, "goal_velocity", True, None, (-265, 265), (-266, 266), LIMIT),
    Row(108, 4, "profile_acceleration", True, 0, (0, 32767), (32768,)),
    Row(112, 4, "profile_velocity", True, 0, (0, 32767), (32768,)),
    Row(116, 4, "goal_position", True, None, (0, 4095), (-1, 4096), LIMIT),
    Row(120, 2, "realtime_tick", False, None),
    Row(122, 1, "moving", False, 0),
    Row(123, 1, "moving_status", False, None),
    Row(124, 2, "present_pwm", False, None),
    Row(126, 2, "present_load", False, None),
    Row(128, 4, "present_velocity", False, None),
    Row(132, 4, "present_position", False, None),
    Row(136, 4, "velocity_trajectory", False, None),
    Row(140, 4, "position_trajectory", False, None),
    Row(144, 2, "present_input_voltage", False, None),
    Row(146, 1, "present_temperature", False, None),
    Row(147, 1, "backup_ready", False, 0),
    Row(168, 2, "indirect_address_1", True, 224, (64, 661), (63, 662)),
    Row(224, 1, "indirect_data_1", True, 0, (0, 255)),
    Row(632, 2, "indirect_address_56", True, 661, (64, 661), (63, 662)),
    Row(661, 1, "indirect_data_56", True, 0, (0, 255)),
)


@pytest.fixture
def host() -> Host:
    """A host with powered motors and wheels, without a board."""
    host = Host()
    host.power()
    return host


def put(host: Host, name: str, value: int, motor: int = 1) -> int:
    return host.write(motor, XL430, name, value)


def get(host: Host, name: str, motor: int = 1) -> int:
    return host.read(motor, XL430, name)


def mode(host: Host, value: int, drive: int = 0) -> None:
    """Set motor 1's operating and drive mode, and enable torque."""
    for name, wanted in (("drive_mode", drive), ("operating_mode", value), ("torque_enable", 1)):
        assert put(host, name, wanted) == NONE


# --- the control table ----------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_register(host: Host, row: Row) -> None:
    register = XL430[row.name]
    assert (register.address, register.size) == (row.address, row.size)
    if row.first is not None:
        assert get(host, row.name) == row.first
    raw = words(row.address) + bytes(row.size)
    if not row.writable:
        assert host.error(1, Instruction.WRITE, raw) == ACCESS
        return
    before = get(host, row.name)
    for value in row.refused:
        assert put(host, row.name, value) == row.error
        assert get(host, row.name) == before
    if row.size > 1:
        assert host.error(1, Instruction.WRITE, raw[:-1]) == LENGTH
    for value in row.allowed:
        assert put(host, row.name, value) == NONE
        assert get(host, row.name) == value


@pytest.mark.parametrize("row", [row for row in ROWS if row.writable], ids=lambda row: row.name)
def test_eeprom_is_locked_while_torque_is_on_and_ram_is_not(host: Host, row: Row) -> None:
    assert put(host, "torque_enable", 1) == NONE
    expected = ACCESS if row.address < 64 else NONE
    assert put(host, row.name, row.allowed[-1]) == expected


def test_the_manuals_rows_are_all_there_are() -> None:
    cells = {r.name for r in XL430 if r.name.startswith("indirect")}
    assert {row.name for row in ROWS} | cells == {register.name for register in XL430}


# --- packets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "instruction", "parameters", "raw"),
    [
        (1, Instruction.CLEAR, b"\x01DXL\x22", "ff ff fd 00 01 08 00 10 01 44 58 4c 22 b1 dc"),
        (1, Instruction.BACKUP, b"\x01CTRL", "ff ff fd 00 01 08 00 20 01 43 54 52 4c 16 f5"),
        (1, Instruction.FACTORY_RESET, b"\x01", "ff ff fd 00 01 04 00 06 01 a1 e6"),
        (1, Instruction.REBOOT, b"", "ff ff fd 00 01 03 00 08 2f 4e"),
        (
            BROADCAST,
            Instruction.BULK_READ,
            b"\x01" + words(144, 2) + b"\x02" + words(146, 1),
            "ff ff fd 00 fe 0d 00 92 01 90 00 02 00 02 92 00 01 00 1a 05",
        ),
        (
            BROADCAST,
            Instruction.BULK_WRITE,
            b"\x01" + words(32, 2, 160) + b"\x02" + words(31, 1) + b"\x50",
            "ff ff fd 00 fe 10 00 93 01 20 00 02 00 a0 00 02 1f 00 01 00 50 b7 68",
        ),
    ],
)
def test_the_examples_of_the_manual(
    device: int, instruction: int, parameters: bytes, raw: str
) -> None:
    assert encode(device, instruction, parameters).hex(" ") == raw


def test_the_answer_to_an_id_write_comes_from_the_old_id(host: Host) -> None:
    told = encode(1, Instruction.WRITE, words(7) + b"\x07")
    assert host.bus.receive(told, host.now_s) == encode_status(1, 0)
    assert get(host, "id", 7) == 7


def bulk_read(host: Host, *asked: tuple[int, int, int], fast: bool = False) -> bytes:
    parameters = b"".join(bytes([id_]) + words(address, length) for id_, address, length in asked)
    instruction = Instruction.FAST_BULK_READ if fast else Instruction.BULK_READ
    return host.bus.receive(encode(BROADCAST, instruction, parameters), host.now_s)


def test_bulk_read_answers_in_the_order_of_the_question(host: Host) -> None:
    answer = bulk_read(host, (2, 0, 2), (BOARD_ID, 64, 1), (7, 0, 2), (1, 146, 1), (1, 128, 600))
    model, temperature = words(1060), bytes([get(host, "present_temperature")])
    assert answer == (
        encode_status(2, 0, model)
        + encode_status(BOARD_ID, 0, b"\1")
        + encode_status(1, 0, temperature)
        + encode_status(1, ACCESS)
    )


def test_fast_bulk_read_is_one_packet_whose_blocks_have_their_own_crcs(host: Host) -> None:
    answer = bulk_read(host, (2, 0, 2), (BOARD_ID, 64, 1), (1, 146, 1), fast=True)
    assert answer[:8] == b"\xff\xff\xfd\x00\xfe" + words(1 + 6 + 5 + 5) + b"\x55"
    assert answer[8:12] == bytes([0, 2]) + words(1060)
    assert answer[14:17] == bytes([0, BOARD_ID, 1])
    assert answer[19:22] == bytes([0, 1, 35])
    for end in (12, 17, 22):
        assert answer[end : end + 2] == words(crc16(answer[:end]))
    (whole,) = Parser().feed(answer)
    assert whole.crc_ok


@pytest.mark.parametrize("instruction", [Instruction.FAST_SYNC_READ, Instruction.FAST_BULK_READ])
def test_nobody_speaks_behind_a_silent_device_in_a_fast_read(host: Host, instruction: int) -> None:
    host.bus.right.deaf = True
    ids = (1, 2, BOARD_ID)
    parameters = words(64, 1) + bytes(ids)
    if instruction == Instruction.FAST_BULK_READ:
        parameters = b"".join(bytes([id_]) + words(64, 1) for id_ in ids)
    answer = host.bus.receive(encode(BROADCAST, instruction, parameters), host.now_s)
    # the length field still counts all three; the packet ends after the first
    assert answer[5:7] == words(1 + 3 * 5)
    assert answer[8:11] == bytes([0, 1, 0])
    assert len(answer) == 8 + 5


def test_in_a_sync_or_bulk_read_the_others_speak_on_behind_a_silent_device(host: Host) -> None:
    host.bus.left.deaf = True
    answers = host.ask(BROADCAST, Instruction.SYNC_READ, words(64, 1) + bytes([1, 2, BOARD_ID]))
    assert [answer.id for answer in answers] == [2, BOARD_ID]
    said = bulk_read(host, (1, 64, 1), (2, 64, 1), (BOARD_ID, 64, 1))
    assert [answer.id for answer in Parser().feed(said)] == [2, BOARD_ID]


def test_a_cut_off_bulk_packet_asks_and_writes_nothing(host: Host) -> None:
    for instruction in (Instruction.BULK_READ, Instruction.FAST_BULK_READ):
        assert host.ask(BROADCAST, instruction, b"\1" + words(64, 1) + b"\2" + words(64)) == []
    told = b"\1" + words(65, 1) + b"\1" + b"\2" + words(65, 1)
    assert host.ask(BROADCAST, Instruction.BULK_WRITE, told) == []
    assert get(host, "led") == 0


def test_bulk_write_gives_everybody_something_else(host: Host) -> None:
    told = b"\1" + words(31, 1) + b"\x50" + b"\2" + words(116, 4) + (77).to_bytes(4, "little")
    assert host.ask(BROADCAST, Instruction.BULK_WRITE, told) == []
    assert get(host, "temperature_limit") == 80
    assert get(host, "goal_position", 2) == 77


@pytest.mark.parametrize(("level", "reads", "writes"), [(0, 0, 0), (1, 1, 0), (2, 1, 1)])
def test_status_return_level(host: Host, level: int, reads: int, writes: int) -> None:
    host.ask(1, Instruction.WRITE, words(68) + bytes([level]))
    one = words(64, 1) + b"\1"
    assert len(host.ask(1, Instruction.PING)) == 1
    assert len(host.ask(1, Instruction.READ, words(64, 1))) == reads
    assert len(host.ask(BROADCAST, Instruction.SYNC_READ, one)) == reads
    assert len(host.ask(BROADCAST, Instruction.FAST_SYNC_READ, one)) == reads
    assert len(Parser().feed(bulk_read(host, (1, 64, 1)))) == reads
    assert len(Parser().feed(bulk_read(host, (1, 64, 1), fast=True))) == reads
    for instruction, parameters in (
        (Instruction.WRITE, words(65) + b"\1"),
        (Instruction.REG_WRITE, words(65) + b"\0"),
        (Instruction.ACTION, b""),
        (Instruction.CLEAR, b"\x01DXL\x22"),
        (Instruction.BACKUP, b"\x01CTRL"),
        (0x77, b""),
        (Instruction.REBOOT, b""),
    ):
        assert len(host.ask(1, instruction, parameters)) == writes


def test_no_answer_to_everybody_but_to_a_ping_and_that_by_ids(host: Host) -> None:
    assert put(host, "id", 9) == NONE
    for instruction, parameters in (
        (Instruction.READ, words(0, 2)),
        (Instruction.WRITE, words(98) + b"\1"),
        (Instruction.REG_WRITE, words(98) + b"\0"),
        (Instruction.ACTION, b""),
        (Instruction.CLEAR, b"\x01DXL\x22"),
    ):
        assert host.ask(BROADCAST, instruction, parameters) == []
    assert [p.id for p in host.ask(BROADCAST, Instruction.PING)] == [2, 9, BOARD_ID]


def test_a_secondary_id_is_obeyed_without_an_answer_and_not_in_eeprom(host: Host) -> None:
    for motor in (1, 2):
        assert put(host, "secondary_id", 5, motor) == NONE

    def leds() -> list[int]:
        return [get(host, "led", motor) for motor in (1, 2)]

    assert host.ask(5, Instruction.WRITE, words(65) + b"\1") == []
    assert leds() == [1, 1]
    assert host.ask(5, Instruction.PING) == host.ask(5, Instruction.READ, words(64, 1)) == []
    assert host.ask(5, Instruction.WRITE, words(31) + b"\x32") == []
    assert host.ask(5, Instruction.REG_WRITE, words(31) + b"\x32") == []
    assert get(host, "temperature_limit") == 72
    assert get(host, "registered_instruction") == 0
    host.ask(BROADCAST, Instruction.SYNC_WRITE, words(65, 1) + b"\5\0")
    assert leds() == [0, 0]
    host.ask(BROADCAST, Instruction.SYNC_WRITE, words(31, 1) + b"\5\x32")
    host.ask(5, Instruction.FACTORY_RESET, b"\x01")
    assert get(host, "temperature_limit") == 72
    assert get(host, "secondary_id") == 5
    # an own id has priority: with 2 as motor 1's secondary id, only motor 2 answers
    assert put(host, "secondary_id", 2) == NONE
    assert host.ask(2, Instruction.WRITE, words(65) + b"\1") == [Packet(2, 0x55, OK)]
    assert leds() == [1, 1]


def test_protocol_1_is_not_understood_here(host: Host) -> None:
    assert put(host, "protocol_type", 1) == NONE
    assert host.ask(1, Instruction.PING) == []


# --- clear, backup and start ----------------------------------------------------------------------


def test_clear_forgets_turns_of_a_standing_motor_only(host: Host) -> None:
    mode(host, VELOCITY)
    put(host, "goal_velocity", 200)
    host.roll(5)
    clear = b"\x01DXL\x22"
    assert host.error(1, Instruction.CLEAR, clear) == RESULT
    assert put(host, "goal_velocity", 0) == NONE
    host.roll(1)
    at = get(host, "present_position")
    assert at > 4096
    assert host.error(1, Instruction.CLEAR, b"\x01DXL\x23") == RANGE
    assert host.error(1, Instruction.CLEAR, b"\x02DXL\x22") == RANGE
    assert get(host, "present_position") == at
    assert host.error(1, Instruction.CLEAR, clear) == NONE
    assert get(host, "present_position") == at % 4096
    host.roll(1)
    assert get(host, "present_velocity") == 0
    assert host.error(BOARD_ID, Instruction.CLEAR, clear) == StatusError.INSTRUCTION


def test_backup_stores_and_restores(host: Host) -> None:
    kept = {"temperature_limit": 60, "position_p_gain": 7, "indirect_address_1": 65}
    assert host.error(1, Instruction.BACKUP, b"\x02CTRL") == RESULT, "there is none yet"
    for name, value in kept.items():
        assert put(host, name, value) == NONE
    put(host, "torque_enable", 1)
    assert host.error(1, Instruction.BACKUP, b"\x01CTRL") == RESULT
    put(host, "torque_enable", 0)
    assert host.error(1, Instruction.BACKUP, b"\x03CTRL") == RANGE
    assert host.error(1, Instruction.BACKUP, b"\x01CTRl") == RANGE
    assert get(host, "backup_ready") == 0
    assert host.error(1, Instruction.BACKUP, b"\x01CTRL") == NONE
    assert get(host, "backup_ready") == 1
    put(host, "temperature_limit", 50)
    put(host, "led", 1)
    assert host.error(1, Instruction.BACKUP, b"\x02CTRL") == NONE
    assert host.ask(1, Instruction.PING) == [], "it reboots"
    host.roll(MOTOR_BOOT_S + 0.01)
    assert get(host, "temperature_limit") == 60
    assert (get(host, "led"), get(host, "position_p_gain")) == (0, 640), "RAM is not EEPROM"
    # with RAM Restore it is also restored at every start
    put(host, "startup_configuration", 2)
    assert host.error(1, Instruction.REBOOT) == NONE
    host.roll(MOTOR_BOOT_S + 0.01)
    assert {name: get(host, name) for name in kept} == kept
    assert host.error(BOARD_ID, Instruction.BACKUP, b"\x01CTRL") == StatusError.INSTRUCTION


def test_startup_torque(host: Host) -> None:
    put(host, "startup_configuration", 1)
    host.error(1, Instruction.REBOOT)
    host.roll(MOTOR_BOOT_S + 0.01)
    assert get(host, "torque_enable") == 1
    assert host.bus.wheel_goal_rad_s == (0.0, 0.0)


def test_a_new_operating_mode_resets_gains_profile_and_pwm(host: Host) -> None:
    changed = ("velocity_i_gain", "velocity_p_gain", "position_d_gain", "position_i_gain")
    changed += ("position_p_gain", "feedforward_2nd_gain", "feedforward_1st_gain")
    changed += ("profile_velocity", "profile_acceleration", "goal_pwm")
    put(host, "pwm_limit", 500)
    first = {name: get(host, name) for name in changed} | {"goal_pwm": 500}
    for name in changed:
        assert put(host, name, 33) == NONE
    assert put(host, "operating_mode", VELOCITY) == NONE
    assert {name: get(host, name) for name in changed} == first


# --- indirect data --------------------------------------------------------------------------------


def test_indirect_data_is_the_byte_that_its_address_names(host: Host) -> None:
    # example 1 of the manual
    assert put(host, "indirect_address_1", 65) == NONE
    assert put(host, "indirect_data_1", 1) == NONE
    assert get(host, "led") == 1
    assert put(host, "indirect_data_1", 2) == RANGE
    # example 2: a goal position through four cells, of both runs of cells alike
    for cells in ((2, 225), (30, 635)):
        for i in range(4):
            assert put(host, f"indirect_address_{cells[0] + i}", 116 + i) == NONE
        goal = (1024).to_bytes(4, "little")
        assert host.error(1, Instruction.WRITE, words(cells[1]) + goal) == NONE
        assert get(host, "goal_position") == 1024
        assert host.error(1, Instruction.WRITE, words(cells[1]) + goal[:3]) == LENGTH
        far = (4096).to_bytes(4, "little")
        assert host.error(1, Instruction.WRITE, words(cells[1]) + far) == LIMIT
        put(host, "goal_position", 5)
    # read only stays read only; a cell between is reached too
    assert put(host, "indirect_address_6", 146) == NONE
    assert put(host, "indirect_data_6", 1) == ACCESS
    (status,) = host.ask(1, Instruction.READ, words(224, 6))
    assert status.parameters == b"\0" + bytes([1, 5, 0, 0, 0, 35])
    # a cell that refers to itself is a plain byte
    assert put(host, "indirect_data_28", 99) == NONE
    assert get(host, "indirect_data_28") == 99


def test_measured_values_are_fresh_behind_indirect_data(host: Host) -> None:
    mode(host, VELOCITY)
    for i in range(4):
        put(host, f"indirect_address_{i + 1}", 128 + i)
    put(host, "goal_velocity", 100)
    host.roll(1.5)
    (status,) = host.ask(1, Instruction.READ, words(224, 4))
    assert int.from_bytes(status.parameters[1:], "little") == 100


# --- motion ---------------------------------------------------------------------------------------


def test_velocity_mode_with_a_ramp(host: Host) -> None:
    mode(host, VELOCITY)
    assert put(host, "profile_acceleration", 10) == NONE
    put(host, "goal_velocity", 200)
    # 10 units are 10 * 214.577 rpm a minute: 200 units of 0.229 rpm take 1.28 s
    host.roll(0.64)
    assert get(host, "velocity_trajectory") == pytest.approx(100, abs=2)
    assert 60 < get(host, "present_velocity") < 100
    host.roll(0.66)
    assert get(host, "velocity_trajectory") == 200
    host.roll(0.6)
    assert get(host, "present_velocity") == 200


def test_velocity_mode_with_a_ramp_by_time(host: Host) -> None:
    mode(host, VELOCITY, BY_TIME)
    put(host, "profile_acceleration", 1000)
    put(host, "goal_velocity", 100)
    host.roll(0.5)
    assert get(host, "velocity_trajectory") == pytest.approx(50, abs=1)
    host.roll(0.6)
    assert get(host, "velocity_trajectory") == 100


def test_an_acceleration_written_with_the_goal_counts_for_it(host: Host) -> None:
    mode(host, VELOCITY)
    both = (200).to_bytes(4, "little") + (10).to_bytes(4, "little")
    assert host.error(1, Instruction.WRITE, words(104) + both) == NONE
    host.roll(0.64)
    assert get(host, "velocity_trajectory") == pytest.approx(100, abs=2)


@pytest.mark.parametrize("drive", [0, REVERSE])
def test_position_mode_goes_there_and_stays_within_its_limits(host: Host, drive: int) -> None:
    assert put(host, "min_position_limit", 1000) == NONE
    assert put(host, "max_position_limit", 3000) == NONE
    mode(host, POSITION, drive)
    for far in (999, 3001, -1, 5000):
        assert put(host, "goal_position", far) == LIMIT
    assert put(host, "goal_position", 1500) == NONE
    host.roll(4)
    assert get(host, "present_position") == pytest.approx(1500, abs=NEAR)
    assert get(host, "position_trajectory") == 1500
    assert get(host, "moving") == 0
    assert get(host, "moving_status") == MovingStatus.IN_POSITION
    wheel = host.bus.left.motion.shaft_rad
    assert wheel * (-1 if drive else 1) == pytest.approx(1500 / 4096 * 2 * math.pi, abs=0.01)


def test_extended_position_mode_knows_turns_and_no_limits(host: Host) -> None:
    put(host, "max_position_limit", 100)
    mode(host, EXTENDED)
    assert put(host, "goal_position", 1_048_576) == RANGE
    assert put(host, "goal_position", -1_048_576) == RANGE
    assert put(host, "goal_position", -6000) == NONE
    host.roll(6)
    assert get(host, "present_position") == pytest.approx(-6000, abs=NEAR)


def test_a_trapezoidal_profile(host: Host) -> None:
    mode(host, EXTENDED)
    put(host, "profile_velocity", 100)
    put(host, "profile_acceleration", 10)
    put(host, "goal_position", 4096)
    # 100 units are 1563 pulses/s, reached after 64 * 100 / 10 ms; 4096 pulses take 2.62 + 0.64 s
    host.roll(0.32)
    assert get(host, "velocity_trajectory") == pytest.approx(50, abs=2)
    assert get(host, "position_trajectory") == pytest.approx(125, abs=10)
    host.roll(1.31)
    assert get(host, "velocity_trajectory") == 100
    assert get(host, "position_trajectory") == pytest.approx(2048, abs=10)
    expected = MovingStatus.PROFILE_ONGOING | MovingStatus.RECTANGULAR | MovingStatus.TRIANGULAR
    assert get(host, "moving_status") & ~MovingStatus.FOLLOWING_ERROR == expected
    assert get(host, "moving") == 1
    host.roll(1.7)
    assert get(host, "velocity_trajectory") == 0
    assert get(host, "position_trajectory") == 4096


@pytest.mark.parametrize(
    ("velocity", "acceleration", "goal", "drive", "kind"),
    [
        (0, 0, 2000, 0, 0),
        (0, 10, 2000, 0, 0),
        (100, 0, 2000, 0, MovingStatus.RECTANGULAR),
        (100, 10, 500, 0, MovingStatus.TRIANGULAR),
        (100, 10, 2000, 0, MovingStatus.RECTANGULAR | MovingStatus.TRIANGULAR),
        (2000, 0, 2000, BY_TIME, MovingStatus.RECTANGULAR),
        (2000, 500, 2000, BY_TIME, MovingStatus.RECTANGULAR | MovingStatus.TRIANGULAR),
    ],
)
def test_the_kind_of_a_profile(
    host: Host, velocity: int, acceleration: int, goal: int, drive: int, kind: int
) -> None:
    mode(host, EXTENDED, drive)
    put(host, "profile_velocity", velocity)
    put(host, "profile_acceleration", acceleration)
    put(host, "goal_position", goal)
    kinds = MovingStatus.RECTANGULAR | MovingStatus.TRIANGULAR
    assert get(host, "moving_status") & kinds == kind
    if drive == BY_TIME:
        host.roll(1.9)
        assert get(host, "moving_status") & MovingStatus.PROFILE_ONGOING
        assert get(host, "position_trajectory") < goal
        host.roll(0.11)
        assert not get(host, "moving_status") & MovingStatus.PROFILE_ONGOING
        assert get(host, "position_trajectory") == goal


def test_pwm_mode_is_a_part_of_the_speed_that_the_supply_gives(host: Host) -> None:
    mode(host, PWM)
    assert host.bus.wheel_goal_rad_s[0] == 0.0
    assert put(host, "goal_pwm", 443) == NONE
    host.roll(1)
    # 61 rpm at 12 V without load, so about 30 at half of it
    rpm = get(host, "present_velocity") * 0.229
    assert rpm == pytest.approx(61 * 11.8 / 12 * 443 / 885, rel=0.04)
    assert get(host, "present_pwm") == 443
    put(host, "goal_pwm", -443)
    host.roll(1)
    assert get(host, "present_velocity") < 0


def test_the_pwm_limit_and_goal_bound_every_mode(host: Host) -> None:
    assert put(host, "pwm_limit", 300) == NONE
    mode(host, VELOCITY)
    assert put(host, "goal_pwm", 301) == LIMIT
    put(host, "goal_velocity", 265)
    host.roll(1)
    full = 11.8 / 12 * 61 / 0.229
    assert get(host, "present_velocity") == pytest.approx(full * 300 / 885, rel=0.04)
    assert get(host, "present_pwm") == 300
    put(host, "goal_pwm", 100)
    host.roll(1)
    assert get(host, "present_velocity") == pytest.approx(full * 100 / 885, rel=0.04)


def test_load_and_pwm_say_what_the_motor_does(host: Host) -> None:
    mode(host, VELOCITY)
    assert (get(host, "present_load"), get(host, "present_pwm")) == (0, 0)
    put(host, "goal_velocity", 200)
    host.roll(0.06)
    pushing = get(host, "present_load")
    assert pushing > 500
    host.roll(2)
    assert 0 < get(host, "present_load") < pushing / 5
    assert 600 < get(host, "present_pwm") < 885
    put(host, "goal_velocity", -200)
    host.roll(0.01)
    assert get(host, "present_load") < -500
    put(host, "torque_enable", 0)
    assert (get(host, "present_load"), get(host, "present_pwm")) == (0, 0)


def test_moving_is_a_matter_of_the_threshold(host: Host) -> None:
    mode(host, VELOCITY)
    put(host, "goal_velocity", 50)
    host.roll(1)
    assert get(host, "moving") == 1
    put(host, "torque_enable", 0)
    put(host, "moving_threshold", 1000)
    put(host, "torque_enable", 1)
    host.roll(1)
    assert get(host, "present_velocity") == 50
    assert get(host, "moving") == 0


@pytest.mark.parametrize("drive", [0, REVERSE])
def test_homing_offset_adds_to_the_position_in_either_direction(host: Host, drive: int) -> None:
    put(host, "drive_mode", drive)
    put(host, "operating_mode", VELOCITY)
    at = get(host, "present_position")
    assert put(host, "homing_offset", 2000) == NONE
    assert get(host, "present_position") == at + 2000
    # in position mode only a quarter of a turn counts
    put(host, "operating_mode", POSITION)
    assert get(host, "present_position") == at
    put(host, "homing_offset", 1024)
    assert get(host, "present_position") == at + 1024


def test_position_mode_begins_within_one_turn(host: Host) -> None:
    mode(host, VELOCITY)
    put(host, "goal_velocity", -200)
    host.roll(5)
    put(host, "goal_velocity", 0)
    host.roll(1)
    at = get(host, "present_position")
    assert at < -4096
    put(host, "torque_enable", 0)
    assert get(host, "present_position") == at, "without torque it counts on"
    put(host, "operating_mode", EXTENDED)
    assert get(host, "present_position") == at
    put(host, "operating_mode", POSITION)
    assert get(host, "present_position") == at % 4096


def test_torque_takes_hold_where_the_shaft_is(host: Host) -> None:
    assert put(host, "goal_position", 2000) == NONE
    assert put(host, "torque_enable", 1) == NONE
    host.roll(0.5)
    assert get(host, "goal_position") == get(host, "present_position") == 0


def test_torque_by_goal_update(host: Host) -> None:
    put(host, "drive_mode", TORQUE_BY_GOAL)
    put(host, "goal_position", 500)
    assert get(host, "torque_enable") == 1
    host.roll(4)
    assert get(host, "present_position") == pytest.approx(500, abs=NEAR)


def test_reverse_turns_the_signs_of_all_that_moves(host: Host) -> None:
    mode(host, VELOCITY, REVERSE)
    put(host, "goal_velocity", 100)
    host.roll(1)
    assert host.bus.left.motion.shaft_rad_s == pytest.approx(-100 * MOTOR_UNIT_RAD_S, rel=0.01)
    for name in ("present_velocity", "present_position", "present_pwm", "present_load"):
        assert get(host, name) > 0


# --- hardware errors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "value", "error"),
    [
        ("min_voltage_limit", 119, VOLTAGE_ERROR),
        ("max_voltage_limit", 117, VOLTAGE_ERROR),
        ("temperature_limit", 34, HEAT_ERROR),
    ],
)
@pytest.mark.parametrize("shuts_down", [False, True])
def test_a_limit_that_is_passed_is_an_error(
    host: Host, limit: str, value: int, error: int, shuts_down: bool
) -> None:
    put(host, "shutdown", error if shuts_down else 0)
    fine = get(host, limit)
    put(host, limit, value)
    put(host, "torque_enable", 1)
    host.roll(0.02)
    (status,) = host.ask(1, Instruction.PING)
    assert status.parameters[0] == ALERT
    assert get(host, "hardware_error_status") == error
    assert get(host, "torque_enable") == int(not shuts_down)
    put(host, "torque_enable", 0)
    put(host, limit, fine)
    host.roll(0.02)
    if not shuts_down:
        assert get(host, "hardware_error_status") == 0
        return
    # only a reboot clears a shutdown
    assert get(host, "hardware_error_status") == error
    assert put(host, "torque_enable", 1) == ALERT | RESULT
    host.error(1, Instruction.REBOOT)
    host.roll(MOTOR_BOOT_S + 0.02)
    assert get(host, "hardware_error_status") == 0
    assert put(host, "torque_enable", 1) == NONE


def test_the_supply_is_measured(host: Host) -> None:
    host.bus.pins.battery_mv = 10_870
    host.roll(0.02)
    assert get(host, "present_input_voltage") == 109


def test_the_tick_counts_milliseconds_and_wraps(host: Host) -> None:
    before = get(host, "realtime_tick")
    host.roll(0.1)
    assert (get(host, "realtime_tick") - before) % 32768 == pytest.approx(100, abs=1)
    host.now_s = 32.768 * 5 + 0.005
    assert get(host, "realtime_tick") < 10


@pytest.mark.parametrize(
    ("value", "goal", "name"),
    [(VELOCITY, 100, "goal_velocity"), (PWM, 400, "goal_pwm"), (EXTENDED, 9999, "goal_position")],
)
def test_the_bus_watchdog_stops_every_mode_and_locks_all_goals(
    host: Host, value: int, goal: int, name: str
) -> None:
    mode(host, value)
    put(host, "profile_velocity", 200)
    put(host, name, goal)
    put(host, "bus_watchdog", 5)
    host.roll(0.5)
    assert host.bus.wheel_goal_rad_s[0] > 0
    host.bus.left.deaf = True
    host.roll(0.15)
    host.bus.left.deaf = False
    assert get(host, "bus_watchdog") == -1
    host.roll(1.5)
    assert get(host, "present_velocity") == 0
    assert (get(host, "profile_velocity"), get(host, "profile_acceleration")) == (0, 0)
    for each in ("goal_pwm", "goal_velocity", "goal_position"):
        assert put(host, each, 0) == RANGE
    assert put(host, "bus_watchdog", 0) == NONE
    assert put(host, name, goal) == NONE
    assert put(host, "bus_watchdog", 5) == NONE
    host.roll(0.2)
    assert host.bus.wheel_goal_rad_s[0] > 0


def test_the_board_knows_no_more_of_bulk_reads_than_of_others(host: Host) -> None:
    # a stop blocks commands to the motors, and passes reads
    assert host.write(BOARD_ID, BOARD, BoardRegister.ESTOP, 1) == NONE
    assert bulk_read(host, (BOARD_ID, 65, 1)) == encode_status(BOARD_ID, 0, b"\1")
    told = bytes([BOARD_ID]) + words(66, 1) + b"\x55"
    assert host.ask(BROADCAST, Instruction.BULK_WRITE, told) == []
    assert host.read(BOARD_ID, BOARD, BoardRegister.HEARTBEAT) == 0x55
