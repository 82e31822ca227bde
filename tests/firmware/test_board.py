"""The board itself: registers, battery, buttons, power, fan, LEDs, clock."""

from itertools import pairwise

import pytest

from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    BoardButton,
    BoardFault,
    BoardLed,
    BoardRegister,
)
from sim.hardware.dynamixel import Instruction, encode, encode_status
from tests.support.firmware_core import FULL_MV, Core, words, write_parameters

BROADCAST = 254


def live(core: Core, milliseconds: int) -> None:
    """Let time pass with an active host."""
    for _ in range(milliseconds // 50):
        core.send(BOARD_ID, Instruction.PING)
        core.wait(50)


# --- registers ------------------------------------------------------------------------------------


def test_it_says_what_it_is_and_how_it_is_set() -> None:
    core = Core()
    for register in BOARD:
        if register.default is not None:
            assert core.read(register.name) == register.default
    assert core.read(BoardRegister.BATTERY_MV) == FULL_MV


def test_the_whole_table_is_read_at_once() -> None:
    core = Core()
    (status,) = core.ask(BOARD_ID, Instruction.READ, words(0, BOARD.size))
    assert len(status.parameters) == 1 + BOARD.size
    (refused,) = core.ask(BOARD_ID, Instruction.READ, words(0, BOARD.size + 1))
    assert refused.parameters == b"\7"


@pytest.mark.parametrize(
    ("instruction", "parameters", "error"),
    [
        (Instruction.READ, words(64), 5),
        (Instruction.READ, words(64, 1) + b"\0", 5),
        (Instruction.READ, words(64, 0), 7),
        (Instruction.READ, words(73, 0), 7),
        (Instruction.READ, words(8, 8), 7),
        (Instruction.READ, words(8, 9), 0),
        (Instruction.READ, words(7, 1), 0),
        (Instruction.READ, words(88, 1), 7),
        (Instruction.READ, words(65535, 65535), 7),
        (Instruction.WRITE, words(66), 5),
        (Instruction.WRITE, words(0) + b"\0\0", 7),
        (Instruction.WRITE, words(65535) + b"\0", 7),
        (Instruction.WRITE, words(64) + b"\2", 4),
        (Instruction.WRITE, words(74) + b"\1", 5),
        (Instruction.WRITE, words(74, 799), 4),
        (Instruction.WRITE, words(74, 800), 0),
        (Instruction.WRITE, words(74, 1200), 0),
        (Instruction.WRITE, words(74, 1201), 4),
        (Instruction.WRITE, words(65) + b"\0\xff", 0),
        (Instruction.WRITE, words(65) + b"\0\xff\0", 7),
        (Instruction.REG_WRITE, words(66), 5),
        (Instruction.ACTION, b"", 2),
        (Instruction.FACTORY_RESET, b"", 2),
        (Instruction.FACTORY_RESET, b"\0\0", 2),
        (Instruction.FACTORY_RESET, b"\xff", 0),
        (Instruction.FACTORY_RESET, b"\1", 0),
        (Instruction.FACTORY_RESET, b"\2", 0),
        (Instruction.FACTORY_RESET, b"\3", 4),
        (Instruction.SYNC_READ, words(64, 1) + bytes([BOARD_ID]), 2),
        (0x77, b"", 2),
    ],
)
def test_errors(instruction: int, parameters: bytes, error: int) -> None:
    assert Core().error(instruction, parameters) == error


def test_a_registered_write_waits_for_the_action() -> None:
    core = Core()
    assert core.error(Instruction.REG_WRITE, words(66) + b"\x21") == 0
    assert core.read(BoardRegister.HEARTBEAT) == 0
    assert core.error(Instruction.ACTION) == 0
    assert core.read(BoardRegister.HEARTBEAT) == 0x21
    assert core.error(Instruction.ACTION) == 2
    # a wrong value is refused when the action executes; so is a long one
    assert core.error(Instruction.REG_WRITE, words(67) + b"\x21") == 0
    assert core.error(Instruction.ACTION) == 7
    assert core.error(Instruction.REG_WRITE, words(66) + bytes(900)) == 0
    assert core.error(Instruction.ACTION) == 7
    core.error(Instruction.REG_WRITE, words(66) + b"\x21")
    core.error(Instruction.REBOOT)
    assert core.error(Instruction.ACTION) == 2


def test_packets_to_all_reach_the_board_too() -> None:
    core = Core()
    core.send(BROADCAST, Instruction.WRITE, write_parameters(BOARD, BoardRegister.HEARTBEAT, 9))
    assert core.wait(1)[0] == b""
    assert core.read(BoardRegister.HEARTBEAT) == 9
    blocks = bytes([1, 5, BOARD_ID, 6])
    core.send(BROADCAST, Instruction.SYNC_WRITE, words(66, 1) + blocks)
    core.wait(1)
    assert core.read(BoardRegister.HEARTBEAT) == 6
    core.send(BROADCAST, Instruction.SYNC_WRITE, words(66, 0) + bytes([BOARD_ID]))
    core.wait(1)
    # a packet whose lengths do not match is ignored
    core.send(BROADCAST, Instruction.SYNC_WRITE, words(66, 1) + bytes([BOARD_ID, 7, BOARD_ID]))
    core.wait(1)
    assert core.read(BoardRegister.HEARTBEAT) == 6


def test_packets_are_counted() -> None:
    core = Core()
    assert core.read(BoardRegister.HOST_PACKETS) == 1
    core.send(1, Instruction.PING)
    core.wait(3)
    damaged = encode(1, Instruction.PING)[:-1] + b"\0"
    core.from_host(damaged)
    core.step()
    assert core.to_host() == b""
    core.from_host(encode(BOARD_ID, Instruction.PING)[:-1] + b"\0")
    core.step()
    assert core.to_host() == encode_status(BOARD_ID, 3)
    assert core.read(BoardRegister.BAD_PACKETS) == 2
    assert core.read(BoardRegister.HOST_PACKETS) == 4


def test_a_restart_forgets_what_is_no_setting() -> None:
    core = Core()
    core.wait(30)
    for name, value in ((BoardRegister.HEARTBEAT, 5), (BoardRegister.MOTOR_BAUD, 1)):
        assert core.write(name, value) == 0
    core.write(BoardRegister.MOTOR_POWER, 1)
    core.write(BoardRegister.ESTOP, 1)
    for instruction, parameters in ((Instruction.REBOOT, b""), (Instruction.FACTORY_RESET, b"\2")):
        assert core.error(instruction, parameters) == 0
        assert core.read(BoardRegister.HOST_PACKETS) == 1
        for name in (
            BoardRegister.HEARTBEAT,
            BoardRegister.MOTOR_POWER,
            BoardRegister.ESTOP,
            BoardRegister.FAULT,
            BoardRegister.UPTIME_MS,
        ):
            assert core.read(name) == 0
        assert core.read(BoardRegister.MOTOR_BAUD) == 3


@pytest.mark.parametrize(("option", "heartbeat"), [(b"\xff", 77), (b"\1", 0), (b"\xff\0", 77)])
def test_a_reset_of_everybodys_id_is_not_carried_out(option: bytes, heartbeat: int) -> None:
    core = Core()
    assert core.write(BoardRegister.HEARTBEAT, 77) == 0
    core.send(BROADCAST, Instruction.FACTORY_RESET, option)
    core.wait(30)
    core.to_host()
    assert core.read(BoardRegister.HEARTBEAT) == heartbeat


@pytest.mark.parametrize("start_us", [0, 2**32 - 3_000_000])
def test_the_uptime_counts_milliseconds_over_the_clocks_end(start_us: int) -> None:
    core = Core(start_us)
    core.wait(9.7, 100)
    assert core.read(BoardRegister.UPTIME_MS) == 9
    core.wait(5000.4, 100)
    assert core.read(BoardRegister.UPTIME_MS) == 5010


# --- battery --------------------------------------------------------------------------------------


def test_a_battery_is_smoothed_and_its_sag_is_no_fault() -> None:
    core = Core()
    core.inputs.battery_mv = 9700
    live(core, 50)
    sagging = core.read(BoardRegister.BATTERY_MV)
    assert 10_900 < sagging < 11_200
    core.inputs.battery_mv = FULL_MV
    live(core, 2000)
    assert core.read(BoardRegister.BATTERY_MV) == FULL_MV
    assert core.read(BoardRegister.FAULT) == 0


def test_the_filter_is_the_same_however_often_it_is_asked() -> None:
    often, seldom = Core(), Core()
    for core, step_us in ((often, 250), (seldom, 10_000)):
        core.inputs.battery_mv = 10_000
        core.wait(200, step_us)
    assert often.read(BoardRegister.BATTERY_MV) == seldom.read(BoardRegister.BATTERY_MV)
    assert often.read(BoardRegister.BATTERY_MV) == 10_000 + round(1800 * (127 / 128) ** 200)
    # after a long pause the filter is settled, without a step for every millisecond
    seldom.inputs.battery_mv = 11_000
    seldom.now_us += 2**31
    seldom.step()
    assert seldom.read(BoardRegister.BATTERY_MV) == 11_000


def test_low_and_empty_come_and_go_with_hysteresis() -> None:
    core = Core()

    def faults_at(mv: int) -> BoardFault:
        core.inputs.battery_mv = mv
        live(core, 2000)
        assert core.read(BoardRegister.BATTERY_MV) == mv
        assert core.write(BoardRegister.FAULT, 0) == 0
        return BoardFault(core.read(BoardRegister.FAULT))

    low, empty = BoardFault.BATTERY_LOW, BoardFault.BATTERY_EMPTY
    assert faults_at(10_200) == BoardFault(0)
    assert faults_at(10_199) == low
    assert faults_at(10_499) == low
    assert faults_at(10_500) == BoardFault(0)
    assert faults_at(9_600) == low
    assert core.write(BoardRegister.MOTOR_POWER, 1) == 0
    assert faults_at(9_599) == low | empty
    assert not core.out.motor_power
    assert core.write(BoardRegister.MOTOR_POWER, 1) == 1
    assert faults_at(9_899) == low | empty
    assert faults_at(9_900) == low
    assert core.write(BoardRegister.MOTOR_POWER, 1) == 0


def test_an_empty_battery_stops_the_wheels_and_holds_commands_back() -> None:
    core = Core()
    core.drive()
    core.inputs.battery_mv = 9000
    said = b""
    for _ in range(20):
        core.send(BOARD_ID, Instruction.PING)
        said += core.wait(50)[1]
    assert said.startswith(b"\xff\xff\xfd\x00\xfe\x11\x00\x83\x68\x00\x04\x00")
    core.send(1, Instruction.WRITE, words(64) + b"\1")
    assert core.to_motors() == b""


def test_the_calibration_acts_at_once() -> None:
    core = Core()
    core.inputs.battery_mv = 9500
    live(core, 2000)
    assert core.read(BoardRegister.FAULT) & BoardFault.BATTERY_EMPTY
    assert core.write(BoardRegister.BATTERY_GAIN, 1100) == 0
    assert core.read(BoardRegister.BATTERY_MV) == 10_450
    assert core.write(BoardRegister.MOTOR_POWER, 1) == 0
    # halves are rounded up, and the register's limit holds
    core.inputs.battery_mv = 65_535
    live(core, 3000)
    assert core.read(BoardRegister.BATTERY_MV) == 65_535
    core.write(BoardRegister.BATTERY_GAIN, 1000)
    core.inputs.battery_mv = 11_005
    live(core, 3000)
    core.write(BoardRegister.BATTERY_GAIN, 1100)
    assert core.read(BoardRegister.BATTERY_MV) == 12_106


def test_a_restart_does_not_take_the_battery_for_empty() -> None:
    core = Core()
    core.error(Instruction.REBOOT)
    assert core.read(BoardRegister.FAULT) == 0


# --- buttons --------------------------------------------------------------------------------------


def test_buttons_do_not_bounce() -> None:
    core = Core()
    for level in (1, 0, 1, 0, 1):
        core.inputs.buttons = level
        core.wait(10)
        assert core.read(BoardRegister.BUTTONS) == 0
    core.wait(10)
    assert core.read(BoardRegister.BUTTONS) == 0
    core.wait(1)
    assert core.read(BoardRegister.BUTTONS) == BoardButton.USER
    core.inputs.buttons = 0
    core.wait(20)
    assert core.read(BoardRegister.BUTTONS) == BoardButton.USER
    core.wait(1)
    assert core.read(BoardRegister.BUTTONS) == 0


def press(core: Core, button: int) -> None:
    core.inputs.buttons = button
    core.wait(25)
    core.inputs.buttons = 0
    core.wait(25)


def test_a_spike_is_no_emergency_stop() -> None:
    core = Core()
    core.inputs.buttons = BoardButton.ESTOP
    core.wait(3)
    core.inputs.buttons = 0
    core.wait(30)
    assert core.read(BoardRegister.ESTOP) == 0


def test_the_enable_button_switches_the_motors_power() -> None:
    core = Core()
    core.send(BOARD_ID, Instruction.PING)
    press(core, BoardButton.USER)
    assert core.out.motor_power
    assert core.read(BoardRegister.MOTOR_POWER) == 1
    core.inputs.buttons = BoardButton.USER
    core.wait(500)
    assert not core.out.motor_power
    core.inputs.buttons = 0
    core.wait(30)
    core.write(BoardRegister.ESTOP, 1)
    press(core, BoardButton.USER)
    assert not core.out.motor_power


def test_switching_off_by_hand_ends_the_watch() -> None:
    core = Core()
    core.drive()
    press(core, BoardButton.USER)
    assert core.wait(200)[1] == b""
    assert core.read(BoardRegister.FAULT) == 0


def test_the_reset_button_restarts_the_board() -> None:
    core = Core()
    core.write(BoardRegister.HEARTBEAT, 3)
    core.write(BoardRegister.ESTOP, 1)
    press(core, BoardButton.RESET)
    assert core.read(BoardRegister.HOST_PACKETS) == 1
    assert core.read(BoardRegister.HEARTBEAT) == 0
    assert core.read(BoardRegister.ESTOP) == 0
    core.write(BoardRegister.MOTOR_POWER, 1)
    # both pressed at once switch nothing on
    press(core, BoardButton.RESET | BoardButton.USER)
    assert not core.out.motor_power
    # a pressed stop button stays effective
    core.inputs.buttons = BoardButton.ESTOP | BoardButton.RESET
    core.wait(30)
    assert core.read(BoardRegister.ESTOP) == 1


# --- power, fan, LEDs -----------------------------------------------------------------------------


def test_the_host_switches_the_motors_power() -> None:
    core = Core()
    assert not core.out.motor_power
    assert core.write(BoardRegister.MOTOR_POWER, 1) == 0
    assert core.out.motor_power
    assert core.write(BoardRegister.MOTOR_POWER, 0) == 0
    assert not core.out.motor_power


def test_the_fan_runs_on_for_half_a_minute() -> None:
    core = Core()
    core.wait(100)
    assert not core.out.fan
    core.write(BoardRegister.MOTOR_POWER, 1)
    core.wait(1)
    assert core.out.fan
    core.write(BoardRegister.MOTOR_POWER, 0)
    core.wait(29_990, 10_000)
    assert core.out.fan
    core.wait(20)
    assert not core.out.fan


def test_the_fan_spares_an_empty_battery() -> None:
    core = Core()
    core.write(BoardRegister.MOTOR_POWER, 1)
    core.inputs.battery_mv = 9000
    live(core, 2000)
    assert not core.out.fan


def lights(core: Core, motors: bool, milliseconds: int, alive: bool = True) -> list[int]:
    """Return how long an LED is lit and dark in turn, in ms, starting when it lights up."""
    seen = []
    for millisecond in range(milliseconds):
        if alive and millisecond % 50 == 0:
            core.send(BOARD_ID, Instruction.PING)
        core.wait(1)
        seen.append(core.out.motor_led if motors else core.out.board_led)
    turns: list[int] = []
    for before, lit in pairwise(seen):
        if lit != before and (lit or turns):
            turns.append(0)
        if turns:
            turns[-1] += 1
    return turns[:-1]


FLASH, GAP, PAUSE = 150, 200, 1000


def flashes(number: int) -> list[int]:
    return [FLASH, GAP] * (number - 1) + [FLASH, PAUSE]


@pytest.mark.parametrize(("fault", "number"), [("host", 2), ("low", 3), ("empty", 4), ("estop", 5)])
def test_the_boards_led_counts_out_the_fault(fault: str, number: int) -> None:
    core = Core()
    if fault == "host":
        core.drive()
        core.wait(200)
    elif fault == "estop":
        core.inputs.battery_mv = 9000
        live(core, 1000)
        core.write(BoardRegister.ESTOP, 1)
    else:
        core.inputs.battery_mv = 10_000 if fault == "low" else 9_000
        live(core, 1000)
    # a fault takes the LED back from the host
    core.write(BoardRegister.LEDS, BoardLed.TAKE_BOARD)
    turns = lights(core, motors=False, milliseconds=6500)
    # start after the first pause
    start = turns.index(PAUSE) + 1
    assert turns[start : start + 2 * number] == flashes(number)


def test_a_silent_host_is_worse_than_a_low_battery() -> None:
    core = Core()
    core.drive()
    core.wait(200)
    core.inputs.battery_mv = 10_000
    live(core, 1000)
    turns = lights(core, motors=False, milliseconds=4000)
    start = turns.index(PAUSE) + 1
    assert turns[start : start + 4] == flashes(2)


def test_the_boards_led_waits_for_a_host_and_stays_on_with_one() -> None:
    core = Core()
    assert lights(core, motors=False, milliseconds=3000, alive=False)[:3] == [500, 500, 500]
    core.send(BOARD_ID, Instruction.PING)
    core.wait(1)
    assert core.out.board_led
    assert lights(core, motors=False, milliseconds=500) == []
    assert core.out.board_led
    core.wait(100)
    assert lights(core, motors=False, milliseconds=2000, alive=False)[:2] == [500, 500]


def test_the_motors_led_shows_power_torque_and_a_stop() -> None:
    core = Core()
    assert lights(core, motors=True, milliseconds=1000) == []
    assert not core.out.motor_led
    core.write(BoardRegister.MOTOR_POWER, 1)
    core.wait(1)
    assert core.out.motor_led
    assert lights(core, motors=True, milliseconds=2500)[:2] == [500, 500]
    core.write_motor(1, "torque_enable", 1)
    assert core.out.motor_led
    assert lights(core, motors=True, milliseconds=600) == []
    assert core.out.motor_led
    # a stop whose packet cannot be sent stays pending
    core.inputs.motor_transmit_idle = False
    core.wait(102)
    assert lights(core, motors=True, milliseconds=1000, alive=False)[:3] == [100, 100, 100]


@pytest.mark.parametrize("wish", range(16))
def test_the_host_may_take_the_leds(wish: int) -> None:
    core = Core()
    core.write(BoardRegister.LEDS, wish)
    core.wait(1)
    board = bool(wish & BoardLed.BOARD) if wish & BoardLed.TAKE_BOARD else True
    motors = bool(wish & BoardLed.MOTORS) if wish & BoardLed.TAKE_MOTORS else False
    assert (core.out.board_led, core.out.motor_led) == (board, motors)
