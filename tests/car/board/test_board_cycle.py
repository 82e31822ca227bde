"""Single cycles of the board's thread, with a fake bus and a manual clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

import pytest

from car.board import dynamixel_board as board_module
from car.board.dynamixel_board import DynamixelBoard
from car.board.motor_bus import LostPacketError, PacketError
from car.board.status import EmergencyStop
from pixelopolis.errors import BoardError
from pixelopolis.vehicle.control_table import BOARD_ID, BoardFault, BoardRegister, MotorRegister
from pixelopolis.vehicle.speeds import MOTOR_UNIT_RAD_S
from tests.support.fake_motor_bus import Clock, FakeMotorBus, driving_bus

LEFT, RIGHT = 1, 2
GOAL = MotorRegister.GOAL_VELOCITY


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus() -> FakeMotorBus:
    bus = driving_bus()
    for motor in (LEFT, RIGHT):
        bus[motor, GOAL] = 0
    return bus


@pytest.fixture
def board(bus: FakeMotorBus, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> DynamixelBoard:
    """A board that has connected."""
    monkeypatch.setattr(board_module.time, "sleep", lambda seconds: None)
    board = DynamixelBoard("/dev/fake", clock=clock)
    board._connect(bus)
    bus.writes.clear()
    return board


def drive(board: DynamixelBoard, clock: Clock, units: int = 50) -> None:
    board.set_goal(units * MOTOR_UNIT_RAD_S, units * MOTOR_UNIT_RAD_S, clock.now_s)


def cycles(board: DynamixelBoard, bus: FakeMotorBus, clock: Clock, count: int) -> None:
    """Exchange every 20 ms with a new goal each; failures are ignored."""
    for _ in range(count):
        drive(board, clock)
        with suppress(PacketError):
            board._exchange(bus)
        clock.now_s += 0.02


def test_it_connects_and_then_only_it_may_turn(bus: FakeMotorBus, clock: Clock) -> None:
    board = DynamixelBoard("/dev/fake", clock=clock, mirrored=("right",))
    assert not board._armed
    bus[BOARD_ID, BoardRegister.MOTOR_POWER] = 0
    board._connect(bus)
    assert board._armed
    assert bus[BOARD_ID, BoardRegister.MOTOR_POWER] == 1
    assert board.status().problem == ""
    assert board.status().connected
    assert board.status().battery_mv == 11_500
    assert (bus[LEFT, MotorRegister.DRIVE_MODE], bus[RIGHT, MotorRegister.DRIVE_MODE]) == (0, 1)
    assert bus[LEFT, MotorRegister.TORQUE_ENABLE] == 1


def test_a_fresh_goal_reaches_both_wheels(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    drive(board, clock)
    board._exchange(bus)
    assert (bus[LEFT, GOAL], bus[RIGHT, GOAL]) == (50, 50)
    reading = board.reading()
    assert reading is not None
    assert reading.measured_s == clock.now_s
    clock.now_s += 0.26
    board._exchange(bus)
    assert (bus[LEFT, GOAL], bus[RIGHT, GOAL]) == (0, 0), "the goal is too old"


@pytest.mark.parametrize(("blind_s", "drives"), [(0.39, True), (0.41, False)])
def test_without_wheel_angles_for_0_4_seconds_it_stands(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock, blind_s: float, drives: bool
) -> None:
    drive(board, clock)
    board._exchange(bus)
    clock.now_s += blind_s
    drive(board, clock)
    board._exchange(bus)
    assert (bus[LEFT, GOAL] > 0) is drives


@pytest.mark.parametrize(("silent", "other"), [(LEFT, RIGHT), (RIGHT, LEFT)])
def test_one_silent_motor_stops_the_other_within_three_cycles(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock, silent: int, other: int
) -> None:
    cycles(board, bus, clock, 3)
    assert bus[other, GOAL] == 50
    bus.silent = {silent}
    bus.ping = lambda device_id: bus.models[device_id]  # type: ignore[method-assign]
    goals = []
    for _ in range(3):
        cycles(board, bus, clock, 1)
        goals.append(bus[other, GOAL])
    assert goals[:2] == [50, 50], "a packet or two may be lost"
    assert goals[2] == 0


def test_a_motor_that_is_heard_again_drives_again(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    # each cycle asks it twice: with the other one, then alone
    bus.mute_for = {LEFT: 4}
    cycles(board, bus, clock, 2)
    assert max(board._missed.values()) == 2
    cycles(board, bus, clock, 1)
    assert max(board._missed.values()) == 0
    cycles(board, bus, clock, 1)
    assert bus[RIGHT, GOAL] == 50


def test_a_motor_that_was_missed_three_times_and_answers_no_ping_is_gone(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    bus.silent = {RIGHT}
    for _ in range(2):
        with pytest.raises(LostPacketError):
            board._exchange(bus)
    with pytest.raises(BoardError, match="right motor"):
        board._exchange(bus)


def test_with_both_silent_it_is_the_line(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    bus.silent = {LEFT, RIGHT}
    for _ in range(6):
        with pytest.raises(LostPacketError):
            board._exchange(bus)
    assert max(board._missed.values()) == 0


def test_every_third_cycle_checks_a_motor_in_turn(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    bus.reads.clear()
    for cycle in range(1, 13):
        board._update(cycles=cycle)
        drive(board, clock)
        board._exchange(bus)
    checked = [motor for motor, name in bus.reads if name == MotorRegister.TORQUE_ENABLE]
    assert checked == [LEFT, RIGHT, LEFT, RIGHT]


def test_a_motor_whose_watchdog_struck_is_armed_again(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    board._update(cycles=3)
    bus[LEFT, MotorRegister.BUS_WATCHDOG] = -1
    board._exchange(bus)
    assert board.status().restarts == 1
    assert bus[LEFT, MotorRegister.BUS_WATCHDOG] == 10


def test_a_check_that_failed_is_made_again_at_once(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    board._update(cycles=3)
    bus.ignored = {GOAL}
    drive(board, clock)
    with pytest.raises(LostPacketError):
        board._exchange(bus)
    board._update(cycles=4)
    bus.ignored.clear()
    bus.reads.clear()
    drive(board, clock)
    board._exchange(bus)
    assert (LEFT, MotorRegister.TORQUE_ENABLE) in bus.reads
    board._update(cycles=5)
    bus.reads.clear()
    board._exchange(bus)
    assert bus.reads == []


def test_the_board_hears_a_heartbeat_and_says_what_is_wrong(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    for beat in (1, 2):
        board._check_board(bus)
        assert bus[BOARD_ID, BoardRegister.HEARTBEAT] == beat
    board._heartbeat = 255
    board._check_board(bus)
    assert bus[BOARD_ID, BoardRegister.HEARTBEAT] == 0
    bus[BOARD_ID, BoardRegister.FAULT] = 2
    bus[BOARD_ID, BoardRegister.BATTERY_MV] = 10_000
    board._check_board(bus)
    assert board.status().fault == BoardFault.BATTERY_LOW
    assert board.status().battery_mv == 10_000
    assert board.status().restarts == 0
    bus[BOARD_ID, BoardRegister.FAULT] = 1
    board._check_board(bus)
    assert board.status().restarts == 1
    assert bus[BOARD_ID, BoardRegister.FAULT] == 0
    bus[BOARD_ID, BoardRegister.MOTOR_POWER] = 0
    with pytest.raises(BoardError, match="cut the motors' power"):
        board._check_board(bus)


def test_after_a_new_connection_the_wheels_angles_go_on_from_where_they_were(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    """The motors lost power meanwhile, and count from elsewhere."""
    position = MotorRegister.PRESENT_POSITION
    cycles(board, bus, clock, 1)
    bus[LEFT, position] = 100
    cycles(board, bus, clock, 1)
    before = board.reading()
    clock.now_s += 2.0
    bus[LEFT, position] = 400  # what a turning wheel could have done meanwhile
    board._connect(bus)
    cycles(board, bus, clock, 1)
    after = board.reading()
    assert before is not None
    assert after is not None
    assert before.left_rad == pytest.approx(100 * 2 * math.pi / 4096)
    assert after.left_rad == before.left_rad
    bus[LEFT, position] = 450
    cycles(board, bus, clock, 1)
    reading = board.reading()
    assert reading is not None
    assert reading.left_rad == pytest.approx(150 * 2 * math.pi / 4096)


def test_a_motor_that_misses_replies_and_answers_pings_is_asked_again_after_three_more(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    bus.silent = {LEFT}
    bus.ping = lambda device_id: asked.append(device_id) or 1060  # type: ignore[func-returns-value, method-assign]
    pings = []
    for _ in range(7):
        asked: list[int] = []
        cycles(board, bus, clock, 1)
        pings.append(asked)
    assert pings == [[], [], [LEFT], [], [], [LEFT], []]


# --- emergency stop -------------------------------------------------------------------------------


def test_an_emergency_stop_is_heeded_before_anything_else(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    board.request_emergency_stop()
    with pytest.raises(BoardError, match="emergency stop is on"):
        board._drive(bus)
    assert bus[BOARD_ID, BoardRegister.ESTOP] == 1
    assert board.status().estop is EmergencyStop.CONFIRMED
    assert not board._armed
    # it stays on when the cable is reconnected
    with pytest.raises(BoardError, match="emergency stop is on"):
        board._connect(bus)
    board.request_release()
    board._connect(bus)
    assert bus[BOARD_ID, BoardRegister.ESTOP] == 0
    assert board.status().estop is EmergencyStop.NONE


def test_an_emergency_stop_that_is_not_taken_is_not_confirmed(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    board.request_emergency_stop()
    bus.ignored = {BoardRegister.ESTOP}
    with pytest.raises(PacketError):
        board._apply_estop(bus)
    assert board.status().estop is EmergencyStop.REQUESTED
    assert board._armed
    clock.now_s += 1.01
    assert board.status().estop is EmergencyStop.FAILED


def test_who_waits_for_motors_is_called_off_by_an_emergency_or_the_end(
    board: DynamixelBoard,
) -> None:
    assert not board._is_urgent()
    board.request_emergency_stop()
    assert board._is_urgent()
    board.request_release()
    assert not board._is_urgent()
    board._stop.set()
    assert board._is_urgent()


# --- the loop -------------------------------------------------------------------------------------


def run(board: DynamixelBoard, bus: FakeMotorBus, clock: Clock, each: Callable[[int], None]) -> int:
    """Drive until `each` (called with the cycle's number) stops it; return the number of cycles."""
    count = 0

    def pause(seconds: float) -> None:
        nonlocal count
        count += 1
        clock.now_s += max(seconds, 0.0)
        each(count)
        if count >= 40:
            board._stop.set()

    board._pause = pause  # type: ignore[method-assign]
    board._drive(bus)
    return count


def test_fifty_cycles_a_second_and_every_fifth_looks_at_the_board(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    begin_s = clock.now_s
    beats = []
    run(board, bus, clock, lambda n: beats.append(bus[BOARD_ID, BoardRegister.HEARTBEAT]))
    assert clock.now_s - begin_s == pytest.approx(40 * 0.02)
    assert beats[:11] == [0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2]
    assert board.status().cycles == 40
    assert board.status().late_cycles == 0
    assert not board.status().slowed


def test_a_cycle_that_begins_more_than_one_late_is_counted(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    def late(n: int) -> None:
        clock.now_s += {3: 0.019, 7: 0.045}.get(n, 0.0)

    run(board, bus, clock, late)
    assert board.status().late_cycles == 1


@pytest.mark.parametrize("lost_cycles", [10, 11])
def test_ten_failed_cycles_are_borne_and_the_next_asks_what_is_gone(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock, lost_cycles: int
) -> None:
    def silence(n: int) -> None:
        bus.silent = {LEFT, RIGHT} if 5 <= n < 5 + lost_cycles else set()

    if lost_cycles == 10:
        assert run(board, bus, clock, silence) == 40
        return
    with pytest.raises(BoardError, match="motor"):
        run(board, bus, clock, silence)


def test_also_the_first_cycles_may_fail_ten_times_and_no_more(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    bus.silent = {LEFT, RIGHT}
    pauses = []
    with pytest.raises(BoardError, match="motor"):
        run(board, bus, clock, pauses.append)
    assert len(pauses) == 10


def test_it_says_when_a_bad_line_slows_the_wheels(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    """Nine of ten cycles fail, never ten in a row."""
    slowed = []

    def each(n: int) -> None:
        bus.silent = {LEFT, RIGHT} if n % 10 else set()
        slowed.append(board.status().slowed)

    run(board, bus, clock, each)
    assert slowed[0] is False
    assert slowed[-1] is True


def test_lost_packets_are_counted_over_all_connections(
    board: DynamixelBoard, bus: FakeMotorBus, clock: Clock
) -> None:
    bus.lost_packets = 5
    board._finish(bus)
    assert board.status().lost_packets == 5
    again = driving_bus()
    board._connect(again)
    counts = []

    def each(n: int) -> None:
        again.lost_packets = n
        counts.append(board.status().lost_packets)

    run(board, again, clock, each)
    assert counts[:4] == [5, 6, 7, 8]


def test_only_our_board_is_connected_to(bus: FakeMotorBus, clock: Clock) -> None:
    bus.models[BOARD_ID] = 1060
    board = DynamixelBoard("/dev/fake", clock=clock)
    with pytest.raises(BoardError, match="not our board"):
        board._connect(bus)
    assert bus.writes == []
    assert not board._armed
