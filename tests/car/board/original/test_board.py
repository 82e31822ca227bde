"""The driver for an original board: its text protocol, and a car with one behind a pty."""

import errno
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.board.base import BoardThread
from car.board.factory import make_board
from car.board.original.board import DeadReckoning, OriginalBoard
from car.board.original.protocol import (
    DIGITS,
    Battery,
    Echo,
    Reader,
    Speeds,
    Stopped,
    Torque,
    driveable,
    token,
)
from car.board.status import EmergencyStop
from car.orders.health import health_of
from car.settings import BoardSettings
from pixelopolis.errors import BoardError
from pixelopolis.supervision import PAUSE_S
from pixelopolis.vehicle.control_table import BoardFault
from pixelopolis.vehicle.speeds import MOTOR_UNIT_RAD_S
from sim.hardware.dynamixel import Instruction, encode
from tests.support.original_car import OriginalCar
from tests.support.virtual_car import wait_until

pytestmark = pytest.mark.realtime

CONNECT_S = 20.0
SPEED = 180 * MOTOR_UNIT_RAD_S


@pytest.mark.parametrize(
    ("left", "right", "text"),
    [
        (0, 0, "c0c0"),
        (180, 180, "jcjc"),
        (54, 180, "e6jc"),
        (6, 180, "c6jc"),
        (-54, -54, "9i9i"),
        (-54, 54, "9ie6"),
        (-288, -288, "0000"),
        (311, 311, "onon"),
    ],
)
def test_commands_as_the_published_app_sent_them(left: int, right: int, text: str) -> None:
    assert token(left, right, 4) == text
    assert token(left, right, 5)[1:] == text
    assert len(token(left, right, 5)) == 5


@given(st.integers(-400, 400), st.integers(-400, 400))
def test_any_speed_becomes_a_command_that_means_it(left: int, right: int) -> None:
    a, b = driveable(left, right)
    text = token(a, b, 4)
    digits = [DIGITS.index(character) for character in text]
    assert (24 * digits[0] + digits[1] - 288, 24 * digits[2] + digits[3] - 288) == (a, b)
    assert a == max(-288, min(311, left))
    # the firmware stops both wheels when the right one's command is 0
    assert b != 0 or a == 0
    assert b == (max(-288, min(311, right)) or int(a != 0))


NOISE = encode(0, Instruction.WRITE, b"\x68\x00\xb4\x00\x00\x00")


@given(st.lists(st.integers(1, 9), min_size=1))
def test_lines_are_found_in_noise_and_fragments(sizes: list[int]) -> None:
    stream = (
        b"read = pjcjc\n180-0 || 180-0\n" + NOISE + NOISE + b"\nb91\n\nid2\n"
        b"read = pc0c0\nSTOP LEFT RIGHT\n" + NOISE + b"Disable Torque Mode\nEnable Torque Mode\n"
    )
    reader, said, at = Reader(), [], 0
    while at < len(stream):
        for size in sizes:
            said += reader.feed(stream[at : at + size])
            at += size
    assert said == [
        Echo("pjcjc"),
        Speeds(180, 180),
        Battery(91),
        Echo("pc0c0"),
        Stopped(),
        Torque(False),
        Torque(True),
    ]


@given(st.binary(max_size=300))
def test_noise_alone_never_fails(data: bytes) -> None:
    Reader().feed(data)


def test_reckoned_angles_follow_confirmed_speeds_and_end_with_them() -> None:
    reckoning = DeadReckoning(since_s=10.0).then((100, -50), 10.0)
    later = reckoning.at(10.2)
    assert later.left_rad == pytest.approx(20 * MOTOR_UNIT_RAD_S)
    assert later.right_rad == pytest.approx(-10 * MOTOR_UNIT_RAD_S)
    assert later.measured_s == 10.2
    # without confirmation they age, so that the driver slows and stops
    assert reckoning.at(20.0).measured_s == pytest.approx(10.35)
    stopped = reckoning.then((0, 0), 10.2)
    assert stopped.at(10.4).left_rad == pytest.approx(later.left_rad)


@pytest.fixture
def car(tmp_path: Path) -> Iterator[OriginalCar]:
    with OriginalCar(tmp_path / "car1.bus") as original:
        yield original


@contextmanager
def running(car: OriginalCar, wait: bool = True, chars: int = 5) -> Iterator[BoardThread]:
    board = make_board(
        BoardSettings.model_validate({"port": car.port, "kind": "original", "frame_chars": chars})
    )
    board.start()
    try:
        if wait:
            board.wait_connected(CONNECT_S)
        yield board
    finally:
        board.close()


@contextmanager
def driving(board: BoardThread, left_rad_s: float, right_rad_s: float) -> Iterator[None]:
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


def at_speed(car: OriginalCar, left_rad_s: float, right_rad_s: float) -> bool:
    left, right = car.vehicle.wheel_rad_s
    return abs(left - left_rad_s) < 0.05 and abs(right - right_rad_s) < 0.05


def test_wheels_follow_and_their_angles_are_reckoned(car: OriginalCar) -> None:
    with running(car) as board:
        with driving(board, SPEED, SPEED / 2):
            wait_until(lambda: at_speed(car, SPEED, SPEED / 2), "at speed")
            time.sleep(1.0)
        # no more goals are set
        wait_until(lambda: at_speed(car, 0.0, 0.0), "at rest")
        reading = board.reading()
        assert reading is not None
        # a busy computer delays the two speeds by different times
        assert reading.left_rad == pytest.approx(car.vehicle.wheel_rad[0], rel=0.5)
        assert reading.right_rad == pytest.approx(car.vehicle.wheel_rad[1], rel=0.5)
        wait_until(lambda: board.status().battery_pct is not None, "the battery is told")
        assert board.status().battery_pct == pytest.approx(72.2)
        assert health_of(board.status(), "", (0.0, 0.0), None).battery_pct == pytest.approx(72.2)
    assert health_of(board.status(), "", (0.0, 0.0), None).battery_pct is None, "it is closed"
    assert board.status().stop_confirmed is True
    assert car.tokens[-1] == "pc0c0"


def test_a_corrected_board_takes_four_characters(tmp_path: Path) -> None:
    with (
        OriginalCar(tmp_path / "car1.bus", skip=0) as car,
        running(car, chars=4) as board,
        driving(board, SPEED, SPEED),
    ):
        wait_until(lambda: at_speed(car, SPEED, SPEED), "at speed")
        board.close()
        assert at_speed(car, 0.0, 0.0) or board.status().stop_confirmed


def test_wrong_frame_chars_are_noticed_before_anything_drives(car: OriginalCar) -> None:
    with running(car, wait=False, chars=4) as board:
        wait_until(lambda: "board.frame_chars to 5" in board.status().problem, "it is named")
    wait_until(lambda: at_speed(car, 0.0, 0.0), "at rest")


def test_torque_button_and_battery(car: OriginalCar) -> None:
    with running(car) as board, driving(board, SPEED, SPEED):
        wait_until(lambda: at_speed(car, SPEED, SPEED), "at speed")
        car.torque = False
        wait_until(lambda: "torque button" in board.status().problem, "it is named")
        car.torque = True
        wait_until(lambda: at_speed(car, SPEED, SPEED), "drives again")
        car.battery = 84
        wait_until(lambda: board.status().fault == BoardFault.BATTERY_LOW, "it warns")
        car.battery = 80
        wait_until(lambda: "battery is empty" in board.status().problem, "it stops")
        wait_until(lambda: at_speed(car, 0.0, 0.0), "at rest")


def test_unplug_and_replug(car: OriginalCar) -> None:
    with running(car) as board, driving(board, SPEED, SPEED):
        wait_until(lambda: at_speed(car, SPEED, SPEED), "at speed")
        car.unplug()
        wait_until(lambda: not board.status().connected, "it is noticed")
        # nothing stops an original board
        assert at_speed(car, SPEED, SPEED)
        before = board.reading()
        car.plug()
        wait_until(lambda: board.status().connections >= 2, "connected again")
        wait_until(lambda: at_speed(car, SPEED, SPEED), "drives again")
        after = board.reading()
    assert before is not None
    assert after is not None
    assert after.left_rad >= before.left_rad


def test_a_mute_board_is_named(car: OriginalCar) -> None:
    car.mute = True
    with running(car, wait=False) as board:
        wait_until(lambda: "No original board answers" in board.status().problem, "it is named")
        with pytest.raises(BoardError, match="9600 bit/s"):
            board.wait_connected(0.0)


def test_emergency_stop(car: OriginalCar) -> None:
    with running(car) as board, driving(board, SPEED, SPEED):
        wait_until(lambda: at_speed(car, SPEED, SPEED), "at speed")
        board.emergency_stop(CONNECT_S)
        assert board.status().estop is EmergencyStop.CONFIRMED
        wait_until(lambda: at_speed(car, 0.0, 0.0), "at rest")
        board.release_emergency_stop(CONNECT_S)
        wait_until(lambda: at_speed(car, SPEED, SPEED), "drives again")


class NoProcesses:
    """A computer on which no process can be started; counts the attempts."""

    def __init__(self) -> None:
        self.tries_s: list[float] = []

    def __call__(self, *_args: object, **_more: object) -> None:
        self.tries_s.append(time.monotonic())
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


def test_without_a_guard_the_wheels_stand_until_one_can_be_started(
    car: OriginalCar, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = NoProcesses()
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", none)
        board = OriginalBoard(car.port)
        board.start()
    try:
        with driving(board, SPEED, SPEED):
            wait_until(lambda: at_speed(car, SPEED, SPEED), "at speed")
            assert len(none.tries_s) == 1
            assert "Resource temporarily" in board.workers[-1].trouble
            guard = board._guard
            assert guard is not None
            with monkeypatch.context() as patch:
                patch.setattr(subprocess, "Popen", none)
                guard.kill()
                wait_until(lambda: at_speed(car, 0.0, 0.0), "at rest")
                wait_until(lambda: len(none.tries_s) == 3, "it is tried again")
                wait_until(lambda: "would stop the wheels" in board.status().problem, "it is named")
            pauses_s = np.diff(none.tries_s[1:])
            assert (pauses_s > PAUSE_S[0]).all()
            wait_until(lambda: at_speed(car, SPEED, SPEED), "drives again")
            assert board.status().connected
    finally:
        board.close()


def test_killed_outright_the_guard_stops_the_wheels(car: OriginalCar) -> None:
    program = (
        "import time\n"
        "from car.board.original.board import OriginalBoard\n"
        f"board = OriginalBoard({car.port!r})\n"
        "board.start()\n"
        "while True:\n"
        f"    board.set_goal({SPEED}, {SPEED}, time.monotonic())\n"
        "    time.sleep(0.02)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: at_speed(car, SPEED, SPEED), "at speed", 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until(lambda: at_speed(car, 0.0, 0.0), "the guard stopped it")
    finally:
        process.kill()
        process.wait()
