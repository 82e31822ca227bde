"""Procedures on board and motors, step by step, with all failures."""

from __future__ import annotations

import pytest

from car.board import procedures as board_steps
from car.board.motor_bus import DeviceRefusedError, LostPacketError, PacketError
from car.board.procedures import (
    MOTORS,
    BoardState,
    arm,
    await_rest,
    calibrate,
    cut_power,
    diagnose,
    exchange,
    find_board,
    is_silent,
    motor_failed,
    power_motors,
    prepare,
    read_board,
    read_singly,
    release_estop,
    still_drives,
    stop_wheels,
    switch_on,
)
from pixelopolis.errors import BoardError
from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    XL430,
    BoardFault,
    BoardRegister,
    HardwareError,
    MotorRegister,
)
from tests.support.fake_motor_bus import Clock, FakeMotorBus, driving_bus

LEFT, RIGHT = 1, 2


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_steps.time, "sleep", lambda seconds: None)


def test_there_are_two_motors() -> None:
    assert MOTORS == {LEFT: "left", RIGHT: "right"}


# --- the board ------------------------------------------------------------------------------------


def test_the_board_says_what_it_is() -> None:
    bus = FakeMotorBus()
    bus[BOARD_ID, BoardRegister.FAULT] = 8
    assert read_board(bus) == BoardState(False, False, BoardFault.ESTOP, 11_500)
    bus[BOARD_ID, BoardRegister.MOTOR_POWER] = 1
    assert read_board(bus).motor_power is True
    bus[BOARD_ID, BoardRegister.ESTOP] = 1
    assert read_board(bus).estop is True


@pytest.mark.parametrize(("lost", "found"), [(0, True), (2, True), (3, False)])
def test_a_board_is_there_that_answers_one_of_three_pings(lost: int, found: bool) -> None:
    bus = FakeMotorBus(mute_for={BOARD_ID: lost})
    if found:
        find_board(bus)
        assert bus.pings == [BOARD_ID] * (lost + 1)
        return
    with pytest.raises(BoardError, match="No board answers"):
        find_board(bus)


def test_another_device_is_not_our_board() -> None:
    bus = FakeMotorBus()
    bus.models[BOARD_ID] = XL430.model_number
    with pytest.raises(BoardError, match="not our board"):
        find_board(bus)


@pytest.mark.parametrize(("lost", "silent"), [(0, False), (2, False), (3, True)])
def test_silent_is_who_answers_none_of_three_pings(lost: int, silent: bool) -> None:
    assert is_silent(FakeMotorBus(mute_for={LEFT: lost}), LEFT) is silent


def test_the_battery_s_gain_is_told_to_the_board_which_may_not_know_it() -> None:
    bus = FakeMotorBus()
    calibrate(bus, 1.05)
    scale = BOARD[BoardRegister.BATTERY_GAIN].scale
    assert bus.written(BOARD_ID, BoardRegister.BATTERY_GAIN) == [round(1.05 / scale)]
    calibrate(FakeMotorBus(refused={BoardRegister.BATTERY_GAIN}), 1.05)


# --- power ----------------------------------------------------------------------------------------


def test_power_is_switched_on_once() -> None:
    bus = FakeMotorBus()
    assert switch_on(bus).motor_power is False
    assert bus.writes == [(BOARD_ID, BoardRegister.MOTOR_POWER, 1)]
    assert switch_on(bus).motor_power is True
    assert len(bus.writes) == 1


def test_power_stays_off_in_an_emergency() -> None:
    bus = FakeMotorBus()
    bus[BOARD_ID, BoardRegister.ESTOP] = 1
    with pytest.raises(BoardError, match="emergency stop is on"):
        switch_on(bus)
    assert bus.writes == []


@pytest.mark.parametrize(("below_mv", "empty"), [(0, False), (1, True)])
def test_power_stays_off_with_an_empty_battery(below_mv: int, empty: bool) -> None:
    bus = FakeMotorBus()
    limit_mv = BOARD[BoardRegister.BATTERY_EMPTY_MV].default
    assert limit_mv is not None
    bus[BOARD_ID, BoardRegister.BATTERY_MV] = limit_mv - below_mv
    if not empty:
        switch_on(bus)
        return
    with pytest.raises(BoardError, match="battery is empty"):
        switch_on(bus)
    assert bus.writes == []


def test_both_motors_are_waited_for() -> None:
    bus = FakeMotorBus(mute_for={LEFT: 3, RIGHT: 5})
    assert power_motors(bus, Clock(each_s=0.01), lambda: False).battery_mv == 11_500
    assert bus.pings.count(LEFT) == 4, "who has answered is not asked again"
    assert bus.pings.count(RIGHT) == 6


@pytest.mark.parametrize(("answers", "boots"), [(13, True), (16, False)])
def test_a_motor_has_a_second_and_a_half_to_boot(answers: int, boots: bool) -> None:
    bus = FakeMotorBus(mute_for={RIGHT: answers})
    clock = Clock(each_s=0.1)
    if boots:
        power_motors(bus, clock, lambda: False)
        return
    with pytest.raises(BoardError, match=r"The right motor \(id 2\) does not answer"):
        power_motors(bus, clock, lambda: False)


def test_whoever_waits_for_motors_may_be_called_off() -> None:
    with pytest.raises(BoardError, match=r"left motor .* and the right motor .* do not answer"):
        power_motors(FakeMotorBus(silent={LEFT, RIGHT}), Clock(), lambda: True)
    power_motors(FakeMotorBus(), Clock(), lambda: True)  # all are already present


def test_a_motor_of_another_kind_is_named() -> None:
    bus = FakeMotorBus()
    bus.models[RIGHT] = 1020
    with pytest.raises(BoardError, match=r"right motor .* is model 1020"):
        power_motors(bus, Clock(), lambda: False)


# --- emergency stop -------------------------------------------------------------------------------


def test_an_emergency_stop_stops_the_wheels_first_and_cuts_their_power() -> None:
    bus = driving_bus()
    cut_power(bus)
    assert bus.writes[:2] == [(motor, MotorRegister.GOAL_VELOCITY, 0) for motor in MOTORS]
    assert bus.writes[2:] == [(BOARD_ID, BoardRegister.ESTOP, 1)]


@pytest.mark.parametrize(("estop", "power"), [(0, 0), (1, 1), (0, 1)])
def test_an_emergency_stop_is_read_back(estop: int, power: int) -> None:
    """The stop is on, and the motors have no power."""
    bus = driving_bus()
    bus.ignored.add(BoardRegister.ESTOP)
    bus[BOARD_ID, BoardRegister.ESTOP] = estop
    bus[BOARD_ID, BoardRegister.MOTOR_POWER] = power
    with pytest.raises(PacketError):
        cut_power(bus)
    bus[BOARD_ID, BoardRegister.ESTOP] = 1
    bus[BOARD_ID, BoardRegister.MOTOR_POWER] = 0
    cut_power(bus)


def test_nobody_confirms_what_a_silent_board_does() -> None:
    with pytest.raises(PacketError):
        cut_power(FakeMotorBus(silent={BOARD_ID}))


def test_a_release_is_read_back_and_refused_while_the_button_is_pressed() -> None:
    bus = FakeMotorBus()
    bus[BOARD_ID, BoardRegister.ESTOP] = 1
    release_estop(bus)
    assert bus.writes == [(BOARD_ID, BoardRegister.ESTOP, 0)]
    stuck = FakeMotorBus(ignored={BoardRegister.ESTOP})
    stuck[BOARD_ID, BoardRegister.ESTOP] = 1
    with pytest.raises(BoardError, match="emergency stop is on"):
        release_estop(stuck)
    with pytest.raises(BoardError, match="cannot be released"):
        release_estop(FakeMotorBus(refused={BoardRegister.ESTOP}))


# --- setting up -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_motor_is_given_its_settings_once(mirrored: bool) -> None:
    bus = FakeMotorBus()
    bus[LEFT, MotorRegister.RETURN_DELAY_TIME] = 250
    bus[LEFT, MotorRegister.OPERATING_MODE] = 3
    bus[LEFT, MotorRegister.DRIVE_MODE] = 0 if mirrored else 1
    bus[LEFT, MotorRegister.TORQUE_ENABLE] = 1
    prepare(bus, LEFT, mirrored)
    assert bus.writes[0] == (LEFT, MotorRegister.TORQUE_ENABLE, 0), "its memory is locked else"
    assert bus[LEFT, MotorRegister.OPERATING_MODE] == 1
    assert bus[LEFT, MotorRegister.DRIVE_MODE] == (1 if mirrored else 0)
    assert bus[LEFT, MotorRegister.RETURN_DELAY_TIME] == 0
    assert len(bus.writes) == 4
    prepare(bus, LEFT, mirrored)
    assert bus.writes[4:] == [(LEFT, MotorRegister.TORQUE_ENABLE, 0)]


def test_a_motor_with_a_hardware_error_is_not_made_ready() -> None:
    bus = FakeMotorBus()
    bus[RIGHT, MotorRegister.HARDWARE_ERROR_STATUS] = 32
    with pytest.raises(BoardError, match=r"right motor .*OVERLOAD"):
        prepare(bus, RIGHT, False)
    assert bus.writes == []
    assert "left motor" in motor_failed(LEFT, HardwareError.OVERHEATING).message


def test_torque_comes_with_a_watchdog_and_standing_wheels() -> None:
    bus = FakeMotorBus()
    bus[BOARD_ID, BoardRegister.FAULT] = 1
    arm(bus)
    assert bus[BOARD_ID, BoardRegister.FAULT] == 0
    for motor in MOTORS:
        assert [(name, value) for id_, name, value in bus.writes if id_ == motor] == [
            (MotorRegister.BUS_WATCHDOG, 0),  # clears a triggered one
            (MotorRegister.GOAL_VELOCITY, 0),
            (MotorRegister.TORQUE_ENABLE, 1),
            (MotorRegister.BUS_WATCHDOG, 10),  # 0.2 s in units of 20 ms
        ]


# --- driving --------------------------------------------------------------------------------------


def test_a_cycle_writes_the_goals_and_reads_the_wheels() -> None:
    bus = driving_bus()
    bus[LEFT, MotorRegister.PRESENT_POSITION] = 1111
    bus[RIGHT, MotorRegister.PRESENT_POSITION] = 2222
    assert exchange(bus, {LEFT: 5, RIGHT: -7}) == {LEFT: 1111, RIGHT: 2222}
    assert bus[LEFT, MotorRegister.GOAL_VELOCITY] == 5
    assert bus[RIGHT, MotorRegister.GOAL_VELOCITY] == -7
    bus.silent = {LEFT}
    with pytest.raises(LostPacketError):
        exchange(bus, {LEFT: 5, RIGHT: -7})
    assert read_singly(bus) == {RIGHT: 2222}
    bus.silent = {LEFT, RIGHT}
    assert read_singly(bus) == {}


def test_a_motor_drives_with_torque_and_its_goal_and_without_a_watchdog_that_struck() -> None:
    bus = driving_bus()
    assert still_drives(bus, LEFT, 100)
    for register, value, drives in (
        (MotorRegister.TORQUE_ENABLE, 0, False),
        (MotorRegister.BUS_WATCHDOG, -1, False),
        (MotorRegister.BUS_WATCHDOG, 0, True),
        (MotorRegister.BUS_WATCHDOG, 1, True),
    ):
        bus = driving_bus()
        bus[LEFT, register] = value
        assert still_drives(bus, LEFT, 100) is drives
    with pytest.raises(LostPacketError, match="did not arrive"):
        still_drives(driving_bus(), LEFT, 99)
    bus = driving_bus()
    bus[LEFT, MotorRegister.HARDWARE_ERROR_STATUS] = 4
    with pytest.raises(BoardError, match="OVERHEATING"):
        still_drives(bus, LEFT, 100)


def test_what_is_gone_is_named() -> None:
    assert "board" in diagnose(FakeMotorBus(silent={BOARD_ID})).message
    for silent, named in (({LEFT}, "The left motor"), ({RIGHT}, "The right motor")):
        assert diagnose(FakeMotorBus(silent=silent)).message.startswith(named)
    assert " do not answer" in diagnose(FakeMotorBus(silent={LEFT, RIGHT})).message
    assert "packets are lost" in diagnose(FakeMotorBus()).message


# --- stopping -------------------------------------------------------------------------------------


def test_stopping_brings_both_wheels_to_rest_and_takes_their_torque() -> None:
    bus = driving_bus()
    assert stop_wheels(bus, Clock(each_s=0.01)) is True
    assert bus.writes[:2] == [(motor, MotorRegister.GOAL_VELOCITY, 0) for motor in MOTORS]
    for motor in MOTORS:
        assert bus[motor, MotorRegister.TORQUE_ENABLE] == 0
        assert bus[motor, MotorRegister.BUS_WATCHDOG] == 0
    assert bus[BOARD_ID, BoardRegister.MOTOR_POWER] == 1


def test_wheels_without_power_stand() -> None:
    bus = driving_bus()
    bus[BOARD_ID, BoardRegister.MOTOR_POWER] = 0
    assert stop_wheels(bus, Clock()) is True
    assert bus.written(LEFT, MotorRegister.TORQUE_ENABLE) == []


@pytest.mark.parametrize(("silent", "other"), [(LEFT, RIGHT), (RIGHT, LEFT)])
def test_a_silent_motor_does_not_keep_the_other_from_being_stopped(silent: int, other: int) -> None:
    bus = driving_bus()
    bus.silent = {silent}
    assert stop_wheels(bus, Clock(each_s=0.01)) is False
    assert bus[other, MotorRegister.GOAL_VELOCITY] == 0
    assert bus[other, MotorRegister.TORQUE_ENABLE] == 0


@pytest.mark.parametrize("silent", [BOARD_ID])
def test_a_silent_board_confirms_nothing(silent: int) -> None:
    bus = driving_bus()
    bus.silent = {silent}
    assert stop_wheels(bus, Clock()) is False
    assert bus[LEFT, MotorRegister.GOAL_VELOCITY] == 0


def test_torque_that_stays_is_no_confirmation() -> None:
    bus = driving_bus()
    bus.ignored.add(MotorRegister.TORQUE_ENABLE)
    assert stop_wheels(bus, Clock(each_s=0.01)) is False
    assert bus.written(LEFT, MotorRegister.TORQUE_ENABLE) == [0, 0], "tried twice"


def test_a_goal_that_did_not_arrive_is_written_again() -> None:
    """The broadcast is lost for the left motor."""
    bus = driving_bus()
    lost = {LEFT}

    def write_all(table: object, name: str, values: dict[int, int]) -> None:
        for motor, value in values.items():
            if motor not in lost:
                bus[motor, name] = value

    bus.write_all = write_all  # type: ignore[method-assign]
    assert stop_wheels(bus, Clock(each_s=0.01)) is True
    assert bus.written(LEFT, MotorRegister.GOAL_VELOCITY) == [0]
    assert bus.written(RIGHT, MotorRegister.GOAL_VELOCITY) == []


@pytest.mark.parametrize(("lost", "confirmed"), [(1, True), (2, False)])
def test_a_stop_is_tried_twice(lost: int, confirmed: bool) -> None:
    bus = driving_bus()
    bus.mute_for = {RIGHT: lost}
    assert stop_wheels(bus, Clock(each_s=0.01)) is confirmed


@pytest.mark.parametrize("speed", [2, -2, 40])
def test_torque_is_kept_while_the_wheel_still_turns_but_not_for_ever(speed: int) -> None:
    """Without torque it would roll on; half a second is enough to brake."""
    bus = driving_bus()
    bus[LEFT, MotorRegister.PRESENT_VELOCITY] = speed
    clock = Clock(each_s=0.02)
    before_s = clock.now_s
    await_rest(bus, LEFT, clock)
    assert clock.now_s - before_s == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("speed", [0, 1, -1])
def test_a_wheel_that_hardly_turns_is_at_rest(speed: int) -> None:
    bus = driving_bus()
    bus[LEFT, MotorRegister.PRESENT_VELOCITY] = speed
    await_rest(bus, LEFT, Clock(each_s=0.02))
    assert len(bus.reads) == 1


def test_it_looks_again_while_the_wheel_brakes() -> None:
    bus = driving_bus()
    bus[LEFT, MotorRegister.PRESENT_VELOCITY] = 50
    clock = Clock(each_s=0.02)

    class Braking(Clock):
        def __call__(self) -> float:
            bus[LEFT, MotorRegister.PRESENT_VELOCITY] -= 10
            return clock()

    await_rest(bus, LEFT, Braking())
    assert 3 <= len(bus.reads) <= 6


def test_a_refusal_is_a_failed_try_too() -> None:
    bus = driving_bus()
    bus.refused.add(MotorRegister.TORQUE_ENABLE)
    assert stop_wheels(bus, Clock(each_s=0.01)) is False
    with pytest.raises(DeviceRefusedError):
        arm(bus)


def test_torque_is_taken_from_wheels_that_rest() -> None:
    bus = driving_bus()
    for motor in MOTORS:
        bus[motor, MotorRegister.PRESENT_VELOCITY] = 60
    released_at = []

    def look(write: tuple[int, str, int]) -> None:
        motor, register, value = write
        if (register, value) == (MotorRegister.TORQUE_ENABLE, 0):
            released_at.append(bus[motor, MotorRegister.PRESENT_VELOCITY])

    class Braking(Clock):
        def __call__(self) -> float:
            for motor in MOTORS:
                bus[motor, MotorRegister.PRESENT_VELOCITY] //= 2
            return super().__call__()

    bus.on_write = look
    assert stop_wheels(bus, Braking(each_s=0.02)) is True
    assert len(released_at) == 2
    assert max(released_at) <= 1
