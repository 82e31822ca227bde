"""The simulator's camera."""

from __future__ import annotations

import socket
from typing import Final

import numpy as np

from car.camera.source import SILENCE_S
from pixelopolis.errors import CameraError
from pixelopolis.model_io.crops import Image
from pixelopolis.vehicle.virtual_camera import HEADER, MAGIC

MAX_SIDE_PX: Final = 4096


class VirtualSource:
    """The simulator's camera on a Unix socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SILENCE_S)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise CameraError(
                f"camera.source: no virtual camera at {path!r}: {error.strerror}.",
                "Start the simulator (`pixelopolis sim`) and name its socket.",
            ) from error

    def read(self) -> tuple[Image, float]:
        magic, width, height, channels, captured_s = HEADER.unpack(self._read(HEADER.size))
        if magic != MAGIC or channels != 3 or not (0 < width <= MAX_SIDE_PX >= height > 0):
            raise CameraError(
                f"camera.source: {self._path!r} sent {magic!r}, {width}x{height}x{channels}, "
                "which is not a frame header.",
                "Use a simulator of the same version.",
            )
        pixels = np.frombuffer(self._read(width * height * channels), np.uint8)
        return pixels.reshape(height, width, channels), captured_s

    def _read(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            try:
                got = self._socket.recv_into(view)
            except OSError as error:
                raise self._gone(error.strerror or "silent") from error
            if not got:
                raise self._gone("it closed the connection")
            view = view[got:]
        return data

    def _gone(self, why: str) -> CameraError:
        return CameraError(
            f"camera.source: lost {self._path!r}: {why}.", "Look whether the simulator runs."
        )

    def close(self) -> None:
        self._socket.close()
