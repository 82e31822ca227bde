"""What our camera would see of a photograph's ground, from anywhere near.

The lane model's part of our frame shows nothing but ground, which is a plane, so that each of its
pixels is one place of the photograph. Where the photograph does not reach, its nearest pixel is
shown.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.model_io.crops import (
    DETECTOR_HEIGHT_PX,
    DETECTOR_ROWS,
    DETECTOR_WIDTH_PX,
    LANE_HEIGHT_PX,
    LANE_PART,
    LANE_WIDTH_PX,
    Image,
)
from pixelopolis.vehicle.camera import Camera
from sim.photographs.lens import PhotoCamera

HERE: Final = Pose(0.0, 0.0, 0.0)


def _rays(
    width_px: int, height_px: int, rows: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Return (left, up) per unit forward of the pixels of some rows of our level camera's frame."""
    focal = width_px / 2 / math.tan(Camera().across_rad / 2)
    frame_px = height_px / (rows[1] - rows[0])
    column = np.arange(width_px) + 0.5 - width_px / 2
    row = np.arange(height_px) + 0.5 + frame_px * (rows[0] - 0.5)
    left, up = np.meshgrid(-column / focal, -row / focal)
    return left, up


class GroundProjector:
    """Shows photographs of one camera as our camera would see their ground."""

    def __init__(self, camera: PhotoCamera) -> None:
        self._camera = camera
        ours = Camera()
        left, up = _rays(LANE_WIDTH_PX, LANE_HEIGHT_PX, (1 - LANE_PART, 1.0))
        reach = ours.height_m / -up
        self._forward_m, self._left_m = ours.forward_m + reach, reach * left

    def crop(self, photo_rgb: Image, at: Pose = HERE) -> tuple[Image, float]:
        """Return the lane model's part (40, 120, 3) of our frame, and the share of it that is seen.

        Args:
            photo_rgb: the photograph.
            at: where our car is, in the frame of the car that took it.
        """
        cos, sin = math.cos(at.heading_rad), math.sin(at.heading_rad)
        column, row = self._camera.pixels(
            at.x_m + cos * self._forward_m - sin * self._left_m,
            at.y_m + sin * self._forward_m + cos * self._left_m,
        )
        return _sampled(photo_rgb, column, row)


class FrameProjector:
    """Shows photographs of one camera as our detector would see them: turned level, our lens.

    The camera stays where it was, so that this holds for all that is seen, near or far.
    """

    def __init__(self, camera: PhotoCamera) -> None:
        left, up = _rays(DETECTOR_WIDTH_PX, DETECTOR_HEIGHT_PX, DETECTOR_ROWS)
        mount = camera.mount
        forward = np.full_like(left, 1.0 + mount.forward_m)
        self._places = camera.pixels(forward, left, up + mount.height_m)

    def frame(self, photo_rgb: Image) -> tuple[Image, float]:
        """Return the detector's part (160, 240, 3) of our frame, and the share that is seen."""
        return _sampled(photo_rgb, *self._places)


def _sampled(photo_rgb: Image, column: FloatArray, row: FloatArray) -> tuple[Image, float]:
    height, width = photo_rgb.shape[:2]
    seen = (column >= 0) & (column <= width) & (row >= 0) & (row <= height)
    # what is behind the camera is nowhere; any place of the border will do
    column, row = (np.nan_to_num(places, nan=0.0) for places in (column, row))
    picture = cv2.remap(
        photo_rgb,
        np.clip(column - 0.5, -1, width).astype(np.float32),
        np.clip(row - 0.5, -1, height).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(picture, dtype=np.uint8), float(seen.mean())
