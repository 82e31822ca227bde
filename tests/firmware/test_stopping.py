"""When the board stops the wheels by itself, and which commands it then passes."""

import pytest

from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    XL430,
    BoardButton,
    BoardFault,
    BoardRegister,
    MotorRegister,
)
from sim.hardware.dynamixel import Instruction, Parser, encode, encode_status
from tests.support.firmware_core import Core, words, write_parameters

BROADCAST = 254


def sync_of_zeros(name: str) -> bytes:
    register = XL430[name]
    blocks = b"".join(bytes([motor]) + bytes(register.size) for motor in (1, 2))
    where = words(register.address, register.size)
    return encode(BROADCAST, Instruction.SYNC_WRITE, where + blocks)


SILENT_MS = BOARD[BoardRegister.HOST_TIMEOUT_MS].default or 0
STOP = sync_of_zeros(MotorRegister.GOAL_VELOCITY)
RELEASE = sync_of_zeros(MotorRegister.TORQUE_ENABLE)
GOAL = encode(1, Instruction.WRITE, write_parameters(XL430, MotorRegister.GOAL_VELOCITY, 50))
TORQUE_ON = encode(1, Instruction.WRITE, write_parameters(XL430, MotorRegister.TORQUE_ENABLE, 1))
PING_BOARD = encode(BOARD_ID, Instruction.PING)
OK = encode_status(1, 0)


def driving(start_us: int = 0) -> Core:
    core = Core(start_us)
    core.drive()
    core.from_host(PING_BOARD)
    core.step()
    core.to_host()
    return core


# near the end of the 32-bit clock, so that every wait wraps around it
@pytest.mark.parametrize("start_us", [0, 2**32 - 50_000, 2**32 - 110_000])
def test_a_silent_host_stops_and_then_releases_the_wheels(start_us: int) -> None:
    core = driving(start_us)
    assert core.wait(SILENT_MS)[1] == b""
    assert core.wait(1)[1] == STOP
    assert core.wait(19)[1] == b""
    assert core.wait(1)[1] == RELEASE
    assert core.driven
    core.wait(1)
    assert not core.driven
    # once is enough
    assert core.wait(1000)[1] == b""
    assert core.read(BoardRegister.FAULT) == BoardFault.HOST_SILENT
    assert core.write(BoardRegister.FAULT, 0) == 0
    assert core.read(BoardRegister.FAULT) == 0


def test_it_watches_again_after_the_host_came_back() -> None:
    core = driving()
    core.wait(200)
    core.write_motor(1, MotorRegister.TORQUE_ENABLE, 1)
    core.to_host()
    assert core.wait(SILENT_MS - 3)[1] == b""
    assert core.wait(2)[1] == STOP


def test_any_valid_packet_is_a_sign_of_life_and_noise_is_none() -> None:
    core = driving()
    for _ in range(10):
        core.wait(60)
        core.send(7, Instruction.PING)
        assert core.to_motors() == encode(7, Instruction.PING)
    for _ in range(2):
        core.wait(SILENT_MS // 2)
        core.from_host(PING_BOARD[:-1] + b"\0" + encode_status(BOARD_ID, 0))
    assert core.wait(1)[1] == STOP


def test_a_late_step_takes_no_living_host_for_a_silent_one() -> None:
    core = driving()
    # the port was delayed while the host continued
    core.now_us += 500_000
    core.from_host(PING_BOARD)
    core.step()
    assert core.wait(SILENT_MS)[1] == b""
    assert core.wait(1)[1] == STOP


def test_a_board_that_drives_nobody_watches_nobody() -> None:
    core = Core()
    core.write(BoardRegister.MOTOR_POWER, 1)
    assert core.wait(1000)[1] == b""
    assert core.read(BoardRegister.FAULT) == 0


def test_a_host_that_is_gone_loses_the_motors_power() -> None:
    core = Core()
    core.write(BoardRegister.MOTOR_POWER, 1)
    core.wait(5000)
    assert core.out.motor_power
    core.wait(1)
    assert not core.out.motor_power
    # the user cannot return control, the host can
    core.inputs.buttons = BoardButton.USER
    core.wait(30)
    assert not core.out.motor_power
    assert core.read(BoardRegister.MOTOR_POWER) == 0
    assert core.write(BoardRegister.MOTOR_POWER, 1) == 0
    assert core.out.motor_power


def test_a_host_that_went_long_ago_is_still_gone_when_the_clock_has_wrapped() -> None:
    core = Core()
    core.write(BoardRegister.MOTOR_POWER, 1)
    core.wait(6000, 10_000)
    # the clock wraps to shortly after the last packet
    core.now_us += 2**32 - 5_990_000
    core.step()
    core.inputs.buttons = BoardButton.USER
    core.wait(30)
    assert not core.out.motor_power


# --- priority of the board's stop -----------------------------------------------------------------


@pytest.mark.parametrize("command", [GOAL, TORQUE_ON, encode(BROADCAST, 0x93), encode(1, 0x08)])
def test_no_command_passes_from_the_stop_until_the_release_has_left(command: bytes) -> None:
    core = driving()
    passed = core.wait(SILENT_MS + 1)[1]
    assert passed == STOP
    # the host returns at the worst moment
    for _ in range(19):
        core.from_host(command)
        passed = core.wait(1)[1]
        assert passed == b""
    core.from_host(command)
    assert core.wait(1)[1] == RELEASE
    core.inputs.motor_transmit_idle = False
    core.from_host(command)
    assert core.wait(1)[1] == b""
    core.inputs.motor_transmit_idle = True
    core.step()
    # the last one waited for our own packet, which has been sent
    assert core.to_motors() == command
    assert core.wait(5)[1] == b""
    core.from_host(command)
    core.step()
    assert core.to_motors() == command


def test_questions_pass_while_the_wheels_are_stopped() -> None:
    core = driving()
    core.wait(SILENT_MS + 1)
    for question in (
        encode(1, Instruction.PING),
        encode(1, Instruction.READ, words(128, 4)),
        encode(BROADCAST, Instruction.SYNC_READ, words(128, 4) + b"\1\2"),
        encode(BROADCAST, Instruction.FAST_SYNC_READ, words(128, 4) + b"\1\2"),
    ):
        core.from_host(question)
        assert core.wait(3)[1] == question


def test_the_boards_own_part_of_a_packet_to_all_is_done_though_motors_do_not_get_it() -> None:
    core = driving()
    core.wait(SILENT_MS + 1)
    heartbeat = words(66, 1) + bytes([BOARD_ID, 77, 1, 0])
    core.send(BROADCAST, Instruction.SYNC_WRITE, heartbeat)
    assert core.to_motors() == b""
    assert core.read(BoardRegister.HEARTBEAT) == 77


def test_a_stop_waits_for_the_packet_before_it_to_leave() -> None:
    core = driving()
    core.inputs.motor_transmit_idle = False
    core.from_host(GOAL)
    core.step()
    assert core.to_motors(5) == GOAL[:5]
    core.now_us += 150_000
    core.step()
    assert core.to_motors(3) == GOAL[5:8]
    core.now_us += 1000
    core.step()
    assert core.to_motors() == GOAL[8:]
    core.now_us += 1000
    core.inputs.motor_transmit_idle = True
    core.step()
    # wait briefly for the answer to the passed packet
    assert core.wait(1)[1] == b""
    core.from_motors(OK)
    assert core.wait(1) == (OK, STOP)


def test_a_stop_waits_no_longer_than_10_ms_for_a_babbling_bus() -> None:
    core = driving()
    core.wait(SILENT_MS - 5)
    core.from_host(encode(1, Instruction.PING))
    core.step()
    core.to_motors()
    core.inputs.buttons = BoardButton.ESTOP
    sent = {}
    for millisecond in range(1, 21):
        core.from_motors(b"\x00\x11\x22")
        if passed := core.wait(1)[1]:
            sent[millisecond] = passed
    # pressed for certain after 4 ms
    assert sent == {14: STOP}
    for millisecond in range(21, 40):
        core.from_motors(b"\x00\x11\x22")
        if passed := core.wait(1)[1]:
            sent[millisecond] = passed
    assert sent == {14: STOP, 24: RELEASE}


def test_a_second_cause_does_not_begin_a_stop_anew() -> None:
    core = driving()
    assert core.wait(SILENT_MS + 1)[1] == STOP
    core.inputs.buttons = BoardButton.ESTOP
    assert core.wait(20)[1] == RELEASE
    assert not core.out.motor_power
    assert core.wait(200)[1] == b""


# --- emergency stop -------------------------------------------------------------------------------


def test_an_emergency_stop_cuts_power_stops_the_motors_and_stays() -> None:
    core = driving()
    assert core.write(BoardRegister.ESTOP, 1) == 0
    assert not core.out.motor_power
    assert core.to_motors() == STOP
    assert core.read(BoardRegister.MOTOR_POWER) == 0
    assert core.read(BoardRegister.FAULT) == BoardFault.ESTOP
    for _ in range(30):
        core.from_host(GOAL)
        assert core.wait(1)[1] in (b"", RELEASE)
    # it is latched: no command passes and no power comes on
    core.from_host(TORQUE_ON + PING_BOARD)
    assert core.wait(5)[1] == b""
    assert core.write(BoardRegister.MOTOR_POWER, 1) == 1
    assert core.write(BoardRegister.FAULT, 0) == 0
    assert core.read(BoardRegister.FAULT) == BoardFault.ESTOP
    assert core.write(BoardRegister.ESTOP, 0) == 0
    assert core.write(BoardRegister.FAULT, 0) == 0
    assert core.read(BoardRegister.FAULT) == 0
    assert core.write(BoardRegister.MOTOR_POWER, 1) == 0
    assert core.out.motor_power
    core.from_host(GOAL)
    assert core.wait(1)[1] == GOAL


def test_power_that_was_off_anyway_makes_no_stop() -> None:
    core = Core()
    core.write(BoardRegister.ESTOP, 1)
    assert core.wait(50)[1] == b""


def test_the_stop_button_needs_no_host_and_is_not_released_while_pressed() -> None:
    core = driving()
    core.inputs.buttons = BoardButton.ESTOP
    core.wait(2)
    assert core.out.motor_power
    core.wait(2)
    assert not core.out.motor_power
    assert core.write(BoardRegister.ESTOP, 0) == 1
    assert core.read(BoardRegister.BUTTONS) == BoardButton.ESTOP
    # letting it go does not release it
    core.inputs.buttons = 0
    core.wait(19)
    assert core.write(BoardRegister.ESTOP, 0) == 1
    core.wait(2)
    assert core.read(BoardRegister.ESTOP) == 1
    assert core.write(BoardRegister.ESTOP, 0) == 0


def test_a_restart_does_not_cut_a_stop_short() -> None:
    core = driving()
    assert core.wait(SILENT_MS + 1)[1] == STOP
    core.send(BOARD_ID, Instruction.REBOOT)
    assert not core.out.motor_power
    core.from_host(GOAL)
    assert core.wait(20)[1] == RELEASE


# --- the board's knowledge of torque --------------------------------------------------------------


def drives_a_motor(*sent: bytes | tuple[bytes, bytes]) -> bool:
    """Pass packets, with the motors' answers to some; return whether a motor is driven."""
    core = Core()
    core.write(BoardRegister.MOTOR_POWER, 1)
    for packet in sent:
        asked, answer = packet if isinstance(packet, tuple) else (packet, b"")
        core.from_host(asked)
        core.wait(1)
        core.from_motors(answer)
        core.wait(3)
    return core.driven


def motor(instruction: int, parameters: bytes = b"", device: int = 1) -> bytes:
    return encode(device, instruction, parameters)


def torque(value: int, device: int = 1, instruction: int = Instruction.WRITE) -> bytes:
    return motor(instruction, words(64) + bytes([value]), device)


def bulk_write(*parts: bytes) -> bytes:
    return motor(Instruction.BULK_WRITE, b"".join(parts), BROADCAST)


def bulk_read(*parts: bytes) -> bytes:
    return motor(Instruction.BULK_READ, b"".join(parts), BROADCAST)


READ_TORQUE = motor(Instruction.READ, words(64, 1))
STILL_ON = encode_status(1, 0, b"\1")
READ_DRIVE_MODE = motor(Instruction.READ, words(10, 1))
HARMLESS = (READ_DRIVE_MODE, encode_status(1, 0, b"\1"))
TORQUE_OFF_ANSWER = (READ_TORQUE, encode_status(1, 0, b"\0"))
"""An answer that torque is off."""
ARMING = (READ_DRIVE_MODE, encode_status(1, 0, b"\x08"))
GOAL_PWM = motor(Instruction.WRITE, words(100, 1))
GOAL_POSITION = motor(Instruction.WRITE, words(116, 1, 0))
ACTION = motor(Instruction.ACTION)
FULL = motor(Instruction.PING, b"\1" * 12, 7)
"""Leaves ones in the parser's buffer."""


@pytest.mark.parametrize(
    ("sent", "driven"),
    [
        ([], False),
        ([torque(1)], True),
        ([torque(1, 2)], True),
        ([torque(1, 3)], False),
        ([torque(0)], False),
        ([torque(1, BROADCAST)], True),
        ([motor(Instruction.WRITE, words(65) + b"\1")], False),
        ([motor(Instruction.WRITE, words(63) + b"\0\1")], True),
        ([motor(Instruction.WRITE, b"\x40")], False),
        # only the motor's own answer clears torque
        ([torque(1), torque(0)], True),
        ([torque(1), (torque(0), OK)], False),
        ([torque(1), (torque(0), encode_status(1, 0x80))], False),
        ([torque(1), (torque(0), encode_status(1, 7))], True),
        ([torque(1), (torque(0), encode_status(2, 0))], True),
        ([torque(1), (torque(0, 2), OK)], True),
        # address 64 of the board is the motors' power
        ([torque(1), torque(0, BROADCAST)], False),
        ([torque(1), (motor(Instruction.WRITE, words(63) + b"\0\0", BROADCAST), OK)], True),
        ([torque(1), (torque(0), encode_status(1, 0, b"\0"))], True),
        ([torque(1), torque(0), (motor(Instruction.PING), OK)], True),
        ([torque(1), (motor(Instruction.WRITE, words(64) + b"\0\0"), OK)], True),
        ([torque(1), (motor(Instruction.WRITE, words(65) + b"\0"), OK)], True),
        ([torque(1), torque(1, 2), (torque(0), OK)], True),
        ([torque(1), (READ_TORQUE, encode_status(1, 0, b"\0"))], False),
        ([torque(1), (READ_TORQUE, encode_status(1, 0, b"\1"))], True),
        ([(READ_TORQUE, encode_status(1, 0, b"\1"))], True),
        ([torque(1), (READ_TORQUE, encode_status(1, 7, b"\0"))], True),
        ([torque(1), (READ_TORQUE, encode_status(1, 0, b"\0\0"))], True),
        ([torque(1), (READ_TORQUE, encode_status(1, 0))], True),
        ([torque(1), (READ_TORQUE, encode(1, Instruction.STATUS))], True),
        ([torque(1), (READ_DRIVE_MODE, encode_status(1, 0, b"\0"))], True),
        # an answer belongs to the last packet, not to an earlier read
        ([(READ_TORQUE, STILL_ON), (motor(Instruction.PING), encode_status(1, 0, b"\0"))], True),
        (
            [
                torque(1),
                (
                    motor(Instruction.SYNC_READ, words(63, 2) + b"\1", BROADCAST),
                    encode_status(1, 0, b"\0\0"),
                ),
            ],
            False,
        ),
        # goals count, unless the motor has answered that they switch nothing on
        ([GOAL], True),
        ([GOAL_PWM], True),
        ([GOAL_POSITION], True),
        ([motor(Instruction.WRITE, words(107) + b"\0")], True),
        ([motor(Instruction.WRITE, words(108) + b"\0")], False),
        ([motor(Instruction.WRITE, words(99) + b"\0")], False),
        ([HARMLESS, TORQUE_OFF_ANSWER, GOAL], False),
        ([TORQUE_OFF_ANSWER, HARMLESS, GOAL_PWM, GOAL_POSITION], False),
        ([HARMLESS, (torque(0), OK), GOAL], False),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.WRITE, words(100, 0), 2)], True),
        ([ARMING, TORQUE_OFF_ANSWER, GOAL], True),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.WRITE, words(10) + b"\x08"), GOAL], True),
        (
            [HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.REG_WRITE, words(10) + b"\x09"), GOAL],
            True,
        ),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.WRITE, words(10) + b"\1"), GOAL], False),
        # nor do they if torque may have come with its start
        ([HARMLESS, GOAL], True),
        ([HARMLESS, torque(0), GOAL], True),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.REBOOT), GOAL], True),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.FACTORY_RESET, b"\1"), GOAL], True),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.BACKUP, b"\2CTRL"), GOAL], True),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.CLEAR, b"\1DXL\x22"), GOAL], False),
        # indirect data may refer to anything
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.WRITE, words(224) + b"\0")], True),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.WRITE, words(251) + b"\0")], True),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.WRITE, words(634) + b"\0")], True),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.WRITE, words(661) + b"\0")], True),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.WRITE, words(222, 64))], False),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.WRITE, words(252) + b"\0")], False),
        ([HARMLESS, TORQUE_OFF_ANSWER, motor(Instruction.WRITE, words(632, 64))], False),
        ([motor(Instruction.WRITE, words(10) + b"\1"), GOAL], True),
        # registered writes take effect with the action
        ([torque(1, instruction=Instruction.REG_WRITE)], False),
        ([torque(1, instruction=Instruction.REG_WRITE), ACTION], True),
        ([torque(1, instruction=Instruction.REG_WRITE), motor(Instruction.ACTION, b"", 254)], True),
        ([torque(1, instruction=Instruction.REG_WRITE), motor(Instruction.ACTION, b"", 2)], False),
        ([torque(0, instruction=Instruction.REG_WRITE), ACTION], False),
        ([torque(1), ACTION], True),
        # several at once
        ([motor(Instruction.SYNC_WRITE, words(64, 1) + b"\2\1", BROADCAST)], True),
        ([motor(Instruction.SYNC_WRITE, words(64, 1) + b"\7\1\1\0", BROADCAST)], False),
        ([motor(Instruction.SYNC_WRITE, words(64, 1) + b"\7\1\1\1", BROADCAST)], True),
        ([motor(Instruction.SYNC_WRITE, words(64, 1) + b"\1", BROADCAST)], False),
        ([motor(Instruction.SYNC_WRITE, words(64), BROADCAST)], False),
        # earlier content of the buffer does not matter
        (
            [motor(0x01, b"\1" * 12, 7), motor(Instruction.SYNC_WRITE, words(64, 1) + b"\1", 254)],
            False,
        ),
        ([motor(0x01, b"\1" * 12, 7), motor(Instruction.WRITE, words(64))], False),
        ([torque(1), motor(Instruction.SYNC_WRITE, words(64, 1) + b"\1\0", BROADCAST)], True),
        # reads and restarts enable no torque; unknown instructions may
        ([motor(Instruction.PING), READ_TORQUE, motor(Instruction.REBOOT)], False),
        ([motor(Instruction.FACTORY_RESET, b"\xff")], False),
        ([motor(Instruction.SYNC_READ, words(64, 1) + b"\1", BROADCAST)], False),
        ([motor(Instruction.FAST_SYNC_READ, words(64, 1) + b"\1", BROADCAST)], False),
        ([motor(0x92, b"\1" + words(64, 1), BROADCAST)], False),
        ([motor(0x9A, b"\1" + words(64, 1), BROADCAST)], False),
        ([bulk_write(b"\1" + words(64, 1) + b"\1")], True),
        ([bulk_write(b"\1" + words(64, 1) + b"\0")], False),
        ([bulk_write(b"\7" + words(64, 1) + b"\1", b"\1" + words(65, 1) + b"\1")], False),
        ([bulk_write(b"\7" + words(65, 2, 0), b"\2" + words(64, 1) + b"\1")], True),
        ([bulk_write(b"\1" + words(64, 2) + b"\1")], False),
        ([bulk_write(b"\1" + words(64))], False),
        ([motor(0x77)], True),
        ([motor(0x77, b"", 3)], False),
        # the read of each motor, and only if it was a single one
        (
            [
                torque(1),
                (bulk_read(b"\2" + words(0, 1), b"\1" + words(64, 1)), TORQUE_OFF_ANSWER[1]),
            ],
            False,
        ),
        ([torque(1), (bulk_read(b"\1" + words(65, 1)), TORQUE_OFF_ANSWER[1])], True),
        ([torque(1), (bulk_read(b"\2" + words(64, 1)), TORQUE_OFF_ANSWER[1])], True),
        (
            [
                torque(1),
                (bulk_read(b"\1" + words(64, 1), b"\1" + words(65, 1)), TORQUE_OFF_ANSWER[1]),
            ],
            True,
        ),
    ],
)
def test_what_the_board_takes_its_motors_for(sent: list[bytes], driven: bool) -> None:
    assert drives_a_motor(*sent) == driven


def test_without_power_there_is_no_torque_and_no_knowledge() -> None:
    core = Core()
    core.write(BoardRegister.MOTOR_POWER, 1)
    for asked, answer in (HARMLESS, TORQUE_OFF_ANSWER):
        core.from_host(asked)
        core.wait(1)
        core.from_motors(answer)
        core.wait(1)
    core.send(1, Instruction.REG_WRITE, words(64) + b"\1")
    core.wait(3)
    core.send(1, Instruction.WRITE, words(64) + b"\1")
    core.wait(3)
    core.write(BoardRegister.MOTOR_POWER, 0)
    assert not core.driven
    core.wait(501)
    core.write(BoardRegister.MOTOR_POWER, 1)
    core.send(1, Instruction.ACTION)
    core.wait(3)
    assert not core.driven
    # another motor may be connected now
    core.from_host(GOAL)
    core.wait(3)
    assert core.driven


def test_motors_whose_power_is_soon_back_may_never_have_lost_torque() -> None:
    core = driving()
    for _ in range(3):  # switching off twice is the same as once
        core.write(BoardRegister.MOTOR_POWER, 0)
        core.write(BoardRegister.MOTOR_POWER, 0)
        core.wait(400)
        assert not core.driven
        core.write(BoardRegister.MOTOR_POWER, 1)
        assert core.driven
    core.write(BoardRegister.MOTOR_POWER, 0)
    core.wait(501)
    core.write(BoardRegister.MOTOR_POWER, 1)
    assert not core.driven
    # switching on again changes nothing
    core.send(1, Instruction.WRITE, words(64) + b"\1")
    core.wait(3)
    core.write(BoardRegister.MOTOR_POWER, 1)
    assert core.driven


def test_after_a_cut_a_goal_may_drive_again() -> None:
    core = Core()
    core.write(BoardRegister.MOTOR_POWER, 1)
    for asked, answer in (HARMLESS, TORQUE_OFF_ANSWER):
        core.from_host(asked)
        core.wait(1)
        core.from_motors(answer)
        core.wait(1)
    core.write(BoardRegister.ESTOP, 1)
    core.write(BoardRegister.ESTOP, 0)
    core.write(BoardRegister.MOTOR_POWER, 1)
    core.from_host(GOAL)
    core.wait(3)
    assert core.driven


def test_the_rate_of_the_bus_stays_while_a_motor_may_be_driven() -> None:
    core = driving()
    assert core.write(BoardRegister.MOTOR_BAUD, 1) == 1
    assert core.write(BoardRegister.MOTOR_BAUD, 3) == 0
    assert core.out.motor_baud == 1_000_000
    core.write(BoardRegister.MOTOR_POWER, 0)
    for code, baud in enumerate((9_600, 57_600, 115_200, 1_000_000, 2_000_000)):
        assert core.write(BoardRegister.MOTOR_BAUD, code) == 0
        assert core.out.motor_baud == baud
    assert Parser().feed(core.to_host()) == []
