"""The car's camera: size, lens and pose, and the projection between points and pixels.

Used by the car, the simulator and training. A camera's own frame is (right, down, forward).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from pixelopolis.geometry import FloatArray

FRAME_S: Final = 0.05
"""From one picture to the next, 20 Hz."""


class Lens(Protocol):
    """Intrinsics of a pinhole camera: a `Camera`, or the camera of a rendered view."""

    @property
    def width_px(self) -> int: ...
    @property
    def height_px(self) -> int: ...
    @property
    def focal_px(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera as mounted on the car, level by default.

    Portrait 3:4 like the original's phone: its bottom quarter is then 3:1, exactly 120x40. Height
    and field of view suit both our lane model and the original's (docs/decisions).
    """

    width_px: int = 240
    height_px: int = 320
    across_rad: float = math.radians(81.2)
    """Horizontal field of view."""
    height_m: float = 0.20
    """Height of the optical center above the road."""
    forward_m: float = 0.03
    """Distance of the optical center ahead of the axle."""
    pitch_rad: float = 0.0
    """Downward positive."""
    roll_rad: float = 0.0

    @property
    def focal_px(self) -> float:
        return self.width_px / 2 / math.tan(self.across_rad / 2)

    def seen_from(
        self, forward_m: FloatArray, left_m: FloatArray, up_m: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return points given relative to the axle, on the road, in the camera's own frame."""
        forward, left, up = forward_m - self.forward_m, left_m, up_m - self.height_m
        cos_p, sin_p = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
        right, down, depth = -left, -(forward * sin_p + up * cos_p), forward * cos_p - up * sin_p
        if self.roll_rad:
            cos_r, sin_r = math.cos(self.roll_rad), math.sin(self.roll_rad)
            right, down = cos_r * right + sin_r * down, cos_r * down - sin_r * right
        return right, down, depth

    def ray(self, x: float, y: float) -> FloatArray:
        """Return the direction (forward, left, up) of a point given as fractions of the frame."""
        right_px = (x - 0.5) * self.width_px / self.focal_px
        down_px = (y - 0.5) * self.height_px / self.focal_px
        cos_r, sin_r = math.cos(self.roll_rad), math.sin(self.roll_rad)
        right = cos_r * right_px - sin_r * down_px
        down = sin_r * right_px + cos_r * down_px
        cos_p, sin_p = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
        return np.array([cos_p - sin_p * down, -right, -sin_p - cos_p * down])


def project(
    lens: Lens, right_m: FloatArray, down_m: FloatArray, depth_m: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return columns and rows, in pixels, of points in a camera's own frame.

    The center of the top left pixel is (0.5, 0.5). Points with a depth <= 0 are behind the camera.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return (
            lens.width_px / 2 + lens.focal_px * right_m / depth_m,
            lens.height_px / 2 + lens.focal_px * down_m / depth_m,
        )
