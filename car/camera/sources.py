"""Opens a camera source by its name."""

from __future__ import annotations

from car.camera.opencv_source import OpenCvSource
from car.camera.source import Source
from car.camera.virtual_source import VirtualSource


def open_source(spec: str) -> Source:
    """Open `virtual:SOCKET`, a device index, or a path.

    Raises:
        CameraError: it cannot be opened.
    """
    kind, _, path = spec.partition(":")
    return VirtualSource(path) if kind == "virtual" else OpenCvSource(spec)
