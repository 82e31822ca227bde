"""The interface of all camera sources."""

from __future__ import annotations

from typing import Final, Protocol

from pixelopolis.model_io.crops import Image

SILENCE_S: Final = 2.0
"""A virtual camera silent for this long is reopened; for any camera, the maximum age of the newest
picture."""


class Source(Protocol):
    def read(self) -> tuple[Image, float]:
        """Wait for the next picture; return it and its capture time (monotonic).

        Raises:
            CameraError: the source is lost.
        """
        ...

    def close(self) -> None: ...
