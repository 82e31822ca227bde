"""The board driver with the virtual board: real dynamixel-sdk packets over a pty."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import serial

from car.board.dynamixel_board import DynamixelBoard
from car.board.status import EmergencyStop
from car.board.wheel_units import LineQuality
from pixelopolis.errors import BoardError
from pixelopolis.vehicle.control_table import (
    XL430,
    BoardButton,
    BoardFault,
    BoardRegister,
    DriveMode,
    HardwareError,
    MotorMode,
    MotorRegister,
)
from sim.hardware.bus import BusFault, FaultKind
from tests.support.virtual_car import VirtualCar, wait_until

pytestmark = pytest.mark.realtime

CONNECT_S = 20.0


@pytest.fixture
def car(tmp_path: Path) -> Iterator[VirtualCar]:
    with VirtualCar(tmp_path / "car1.bus") as virtual:
        yield virtual


@contextmanager
def running(port: str, wait: bool = True) -> Iterator[DynamixelBoard]:
    board = DynamixelBoard(port)
    board.start()
    try:
        if wait:
            board.wait_connected(CONNECT_S)
        yield board
    finally:
        board.close()


@contextmanager
def driving(board: DynamixelBoard, left_rad_s: float, right_rad_s: float) -> Iterator[None]:
    """Set a goal repeatedly, like a control loop."""
    end = threading.Event()

    def drive() -> None:
        while not end.wait(0.02):
            board.set_goal(left_rad_s, right_rad_s, time.monotonic())

    thread = threading.Thread(target=drive)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def at_speed(car: VirtualCar, left_rad_s: float, right_rad_s: float) -> bool:
    left, right = car.vehicle.wheel_rad_s
    return abs(left - left_rad_s) < 0.05 and abs(right - right_rad_s) < 0.05


def error_of(port: str, needle: str) -> BoardError:
    """Return the error whose text contains `needle`."""
    with running(port, wait=False) as board:
        wait_until(lambda: needle in board.status().problem, needle)
        with pytest.raises(BoardError) as caught:
            board.wait_connected(0.0)
    return caught.value


def test_wheels_follow_the_goal_and_angles_come_back(car: VirtualCar) -> None:
    with running(car.port) as board:
        assert board.status().battery_mv == 11800
        with driving(board, 4.0, 2.0):
            wait_until(lambda: at_speed(car, 4.0, 2.0), "both wheels at speed")
            before = board.reading()
        assert before is not None
        wait_until(lambda: at_speed(car, 0.0, 0.0), "both wheels at rest")
        wait_until(
            lambda: (
                (r := board.reading()) is not None
                and abs(r.left_rad - car.vehicle.wheel_rad[0]) < 0.01
                and abs(r.right_rad - car.vehicle.wheel_rad[1]) < 0.01
            ),
            "the readings are the wheels' true angles",
        )
    assert before.left_rad > before.right_rad > 0


def test_motors_are_set_up(car: VirtualCar) -> None:
    with running(car.port):
        for motor, mode in ((car.bus.left, DriveMode(0)), (car.bus.right, DriveMode.REVERSE)):
            assert motor[MotorRegister.OPERATING_MODE] == MotorMode.VELOCITY
            assert motor[MotorRegister.DRIVE_MODE] == mode
            assert motor[MotorRegister.RETURN_DELAY_TIME] == 0
            assert motor[MotorRegister.BUS_WATCHDOG] == 10
        wait_until(lambda: car.bus.left.torque and car.bus.right.torque, "torque")
        wait_until(lambda: car.bus.board[BoardRegister.HEARTBEAT] > 0, "a heartbeat")


def test_an_old_goal_is_replaced_by_standing_still(car: VirtualCar) -> None:
    with running(car.port) as board:
        with driving(board, 3.0, 3.0):
            wait_until(lambda: at_speed(car, 3.0, 3.0), "at speed")
        # the control loop has ended, the board's thread has not
        wait_until(lambda: car.bus.left[MotorRegister.GOAL_VELOCITY] == 0, "goal 0")
        wait_until(lambda: board.status().connected and car.bus.left.torque, "torque stays on")


def test_close_stops_the_wheels_and_releases_them(car: VirtualCar) -> None:
    with running(car.port) as board, driving(board, 5.0, 5.0):
        wait_until(lambda: at_speed(car, 5.0, 5.0), "at speed")
        board.close()
        assert board.status().stop_confirmed is True
        assert not car.bus.left.torque
        assert not car.bus.right.torque
        assert not board.status().connected
        # it braked before releasing: without torque, 5 rad/s would still be rolling
        assert abs(car.bus.left[MotorRegister.PRESENT_VELOCITY]) <= 2


def test_lost_packets_are_counted_and_driving_goes_on(car: VirtualCar) -> None:
    with running(car.port) as board, driving(board, 3.0, 3.0):
        car.bus.fault = BusFault(FaultKind.LOST_PACKETS, 0.15)
        wait_until(lambda: board.status().lost_packets > 20, "lost packets")
        wait_until(lambda: at_speed(car, 3.0, 3.0), "at speed in spite of them")
        wait_until(lambda: board.status().connected, "it is connected")


def test_it_connects_over_a_bad_line(car: VirtualCar) -> None:
    car.bus.fault = BusFault(FaultKind.LOST_PACKETS, 0.1)
    with running(car.port) as board:
        assert board.status().connections >= 1


@pytest.mark.parametrize(
    ("kind", "named", "other"),
    [
        (FaultKind.SILENT_LEFT, "The left motor (id 1)", "right"),
        (FaultKind.SILENT_RIGHT, "The right motor (id 2)", "left"),
    ],
)
def test_a_silent_motor_is_named_and_both_wheels_stop(
    car: VirtualCar, kind: FaultKind, named: str, other: str
) -> None:
    with running(car.port) as board, driving(board, 3.0, 3.0):
        wait_until(lambda: at_speed(car, 3.0, 3.0), "at speed")
        car.bus.fault = BusFault(kind)
        wait_until(lambda: named in board.status().problem, named)
        assert "XL430-W250" in board.status().problem
        assert other not in board.status().problem
        # the deaf motor stops by its own Bus Watchdog
        wait_until(lambda: at_speed(car, 0.0, 0.0), "both wheels at rest")
        car.bus.fault = BusFault()
        wait_until(lambda: at_speed(car, 3.0, 3.0), "drives again")
        assert board.status().connections >= 2
        wait_until(lambda: board.status().problem == "", "no problem any more")


def test_unplug_and_replug(car: VirtualCar) -> None:
    with running(car.port) as board, driving(board, 3.0, 3.0):
        wait_until(lambda: at_speed(car, 3.0, 3.0), "at speed")
        car.unplug()
        wait_until(lambda: not board.status().connected, "the loss is noticed")
        assert "cable" in board.status().problem
        # the board's own watchdog
        wait_until(lambda: at_speed(car, 0.0, 0.0), "both wheels at rest")
        assert not car.bus.left.torque
        angle_before = board.reading()
        car.plug()
        wait_until(lambda: at_speed(car, 3.0, 3.0), "drives again")
        assert board.status().connections >= 2
        angle_after = board.reading()
    assert angle_before is not None
    assert angle_after is not None
    assert angle_after.left_rad >= angle_before.left_rad - 0.1


def test_a_mute_board_is_noticed_and_found_again(car: VirtualCar) -> None:
    with running(car.port) as board, driving(board, 3.0, 3.0):
        wait_until(lambda: at_speed(car, 3.0, 3.0), "at speed")
        car.mute = True
        wait_until(lambda: not board.status().connected, "the loss is noticed")
        wait_until(lambda: at_speed(car, 0.0, 0.0), "the watchdog stops the wheels")
        assert car.bus.board[BoardRegister.FAULT] == BoardFault.HOST_SILENT
        car.mute = False
        wait_until(lambda: at_speed(car, 3.0, 3.0), "drives again")


def test_a_tripped_watchdog_is_cleared_and_counted(car: VirtualCar) -> None:
    with running(car.port) as board, driving(board, 3.0, 3.0):
        wait_until(lambda: at_speed(car, 3.0, 3.0), "at speed")
        # as when a busy computer pauses
        car.mute = True
        wait_until(lambda: not car.bus.left.torque, "torque off")
        car.mute = False
        wait_until(
            lambda: board.status().restarts + board.status().connections >= 2, "it is counted"
        )
        wait_until(lambda: car.bus.left.torque and at_speed(car, 3.0, 3.0), "drives again")


def test_close_without_a_board_never_throws_and_says_so(car: VirtualCar) -> None:
    with running(car.port) as board:
        car.unplug()
        board.close()
        board.close()
        assert board.status().stop_confirmed is False


def test_close_while_it_waits_to_try_again(car: VirtualCar) -> None:
    with running(car.port) as board:
        car.unplug()
        wait_until(lambda: "cannot be opened" in board.status().problem, "it tries in vain")
        board.close()
        assert board.status().stop_confirmed is False


def test_close_before_start_is_harmless(tmp_path: Path) -> None:
    DynamixelBoard(str(tmp_path / "nothing")).close()


def test_wrong_port(tmp_path: Path) -> None:
    error = error_of(str(tmp_path / "nothing"), "cannot be opened")
    assert str(tmp_path / "nothing") in error.message
    assert "USB cable" in error.next_step


def test_port_that_another_program_uses(car: VirtualCar) -> None:
    with serial.Serial(car.port, exclusive=True):
        assert "no other program" in error_of(car.port, "cannot be opened").next_step


def test_wrong_rate(car: VirtualCar) -> None:
    board = DynamixelBoard(car.port, baud=12345)
    board.start()
    wait_until(lambda: "board.baud is 12345" in board.status().problem, "the rate is named")
    board.close()


def test_no_board_on_the_port(car: VirtualCar) -> None:
    car.mute = True
    error = error_of(car.port, "No board answers")
    assert "1000000" in error.message
    assert "power" in error.next_step


def test_missing_motor_at_start(car: VirtualCar) -> None:
    car.bus.fault = BusFault(FaultKind.SILENT_RIGHT)
    error = error_of(car.port, "does not answer")
    assert "right motor (id 2)" in error.message
    assert "XL430-W250" in error.message


def test_another_kind_of_motor(car: VirtualCar) -> None:
    car.bus.left.table = replace(XL430, model_number=1020)
    error = error_of(car.port, "is model")
    assert "left motor (id 1)" in error.message


def test_pressed_emergency_stop(car: VirtualCar) -> None:
    with running(car.port) as board, driving(board, 3.0, 3.0):
        wait_until(lambda: at_speed(car, 3.0, 3.0), "at speed")
        car.bus.pins.buttons = BoardButton.ESTOP
        wait_until(lambda: "emergency stop" in board.status().problem.lower(), "it is named")
        wait_until(lambda: at_speed(car, 0.0, 0.0), "both wheels at rest")


def test_empty_battery(car: VirtualCar) -> None:
    car.bus.pins.battery_mv = 9000
    error = error_of(car.port, "battery is empty")
    assert "9000 mV" in error.message
    assert "Charge" in error.next_step


def test_failed_motor(car: VirtualCar) -> None:
    with running(car.port) as board:
        car.bus.right.fail(HardwareError.OVERLOAD)
        wait_until(lambda: "OVERLOAD" in board.status().problem, "the error is named")
        assert "right motor" in board.status().problem


def test_a_motor_that_is_mounted_otherwise(car: VirtualCar) -> None:
    board = DynamixelBoard(car.port, mirrored=["left"], battery_gain=0.95)
    board.start()
    board.wait_connected(CONNECT_S)
    board.close()
    assert car.bus.left[MotorRegister.DRIVE_MODE] == DriveMode.REVERSE
    assert car.bus.right[MotorRegister.DRIVE_MODE] == DriveMode(0)
    assert board.status().battery_mv == 11210


def test_emergency_stop_is_confirmed_and_holds_until_it_is_released(car: VirtualCar) -> None:
    with running(car.port) as board, driving(board, 3.0, 3.0):
        wait_until(lambda: at_speed(car, 3.0, 3.0), "at speed")
        board.emergency_stop(CONNECT_S)
        assert car.bus.board[BoardRegister.ESTOP] == 1
        assert not car.bus.motor_power
        assert board.status().estop is EmergencyStop.CONFIRMED
        wait_until(lambda: "emergency stop" in board.status().problem, "it says why it stands")
        # a board that restarted gets the stop again
        car.bus.board.reboot(time.monotonic())
        wait_until(lambda: car.bus.board[BoardRegister.ESTOP] == 1, "stopped again")
        board.release_emergency_stop(CONNECT_S)
        wait_until(lambda: at_speed(car, 3.0, 3.0), "drives again")
        assert board.status().estop is EmergencyStop.NONE


def test_an_emergency_stop_that_nobody_confirms_is_reported_as_failed(car: VirtualCar) -> None:
    with running(car.port) as board, driving(board, 3.0, 3.0):
        wait_until(lambda: at_speed(car, 3.0, 3.0), "at speed")
        car.mute = True
        with pytest.raises(BoardError, match="could not be confirmed"):
            board.emergency_stop(0.3)
        wait_until(lambda: board.status().estop is EmergencyStop.FAILED, "it is said")
        car.mute = False
        # the stop is not forgotten
        wait_until(lambda: board.status().estop is EmergencyStop.CONFIRMED, "done after all")
        assert car.bus.board[BoardRegister.ESTOP] == 1


def test_an_emergency_stop_without_a_cable_is_done_when_it_is_back(car: VirtualCar) -> None:
    with running(car.port) as board:
        car.unplug()
        wait_until(lambda: not board.status().connected, "the loss is noticed")
        board.request_emergency_stop()
        wait_until(lambda: board.status().estop is EmergencyStop.FAILED, "it is said")
        car.plug()
        wait_until(lambda: board.status().estop is EmergencyStop.CONFIRMED, "it is done")


def test_a_pressed_button_cannot_be_released_from_here(car: VirtualCar) -> None:
    with running(car.port) as board:
        car.bus.pins.buttons = BoardButton.ESTOP
        wait_until(lambda: not board.status().connected, "it is noticed")
        with pytest.raises(BoardError, match="was not released"):
            board.release_emergency_stop(2.5)
        car.bus.pins.buttons = BoardButton(0)
        board.release_emergency_stop(CONNECT_S)
        wait_until(lambda: board.status().connected, "ready again")


def test_a_very_bad_line_slows_the_wheels(car: VirtualCar, monkeypatch: pytest.MonkeyPatch) -> None:
    # bad enough to slow down, good enough to stay connected
    monkeypatch.setattr(LineQuality, "SLOW_ABOVE", 0.2)
    monkeypatch.setattr(LineQuality, "FULL_BELOW", 0.1)
    with running(car.port) as board, driving(board, 4.0, 2.0):
        wait_until(lambda: at_speed(car, 4.0, 2.0), "at speed")
        car.bus.fault = BusFault(FaultKind.LOST_PACKETS, 0.25)
        wait_until(lambda: board.status().slowed, "slower")
        car.bus.fault = BusFault()
        wait_until(lambda: at_speed(car, 4.0, 2.0), "at speed again")
        wait_until(lambda: not board.status().slowed, "it is not slow any more")
