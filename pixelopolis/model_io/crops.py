"""Which part of a frame each model gets, and its size; pure."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

LANE_WIDTH_PX: Final = 120
LANE_HEIGHT_PX: Final = 40
LANE_PART: Final = 0.25
"""Fraction of the frame, from the bottom, for the lane model (a quarter in the article)."""
FULL_HEIGHT_PX: Final = 80
"""Height of the whole-frame input of the article's first network, 120 px wide: squeezed."""


DETECTOR_WIDTH_PX: Final = 240
DETECTOR_HEIGHT_PX: Final = 160
DETECTOR_ROWS: Final = (0.25, 0.75)
"""Rows of the frame for the detector: boards, landmarks and cars are on both sides of the level
camera's horizon; above is sky, below is road."""


def lane_crop(frame_rgb: Image, part: float = LANE_PART) -> Image:
    """Return the bottom part of a whole frame (height, width, 3), as a view."""
    height = frame_rgb.shape[0]
    return frame_rgb[height - round(height * part) :]


def detector_crop(frame_rgb: Image) -> Image:
    """Return the middle half of a whole frame (height, width, 3), as a view."""
    top, bottom = (round(frame_rgb.shape[0] * part) for part in DETECTOR_ROWS)
    return frame_rgb[top:bottom]
