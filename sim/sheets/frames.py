"""A sheet of recorded frames, with recorded and predicted steering drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import Image
from pixelopolis.vehicle.steering import MAX_STEERING_DEG, steering_to_curvature
from sim.sheets.lane_data import (
    TILE_CAMERA,
    ground_px,
    pixels_of,
    read_tile,
    tile_view,
    write_text,
    write_tiles,
)

RECORDED_RGB, ANSWERED_RGB, PATH_RGB = (20, 190, 60), (255, 30, 180), (255, 150, 0)
ARC_M: Final = 0.45
STEP_M: Final = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredFrame:
    """An image with recorded and predicted steering in [-1, 1]."""

    image: Path
    recorded: float
    answered: float
    path_left_m: FloatArray | None = None
    """(stations,) the predicted path, for models that predict paths (`model_io.lane_path`)."""


def write_frame_sheet(sheet: Path, frames: Sequence[AnsweredFrame]) -> None:
    """Write frames as one image.

    Green: the arc of the recorded steering. Pink: of the model's. Orange: the predicted path. They
        are drawn as seen by our camera in its nominal mounting.

    Raises:
        DatasetError: an image cannot be read, or the sheet cannot be written.
    """
    write_tiles(sheet, [_tile(frame) for frame in frames])


def _tile(frame: AnsweredFrame) -> Image:
    tile = read_tile(frame.image)
    view = tile_view(tile, TILE_CAMERA)
    lines = [
        (ground_px(view, arc_points(frame.recorded)), RECORDED_RGB),
        (ground_px(view, arc_points(frame.answered)), ANSWERED_RGB),
    ]
    if frame.path_left_m is not None:
        lines.append((pixels_of(view, frame.path_left_m), PATH_RGB))
    for pixels, rgb in lines:
        points = np.round(pixels).astype(np.int32)
        cv2.polylines(tile, [points], False, rgb, 2, cv2.LINE_AA)
    steering = ((frame.recorded, "recorded"), (frame.answered, "model"))
    for line, ((value, who), (_, rgb)) in enumerate(zip(steering, lines, strict=False)):
        write_text(tile, f"{who} {MAX_STEERING_DEG * value:+.1f}", line, rgb)
    return tile


def arc_points(steering: float) -> FloatArray:
    """Return points (n, 2) forward, left of the arc of a steering in [-1, 1]."""
    heading = steering_to_curvature(steering) * (np.arange(0.0, ARC_M, STEP_M) + STEP_M / 2)
    return np.cumsum(np.column_stack([np.cos(heading), np.sin(heading)]), axis=0) * STEP_M
