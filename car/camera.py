"""The camera's clock: a thread that keeps the newest whole frame and opens the source again."""

from __future__ import annotations

import logging
import random
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np

from pixelopolis.errors import CameraError
from pixelopolis.supervision import WorkerThread
from pixelopolis.vision import Image

log = logging.getLogger(__name__)

HEADER: Final = struct.Struct("<4sIIId")
"""The simulator's frame: b"PXF1", width, height, channels, capture time; raw RGB follows."""
MAGIC: Final = b"PXF1"
MAX_SIDE_PX: Final = 4096

SILENCE_S: Final = 2.0
"""A virtual camera that sends nothing for so long is opened again. Of any camera the newest picture
may not be older."""

RETRY_S: Final = (0.2, 2.0)
"""First and longest pause before a source is opened again."""

SAY_AGAIN_S: Final = 60.0
"""What is wrong is logged when it changes, and so often while it comes again."""

RATE_WINDOW_S: Final = 5.0

MOST_DAMAGED: Final = 20
"""So many pictures in a row that cannot be decoded (a second of them): the camera is opened again.
One alone is nothing: half a JPEG comes from a USB camera now and then."""


@dataclass(frozen=True, eq=False)
class WholeFrame:
    """One upright portrait picture, RGB (h, w, 3) uint8 with 3 h = 4 w."""

    image_rgb: Image
    captured_s: float
    """Monotonic clock."""
    number: int
    """Counts up from 1, over reconnects too."""


class Source(Protocol):
    """An open camera."""

    def read(self) -> tuple[Image, float]:
        """Wait for the next picture; return it and when it was captured (monotonic).

        Raises:
            CameraError: when the source is gone.
        """
        ...

    def close(self) -> None: ...


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
                "which is no frame.",
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


class OpenCvSource:
    """A camera that OpenCV opens: a device index, a device file, or a video played in real time."""

    def __init__(self, spec: str) -> None:
        self._spec = spec
        # it would warn at every try, for ever; what is wrong we say ourselves, once
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        self._capture = cv2.VideoCapture(int(spec) if spec.isdigit() else spec)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(
                f"camera.source: OpenCV cannot open {spec!r}.",
                "Check the cable and the index (ls /dev/video*), or the path.",
            )
        rate_hz = self._capture.get(cv2.CAP_PROP_FPS)
        plays_file = not spec.isdigit() and Path(spec).is_file()
        self._period_s = 1 / rate_hz if plays_file and rate_hz > 0 else 0.0
        self._due_s = time.monotonic()

    def read(self) -> tuple[Image, float]:
        for _ in range(MOST_DAMAGED):
            self._wait_for_turn()
            if not self._capture.grab():
                raise CameraError(
                    f"camera.source: {self._spec!r} gives no more pictures.", "Check the cable."
                )
            captured_s = time.monotonic()
            image: Any = self._capture.retrieve()[1]  # None although the flag is True, too
            if image is not None and image.ndim == 3:
                return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), captured_s
        raise CameraError(
            f"camera.source: {self._spec!r} sent {MOST_DAMAGED} damaged pictures in a row.",
            "Check its cable, and that no other program uses it.",
        )

    def _wait_for_turn(self) -> None:
        """Play a file at its own pace."""
        if self._period_s:
            self._due_s = max(self._due_s + self._period_s, time.monotonic() - self._period_s)
            time.sleep(max(0.0, self._due_s - time.monotonic()))

    def close(self) -> None:
        self._capture.release()


def open_source(spec: str) -> Source:
    """Open `virtual:SOCKET`, a device index, or a path.

    Raises:
        CameraError: when it cannot be opened.
    """
    kind, _, path = spec.partition(":")
    return VirtualSource(path) if kind == "virtual" else OpenCvSource(spec)


def upright(image_rgb: Image, rotate_deg: int = 0) -> Image:
    """Turn a picture clockwise and cut it to portrait 3:4: sides evenly, or rows at the top."""
    image = np.rot90(image_rgb, -rotate_deg // 90) if rotate_deg else image_rgb
    height, width = image.shape[:2]
    if 4 * width > 3 * height:
        keep = height * 3 // 4
        image = image[:, (width - keep) // 2 :][:, :keep]
    elif 4 * width < 3 * height:
        image = image[height - width * 4 // 3 :]
    return image


class CameraThread:
    """Reads a source in a thread of its own; only the newest frame is kept.

    Args:
        spec: see `open_source`.
        rotate_deg: see `upright`.
        on_frame: called in the camera's thread for every frame; must return at once.
        open_: opens the source (another one in tests).
        clock: monotonic seconds, the same clock as the pictures' times.
    """

    def __init__(
        self,
        spec: str,
        rotate_deg: int = 0,
        on_frame: Callable[[], None] = lambda: None,
        open_: Callable[[str], Source] = open_source,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._rotate_deg = rotate_deg
        self._on_frame = on_frame
        self._open = open_
        self._changed = threading.Condition()
        self._newest: WholeFrame | None = None
        self._trouble = "not opened yet"
        self._said = ("", 0.0)
        self._times_s: deque[float] = deque(maxlen=1000)
        self._stopping = threading.Event()
        self.worker = WorkerThread("camera", self._run, self._stopping)

    def start(self) -> None:
        self.worker.start()

    def close(self) -> None:
        """Stop the thread; never throws. A source that hangs is left to the daemon thread."""
        self.worker.close(SILENCE_S + 1)

    def newest(self) -> WholeFrame | None:
        with self._changed:
            return self._newest

    def wait_newer(self, number: int, timeout_s: float) -> WholeFrame | None:
        """Return the newest frame, waiting until one comes after `number`, at most `timeout_s`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest is not None and self._newest.number > number, timeout_s
            )
            return self._newest

    @property
    def trouble(self) -> str:
        """Why there are no frames of now; empty while they come."""
        return self.worker.trouble or self._trouble or self._untimely()

    def fps(self, now_s: float) -> float:
        """Return frames per second over the last seconds."""
        recent = [t for t in list(self._times_s) if t > now_s - RATE_WINDOW_S]
        return len(recent) / RATE_WINDOW_S

    def _untimely(self) -> str:
        """Say so when the newest picture is not of now: a source hangs, or its clock is wrong."""
        newest = self.newest()
        if newest is None:
            return ""
        age_s = self._clock() - newest.captured_s
        if 0.0 <= age_s <= SILENCE_S:
            return ""
        return (
            f"camera.source: pictures of {self._spec!r} are not of now: "
            f"the newest says that it is {age_s:.1f} s old."
        )

    def _run(self) -> None:
        jitter = random.Random(self._spec)
        pause_s = RETRY_S[0]
        while not self._stopping.is_set():
            try:
                source = self._open(self._spec)
            except CameraError as error:
                self._say(error)
                self._stopping.wait(pause_s * jitter.uniform(0.5, 1.0))
                pause_s = min(2 * pause_s, RETRY_S[1])
                continue
            pause_s = RETRY_S[0]
            try:
                while not self._stopping.is_set():
                    self._keep(*source.read())
            except CameraError as error:
                self._say(error)
                self._stopping.wait(pause_s)
            finally:
                source.close()

    def _keep(self, image: Image, captured_s: float) -> None:
        picture = np.ascontiguousarray(upright(image, self._rotate_deg))
        with self._changed:
            number = self._newest.number + 1 if self._newest else 1
            self._newest = WholeFrame(picture, captured_s, number)
            self._trouble = ""
            self._times_s.append(self._clock())
            self._changed.notify_all()
        self._on_frame()

    def _say(self, error: CameraError) -> None:
        self._trouble = error.message
        said, now_s = self._said, self._clock()
        if said[0] != error.message or now_s - said[1] > SAY_AGAIN_S:
            log.warning("%s", error)
            self._said = error.message, now_s
