"""Views of the city: a pinhole camera in the world, or a band of its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.model import City
from pixelopolis.city.road_layout import road_layout
from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.vehicle.camera import Camera, project

NEAR_M: Final = 0.02
FAR_M: Final = 120.0


@dataclass(frozen=True, slots=True)
class CarBody:
    """Another car in the image; `color` is "#rrggbb"."""

    id: str
    pose: Pose
    color: str = "#e5484d"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A pinhole camera anywhere in the world.

    `eye_m` is its position (x, y, z); the rows of `axes` (3, 3) are its right, down and forward
    directions in the world. The whole image is `width_px` x `height_px`; its rows `top_px` to
    `bottom_px` are rendered. `samples` is 1, or 4 for antialiasing.
    """

    eye_m: FloatArray
    axes: FloatArray
    focal_px: float
    width_px: int
    height_px: int
    top_px: int
    bottom_px: int
    hide_car: str | None = None
    samples: int = 1

    @property
    def rows(self) -> int:
        return self.bottom_px - self.top_px

    def project(self, points_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return pixel coordinates (N, 2) in the rendered rows, and depths (N,) in meters.

        The center of the top left pixel is (0.5, 0.5). Points with depth <= 0 are behind.
        """
        seen = self.seen_from(np.atleast_2d(points_m))
        column, row = project(self, *seen.T)
        return np.column_stack([column, row - self.top_px]), seen[:, 2]

    def seen_from(self, points_m: FloatArray) -> FloatArray:
        """Return points (N, 3) of the world in the camera's own frame: right, down, forward."""
        return np.asarray((points_m - self.eye_m) @ self.axes.T)

    def ray(self, x_px: float, y_px: float) -> FloatArray:
        """Return the direction (3,) in the world of a place in the rendered rows, 1 m forward."""
        right = (x_px - self.width_px / 2) / self.focal_px
        down = (y_px + self.top_px - self.height_px / 2) / self.focal_px
        return np.asarray(np.array([right, down, 1.0]) @ self.axes)

    def clip_matrix(self) -> NDArray[np.float32]:
        """Return the matrix (4, 4) from world to OpenGL clip space, top row of the image first."""
        depth = FAR_M - NEAR_M
        lens = np.array(
            [
                [2 * self.focal_px / self.width_px, 0, 0, 0],
                [0, 2 * self.focal_px / self.height_px, 0, 0],
                [0, 0, (FAR_M + NEAR_M) / depth, -2 * FAR_M * NEAR_M / depth],
                [0, 0, 1, 0],
            ]
        )
        place = np.eye(4)
        place[:3, :3] = self.axes
        place[:3, 3] = -self.axes @ self.eye_m
        return np.asarray(lens @ place, dtype=np.float32)

    def sees_boxes(self, low_m: FloatArray, high_m: FloatArray) -> NDArray[np.bool_]:
        """Return which axis-aligned boxes (N, 3), (N, 3) may be visible in the rendered rows."""
        tan_x = self.width_px / 2 / self.focal_px
        tan_top = (self.height_px / 2 - self.top_px) / self.focal_px
        tan_bottom = (self.bottom_px - self.height_px / 2) / self.focal_px
        right, down, forward = self.axes
        inward = np.array(
            [
                forward,
                right + tan_x * forward,
                -right + tan_x * forward,
                down + tan_top * forward,
                -down + tan_bottom * forward,
            ]
        )
        # of each box, the corner farthest along each plane's normal
        reach = ((low_m + high_m) / 2 - self.eye_m) @ inward.T
        reach += (high_m - low_m) / 2 @ np.abs(inward).T
        return np.asarray((reach >= -1e-9).all(axis=1))


def car_view(
    camera: Camera,
    car_pose: Pose,
    part: float = 1.0,
    hide_car: str | None = None,
    samples: int = 1,
    rows: tuple[float, float] | None = None,
) -> View:
    """Return the view of a car's camera, or of a part of its rows.

    Args:
        camera: mounting and lens (see `Look.camera_of`).
        car_pose: of the car's axle.
        part: share of the image's rows, from the bottom; (0, 1].
        hide_car: id of the car that carries the camera.
        samples: 1, or 4 for antialiasing.
        rows: (from, to) as shares of the image's height, such as `crops.DETECTOR_ROWS`, instead of
            `part`.
    """
    at = car_pose.ahead(camera.forward_m)
    top_px = camera.height_px - round(camera.height_px * part)
    bottom_px = camera.height_px
    if rows is not None:
        top_px, bottom_px = (round(camera.height_px * part) for part in rows)
    return View(
        eye_m=np.array([at.x_m, at.y_m, camera.height_m]),
        axes=_axes(at.heading_rad, camera.pitch_rad, camera.roll_rad),
        focal_px=camera.focal_px,
        width_px=camera.width_px,
        height_px=camera.height_px,
        top_px=top_px,
        bottom_px=bottom_px,
        hide_car=hide_car,
        samples=samples,
    )


def bird_view(
    city: City,
    width_px: int,
    height_px: int,
    pitch_deg: float = 52.0,
    across_deg: float = 34.0,
    heading_deg: float = 90.0,
    samples: int = 4,
) -> View:
    """Return a view of the whole city from above.

    Args:
        city: the city.
        width_px: of the image.
        height_px: of the image.
        pitch_deg: downward pitch; 90 is straight down.
        across_deg: horizontal field of view.
        heading_deg: counterclockwise from east; 90 has north at the top.
        samples: 1, or 4 for antialiasing.
    """
    axes = _axes(math.radians(heading_deg), math.radians(pitch_deg), 0.0)
    focal_px = width_px / 2 / math.tan(math.radians(across_deg) / 2)
    x0, y0, x1, y1 = road_layout(city).platform.bounds
    corners = np.array([(x, y, z) for x in (x0, x1) for y in (y0, y1) for z in (0.0, 0.25)])
    middle = corners.mean(axis=0)
    local = (corners - middle) @ axes.T
    # distance from which half the image's width and height hold every corner
    half = np.array([width_px, height_px]) / 2 / focal_px * 0.97
    away_m = float((np.abs(local[:, :2]) / half - local[:, 2:]).max())
    eye = middle - away_m * axes[2]
    # a perspective image is not centered on the middle of the ground: shift it until it is
    seen = (corners - eye) @ axes.T
    places = seen[:, :2] / seen[:, 2:]
    eye = eye + away_m * (places.max(axis=0) + places.min(axis=0)) / 2 @ axes[:2]
    return View(eye, axes, focal_px, width_px, height_px, 0, height_px, samples=samples)


def _axes(heading_rad: float, pitch_rad: float, roll_rad: float) -> FloatArray:
    """Return right, down and forward (3, 3) of a camera; pitch down and roll right positive."""
    cos_h, sin_h = math.cos(heading_rad), math.sin(heading_rad)
    cos_p, sin_p = math.cos(pitch_rad), math.sin(pitch_rad)
    forward = np.array([cos_h * cos_p, sin_h * cos_p, -sin_p])
    right = np.array([sin_h, -cos_h, 0.0])
    down = np.cross(forward, right)
    cos_r, sin_r = math.cos(roll_rad), math.sin(roll_rad)
    return np.array([cos_r * right + sin_r * down, cos_r * down - sin_r * right, forward])
