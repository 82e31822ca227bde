"""Which part of a frame each model sees, and how large it is; pure."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

LANE_WIDTH_PX: Final = 120
LANE_HEIGHT_PX: Final = 40
LANE_PART: Final = 0.25
"""The part of the frame, from the bottom, that the lane model sees (the article's quarter)."""
FULL_HEIGHT_PX: Final = 80
"""Of a whole frame as the article's first network took it, 120 px wide: squeezed."""


DETECTOR_WIDTH_PX: Final = 240
DETECTOR_HEIGHT_PX: Final = 160
DETECTOR_ROWS: Final = (0.25, 0.75)
"""The part of the frame's rows that the detector sees: boards, landmarks and cars stand on both
sides of the level camera's horizon; what lies above and below is sky and road."""


def lane_crop(frame_rgb: Image, part: float = LANE_PART) -> Image:
    """Return the bottom part of a whole frame (height, width, 3), as a view."""
    height = frame_rgb.shape[0]
    return frame_rgb[height - round(height * part) :]


def detector_crop(frame_rgb: Image) -> Image:
    """Return the middle half of a whole frame (height, width, 3), as a view."""
    top, bottom = (round(frame_rgb.shape[0] * part) for part in DETECTOR_ROWS)
    return frame_rgb[top:bottom]
