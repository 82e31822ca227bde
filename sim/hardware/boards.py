"""The cars' controller boards: simulated ones, or processes that run the firmware.

A simulated board is part of the car's `VirtualBus`, behind a pty. A process (the firmware's host
build, or its image in QEMU) gets the motors (`MotorLine`) at one Unix socket and its pins at
another; it is started, watched and ended with the simulator.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from pixelopolis.errors import BoardError
from pixelopolis.processes import ChildProcess, Processes
from pixelopolis.supervision import Tasks, Worker, guarded
from sim.hardware.board import Pins
from sim.hardware.bus import MotorLine
from sim.hardware.firmware_program import (
    BoardKind,
    BoardOutput,
    OutputReader,
    board_sockets,
    command_line,
    encode_pins,
)
from sim.hardware.serial_port import SerialPort, UnixLine

PINS_EVERY_S: Final = 0.02
"""Largest interval at which a board measures its battery."""
START_TIMEOUT_S: Final = 30.0
"""A board whose outputs are unknown by then does not work."""
RESTART_S: Final = 0.5
"""Pause before a restart, as by a board's independent watchdog."""

log = logging.getLogger(__name__)


class CarBoard(Protocol):
    """What the simulator needs of a car's board.

    Attributes:
        worker: its recent failures; a malformed packet to one car's board ends nothing.
    """

    worker: Worker

    def serve(self, now_s: float) -> None:
        """Read what has arrived and answer it."""
        ...

    def state(self) -> dict[str, Any]: ...
    def close(self) -> None: ...


class DeviceBoard:
    """The simulated board: it and the motors answer on a pty."""

    def __init__(self, directory: Path, car_id: str, bus: MotorLine) -> None:
        self.worker = Worker(f"{car_id}.board")
        self._bus = bus
        self._port = SerialPort(board_sockets(directory, car_id).bus)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._port.fd, self._arrived)

    def _arrived(self) -> None:
        self.serve(time.monotonic())

    def serve(self, now_s: float) -> None:
        with guarded(self.worker):
            if data := self._port.read():
                self._port.write(self._bus.receive(data, now_s, self._port.baud))

    def state(self) -> dict[str, Any]:
        trouble = self.worker.trouble
        return {"kind": BoardKind.DEVICE, "running": True, "restarts": 0, "trouble": trouble}

    def close(self) -> None:
        self._loop.remove_reader(self._port.fd)
        self._port.close()


class OutsideBoard:
    """A process that runs the firmware, with its lines to motors, pins and the car's pty.

    When the process dies, its pins keep their state, the motors' power too, so that the motors' own
    Bus Watchdog must stop the wheels.

    Attributes:
        outputs: state of its output pins, None until it is known.
    """

    def __init__(self, kind: BoardKind, directory: Path, car_id: str, bus: MotorLine) -> None:
        at = board_sockets(directory, car_id)
        self.argv = command_line(kind, at)
        self.name = f"{car_id}.board"
        self.worker = Worker(self.name)
        self.restarts = 0
        self.running = False
        self.outputs: BoardOutput | None = None
        self.answered = asyncio.Event()
        self._kind = kind
        self._bus = bus
        self._reader = OutputReader()
        self._told: tuple[float, Pins] | None = None
        self._motors = UnixLine(at.motors, self._arrived)
        self._io = UnixLine(at.io, self._arrived, self._connected)
        self._bridge = PtyBridge(at.bus, at.host) if kind is BoardKind.QEMU else None
        self._link = at.bus

    def _connected(self) -> None:
        self._told = None
        self._reader = OutputReader()
        self._arrived()

    def _arrived(self) -> None:
        self.serve(time.monotonic())

    def serve(self, now_s: float) -> None:
        with guarded(self.worker):
            self._serve(now_s)

    def _serve(self, now_s: float) -> None:
        for outputs in self._reader.feed(self._io.read()):
            self.outputs = outputs
            self.answered.set()
            self._bus.set_power(BoardOutput.MOTOR_POWER in outputs, now_s)
        if data := self._motors.read():
            self._motors.write(self._bus.receive(data, now_s, self._reader.motor_baud))
        pins = self._bus.pins
        if self._told is None or self._told[1] != pins or now_s - self._told[0] >= PINS_EVERY_S:
            self._told = now_s, Pins(pins.battery_mv, pins.buttons)
            self._io.write(encode_pins(pins.battery_mv, pins.buttons))

    def state(self) -> dict[str, Any]:
        shown = [flag.name.lower() for flag in self.outputs or () if flag.name]
        return {
            "kind": self._kind,
            "running": self.running,
            "restarts": self.restarts,
            "outputs": shown,
            "trouble": self.worker.trouble,
        }

    def close(self) -> None:
        self._motors.close()
        self._io.close()
        if self._bridge is not None:
            self._bridge.close()
        # left behind by a killed host build
        self._link.unlink(missing_ok=True)


class PtyBridge:
    """Passes bytes between a car's permanent pty and a process's Unix socket."""

    def __init__(self, link: Path, socket: Path) -> None:
        self._port = SerialPort(link)
        self._line = UnixLine(socket, self._to_car)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._port.fd, self._to_program)

    def _to_car(self) -> None:
        self._port.write(self._line.read())

    def _to_program(self) -> None:
        self._line.write(self._port.read())

    def close(self) -> None:
        self._loop.remove_reader(self._port.fd)
        self._port.close()
        self._line.close()


class Boards:
    """The boards of all cars; a context manager that starts and ends them.

    Args:
        kind: of all boards.
        directory: for sockets and ptys.
        buses: of each car; a `VirtualBus` for `BoardKind.DEVICE`.
    """

    def __init__(self, kind: BoardKind, directory: Path, buses: Mapping[str, MotorLine]) -> None:
        self._kind = kind
        self._directory = directory
        self._buses = buses
        self._boards: dict[str, CarBoard] = {}
        self._outside: dict[str, OutsideBoard] = {}
        self._processes = Processes(directory, self._died, self._fail)
        self._failure: asyncio.Future[None] | None = None
        self._tasks = Tasks(self._fail)

    async def __aenter__(self) -> Self:
        self._failure = asyncio.get_running_loop().create_future()
        try:
            if self._kind is BoardKind.DEVICE:
                for car_id, bus in self._buses.items():
                    self._boards[car_id] = DeviceBoard(self._directory, car_id, bus)
                return self
            await self._processes.__aenter__()
            for car_id, bus in self._buses.items():
                board = OutsideBoard(self._kind, self._directory, car_id, bus)
                self._boards[car_id] = self._outside[board.name] = board
                await self._start(board)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._tasks.close()
        if self._kind is not BoardKind.DEVICE:
            await self._processes.__aexit__(None, None, None)
        for board in self._boards.values():
            board.close()
        for part in self._processes.parts.values():
            part.log.unlink(missing_ok=True)
        self._boards.clear()
        if self._failure is not None:
            self._failure.cancel()

    def serve(self, now_s: float) -> None:
        """Serve all boards; call it at least every 20 ms."""
        for board in self._boards.values():
            board.serve(now_s)

    def state(self, car_id: str) -> dict[str, Any]:
        """Return the state of a car's board, as JSON types."""
        return self._boards[car_id].state() if car_id in self._boards else {}

    def pid(self, car_id: str) -> int:
        """Return the process id of a car's board."""
        return self._processes.parts[f"{car_id}.board"].pid

    async def wait_ready(self) -> None:
        """Wait until the outputs of every board are known.

        Raises:
            BoardError: a board took too long, or ended.
        """
        for board in self._outside.values():
            try:
                async with asyncio.timeout(START_TIMEOUT_S):
                    await board.answered.wait()
            except TimeoutError:
                raise BoardError(
                    f"{board.name} said nothing within {START_TIMEOUT_S:.0f} s "
                    f"({' '.join(board.argv)}).",
                    "Build the firmware again (`make firmware`), then start the simulator again.",
                ) from None

    async def wait_broken(self) -> None:
        """Wait until a board ends before it has ever answered; raise that."""
        assert self._failure is not None, "a context manager"
        await asyncio.shield(self._failure)

    async def _start(self, board: OutsideBoard) -> None:
        board.answered.clear()
        await self._processes.start(board.name, *board.argv)
        board.running = True

    def _died(self, part: ChildProcess) -> None:
        board = self._outside[part.name]
        board.running = False
        words = part.last_words() or "It said nothing."
        if not board.answered.is_set():
            self._fail(
                BoardError(
                    f"{part.name} {part.how_it_ended} before it worked: {words}",
                    "Build the firmware again (`make firmware`).",
                )
            )
            return
        log.error("%s %s and is started again. %s", part.name, part.how_it_ended, words)
        board.restarts += 1
        self._tasks.spawn(self._restart(board, part), f"the restart of {part.name}")

    async def _restart(self, board: OutsideBoard, part: ChildProcess) -> None:
        await asyncio.sleep(RESTART_S)
        await self._processes.stop(part.name)  # a part of it may still run
        await self._start(board)

    def _fail(self, error: Exception) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)
