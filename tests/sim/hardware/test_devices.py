"""Board and motors as registers behind packets: errors, access rules, watchdogs, faults."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    XL430,
    BoardButton,
    BoardFault,
    BoardRegister,
    DriveMode,
    HardwareError,
    MotorMode,
    MotorRegister,
)
from pixelopolis.vehicle.speeds import MOTOR_UNIT_RAD_S
from sim.hardware.bus import BusFault, FaultKind, MotorLine, VirtualBus
from sim.hardware.dynamixel import ALERT, Instruction, Parser, StatusError, crc16, encode
from sim.hardware.motor import MOTOR_BOOT_S
from tests.support.bus_host import BROADCAST, Host, words


@pytest.fixture
def host() -> Host:
    return Host()


def test_motors_are_silent_until_powered_and_booted(host: Host) -> None:
    assert [p.id for p in host.ask(BROADCAST, Instruction.PING)] == [BOARD_ID]
    host.write(BOARD_ID, BOARD, BoardRegister.MOTOR_POWER, 1)
    assert host.ask(1, Instruction.PING) == []
    host.wait(MOTOR_BOOT_S + 0.01)
    pings = {p.id: p.parameters[1:] for p in host.ask(BROADCAST, Instruction.PING)}
    motor = words(XL430.model_number) + bytes([XL430.firmware_version])
    assert pings == {
        1: motor,
        2: motor,
        BOARD_ID: words(BOARD.model_number) + bytes([BOARD.firmware_version]),
    }


@pytest.mark.parametrize(
    ("instruction", "parameters", "error"),
    [
        (Instruction.READ, words(660, 4), StatusError.ACCESS),
        (Instruction.READ, words(300, 20), StatusError.ACCESS),
        (Instruction.READ, words(71, 2), StatusError.ACCESS),
        (Instruction.READ, words(64), StatusError.DATA_LENGTH),
        (Instruction.READ, words(64, 0), StatusError.ACCESS),
        (Instruction.WRITE, words(128) + bytes(4), StatusError.ACCESS),
        (Instruction.WRITE, words(66) + bytes(1), StatusError.ACCESS),
        (Instruction.WRITE, words(105) + bytes(2), StatusError.ACCESS),
        (Instruction.WRITE, words(104) + bytes(2), StatusError.DATA_LENGTH),
        (Instruction.WRITE, words(104), StatusError.DATA_LENGTH),
        (Instruction.WRITE, words(64) + b"\2", StatusError.DATA_RANGE),
        (Instruction.WRITE, words(11) + b"\2", StatusError.DATA_RANGE),
        (Instruction.WRITE, words(104) + bytes([10, 1, 0, 0]), StatusError.DATA_LIMIT),
        (Instruction.ACTION, b"", StatusError.INSTRUCTION),
        (0x77, b"", StatusError.INSTRUCTION),
        (Instruction.READ, words(70, 10), StatusError.NONE),
    ],
)
def test_status_errors(host: Host, instruction: int, parameters: bytes, error: StatusError) -> None:
    host.power()
    assert host.error(1, instruction, parameters) == error


def test_a_wrong_crc_is_answered_and_counted(host: Host) -> None:
    packet = bytearray(encode(BOARD_ID, Instruction.PING))
    packet[-1] ^= 1
    (status,) = Parser().feed(host.bus.receive(bytes(packet), host.now_s))
    assert status.parameters == bytes([StatusError.CRC])
    assert host.read(BOARD_ID, BOARD, BoardRegister.BAD_PACKETS) == 1


def test_a_refused_write_changes_nothing(host: Host) -> None:
    host.power()
    # led (65) is valid, 66 does not exist: neither is written
    assert host.error(1, Instruction.WRITE, words(64) + bytes([1, 1, 1])) == StatusError.ACCESS
    assert host.read(1, XL430, MotorRegister.TORQUE_ENABLE) == 0


def test_eeprom_is_locked_while_torque_is_on(host: Host) -> None:
    host.power()
    host.write(1, XL430, MotorRegister.TORQUE_ENABLE, 1)
    refused = host.write(1, XL430, MotorRegister.OPERATING_MODE, MotorMode.VELOCITY)
    assert refused == StatusError.ACCESS
    host.write(1, XL430, MotorRegister.TORQUE_ENABLE, 0)
    assert host.write(1, XL430, MotorRegister.OPERATING_MODE, MotorMode.VELOCITY) == 0


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 1023))
def test_goal_velocity_is_bound_by_the_velocity_limit(goal: int, limit: int) -> None:
    host = Host()
    host.power()
    assert host.write(1, XL430, MotorRegister.VELOCITY_LIMIT, limit) == 0
    error = host.write(1, XL430, MotorRegister.GOAL_VELOCITY, goal)
    assert error == (StatusError.NONE if abs(goal) <= limit else StatusError.DATA_LIMIT)


def test_wheels_turn_only_in_velocity_mode_with_torque(host: Host) -> None:
    host.power()
    assert host.write(1, XL430, MotorRegister.GOAL_VELOCITY, 100) == 0
    assert host.bus.wheel_goal_rad_s == (0.0, 0.0)
    host.write(1, XL430, MotorRegister.TORQUE_ENABLE, 1)
    # the factory setting is position control
    assert host.bus.wheel_goal_rad_s == (0.0, 0.0)
    host.write(1, XL430, MotorRegister.TORQUE_ENABLE, 0)
    host.write(1, XL430, MotorRegister.OPERATING_MODE, MotorMode.VELOCITY)
    host.write(1, XL430, MotorRegister.TORQUE_ENABLE, 1)
    # changing the mode cleared the goal
    assert host.bus.wheel_goal_rad_s == (0.0, 0.0)
    host.write(1, XL430, MotorRegister.GOAL_VELOCITY, 100)
    assert host.bus.wheel_goal_rad_s == pytest.approx((100 * MOTOR_UNIT_RAD_S, 0.0))


def test_the_right_motor_is_mirrored_until_its_drive_mode_is_reversed(host: Host) -> None:
    host.power()
    host.write(2, XL430, MotorRegister.OPERATING_MODE, MotorMode.VELOCITY)
    host.write(2, XL430, MotorRegister.TORQUE_ENABLE, 1)
    host.write(2, XL430, MotorRegister.GOAL_VELOCITY, 100)
    assert host.bus.right.wheel_goal_rad_s == pytest.approx(-100 * MOTOR_UNIT_RAD_S)
    host.bus.observe((0.0, -math.pi), (0.0, -1.0))
    assert host.read(2, XL430, MotorRegister.PRESENT_POSITION) == 2048
    host.write(2, XL430, MotorRegister.TORQUE_ENABLE, 0)
    host.write(2, XL430, MotorRegister.DRIVE_MODE, DriveMode.REVERSE)
    host.write(2, XL430, MotorRegister.TORQUE_ENABLE, 1)
    assert host.bus.right.wheel_goal_rad_s == pytest.approx(100 * MOTOR_UNIT_RAD_S)
    host.bus.observe((0.0, math.pi), (0.0, 1.0))
    assert host.read(2, XL430, MotorRegister.PRESENT_POSITION) == 2048
    assert host.read(2, XL430, MotorRegister.PRESENT_VELOCITY) == round(1 / MOTOR_UNIT_RAD_S)


def test_sync_write_and_sync_read(host: Host) -> None:
    host.drive(0)
    blocks = words(104, 4) + b"\1" + (50).to_bytes(4, "little") + b"\2" + (60).to_bytes(4, "little")
    assert host.ask(BROADCAST, Instruction.SYNC_WRITE, blocks) == []
    first, second = host.ask(BROADCAST, Instruction.SYNC_READ, words(104, 4) + b"\1\2")
    assert (first.id, second.id) == (1, 2)
    assert (first.parameters[1], second.parameters[1]) == (50, 60)


def test_fast_sync_read_is_one_packet_with_chained_crcs(host: Host) -> None:
    host.drive(7)
    asked = encode(BROADCAST, Instruction.FAST_SYNC_READ, words(104, 4) + b"\1\2")
    answer = host.bus.receive(asked, host.now_s)
    # header, id, length, status; then error, id, data and CRC of all before, for each motor
    assert answer[:8] == b"\xff\xff\xfd\x00\xfe\x11\x00\x55"
    assert answer[8:14] == bytes([0, 1, 7, 0, 0, 0])
    assert answer[14:16] == words(crc16(answer[:14]))
    assert answer[16:22] == bytes([0, 2, 7, 0, 0, 0])
    assert answer[22:] == words(crc16(answer[:22]))


def test_a_silent_motor_ends_the_fast_chain(host: Host) -> None:
    host.drive(0)
    asked = encode(BROADCAST, Instruction.FAST_SYNC_READ, words(104, 4) + b"\1\2")
    host.bus.fault = BusFault(FaultKind.SILENT_LEFT)
    assert host.bus.receive(asked, host.now_s) == b""
    host.bus.fault = BusFault(FaultKind.SILENT_RIGHT)
    assert len(host.bus.receive(asked, host.now_s)) == 16


def test_registered_writes_wait_for_action(host: Host) -> None:
    host.drive(0)
    for motor, units in ((1, 30), (2, 40)):
        data = words(104) + units.to_bytes(4, "little")
        assert host.error(motor, Instruction.REG_WRITE, data) == 0
    assert host.read(1, XL430, MotorRegister.REGISTERED_INSTRUCTION) == 1
    assert host.read(1, XL430, MotorRegister.GOAL_VELOCITY) == 0
    assert host.ask(BROADCAST, Instruction.ACTION) == []
    assert host.read(1, XL430, MotorRegister.GOAL_VELOCITY) == 30
    assert host.read(2, XL430, MotorRegister.GOAL_VELOCITY) == 40
    assert host.read(1, XL430, MotorRegister.REGISTERED_INSTRUCTION) == 0


def test_reboot_clears_ram_keeps_eeprom_and_forgets_turns(host: Host) -> None:
    host.drive(20)
    host.bus.observe((5 * math.pi, 0.0), (0.0, 0.0))
    assert host.read(1, XL430, MotorRegister.PRESENT_POSITION) == 10240
    assert host.error(1, Instruction.REBOOT) == 0
    assert host.ask(1, Instruction.PING) == []
    # in two steps, so that the board gets a packet in between
    host.wait(0.09)
    host.ask(BOARD_ID, Instruction.PING)
    host.wait(0.09)
    host.ask(BOARD_ID, Instruction.PING)
    host.wait(0.09)
    assert host.read(1, XL430, MotorRegister.TORQUE_ENABLE) == 0
    assert host.read(1, XL430, MotorRegister.OPERATING_MODE) == MotorMode.VELOCITY
    assert host.read(1, XL430, MotorRegister.PRESENT_POSITION) == 2048


@pytest.mark.parametrize(
    ("option", "device_id", "baud_code"), [(0xFF, 1, 1), (0x01, 2, 1), (0x02, 2, 3)]
)
def test_factory_reset_keeps_what_its_option_says(
    host: Host, option: int, device_id: int, baud_code: int
) -> None:
    host.power()
    host.write(2, XL430, MotorRegister.OPERATING_MODE, MotorMode.VELOCITY)
    host.bus.left.deaf = True  # otherwise two would have id 1
    # the old id answers
    assert host.error(2, Instruction.FACTORY_RESET, bytes([option])) == 0
    host.wait(MOTOR_BOOT_S + 0.01)
    if baud_code == 1:  # like a new motor it uses 57,600 bit/s
        assert host.ask(device_id, Instruction.PING) == []
        assert host.write(BOARD_ID, BOARD, BoardRegister.MOTOR_BAUD, baud_code) == 0
    assert host.read(device_id, XL430, MotorRegister.ID) == device_id
    assert host.read(device_id, XL430, MotorRegister.OPERATING_MODE) == MotorMode.POSITION


def test_an_unknown_factory_reset_and_one_of_everybodys_ids_change_nothing(host: Host) -> None:
    host.power()
    assert host.error(2, Instruction.FACTORY_RESET, b"\3") == StatusError.DATA_RANGE
    host.ask(BROADCAST, Instruction.FACTORY_RESET, b"\xff")
    assert [p.id for p in host.ask(BROADCAST, Instruction.PING)] == [1, 2, BOARD_ID]


def test_a_write_to_the_id_is_answered_by_the_old_one(host: Host) -> None:
    host.power()
    assert host.write(1, XL430, MotorRegister.ID, 5) == 0
    assert host.read(5, XL430, MotorRegister.ID) == 5


def test_a_hardware_error_drops_torque_and_raises_the_alert_bit(host: Host) -> None:
    host.drive(50)
    host.bus.left.fail(HardwareError.OVERLOAD)
    assert host.bus.wheel_goal_rad_s[0] == 0.0
    (status,) = host.ask(1, Instruction.PING)
    assert status.parameters[0] == ALERT
    assert host.read(1, XL430, MotorRegister.HARDWARE_ERROR_STATUS) == HardwareError.OVERLOAD
    refused = host.write(1, XL430, MotorRegister.TORQUE_ENABLE, 1)
    assert refused == ALERT | StatusError.RESULT_FAIL
    assert host.bus.wheel_goal_rad_s[1] != 0.0


@pytest.mark.parametrize("level", [0, 1, 2])
def test_status_return_level(host: Host, level: int) -> None:
    host.power()
    host.ask(1, Instruction.WRITE, words(68) + bytes([level]))
    assert len(host.ask(1, Instruction.PING)) == 1
    assert len(host.ask(1, Instruction.READ, words(64, 1))) == int(level >= 1)
    assert len(host.ask(1, Instruction.WRITE, words(65) + b"\1")) == int(level == 2)


def test_bus_watchdog_stops_locks_the_goals_and_is_cleared_by_zero(host: Host) -> None:
    host.drive(50)
    host.write(1, XL430, MotorRegister.BUS_WATCHDOG, 3)
    # the motor's cable is broken, so that only the other one gets packets
    host.bus.fault = BusFault(FaultKind.SILENT_LEFT)
    for _ in range(4):
        host.wait(0.02)
        host.ask(2, Instruction.PING)
    assert host.bus.wheel_goal_rad_s == pytest.approx((0.0, -50 * MOTOR_UNIT_RAD_S))
    host.bus.fault = BusFault()
    assert host.read(1, XL430, MotorRegister.BUS_WATCHDOG) == -1
    refused = host.write(1, XL430, MotorRegister.GOAL_VELOCITY, 40)
    assert refused == StatusError.DATA_RANGE
    assert host.write(1, XL430, MotorRegister.BUS_WATCHDOG, 0) == 0
    assert host.write(1, XL430, MotorRegister.GOAL_VELOCITY, 40) == 0


def test_a_silent_host_stops_and_then_releases_the_wheels(host: Host) -> None:
    host.drive(50)
    host.wait((BOARD[BoardRegister.HOST_TIMEOUT_MS].default or 0) / 1000 - 0.005)
    assert host.bus.wheel_goal_rad_s[0] > 0
    host.wait(0.01)
    assert host.bus.wheel_goal_rad_s == (0.0, 0.0)
    assert host.bus.left.torque
    host.wait(0.03)
    assert not host.bus.left.torque
    assert not host.bus.right.torque
    assert host.read(BOARD_ID, BOARD, BoardRegister.FAULT) == BoardFault.HOST_SILENT
    # it recovers when the host returns and switches torque on again
    assert host.write(BOARD_ID, BOARD, BoardRegister.FAULT, 0) == 0
    host.write(1, XL430, MotorRegister.TORQUE_ENABLE, 1)
    host.write(1, XL430, MotorRegister.GOAL_VELOCITY, 50)
    assert host.bus.wheel_goal_rad_s[0] > 0
    assert host.read(BOARD_ID, BOARD, BoardRegister.FAULT) == 0
    # and its watchdog runs again
    host.wait(0.12)
    assert host.bus.wheel_goal_rad_s[0] == 0


def test_any_valid_packet_is_a_sign_of_life_and_noise_is_none(host: Host) -> None:
    host.drive(50)
    for _ in range(10):
        host.wait(0.05)
        host.ask(1, Instruction.READ, words(64, 1))
    assert host.bus.wheel_goal_rad_s[0] > 0
    for _ in range(10):
        host.wait(0.05)
        host.bus.receive(b"\xff\xff\xfd\x00\x01\x03\x00\x01\x00\x00", host.now_s)
    assert host.bus.wheel_goal_rad_s[0] == 0


def test_an_emergency_stop_cuts_power_and_needs_a_release(host: Host) -> None:
    host.drive(50)
    assert host.write(BOARD_ID, BOARD, BoardRegister.ESTOP, 1) == 0
    assert host.bus.wheel_goal_rad_s == (0.0, 0.0)
    assert host.ask(1, Instruction.PING) == []
    assert host.read(BOARD_ID, BOARD, BoardRegister.MOTOR_POWER) == 0
    refused = host.write(BOARD_ID, BOARD, BoardRegister.MOTOR_POWER, 1)
    assert refused == StatusError.RESULT_FAIL
    host.bus.pins.buttons = BoardButton.ESTOP
    assert host.write(BOARD_ID, BOARD, BoardRegister.ESTOP, 0) == StatusError.RESULT_FAIL
    host.bus.pins.buttons = BoardButton(0)
    assert host.write(BOARD_ID, BOARD, BoardRegister.ESTOP, 0) == 0
    assert host.write(BOARD_ID, BOARD, BoardRegister.FAULT, 0) == 0
    host.power()
    assert len(host.ask(1, Instruction.PING)) == 1


def test_the_stop_button_works_without_the_host(host: Host) -> None:
    host.drive(50)
    host.bus.pins.buttons = BoardButton.ESTOP
    host.wait(0.005)
    assert host.bus.wheel_goal_rad_s == (0.0, 0.0)
    assert host.read(BOARD_ID, BOARD, BoardRegister.FAULT) & BoardFault.ESTOP
    assert host.read(BOARD_ID, BOARD, BoardRegister.BUTTONS) == BoardButton.ESTOP


def test_a_low_battery_warns_and_an_empty_one_cuts_the_power(host: Host) -> None:
    host.power()
    host.bus.pins.battery_mv = 10100
    host.wait(0.005)
    assert host.read(BOARD_ID, BOARD, BoardRegister.FAULT) == BoardFault.BATTERY_LOW
    assert host.read(BOARD_ID, BOARD, BoardRegister.BATTERY_MV) == 10100
    assert len(host.ask(1, Instruction.PING)) == 1
    host.bus.pins.battery_mv = 9500
    host.wait(0.005)
    assert host.ask(1, Instruction.PING) == []
    # a fault whose cause remains comes back
    host.write(BOARD_ID, BOARD, BoardRegister.FAULT, 0)
    expected = BoardFault.BATTERY_LOW | BoardFault.BATTERY_EMPTY
    assert host.read(BOARD_ID, BOARD, BoardRegister.FAULT) == expected


def test_lost_packets_follow_the_seed() -> None:
    def answers(seed: int) -> list[bool]:
        host = Host(VirtualBus(seed))
        host.bus.fault = BusFault(FaultKind.LOST_PACKETS, 0.3)
        return [bool(host.ask(BOARD_ID, Instruction.PING)) for _ in range(200)]

    assert answers(1) == answers(1)
    assert answers(1) != answers(2)
    # lost in either direction: 0.7 * 0.7 arrive
    assert 70 < sum(answers(1)) < 130


@given(st.binary(max_size=200), st.integers(0, 255), st.sampled_from([1, 2, 200, 254]))
def test_no_packet_breaks_the_devices(parameters: bytes, instruction: int, device: int) -> None:
    host = Host()
    host.power()
    host.ask(device, instruction, parameters)
    host.wait(0.3)
    assert len(host.ask(BOARD_ID, Instruction.PING)) == 1


def test_a_plain_adapter_reaches_only_motors_of_its_own_rate() -> None:
    line = MotorLine()
    line.set_power(True, 0.0)
    line.left[MotorRegister.BAUD_RATE] = 1
    ping = encode(BROADCAST, Instruction.PING)

    def heard(baud: int | None) -> list[int]:
        return [packet.id for packet in Parser().feed(line.receive(ping, 1.0, baud))]

    assert (heard(57_600), heard(1_000_000), heard(9_600), heard(None)) == ([1], [2], [], [])


def test_the_board_hears_its_own_rate_only(host: Host) -> None:
    ping = encode(BOARD_ID, Instruction.PING)
    assert host.bus.receive(ping, host.now_s, 57_600) == b""
    assert host.bus.receive(ping, host.now_s, 1_000_000) != b""


def test_two_motors_with_one_id_do_the_same_and_spoil_each_others_answers(host: Host) -> None:
    host.power()
    host.bus.right["id"] = 1
    assert [packet.id for packet in host.ask(1, Instruction.PING)] == [1]
    assert host.write(1, XL430, MotorRegister.OPERATING_MODE, MotorMode.VELOCITY) == 0
    for motor in host.bus.motors:
        assert motor[MotorRegister.OPERATING_MODE] == MotorMode.VELOCITY
    host.bus.observe((0.0, 1.3), (0.0, 0.0))
    address, length = XL430.block(MotorRegister.PRESENT_POSITION, MotorRegister.PRESENT_POSITION)
    where = address.to_bytes(2, "little") + length.to_bytes(2, "little")
    assert not any(packet.crc_ok for packet in host.ask(1, Instruction.READ, where))


def test_the_boards_battery_gain_corrects_its_voltage_and_its_limits(host: Host) -> None:
    host.bus.pins.battery_mv = 9500
    host.wait(0.005)
    assert host.read(BOARD_ID, BOARD, BoardRegister.FAULT) & BoardFault.BATTERY_EMPTY
    assert host.write(BOARD_ID, BOARD, BoardRegister.BATTERY_GAIN, 1100) == 0
    assert host.read(BOARD_ID, BOARD, BoardRegister.BATTERY_MV) == 10450
    assert host.write(BOARD_ID, BOARD, BoardRegister.FAULT, 0) == 0
    host.wait(0.005)
    assert host.read(BOARD_ID, BOARD, BoardRegister.FAULT) == 0
    assert host.write(BOARD_ID, BOARD, BoardRegister.BATTERY_GAIN, 1300) == StatusError.DATA_RANGE


def test_while_the_board_stops_the_wheels_no_command_reaches_them(host: Host) -> None:
    host.drive(50)
    host.wait(0.105)
    assert host.bus.wheel_goal_rad_s == (0.0, 0.0)
    goal = words(104) + (50).to_bytes(4, "little")
    assert host.ask(1, Instruction.WRITE, goal) == []
    assert len(host.ask(1, Instruction.PING)) == 1
    assert host.bus.wheel_goal_rad_s == (0.0, 0.0)
    host.wait(0.03)
    assert len(host.ask(1, Instruction.WRITE, goal)) == 1


def test_a_damaged_packet_reaches_no_motor(host: Host) -> None:
    host.power()
    packet = bytearray(encode(1, Instruction.PING))
    packet[-1] ^= 1
    assert host.bus.receive(bytes(packet), host.now_s) == b""


def test_a_host_that_is_gone_loses_the_motors_power(host: Host) -> None:
    host.power()
    host.wait(4.7)
    assert host.bus.motor_power
    host.wait(0.2)
    assert not host.bus.motor_power


def test_buttons_switch_the_power_and_restart_the_board(host: Host) -> None:
    pins = host.bus.pins
    pins.buttons = BoardButton.USER
    host.wait(0.05)
    assert host.bus.motor_power
    assert host.write(BOARD_ID, BOARD, BoardRegister.HEARTBEAT, 3) == 0
    pins.buttons = BoardButton.RESET
    host.wait(0.05)
    assert not host.bus.motor_power
    assert host.read(BOARD_ID, BOARD, BoardRegister.HEARTBEAT) == 0


def test_the_rate_of_the_bus_stays_while_a_motor_has_torque(host: Host) -> None:
    host.drive(0)
    refused = host.write(BOARD_ID, BOARD, BoardRegister.MOTOR_BAUD, 1)
    assert refused == StatusError.RESULT_FAIL
    assert host.write(BOARD_ID, BOARD, BoardRegister.MOTOR_BAUD, 3) == 0
