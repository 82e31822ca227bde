"""Cameras and videos opened by OpenCV."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from pixelopolis.errors import CameraError
from pixelopolis.model_io.crops import Image

MAX_DAMAGED: Final = 20
"""Reopen the camera after this many consecutive undecodable pictures (a second). Single truncated
JPEGs are normal for USB cameras."""


class OpenCvSource:
    """A camera opened by OpenCV: a device index, a device file, or a video played in real time."""

    def __init__(self, spec: str) -> None:
        self._spec = spec
        # OpenCV would warn on every attempt; errors are reported here instead, once
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
        for _ in range(MAX_DAMAGED):
            self._wait_for_turn()
            if not self._capture.grab():
                raise CameraError(
                    f"camera.source: {self._spec!r} gives no more pictures.", "Check the cable."
                )
            captured_s = time.monotonic()
            image: Any = self._capture.retrieve()[1]  # may be None although the flag is True
            if image is not None and image.ndim == 3:
                return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), captured_s
        raise CameraError(
            f"camera.source: {self._spec!r} sent {MAX_DAMAGED} damaged pictures in a row.",
            "Check its cable, and that no other program uses it.",
        )

    def _wait_for_turn(self) -> None:
        """Play a file at its own frame rate."""
        if self._period_s:
            self._due_s = max(self._due_s + self._period_s, time.monotonic() - self._period_s)
            time.sleep(max(0.0, self._due_s - time.monotonic()))

    def close(self) -> None:
        self._capture.release()
