"""The parent's side of the rendering process: start it, send it poses, receive images."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from pixelopolis.errors import RenderError
from pixelopolis.geometry import Pose
from pixelopolis.processes import how_it_ended
from pixelopolis.vehicle.camera import Camera
from pixelopolis.web.mjpeg import Broadcast, Picture
from sim.live.render_messages import MESSAGE, Kind, LiveScene, RenderTask
from sim.physics.vehicle import BodyMotion

BIRD_WANTED_S: Final = 2.0
"""How long after a request bird's-eye images are rendered."""
START_TIMEOUT_S: Final = 60.0
END_TIMEOUT_S: Final = 5.0

log = logging.getLogger(__name__)


async def first_of(*waits: Coroutine[Any, Any, Any]) -> None:
    """Wait until one ends; raise its exception, and cancel the others."""
    tasks = {asyncio.create_task(wait) for wait in waits}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


class RendererLink:
    """One rendering process.

    Args:
        city: its name.
        camera_paths: Unix socket of each car's camera.
        camera: mounting and lens of all of them.
        seed: for their noise.

    Attributes:
        bird: bird's-eye JPEGs, rendered only after `want_bird`.
        counts: frames and late periods so far, as reported by the process.
    """

    def __init__(
        self, city: str, camera_paths: Mapping[str, Path], camera: Camera, seed: int
    ) -> None:
        paths = {car: str(path) for car, path in camera_paths.items()}
        self._task = RenderTask(city, paths, camera, seed)
        self.bird = Broadcast()
        self.counts: dict[str, int] = {}
        self._bird_until_s = 0.0
        self._process: Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._error: RenderError | None = None

    async def start(self) -> None:
        ours, its = socket.socketpair()
        with its:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sim.live.render_process",
                str(its.fileno()),
                self._task.to_json(),
                pass_fds=[its.fileno()],
            )
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._listener = asyncio.create_task(self._listen(reader))

    async def wait_ready(self) -> None:
        """Wait until the process can render.

        Raises:
            RenderError: it cannot.
        """
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await first_of(self._ready.wait(), self.wait_gone())
        except TimeoutError:
            raise RenderError(
                f"The renderer was not ready within {START_TIMEOUT_S:.0f} s.",
                "Close other programs that use the graphics, then try again.",
            ) from None

    async def wait_gone(self) -> None:
        """Wait until the process ends, which is an error and is raised."""
        assert self._listener is not None, "start comes first"
        assert self._process is not None
        # a canceled wait must not cancel the listener
        await asyncio.shield(self._listener)
        code = await self._process.wait()
        raise self._error or RenderError(
            f"The renderer {how_it_ended(code)}.",
            "Its own message stands above; start the simulator again.",
        )

    def show(self, time_s: float, cars: tuple[tuple[Pose, BodyMotion], ...]) -> None:
        """Send the cars' poses and motions; skipped while the previous scene is unread."""
        writer = self._writer
        if writer is None or writer.is_closing() or writer.transport.get_write_buffer_size():
            return
        bird = time.monotonic() < self._bird_until_s
        writer.write(LiveScene(time_s, bird, cars).encode())

    def want_bird(self) -> None:
        """Request bird's-eye images for the next seconds."""
        self._bird_until_s = time.monotonic() + BIRD_WANTED_S

    async def close(self) -> None:
        """End the process, by request if it responds."""
        if self._writer is not None:
            self._writer.close()
        if self._process is not None:
            try:
                await asyncio.wait_for(self._process.wait(), END_TIMEOUT_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._listener is not None:
            self._listener.cancel()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                kind, length = MESSAGE.unpack(await reader.readexactly(MESSAGE.size))
                self._take(Kind(kind), await reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            if self._writer is not None:
                self._writer.close()

    def _take(self, kind: Kind, body: bytes) -> None:
        match kind:
            case Kind.READY:
                self._ready.set()
            case Kind.FAILED:
                self._error = RenderError(*json.loads(body))
            case Kind.BIRD:
                self.bird.put(Picture(body))
            case Kind.COUNTS:
                self.counts = json.loads(body)
