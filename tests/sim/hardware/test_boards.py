"""Board processes: started, watched, restarted, ended."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.tools.motor_setup import MotorSetup, configure
from car.tools.workbench import Found, Workbench
from pixelopolis.errors import BoardError, MissingPartError
from pixelopolis.vehicle.control_table import BoardButton
from sim.hardware import firmware_program as board_program
from sim.hardware.boards import Boards
from sim.hardware.bus import MotorLine
from sim.hardware.firmware_program import (
    BoardKind,
    BoardOutput,
    OutputReader,
    board_sockets,
    command_line,
    encode_pins,
)
from tests.support.firmware_build import build_board

pytestmark = pytest.mark.realtime

WAIT_S = 30.0
outputs = st.integers(0, 15).map(BoardOutput)


@pytest.fixture
def folder() -> Iterator[Path]:
    # a short path: a Unix socket's has at most 107 bytes
    with tempfile.TemporaryDirectory(prefix="px") as name:
        yield Path(name)
        assert list(Path(name).iterdir()) == []


@given(st.lists(st.tuples(st.binary().filter(lambda b: 0x5A not in b), outputs)), st.data())
def test_outputs_are_found_in_noise_and_fragments(
    said: list[tuple[bytes, BoardOutput]], data: st.DataObject
) -> None:
    stream = b"".join(noise + bytes([0x5A, each]) for noise, each in said)
    cut = data.draw(st.integers(0, len(stream)))
    reader = OutputReader()
    assert reader.feed(stream[:cut]) + reader.feed(stream[cut:]) == [each for _, each in said]


def test_the_motor_bus_rate_comes_with_the_pins() -> None:
    reader = OutputReader()
    assert reader.motor_baud == 1_000_000
    assert reader.feed(bytes([0x5A, 0x2F])) == [BoardOutput(15)]
    assert reader.motor_baud == 57_600
    assert reader.feed(bytes([0x5A, 0x01])) == [BoardOutput.MOTOR_POWER]
    assert reader.motor_baud == 1_000_000


def test_pins_as_a_frame() -> None:
    assert encode_pins(0x2E18, BoardButton.ESTOP) == bytes([0xA5, 0x18, 0x2E, 2])


@pytest.mark.parametrize(
    ("kind", "part", "fix"),
    [
        (BoardKind.HOST, "HOST_BUILD", "make -C firmware host"),
        (BoardKind.QEMU, "QEMU_IMAGE", "make -C firmware qemu"),
    ],
)
def test_what_is_not_built_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: BoardKind, part: str, fix: str
) -> None:
    monkeypatch.setattr(board_program, part, tmp_path / "nothing")
    with pytest.raises(MissingPartError, match=str(tmp_path / "nothing")) as caught:
        command_line(kind, board_sockets(tmp_path, "car1"))
    assert fix in caught.value.next_step


def test_a_missing_qemu_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(board_program, "QEMU_IMAGE", Path(__file__))
    monkeypatch.setattr(board_program, "QEMU", "qemu-that-is-not-there")
    with pytest.raises(MissingPartError) as caught:
        command_line(BoardKind.QEMU, board_sockets(tmp_path, "car1"))
    assert "apt-get install qemu-system-arm" in caught.value.next_step


@asynccontextmanager
async def served(folder: Path, bus: MotorLine) -> AsyncIterator[Boards]:
    """A car's host build, served as in the simulator."""
    async with Boards(BoardKind.HOST, folder, {"car1": bus}) as boards:

        async def serve() -> None:
            while True:
                await asyncio.sleep(0.005)
                boards.serve(time.monotonic())
                bus.step(time.monotonic())

        serving = asyncio.create_task(serve())
        try:
            yield boards
        finally:
            serving.cancel()


async def until(what: str, true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end_s, f"never happened: {what}"
        await asyncio.sleep(0.01)


async def test_a_board_that_does_not_start_is_an_error(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(board_program, "HOST_BUILD", Path("/bin/false"))
    async with served(folder, MotorLine()) as boards, asyncio.timeout(WAIT_S):
        with pytest.raises(BoardError, match=r"car1.board ended with exit code 1"):
            await boards.wait_broken()


async def test_a_board_that_dies_is_started_again(folder: Path) -> None:
    build_board(BoardKind.HOST)
    bus = MotorLine()
    async with served(folder, bus) as boards:
        await boards.wait_ready()
        assert boards.state("car1")["running"]
        first, terminal = boards.pid("car1"), board_sockets(folder, "car1").bus
        assert terminal.is_symlink()
        bus.set_power(True, time.monotonic())
        os.kill(first, signal.SIGKILL)
        await until("its death is seen", lambda: not boards.state("car1")["running"])
        # its pins keep their state
        assert bus.motor_power
        await until("it runs again", lambda: boards.state("car1")["running"])
        await boards.wait_ready()
        assert boards.pid("car1") != first
        assert boards.state("car1")["restarts"] == 1
        assert boards.state("car1")["outputs"] is not None
        await until("it has no power for the motors yet", lambda: not bus.motor_power)
    assert not psutil.pid_exists(first)


async def test_a_new_motor_is_set_up_through_the_firmware(folder: Path) -> None:
    build_board(BoardKind.HOST)
    bus = MotorLine()
    bus.left.deaf = True
    bus.right["id"], bus.right["baud_rate"] = 1, 1

    def work() -> Found:
        with Workbench(str(board_sockets(folder, "car1").bus)) as bench:
            bench.power_on()
            found = bench.find_one()
            configure(bench, MotorSetup("right", 2, True, found))
            return found

    async with served(folder, bus) as boards:
        await boards.wait_ready()
        found = await asyncio.to_thread(work)
        await until("it took the power away again", lambda: not bus.motor_power)
    assert (found.baud, found.id, found.name) == (57_600, 1, "XL430-W250")
    assert (bus.right.id, bus.right["baud_rate"], bus.right["drive_mode"]) == (2, 3, 1)
