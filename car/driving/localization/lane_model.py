"""Where a lane model should see the path of a car whose place on it is known."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.lane_path import SCALES_M, STATIONS_M

MIN_SIGMA_M: Final = 0.004
"""No picture shows a path better than this."""

ALIKE: Final = 0.8
"""How alike the errors of neighbouring stations are: one that sees the lane 5 mm too far left sees
all of it there."""

STEP_M: Final = 0.01
"""Of the derivative along the path, which is a sampled curve."""

BEND_SIGMA_M: Final = 0.2
"""How far along the road a model may see a bend from where it is: with less, wrong views of
junctions pulled the distance by up to 9 cm (docs/decisions/0031)."""

STATIONS: Final[FloatArray] = np.array(STATIONS_M)
_WEIGHTS: Final[FloatArray] = np.array(SCALES_M) / np.mean(SCALES_M)
_APART: Final = np.abs(np.subtract.outer(np.arange(len(STATIONS_M)), np.arange(len(STATIONS_M))))
_ALIKE: Final[FloatArray] = np.outer(_WEIGHTS, _WEIGHTS) * ALIKE**_APART


def lane_ahead_m(
    path: RoutePath, distance_m: float, left_m: float, heading_rad: float, along_m: FloatArray
) -> FloatArray:
    """Return points (n, 2) of a path as forward, left of a car.

    Args:
        path: that the car is on.
        distance_m: how far along it.
        left_m: how far left of it.
        heading_rad: relative to it.
        along_m: (n,) how far along the path from where it is abreast of the car's axle.
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
    """Return the path's lateral places at the stations, and how they change.

    Args:
        path: that the car is on.
        distance_m: how far along it.
        left_m: how far left of it.
        heading_rad: relative to it.

    Returns:
        left_m (stations,), and its derivatives with the distance, the offset (metres a metre) and
        the heading (metres a radian).
    """
    here = lane_ahead_m(path, distance_m, left_m, heading_rad, STATIONS)
    there = lane_ahead_m(path, distance_m + STEP_M, left_m, heading_rad, STATIONS)
    along = (there[:, 1] - here[:, 1]) / STEP_M
    return here[:, 1], along, np.full(len(STATIONS), -math.cos(heading_rad)), -here[:, 0]


def lane_noise(spread_m: float, along: FloatArray) -> FloatArray:
    """Return the covariance (stations, stations) of a view, square metres.

    A normal error's standard deviation is 1.25 times its mean absolute value.

    Args:
        spread_m: the mean absolute error that the model expects.
        along: (stations,) how the places change with the distance, metres a metre.
    """
    sigma_m = max(1.25 * spread_m, MIN_SIGMA_M)
    return np.asarray(
        sigma_m**2 * _ALIKE + BEND_SIGMA_M**2 * np.outer(along, along), dtype=np.float64
    )
