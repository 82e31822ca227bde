"""Steers along the paths that a lane model predicts: fusion over time, compensation of delays.

Every frame shows the road from 0.2 to 0.4 m ahead; nearer parts were seen in earlier frames. So
paths are kept, moved by wheel odometry, and corrected station by station by each new prediction as
in a Kalman filter, with the error that the model predicts. Where a frame shows nothing useful, the
model predicts a large error and the earlier path is driven.
The car is then predicted to where it will be when the wheels respond, and follows the path by
pure pursuit (R. Coulter, CMU-RI-TR-92-01, 1992).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from car.driving.localization.path_tracker import PathTracker
from car.driving.types import WheelReading
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.lane_path import STATIONS, STATIONS_M, WEIGHTS, points_of
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M
from pixelopolis.vehicle.steering import curvature_to_steering

ACTUATION_S: Final = 0.12
"""Delay from a decision to the wheels' speed: bus 0.05 s, motor lag 0.08 s."""

LOOKAHEAD_M: Final = 0.10
"""Lookahead at rest. With paths that are 8 mm off, 0.08 to 0.14 m kept the car within 5 mm of its
lane's center on average; less makes it weave, more cuts corners (docs/decisions)."""

LOOKAHEAD_S: Final = 0.1
"""Additional lookahead per speed."""

MEASURED_OVER_S: Final = 0.02
"""Minimum time to measure speed and curvature over: motor angles have steps of 1.5 mrad."""

MIN_SIGMA_M: Final = 0.004
"""Lower limit of a path's error, because errors of neighboring frames are correlated."""

PARTED_SIGMA_M: Final = (0.0, 0.01, 0.03, 0.10, 0.20)
"""Possible difference of the paths of two commands, at the stations."""

DRIFT: Final = 0.12
"""Growth of a path's error per meter: slip, wheel radii."""

FORGET_M: Final = 0.4
"""Points this far behind are dropped."""

_FINE: Final[FloatArray] = np.linspace(STATIONS_M[0], STATIONS_M[-1], 21)
_SMOOTH: Final[FloatArray] = np.vander(_FINE, len(STATIONS_M)) @ np.linalg.inv(
    np.vander(STATIONS, len(STATIONS_M))
)
"""(21, stations): evaluates the polynomial through the stations at finer ones."""


class PathFollower:
    """The path of the current command, fused over frames, and the steering that follows it."""

    def __init__(self) -> None:
        self._points: FloatArray | None = None
        self._sigma_m: FloatArray = np.zeros(len(STATIONS_M))
        self._command = 0
        self._seen_at: WheelReading | None = None
        self._wheels: WheelReading | None = None
        self._measured_at: WheelReading | None = None
        self._speed_mps = 0.0
        self._curvature_per_m = 0.0

    def forget(self) -> None:
        """Start over: the car was moved by hand."""
        self._points = None

    def move(self, wheels: WheelReading) -> None:
        self._wheels = wheels
        last = self._measured_at
        if last is not None and wheels.measured_s < last.measured_s + MEASURED_OVER_S:
            return
        self._measured_at = wheels
        if last is None:
            return
        way, turn = _motion(last, wheels)
        self._speed_mps = way / (wheels.measured_s - last.measured_s)
        self._curvature_per_m = turn / way if way > 1e-4 else 0.0

    def see(self, paths_left_m: FloatArray, spread_m: FloatArray, command: int) -> None:
        """Take in a new prediction.

        Args:
            paths_left_m: (commands, stations), see `pixelopolis.model_io.lane_path`.
            spread_m: (commands,) mean absolute error over the stations, predicted by the model.
            command: index into `Turn` of the turn to take.
        """
        left_m, new_sigma = paths_left_m[command], spread_m[command] * WEIGHTS
        before, self._seen_at = self._seen_at, self._wheels
        way, turn = _motion(before, self._wheels) if before and self._wheels else (math.inf, 0.0)
        if self._points is None or abs(way) > FORGET_M:
            self._command = command
            self._sigma_m = new_sigma
            self._points = points_of(_SMOOTH @ left_m, _FINE)
            return
        kept_m, beyond_m = _stations_again(_moved(self._points, way, turn))
        sigma = np.interp(STATIONS + way, STATIONS, self._sigma_m) + DRIFT * abs(way)
        if command != self._command:
            self._command = command
            sigma = np.maximum(sigma, PARTED_SIGMA_M)
        variance = sigma**2 + (0.5 * beyond_m) ** 2
        variance = np.maximum(variance, (MIN_SIGMA_M * WEIGHTS) ** 2)
        gain = variance / (variance + new_sigma**2)
        self._points = points_of(_SMOOTH @ (kept_m + gain * (left_m - kept_m)), _FINE)
        self._sigma_m = np.sqrt((1 - gain) * variance)

    def as_of_now(self, left_m: FloatArray, age_s: float) -> FloatArray:
        """Return a path's positions (stations,) as seen `age_s` later."""
        way = self._speed_mps * age_s
        points = _moved(points_of(_SMOOTH @ left_m, _FINE), way, self._curvature_per_m * way)
        return _stations_again(points)[0]

    def steering(self, age_s: float, speed_mps: float, tracker: PathTracker | None = None) -> float:
        """Return the steering in [-1, 1] (left negative); 0 before the first path.

        Args:
            age_s: age of the last frame.
            speed_mps: the speed to be driven.
            tracker: provides the path from frames and map; None: follow the paths seen.
        """
        points, way = self._points, self._speed_mps * (age_s + ACTUATION_S)
        if tracker is not None:
            points, way = tracker.ahead_m(_FINE), self._speed_mps * ACTUATION_S
        if points is None:
            return 0.0
        ahead = _moved(points, way, self._curvature_per_m * way)
        forward, left = _at_distance(ahead, LOOKAHEAD_M + LOOKAHEAD_S * speed_mps)
        return curvature_to_steering(2 * left / (forward**2 + left**2))


def _motion(before: WheelReading, after: WheelReading) -> tuple[float, float]:
    left = (after.left_rad - before.left_rad) * WHEEL_RADIUS_M
    right = (after.right_rad - before.right_rad) * WHEEL_RADIUS_M
    return (left + right) / 2, (right - left) / WHEEL_BASE_M


def _moved(points_m: FloatArray, way_m: float, turn_rad: float) -> FloatArray:
    """Return points (n, 2) as seen by a car that has driven an arc."""
    middle = turn_rad / 2
    moved = points_m - (way_m * math.cos(middle), way_m * math.sin(middle))
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    return np.asarray(moved @ np.array([[cos, -sin], [sin, cos]]), dtype=np.float64)


def _stations_again(points_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return lateral positions (n,) at the stations, and how far beyond the line's end each lies.

    Stations are measured from the point abreast of the car. Beyond its end, the line is extended
    with the curvature of its last two segments.
    """
    steps = np.diff(points_m, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    # where the line crosses the axle, extrapolated from its first segment
    start = -points_m[0, 0] / max(steps[0, 0] / lengths[0], 0.2)
    wanted = STATIONS + start
    left = np.interp(wanted, along, points_m[:, 1])
    beyond = np.maximum(wanted - along[-1], 0.0)
    heading = np.arctan2(steps[:, 1], steps[:, 0])
    bend = (heading[-1] - heading[-2]) / (lengths[-1] + lengths[-2]) * 2
    past = heading[-1] + bend * (lengths[-1] / 2 + beyond / 2)
    left = left + np.where(beyond > 0, beyond * np.sin(past), 0.0)
    before = wanted < 0
    left = np.where(before, points_m[0, 1] + wanted * np.sin(heading[0]), left)
    return left, beyond


def _at_distance(points_m: FloatArray, distance_m: float) -> Sequence[float]:
    """Return the first point of the line at this distance from the car, extended if necessary."""
    away = np.hypot(points_m[:, 0], points_m[:, 1])
    for i in range(1, len(points_m)):
        if away[i] >= distance_m and points_m[i, 0] > 0:
            a, b = points_m[i - 1], points_m[i]
            if away[i - 1] >= distance_m:
                return (float(a[0]), float(a[1]))
            return _crossing(a, b, distance_m)
    a, b = points_m[-2], points_m[-1]
    return _crossing(a, b + 2.0 * (b - a), distance_m)


def _crossing(a: FloatArray, b: FloatArray, distance_m: float) -> tuple[float, float]:
    """Return where the segment from a (inside) to b (outside) crosses the circle around the car."""
    step = b - a
    aa, ab = float(step @ step), float(a @ step)
    part = (-ab + math.sqrt(max(ab * ab - aa * (float(a @ a) - distance_m**2), 0.0))) / aa
    x, y = a + part * step
    return (float(x), float(y))
