"""The camera of a recording: its lens, and where it sits above the ground. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from pixelopolis.geometry import FloatArray
from pixelopolis.vehicle.camera import Camera


class LensKind(StrEnum):
    """How far from the middle of a picture a ray at an angle to the axis is seen."""

    EQUIDISTANT = "equidistant"
    """Fisheye: focal length times the angle."""
    PINHOLE = "pinhole"
    """Focal length times the tangent of the angle."""


@dataclass(frozen=True, slots=True)
class PhotoCamera:
    """A recording's camera, as far ahead of the axle as ours.

    `middle_px` is the (column, row) where its axis meets the picture.
    """

    width_px: int
    height_px: int
    middle_px: tuple[float, float]
    kind: LensKind
    focal_px: float
    pitch_rad: float
    """Downward positive."""
    roll_rad: float
    height_m: float
    """Above the ground, in the scale in which the recording's lane has our width."""

    @property
    def mount(self) -> Camera:
        """Its pose, as that of one of our cameras; the lens differs."""
        return Camera(height_m=self.height_m, pitch_rad=self.pitch_rad, roll_rad=self.roll_rad)

    def resized(self, width_px: int) -> PhotoCamera:
        """Return the camera of the same pictures at another width."""
        scale = width_px / self.width_px
        column, row = self.middle_px
        return replace(
            self,
            width_px=width_px,
            height_px=round(self.height_px * scale),
            middle_px=(column * scale, row * scale),
            focal_px=self.focal_px * scale,
        )

    def pixels(
        self, forward_m: FloatArray, left_m: FloatArray, up_m: FloatArray | float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Return columns and rows of points in the car's frame; NaN where it cannot see.

        The center of the top left pixel is (0.5, 0.5). Points may lie outside of the picture.
        """
        up = np.broadcast_to(np.asarray(up_m, dtype=np.float64), forward_m.shape)
        return self.pixels_of_rays(*self.mount.seen_from(forward_m, left_m, up))

    def pixels_of_rays(
        self, right: FloatArray, down: FloatArray, depth: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return columns and rows of directions in the camera's own frame; NaN if not seen."""
        across = np.hypot(right, down)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.kind is LensKind.EQUIDISTANT:
                radius = np.arctan2(across, depth)
            else:
                radius = np.where(depth > 0, across / depth, np.nan)
            scale = self.focal_px * np.where(across > 0, radius / across, 0.0)
        return self.middle_px[0] + scale * right, self.middle_px[1] + scale * down

    def ground_points(
        self, column_px: FloatArray, row_px: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return (forward_m, left_m) of the ground seen at pixels; NaN above the horizon."""
        right = (column_px - self.middle_px[0]) / self.focal_px
        down = (row_px - self.middle_px[1]) / self.focal_px
        radius = np.hypot(right, down)
        if self.kind is LensKind.EQUIDISTANT:
            depth = np.cos(radius)
            scale = np.sinc(radius / math.pi)
            right, down = right * scale, down * scale
        else:
            depth = np.ones_like(radius)
        cos, sin = math.cos(self.roll_rad), math.sin(self.roll_rad)
        right, down = cos * right - sin * down, sin * right + cos * down
        cos, sin = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
        fall = sin * depth + cos * down
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(fall > 1e-6, self.height_m / fall, np.nan)
        return self.mount.forward_m + reach * (cos * depth - sin * down), -reach * right
