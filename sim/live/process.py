"""The city in real time: a process for physics and buses, a child that renders, an HTTP server.

The parent runs in one event loop: bus requests are answered as their bytes arrive, physics steps
200 times a second. The child (`render_process`) renders.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from pixelopolis.addresses import origin
from pixelopolis.city.sources import load_city
from pixelopolis.errors import SettingsError
from pixelopolis.folder_lock import lock_folder
from pixelopolis.vehicle.camera import Camera
from sim.hardware.boards import Boards
from sim.hardware.firmware_program import BoardKind, check_program
from sim.live.renderer_link import RendererLink, first_of
from sim.live.town import LiveTown
from sim.live.web import make_app
from sim.physics.lockstep import STEP_S

SCENE_EVERY: Final = 2
"""Physics steps between two poses sent to the renderer."""
MAX_LAG_S: Final = 0.1
"""If physics lags by more, the excess is skipped and counted."""
READY_NAME: Final = "ready"
SHUTDOWN_S: Final = 0.5
"""How long viewers of a stream may delay the shutdown."""
MAX_SOCKET_PATH: Final = 107
"""Longest path of a Unix socket on Linux in bytes (man 7 unix)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RealtimeSettings:
    """What to simulate, and the folder and address where it is served."""

    city: str
    cars: int
    directory: Path
    http_host: str = "127.0.0.1"
    http_port: int = 0
    """0 takes a free port, which the file `ready` names."""
    seed: int = 0
    board: BoardKind = BoardKind.DEVICE
    camera: Camera = field(default_factory=Camera)


@dataclass
class Pace:
    """How well physics keeps its rate."""

    steps: int = 0
    late_steps: int = 0
    """Steps that started more than a period late."""
    skipped_s: float = 0.0
    """Simulated time skipped because the computer was too busy."""
    max_late_ms: float = 0.0

    def note(self, late_s: float) -> None:
        self.steps += 1
        self.late_steps += late_s > STEP_S
        self.max_late_ms = max(self.max_late_ms, round(late_s * 1000, 2))

    def skip(self, late_s: float) -> None:
        self.skipped_s = round(self.skipped_s + late_s, 3)
        log.warning(
            "Physics fell %.0f ms behind and skipped them; is the computer busy?", late_s * 1000
        )


class Realtime:
    """A running city; call `run` once."""

    def __init__(self, settings: RealtimeSettings) -> None:
        self._settings = settings
        check_program(settings.board)
        self.town = LiveTown(load_city(settings.city), settings.cars, settings.seed, settings.board)
        self.pace = Pace()
        directory = settings.directory.resolve()
        buses = {car_id: car.bus for car_id, car in self.town.cars.items()}
        self._boards = Boards(settings.board, directory, buses)
        cameras = {car: directory / f"{car}.camera" for car in self.town.cars}
        if any(len(os.fsencode(path)) > MAX_SOCKET_PATH for path in cameras.values()):
            raise SettingsError(
                f"--dir {directory} is too long for the cars' sockets.", "Take a shorter one."
            )
        self._renderer = RendererLink(settings.city, cameras, settings.camera, settings.seed)

    def state(self) -> dict[str, Any]:
        """Return ground truth and timing, as JSON types."""
        pace = {
            "rate_hz": round(1 / STEP_S),
            "steps": self.pace.steps,
            "late_steps": self.pace.late_steps,
            "skipped_s": self.pace.skipped_s,
            "max_late_ms": self.pace.max_late_ms,
        }
        state = self.town.state()
        for car in state["cars"]:
            car["board"] = self._boards.state(car["id"])
        return state | {"physics": pace, "render": self._renderer.counts}

    async def run(self, stop: asyncio.Event) -> None:
        """Simulate until `stop` is set, then clean up.

        Raises:
            BoardError: a board's program fails.
            RenderError: there is no OpenGL, or the renderer ended.
            SettingsError: the HTTP port is in use.
        """
        with lock_folder(self._settings.directory, "--dir"):
            await self._run(stop)

    async def _run(self, stop: asyncio.Event) -> None:
        directory = self._settings.directory
        ready = directory / READY_NAME
        app = make_app(self.town, self.state, self._renderer)
        server = web.AppRunner(app, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        try:
            # listen first: another simulator may hold the port, and its sockets must not be
            # replaced
            url = await self._listen(server)
            ready.unlink(missing_ok=True)
            await self._renderer.start()
            async with self._boards as boards:
                await first_of(stop.wait(), self._ready(), self._physics(), boards.wait_broken())
                if not stop.is_set():
                    with announced(ready, {"url": url, "cars": list(self.town.cars)}):
                        await first_of(
                            stop.wait(),
                            self._renderer.wait_gone(),
                            self._physics(),
                            boards.wait_broken(),
                        )
        finally:
            await self._renderer.close()
            await server.cleanup()

    async def _listen(self, server: web.AppRunner) -> str:
        host, port = self._settings.http_host, self._settings.http_port
        await server.setup()
        try:
            await web.TCPSite(server, host, port).start()
        except OSError as error:
            raise SettingsError(
                f"--http-port {port} on {host} cannot be used: {error.strerror}.",
                "Take another port, or 0 for any free one.",
            ) from error
        return origin(host, server.addresses[0][1])

    async def _ready(self) -> None:
        await asyncio.gather(self._renderer.wait_ready(), self._boards.wait_ready())

    async def _physics(self) -> None:
        due_s = time.monotonic()
        while True:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            # bytes that arrived during a delay count as in time for the watchdogs
            now_s = time.monotonic()
            self._boards.serve(now_s)
            self.town.step(now_s)
            self.pace.note(now_s - due_s)
            if self.pace.steps % SCENE_EVERY == 0:
                self._renderer.show(now_s, self.town.moving)
            due_s += STEP_S
            if now_s - due_s > MAX_LAG_S:
                self.pace.skip(now_s - due_s)
                due_s = now_s


@contextmanager
def announced(file: Path, facts: dict[str, Any]) -> Iterator[None]:
    """Announce readiness on stdout, and by a file that exists while it lasts."""
    file.write_text(json.dumps(facts))
    with suppress(OSError):  # the reader of stdout may be gone
        print(f"ready {facts['url']}", flush=True)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


async def run_realtime(settings: RealtimeSettings) -> None:
    """Simulate until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await Realtime(settings).run(stop)
