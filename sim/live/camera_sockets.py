"""Virtual cameras: a Unix socket for each car's newest frame.

A client gets frames in the format of `pixelopolis.vehicle.virtual_camera` for as long as it reads.
A slow client misses frames; it delays no other client and never gets frames out of order.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelopolis.newest import Newest
from pixelopolis.vehicle.virtual_camera import HEADER, MAGIC


def encode_frame(image_rgb: NDArray[np.uint8], captured_s: float) -> bytes:
    """Return header and pixels of an image (h, w, 3)."""
    height, width, channels = image_rgb.shape
    return HEADER.pack(MAGIC, width, height, channels, captured_s) + image_rgb.tobytes()


class CameraSocket:
    """Serves one camera's frames.

    Attributes:
        viewers: number of connected clients; frames need rendering only if there are any.
    """

    def __init__(self, path: Path) -> None:
        self.viewers = 0
        self._path = path
        self._frames: Newest[bytes] = Newest()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._connected, self._path)

    def publish(self, frame: bytes) -> None:
        """Send a frame to every client; call it in the event loop."""
        self._frames.put(frame)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _connected(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio runs this in a task"
        self._tasks.add(task)
        self.viewers += 1
        # no frame is buffered, so that the next one sent is the newest
        writer.transport.set_write_buffer_limits(high=0)
        seen = self._frames.count
        try:
            while True:
                seen, frame = await self._frames.after(seen)
                writer.write(frame)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            # only `close` cancels; Python 3.11 reports a cancelled client as an error
            return
        finally:
            self.viewers -= 1
            self._tasks.discard(task)
            writer.close()
