"""Whole camera frames, and the interface of a frame source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pixelopolis.model_io.crops import Image


@dataclass(frozen=True, eq=False)
class WholeFrame:
    """An upright portrait picture, RGB (h, w, 3) uint8 with 3 h = 4 w."""

    image_rgb: Image
    captured_s: float
    """Monotonic clock."""
    number: int
    """Counts up from 1, also across reconnects."""


class FrameSource(Protocol):
    """A camera as seen by consumers of its newest frame."""

    def wait_newer(self, number: int, timeout_s: float) -> WholeFrame | None:
        """Return the newest frame, waiting up to `timeout_s` for one after `number`."""
        ...


def upright(image_rgb: Image, rotate_deg: int = 0) -> Image:
    """Rotate a picture clockwise and crop it to portrait 3:4: sides evenly, or rows at the top."""
    image = np.rot90(image_rgb, -rotate_deg // 90) if rotate_deg else image_rgb
    height, width = image.shape[:2]
    if 4 * width > 3 * height:
        keep = height * 3 // 4
        image = image[:, (width - keep) // 2 :][:, :keep]
    elif 4 * width < 3 * height:
        image = image[height - width * 4 // 3 :]
    return image
