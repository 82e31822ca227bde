"""Estimate the gap to a car from its bounding box. Pure.

The box is compared with the boxes of cars on and beside the lane, over a grid of distances and
lateral offsets. This works for boxes cut off by the picture's border, and in bends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.vehicle.camera import Camera, project
from pixelopolis.vehicle.dimensions import (
    CAR_BELT_M,
    CAR_FRONT_M,
    CAR_HEIGHT_M,
    CAR_LENGTH_M,
    CAR_REAR_M,
    CAR_SILL_M,
    CAR_WIDTH_M,
    MAST_M,
    WHEEL_BASE_M,
    WHEEL_WIDTH_M,
)

HALF_LANE_M: Final = 0.14
"""A car farther than this from the lane's center is in another lane (lanes are 0.28 m wide)."""

ALONG_M: Final[FloatArray] = np.geomspace(CAR_LENGTH_M + 0.01, 1.7, 64)
"""Grid of axle distances along the lane, 3 % apart. Braking from cruise takes 0.3 m, so cars
beyond the grid do not matter yet."""

ASIDE_M: Final[FloatArray] = np.linspace(-0.42, 0.42, 25)
"""Grid of lateral offsets from the lane's center: up to one and a half lanes."""

_MIDDLE_SIGMA_M: Final = 0.06
"""Spread of cars about the center of a lane, including the error of the ego lane's position."""

_STRAYS: Final = 0.05
"""Prior of every other offset, relative to the center of a lane."""

_SIDE_PX, _SIDE_PART = 3.0, 0.03
_HEIGHT_PX, _HEIGHT_PART = 2.5, 0.06
_PITCH_PX: Final = 5.0
"""Uncertainty of box sides (constant, and relative to the car's size) and of rows. A camera
pitched 1.5 degrees too high or low moves all rows by 4 px."""

_CUT_PX: Final = 8.0
"""A box this near the lower border of the detector's input may be cut off: detectors place a
cut-off side up to 6 px inside the border."""

_NO_CAR_COST: Final = 36.0
"""Sum of squared sigmas above which a box is not a car standing on the road. Half a car behind an
obstacle has 18."""

_NEAREST_M: Final = 0.05
"""Minimum distance from the lens; the ego bumper is 0.11 m ahead of it."""

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) as fractions of the whole frame."""


def _aside_prior() -> FloatArray:
    off_m = np.abs(ASIDE_M)
    off_m = np.minimum(off_m, np.abs(off_m - 2 * HALF_LANE_M))
    prior = _STRAYS + np.exp(-0.5 * (off_m / _MIDDLE_SIGMA_M) ** 2)
    return np.asarray(prior / prior.sum())


_ASIDE_PRIOR: Final = _aside_prior()


def _outline() -> FloatArray:
    """Return points (N, 3) that span a car's bounding box in its own frame: body, wheels, mast."""
    sides = (-CAR_WIDTH_M / 2, CAR_WIDTH_M / 2)
    body = product((-CAR_REAR_M, CAR_FRONT_M), sides, (CAR_SILL_M, CAR_BELT_M))
    tread_m = (WHEEL_BASE_M + WHEEL_WIDTH_M) / 2
    wheels = [(0.0, y, 0.0) for y in (-tread_m, tread_m)]
    mast = [(x, 0.0, CAR_HEIGHT_M) for x in MAST_M[0]]
    return np.array([*body, *wheels, *mast])


_OUTLINE: Final = _outline()


def lane_on_path(path: RoutePath, distance_m: float, heading_error_rad: float) -> FloatArray:
    """Return the poses of cars `ALONG_M` ahead on a path, in the observing car's frame.

    Args:
        path: the driven path.
        distance_m: the observing car's distance along it.
        heading_error_rad: its heading relative to the path.

    Returns:
        (N, 3): forward and left in meters, and heading, in the car's frame.
    """
    curve = path.curve
    here = path.pose_at(distance_m)
    wish_m = distance_m + path.route.start_s_m + ALONG_M
    on_m = np.clip(wish_m, 0.0, curve.length_m)
    heading = np.interp(on_m, curve.s_m, curve.headings_rad)
    x_m, y_m = (np.interp(on_m, curve.s_m, curve.points_m[:, k]) for k in (0, 1))
    x_m = x_m + (wish_m - on_m) * np.cos(heading) - here.x_m
    y_m = y_m + (wish_m - on_m) * np.sin(heading) - here.y_m
    own = here.heading_rad + heading_error_rad
    cos, sin = math.cos(own), math.sin(own)
    return np.column_stack([x_m * cos + y_m * sin, y_m * cos - x_m * sin, heading - own])


def lane_by_curvature(curvature_per_m: float) -> FloatArray:
    """Return `lane_on_path` for a lane of constant curvature (left positive)."""
    bend = ALONG_M * curvature_per_m
    if abs(curvature_per_m) < 1e-6:
        return np.column_stack([ALONG_M, np.zeros_like(ALONG_M), bend])
    return np.column_stack(
        [np.sin(bend) / curvature_per_m, (1 - np.cos(bend)) / curvature_per_m, bend]
    )


def expected_boxes(camera: Camera, poses: FloatArray) -> FloatArray:
    """Return the boxes (N, 4) of cars at `poses`, in pixels of the whole frame, not cut off.

    NaN for a car that is not entirely in front of the camera.
    """
    cos, sin = np.cos(poses[:, 2, None]), np.sin(poses[:, 2, None])
    x, y, z = _OUTLINE.T
    forward = poses[:, 0, None] + x * cos - y * sin
    left = poses[:, 1, None] + x * sin + y * cos
    right, down, depth = camera.seen_from(forward, left, z)
    depth[depth.min(axis=1) < _NEAREST_M] = np.nan
    column, row = project(camera, right, down, depth)
    return np.column_stack([column.min(1), row.min(1), column.max(1), row.max(1)])


def shown_part(camera: Camera, lane: FloatArray, gap_m: float, yaw_rad: float = 0.0) -> float:
    """Return the fraction 0..1 of a car in the lane that lies within the picture's sides.

    Args:
        camera: the camera as mounted.
        lane: poses of cars in the lane, in the ego frame.
        gap_m: gap to the car.
        yaw_rad: yaw of the camera to the left of that frame.
    """
    at = int(np.searchsorted(ALONG_M, gap_m + CAR_LENGTH_M))
    if at >= len(lane):
        return 0.0
    forward, left, heading = lane[at]
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    turned = [forward * cos + left * sin, left * cos - forward * sin, heading - yaw_rad]
    left, _, right, _ = expected_boxes(camera, np.array([turned]))[0]
    if not right > left:
        return 0.0
    shown_px = min(right, camera.width_px) - max(left, 0.0)
    return max(0.0, float(shown_px / (right - left)))


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


@dataclass(frozen=True, slots=True)
class BoxFit:
    """The estimated position of a detected car."""

    in_lane: float
    """Probability that it is in the ego lane."""
    gap_m: float
    """Bumper-to-bumper gap along the lane, if it is in it."""
    sigma_m: float
    """Standard deviation of the gap."""


_NOWHERE: Final = BoxFit(0.0, math.inf, 0.0)


def fit_box(box: Box, camera: Camera, lane: FloatArray) -> BoxFit:
    """Estimate the gap to a car from its bounding box.

    Args:
        box: (left, top, right, bottom) as fractions of the whole frame.
        camera: the camera as mounted.
        lane: poses (len(ALONG_M), 3) of cars in the lane, in the ego frame.
    """
    width_px, low_px = float(camera.width_px), camera.height_px * DETECTOR_ROWS[1]
    left, top, right, bottom = np.array(box) * np.tile((width_px, camera.height_px), 2)
    aside = np.stack([-np.sin(lane[:, 2]), np.cos(lane[:, 2]), np.zeros(len(lane))], axis=1)
    poses = lane[:, None, :] + ASIDE_M[:, None] * aside[:, None, :]
    whole = expected_boxes(camera, poses.reshape(-1, 3))
    side = _SIDE_PX + _SIDE_PART * (whole[:, 2] - whole[:, 0])
    cost = ((np.clip(whole[:, 0], 0, width_px) - left) / side) ** 2
    cost += ((np.clip(whole[:, 2], 0, width_px) - right) / side) ** 2
    cost += ((np.minimum(whole[:, 3], low_px) - bottom) / _PITCH_PX) ** 2
    if bottom < low_px - _CUT_PX:
        height = whole[:, 3] - whole[:, 1]
        cost += ((height - (bottom - top)) / (_HEIGHT_PX + _HEIGHT_PART * height)) ** 2
    cost[np.isnan(cost) | (whole[:, 2] <= 0) | (whole[:, 0] >= width_px)] = np.inf
    least = cost.min()
    if not least < _NO_CAR_COST:
        return _NOWHERE
    weight = np.exp(-0.5 * (cost - least)).reshape(len(lane), len(ASIDE_M)) * _ASIDE_PRIOR
    inside = weight[:, np.abs(ASIDE_M) <= HALF_LANE_M].sum(axis=1)
    total = float(inside.sum())
    if total == 0.0:
        return _NOWHERE
    gaps_m = ALONG_M - CAR_LENGTH_M
    gap_m = float(inside @ gaps_m / total)
    spread_m2 = float(inside @ (gaps_m - gap_m) ** 2 / total)
    return BoxFit(min(total / float(weight.sum()), 1.0), gap_m, math.sqrt(spread_m2))
