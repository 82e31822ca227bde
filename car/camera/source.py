"""What every kind of camera has in common."""

from __future__ import annotations

from typing import Final, Protocol

from pixelopolis.model_io.crops import Image

SILENCE_S: Final = 2.0
"""A virtual camera that sends nothing for so long is opened again. Of any camera the newest picture
may not be older."""


class Source(Protocol):
    """An open camera."""

    def read(self) -> tuple[Image, float]:
        """Wait for the next picture; return it and when it was captured (monotonic).

        Raises:
            CameraError: when the source is gone.
        """
        ...

    def close(self) -> None: ...
