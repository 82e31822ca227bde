"""The child process that renders: watched cameras at 20 Hz, the bird's-eye view at 5 Hz.

In a process of its own, it never delays physics and buses. Over a socket pair it gets poses from
its parent and returns bird's-eye images and counts; only the newest of each matters. When the
parent's end closes, for whatever reason, the child ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Final

import numpy as np

from pixelopolis.city.sources import load_city
from pixelopolis.errors import PixelopolisError
from pixelopolis.model_io.picture_output import encode_jpeg
from pixelopolis.vehicle.paint import paint_of
from sim.camera.camera import SimulatedCamera
from sim.live.camera_sockets import CameraSocket, encode_frame
from sim.live.render_messages import MESSAGE, Kind, LiveScene, RenderTask
from sim.looks.look import plain_look
from sim.render.renderer import Renderer
from sim.render.view import CarBody, bird_view

log = logging.getLogger(__name__)

CAMERA_HZ: Final = 20
BIRD_HZ: Final = 5
BIRD_SHARE: Final = 0.2
"""Largest share of time for the bird's-eye view; on a slow computer its rate drops."""
BIRD_SIZE_PX: Final = (640, 480)
BIRD_JPEG_QUALITY: Final = 82
LAST_MOMENT_S: Final = 1.0
"""Time to clean up after the parent has gone."""


class Exchange:
    """The child's sockets, served in a thread while the main thread renders."""

    def __init__(self, parent: socket.socket, task: RenderTask) -> None:
        self.scene: LiveScene | None = None
        self.closed = threading.Event()
        self.cameras = {car: CameraSocket(Path(path)) for car, path in task.camera_paths.items()}
        self.exit_code = 0
        """1 once the exchange between parent and renderer has failed."""
        self._parent = parent
        self._loop = asyncio.new_event_loop()
        self._writer: asyncio.StreamWriter | None = None
        self._opened = threading.Event()
        self._cleaned = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="exchange", daemon=True).start()
        self._opened.wait()

    def publish(self, car: str, frame: bytes) -> None:
        self._loop.call_soon_threadsafe(self.cameras[car].publish, frame)

    def send(self, kind: Kind, body: bytes = b"") -> None:
        """Send to the parent; images are dropped while the parent is behind."""
        self._loop.call_soon_threadsafe(self._send, kind, body)

    def finish(self) -> None:
        """Flush what was sent, disconnect, and wait until the sockets are removed."""
        self._loop.call_soon_threadsafe(self._hang_up)
        self._cleaned.wait(LAST_MOMENT_S)

    def _send(self, kind: Kind, body: bytes) -> None:
        writer = self._writer
        behind = writer is not None and writer.transport.get_write_buffer_size() > 0
        if writer is not None and not (behind and kind is Kind.BIRD):
            writer.write(MESSAGE.pack(kind, len(body)) + body)

    def _hang_up(self) -> None:
        # half-close only: closing with unread scenes would reset the socket and lose the last data
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write_eof()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception:
            log.exception("What the renderer and the simulator tell each other failed.")
            self.exit_code = 1
        finally:
            self._opened.set()
            self.closed.set()
            self._cleaned.set()
        # the main thread may be busy in the renderer; its result is no longer needed
        time.sleep(LAST_MOMENT_S)
        os._exit(self.exit_code)

    async def _serve(self) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self._parent)
        await asyncio.gather(*(camera.start() for camera in self.cameras.values()))
        self._opened.set()
        size = LiveScene.size(len(self.cameras))
        try:
            while True:
                self.scene = LiveScene.decode(await reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed.set()
        await asyncio.gather(*(camera.close() for camera in self.cameras.values()))


def render(task: RenderTask, exchange: Exchange) -> None:
    """Render watched views until the parent is gone."""
    city = load_city(task.city)
    look = plain_look()
    rng = np.random.default_rng([task.seed, 1])
    # one sample per pixel: antialiasing would take time from the cars' cameras
    above = bird_view(city, *BIRD_SIZE_PX, samples=1)
    cars = tuple(task.camera_paths)

    def bodies(scene: LiveScene) -> list[CarBody]:
        return [
            CarBody(id=car, pose=pose, color=paint_of(car).rgb)
            for car, (pose, _) in zip(cars, scene.cars, strict=True)
        ]

    with Renderer(city, look) as renderer:
        camera = SimulatedCamera(renderer, look, rng, task.camera, part=1.0)
        exchange.send(Kind.READY)
        turn = frames = late = 0
        bird_due_s = 0.0
        due_s = time.monotonic()
        while not exchange.closed.wait(max(0.0, due_s - time.monotonic())):
            for index, car in enumerate(cars):
                scene = exchange.scene
                if scene is None or not exchange.cameras[car].viewers:
                    continue
                pose, motion = scene.cars[index]
                others = [body for body in bodies(scene) if body.id != car]
                image = camera(pose, motion, others)
                exchange.publish(car, encode_frame(image, scene.time_s))
                frames += 1
            scene = exchange.scene
            start_s = time.monotonic()
            if scene is not None and scene.bird and start_s >= bird_due_s:
                image = renderer.render(above, bodies(scene)).rgb
                exchange.send(Kind.BIRD, encode_jpeg(image, BIRD_JPEG_QUALITY))
                took_s = time.monotonic() - start_s
                bird_due_s = start_s + max(1 / BIRD_HZ, took_s / BIRD_SHARE)
            turn += 1
            due_s += 1 / CAMERA_HZ
            if time.monotonic() > due_s + 1 / CAMERA_HZ:
                late += 1
                due_s = time.monotonic()
            if turn % CAMERA_HZ == 0:
                exchange.send(Kind.COUNTS, json.dumps({"frames": frames, "late": late}).encode())


def main(parent_fd: int, task_json: str) -> int:
    # Ctrl-C reaches the whole process group; the parent closes our socket when it is time
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    task = RenderTask.from_json(task_json)
    exchange = Exchange(socket.socket(fileno=parent_fd), task)
    exchange.start()
    try:
        render(task, exchange)
    except PixelopolisError as error:
        exchange.send(Kind.FAILED, json.dumps([error.message, error.next_step]).encode())
        return 1
    finally:
        exchange.finish()
    return exchange.exit_code


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), sys.argv[2]))
