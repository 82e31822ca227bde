"""The host port: the core as a process between a pty and two sockets."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelopolis.vehicle.control_table import BOARD, BOARD_ID, BoardButton, BoardRegister
from sim.hardware.dynamixel import Instruction, Packet, Parser, encode, encode_status
from sim.hardware.firmware_program import BoardOutput, OutputReader, encode_pins
from tests.support.firmware_build import FIRMWARE, make
from tests.support.firmware_core import FULL_MV, write_parameters

pytestmark = pytest.mark.realtime

PROGRAM = FIRMWARE / "build" / "host" / "pixelopolis-board"
PATIENCE_S = 30.0
"""Limit for a process on a busy computer."""


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    make("host")


class Surroundings:
    """The environment of the process: it is started and its sockets are accepted."""

    def __init__(self, folder: Path) -> None:
        self.link = folder / "bus"
        listeners = [self._listen(folder / name) for name in ("motors", "io")]
        self.process = subprocess.Popen(
            [PROGRAM, "--host", self.link, "--motors", folder / "motors", "--io", folder / "io"],
            stderr=subprocess.PIPE,
        )
        self.motors, self.io = (self._accept(listener) for listener in listeners)
        self.feel(FULL_MV, BoardButton(0))
        wait_for(self.link.is_symlink)
        self.host = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._outputs = OutputReader()

    @staticmethod
    def _listen(path: Path) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(PATIENCE_S)
        return listener

    @staticmethod
    def _accept(listener: socket.socket) -> socket.socket:
        with listener:
            return listener.accept()[0]

    def feel(self, battery_mv: int, buttons: BoardButton) -> None:
        self.io.sendall(encode_pins(battery_mv, buttons))

    def outputs(self, wanted: BoardOutput, mask: BoardOutput) -> None:
        """Wait until the pins in `mask` are as wanted."""
        until_s = time.monotonic() + PATIENCE_S
        seen = None
        while time.monotonic() < until_s:
            if select.select([self.io], [], [], 0.1)[0]:
                for seen in self._outputs.feed(self.io.recv(4096)):
                    if seen & mask == wanted:
                        return
        pytest.fail(f"outputs are {seen!r}")

    def hear(self, fd: int, packets: int = 1) -> list[Packet]:
        """Wait for packets from the process."""
        parser, heard = Parser(), []
        until_s = time.monotonic() + PATIENCE_S
        while len(heard) < packets and time.monotonic() < until_s:
            if select.select([fd], [], [], 0.1)[0]:
                heard += parser.feed(os.read(fd, 4096))
        return heard

    def ask(self, device: int, instruction: int, parameters: bytes = b"") -> Packet:
        os.write(self.host, encode(device, instruction, parameters))
        (packet,) = self.hear(self.host)
        return packet

    def ended(self) -> tuple[int, str]:
        _, complaint = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, complaint.decode()

    def close(self) -> None:
        for end in (self.motors, self.io):
            end.close()
        with contextlib.suppress(OSError):
            os.close(self.host)
        self.process.wait(PATIENCE_S)
        assert self.process.stderr is not None
        self.process.stderr.close()


def wait_for(condition: object) -> None:
    assert callable(condition)
    until_s = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < until_s:
        time.sleep(0.01)
    assert condition()


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Surroundings]:
    surroundings = Surroundings(tmp_path)
    yield surroundings
    surroundings.close()


def test_a_raw_terminal_stands_under_the_links_name(around: Surroundings) -> None:
    flags = termios.tcgetattr(around.host)
    assert flags[3] & (termios.ECHO | termios.ICANON | termios.ISIG) == 0
    assert flags[0] & (termios.ICRNL | termios.IXON) == 0
    assert flags[1] & termios.OPOST == 0


def test_board_and_motors_answer_through_it(around: Surroundings) -> None:
    assert around.ask(BOARD_ID, Instruction.PING).id == BOARD_ID
    question = encode(1, Instruction.READ, b"\x84\0\4\0")
    os.write(around.host, question)
    (asked,) = around.hear(around.motors.fileno())
    assert encode(*asked[:3]) == question
    around.motors.sendall(encode_status(1, 0, b"\xff\xff\xfd\n"))
    assert around.hear(around.host)[0].parameters == b"\0\xff\xff\xfd\n"


def test_pins_go_both_ways(around: Surroundings) -> None:
    power = BoardOutput.MOTOR_POWER
    around.outputs(BoardOutput(0), power)
    on = write_parameters(BOARD, BoardRegister.MOTOR_POWER, 1)
    assert around.ask(BOARD_ID, Instruction.WRITE, on).parameters == b"\0"
    around.outputs(power | BoardOutput.FAN, power | BoardOutput.FAN)
    around.feel(FULL_MV, BoardButton.ESTOP)
    around.outputs(BoardOutput(0), power)
    # and they are sent again without a change
    around.outputs(BoardOutput(0), power)


@pytest.mark.parametrize("end", ["motors", "io"])
def test_it_ends_when_a_socket_closes(around: Surroundings, end: str) -> None:
    getattr(around, end).close()
    assert around.ended() == (0, "")
    assert not around.link.is_symlink()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_a_signal(around: Surroundings, number: int) -> None:
    around.process.send_signal(number)
    assert around.ended() == (0, "")
    assert not around.link.is_symlink()


def test_a_host_that_comes_and_goes_is_no_end(around: Surroundings) -> None:
    os.close(around.host)
    around.host = os.open(around.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    assert around.ask(BOARD_ID, Instruction.PING).id == BOARD_ID


def run(*words: str | Path) -> tuple[int, str]:
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--host", "x", "--motors", "y"],
        ["--host", "x", "--motors", "y", "--io"],
        ["--host", "x", "--motors", "y", "--pins", "z"],
    ],
)
def test_it_says_how_it_is_used(words: list[str]) -> None:
    status, complaint = run(*words)
    assert (status, complaint[:24]) == (2, "usage: pixelopolis-board")


def test_it_names_what_is_missing(tmp_path: Path) -> None:
    nobody = tmp_path / "motors"
    status, complaint = run("--host", tmp_path / "bus", "--motors", nobody, "--io", nobody)
    assert status == 1
    assert f"cannot connect to {nobody}: No such file or directory. Start what" in complaint
    long = tmp_path / ("m" * 200)
    status, complaint = run("--host", tmp_path / "bus", "--motors", long, "--io", nobody)
    assert (status, "Use a shorter path." in complaint) == (1, True)


def test_a_link_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        bus = tmp_path / "no" / "bus"
        status, complaint = run("--host", bus, "--motors", tmp_path / "s", "--io", tmp_path / "s")
    assert status == 1
    assert f"cannot make the link {bus}: No such file or directory." in complaint
