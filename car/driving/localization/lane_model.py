"""Predicts how a lane model should see a path from a known position on it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.lane_path import STATIONS, STATIONS_M, WEIGHTS

MIN_SIGMA_M: Final = 0.004
"""Lower limit of a view's error."""

ALIKE: Final = 0.8
"""Correlation of the errors of neighboring stations: a lane seen 5 mm too far left is shifted
as a whole."""

STEP_M: Final = 0.01
"""Step of the numeric derivative along the path, which is a sampled curve."""

BEND_SIGMA_M: Final = 0.2
"""Error of a bend's position along the road: with less, wrong views of junctions shifted the
distance by up to 9 cm (docs/decisions/0031)."""

_APART: Final = np.abs(np.subtract.outer(np.arange(len(STATIONS_M)), np.arange(len(STATIONS_M))))
_ALIKE: Final[FloatArray] = np.outer(WEIGHTS, WEIGHTS) * ALIKE**_APART


def lane_ahead_m(
    path: RoutePath, distance_m: float, left_m: float, heading_rad: float, along_m: FloatArray
) -> FloatArray:
    """Return points (n, 2) of a path as (forward, left) of a car.

    Args:
        path: the car's path.
        distance_m: the car's distance along it.
        left_m: offset to the left of it.
        heading_rad: relative to it.
        along_m: (n,) distances along the path from the point abreast of the car's axle.
    """
    at_m = distance_m + path.route.start_s_m
    # the axle's line meets the path ahead of the nearest point if the car heads away from it
    abreast_m = left_m * math.tan(max(-1.0, min(1.0, heading_rad)))
    origin = path.curve.pose_at(at_m)
    points = path.curve.points_at(at_m + abreast_m + along_m)
    direction = origin.heading_rad + heading_rad
    cos, sin = math.cos(direction), math.sin(direction)
    x = points[:, 0] - origin.x_m + left_m * math.sin(origin.heading_rad)
    y = points[:, 1] - origin.y_m - left_m * math.cos(origin.heading_rad)
    return np.column_stack([cos * x + sin * y, cos * y - sin * x])


def expected_lane(
    path: RoutePath, distance_m: float, left_m: float, heading_rad: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the path's lateral positions at the stations, and their derivatives.

    Args:
        path: the car's path.
        distance_m: the car's distance along it.
        left_m: offset to the left of it.
        heading_rad: relative to it.

    Returns:
        left_m (stations,), and its derivatives with respect to distance, offset (both m/m) and
            heading (m/rad).
    """
    here = lane_ahead_m(path, distance_m, left_m, heading_rad, STATIONS)
    there = lane_ahead_m(path, distance_m + STEP_M, left_m, heading_rad, STATIONS)
    along = (there[:, 1] - here[:, 1]) / STEP_M
    return here[:, 1], along, np.full(len(STATIONS), -math.cos(heading_rad)), -here[:, 0]


def lane_noise(spread_m: float, along: FloatArray) -> FloatArray:
    """Return the covariance (stations, stations) of a view, in square meters.

    A normal error's standard deviation is 1.25 times its mean absolute value.

    Args:
        spread_m: mean absolute error predicted by the model.
        along: (stations,) derivative of the positions with respect to distance, m/m.
    """
    sigma_m = max(1.25 * spread_m, MIN_SIGMA_M)
    return np.asarray(
        sigma_m**2 * _ALIKE + BEND_SIGMA_M**2 * np.outer(along, along), dtype=np.float64
    )
