"""Tracks a car along its path: wheel odometry, corrected by bends, signs and lane views.

An extended Kalman filter over five states: distance along the path, heading relative to it, two
wheel errors (mismatch of left and right, and common scale), and offset to the left of the path. A
lane model that sees the path measures the offset, the heading, and where bends begin. Without
one, a lane-keeping car has on average the heading of the road: straights show the wheel mismatch,
and turning early or late in a bend shows an error of the distance. Signs measure the distance by
bearing and range.
(S. Thrun, W. Burgard, D. Fox, Probabilistic Robotics, 2005, section 3.3.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from car.driving.localization.bearing_range import SignMeasurement
from car.driving.localization.lane_model import expected_lane, lane_ahead_m, lane_noise
from car.driving.localization.sign_model import OFFSET_SIGMA_M, PLACE_SIGMA_M, view_of_signs
from car.driving.types import WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import FloatArray, wrap_rad
from pixelopolis.model_io.lane_path import STATIONS
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M

DISTANCE, HEADING, MISMATCH, SCALE, LEFT = range(5)

PUT_SIGMA_M: Final = 0.05

START_SIGMA: Final = np.array([0.02, 0.10, 0.025, 0.015, 0.03])
"""Initial standard deviations: 2 cm, 6 degrees, the tolerance of wheel radii, and 3 cm."""

SLIP_SIGMA_M: Final = 0.004
"""Random error of the distance after one meter (grows with the square root of the distance)."""

TURN_SIGMA_RAD: Final = 0.05
"""Random error of the heading after one meter."""

DRIFT_SIGMA_M: Final = 0.01
"""Random error of the offset after one meter, in addition to that caused by the heading."""

LANE_HEADING_SIGMA_RAD: Final = 0.12
"""Heading of a lane-keeping car relative to the road: at most 5 degrees in evaluation; more is
assumed because errors of neighboring stretches are correlated."""

STRETCH_M: Final = 0.03
"""Interval of comparisons with the road's heading."""

SIGN_WAY_M: Final = 0.10
"""Frames nearer than this have correlated errors and get less weight."""

LANE_WAY_M: Final = 0.15
"""Lane models' errors in frames nearer than this are correlated: what deceives a model, such as
glare or a junction's mouth, is about this long (docs/decisions/0031)."""

LANE_GATE: Final = 11.0
"""Squared sigmas: 95 % of the views of five stations are within it (chi-square)."""

SAME_VIEW_M: Final = 0.001
"""Frames nearer than this count as one."""

CHOICE_FACTOR: Final = 4.0
"""Factor on a model's predicted errors in junctions, where different views look alike."""

MOVED_SIGMA_M: Final = 0.05
MOVED_SIGMA_RAD: Final = 0.2

GATE: Final = 9.0
"""Squared sigmas: a sign farther from its expected position is a different sign."""


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """A measurement against its prediction (of a sign: bearing, and 1/range if known)."""

    innovation: FloatArray
    slope: FloatArray
    """(n, 5): Jacobian of the prediction."""
    noise: FloatArray
    square: float
    """Squared innovation, in sigmas."""


class PathTracker:
    """Estimate of where a car is along one path.

    Args:
        path: the driven path.
        distance_m: initial distance along it.
    """

    def __init__(self, path: RoutePath, distance_m: float) -> None:
        self.path = path
        self._mean: FloatArray = np.array([distance_m, 0.0, 0.0, 0.0, 0.0])
        self._cov: FloatArray = np.diag(START_SIGMA**2)
        self._last: WheelReading | None = None
        self._since_m = 0.0
        self._unseen_m = SIGN_WAY_M
        self._lane_unseen_m = LANE_WAY_M
        self._sees_lane = False

    @property
    def distance_m(self) -> float:
        return float(self._mean[DISTANCE])

    @property
    def is_finite(self) -> bool:
        """Whether the state is finite; once lost, it never recovers."""
        return bool(np.isfinite(self._mean).all() and np.isfinite(self._cov).all())

    @property
    def sigma_m(self) -> float:
        return math.sqrt(float(self._cov[DISTANCE, DISTANCE]))

    @property
    def heading_error_rad(self) -> float:
        return float(self._mean[HEADING])

    @property
    def left_m(self) -> float:
        """Offset to the left of the path; 0 if no lane model measures it."""
        return float(self._mean[LEFT])

    @property
    def sees_lane(self) -> bool:
        """Whether a lane model has measured the path."""
        return self._sees_lane

    def ahead_m(self, along_m: FloatArray) -> FloatArray:
        """Return the path's points (n, 2) as (forward, left) of the car, at distances (n,)."""
        return lane_ahead_m(
            self.path, self.distance_m, self.left_m, self.heading_error_rad, along_m
        )

    def continue_on(self, path: RoutePath, distance_m: float) -> None:
        """Continue on another path from here; wheel errors are kept."""
        self.path = path
        self._mean[DISTANCE] = distance_m

    def put_at(self, distance_m: float) -> None:
        """Continue from another distance, known to a few centimeters."""
        self._mean[DISTANCE] = distance_m
        self._cov[DISTANCE] = self._cov[:, DISTANCE] = 0.0
        self._cov[DISTANCE, DISTANCE] = PUT_SIGMA_M**2

    def forget_pose(self) -> None:
        """Note that the car was moved by hand along its path: any heading, any offset."""
        for state, sigma in ((LEFT, MOVED_SIGMA_M), (HEADING, MOVED_SIGMA_RAD)):
            self._mean[state] = 0.0
            self._cov[state] = self._cov[:, state] = 0.0
            self._cov[state, state] = sigma**2

    def move(self, wheels: WheelReading) -> None:
        last, self._last = self._last, wheels
        if last is None or not self.is_finite:
            return
        left = (wheels.left_rad - last.left_rad) * WHEEL_RADIUS_M
        right = (wheels.right_rad - last.right_rad) * WHEEL_RADIUS_M
        if left == 0.0 and right == 0.0:
            return
        self._predict(left, right)
        self._since_m += abs(left + right) / 2
        self._unseen_m = min(SIGN_WAY_M, self._unseen_m + abs(left + right) / 2)
        self._lane_unseen_m = min(LANE_WAY_M, self._lane_unseen_m + abs(left + right) / 2)
        if not self._sees_lane and self._since_m >= STRETCH_M:
            self._since_m = 0.0
            self._correct()

    def _predict(self, left_m: float, right_m: float) -> None:
        mean = self._mean
        way = (left_m + right_m) / 2
        driven = way * (1 + mean[SCALE])
        forward = driven * math.cos(mean[HEADING])
        curvature = self.path.curvature_at(float(mean[DISTANCE]) + forward / 2)
        # on the inner side of a bend, the same distance covers more of the path
        forward /= 1 - float(np.clip(curvature * mean[LEFT], -0.5, 0.5))
        turn = (right_m - left_m) / WHEEL_BASE_M + way / WHEEL_BASE_M * mean[MISMATCH]
        jacobian = np.eye(5)
        jacobian[DISTANCE, SCALE] = way
        jacobian[HEADING, MISMATCH] = way / WHEEL_BASE_M
        jacobian[HEADING, SCALE] = -curvature * way
        ahead_m = 0.01
        bend = (self.path.curvature_at(float(mean[DISTANCE]) + ahead_m) - curvature) / ahead_m
        jacobian[HEADING, DISTANCE] = -float(np.clip(bend, -30, 30)) * forward
        jacobian[LEFT, HEADING] = driven
        mean[DISTANCE] += forward
        mean[LEFT] += driven * math.sin(mean[HEADING])
        mean[HEADING] += turn - curvature * forward
        noise = np.array([SLIP_SIGMA_M**2, TURN_SIGMA_RAD**2, 1e-6, 1e-6, DRIFT_SIGMA_M**2]) * abs(
            way
        )
        self._cov = jacobian @ self._cov @ jacobian.T + np.diag(noise)

    def see(self, signs: Iterable[SignMeasurement], camera: Camera) -> None:
        """Take in one frame's signs, relative to the car's position now; ignore outliers."""
        weight, self._unseen_m = self._unseen_m / SIGN_WAY_M, 0.0
        if weight < 0.05:  # the car stands
            return
        for sign in signs:
            nearest = min(self._places_of(sign, camera), key=lambda m: m.square, default=None)
            if nearest is not None and nearest.square <= GATE:
                self._take(nearest, weight)

    def see_lane(self, left_m: FloatArray, spread_m: float, command: Turn) -> None:
        """Take in where a lane model sees the path.

        Views far from the prediction get little weight: in the middle of a junction, a picture may
        look like any street.

        Args:
            left_m: (stations,) see `pixelopolis.model_io.lane_path`, as of now.
            spread_m: mean absolute error over the stations, predicted by the model.
            command: the command the model was asked for. If the path turns differently at the next
                junction, stations beyond it are ignored.
        """
        if not self._sees_lane:
            self._sees_lane, self._lane_unseen_m = True, LANE_WAY_M
        if self._lane_unseen_m < SAME_VIEW_M:  # the car stands and sees the same again
            return
        weight, self._lane_unseen_m = self._lane_unseen_m / LANE_WAY_M, 0.0
        state = self.distance_m, self.left_m, self.heading_error_rad
        expected, along, across, turning = expected_lane(self.path, *state)
        meant = self.path.commanded_until_m(self.distance_m, command) - self.distance_m > STATIONS
        slope = np.zeros((len(expected), 5))
        slope[:, DISTANCE], slope[:, LEFT], slope[:, HEADING] = along, across, turning
        noise = lane_noise(spread_m, along) / weight
        if self.path.chooses_at(self.distance_m):
            noise *= CHOICE_FACTOR**2
        off_by, slope, noise = (left_m - expected)[meant], slope[meant], noise[meant][:, meant]
        spread = slope @ self._cov @ slope.T + noise
        square = float(off_by @ np.linalg.solve(spread, off_by))
        doubt = max(1.0, square / LANE_GATE)
        self._take(_Measured(off_by, slope, noise * doubt**2, square))

    def _places_of(self, sign: SignMeasurement, camera: Camera) -> Iterator[_Measured]:
        """Yield the measurement for each sign of the detected class."""
        city, ahead_m = self.path.city, 0.01
        poses = [self.path.pose_at(self.distance_m + d) for d in (0.0, ahead_m)]
        rows = np.array([(p.x_m, p.y_m, p.heading_rad) for p in poses])
        for i, known in enumerate(city.signs):
            if known.sign_class != sign.class_name:
                continue
            bearing, range_m, facing = view_of_signs(city, camera, rows, i)
            if facing[0] > math.pi / 2:
                continue
            aside = OFFSET_SIGMA_M / max(float(range_m[0]), 0.1)
            off = wrap_rad(sign.bearing_rad - (float(bearing[0]) - self.heading_error_rad))
            slope = np.zeros((1, 5))
            slope[0, DISTANCE] = wrap_rad(float(bearing[1] - bearing[0])) / ahead_m
            slope[0, HEADING] = -1.0
            innovation, variance = [off], [sign.bearing_sigma_rad**2 + aside**2]
            if sign.range_m is not None:
                gap, sigma = sign.nearness(range_m, PLACE_SIGMA_M)
                slope = np.vstack([slope, [float(gap[0] - gap[1]) / ahead_m, 0.0, 0.0, 0.0, 0.0]])
                innovation.append(float(gap[0]))
                variance.append(float(sigma[0]) ** 2)
            noise = np.diag(variance)
            spread = slope @ self._cov @ slope.T + noise
            off_by = np.array(innovation)
            square = float(off_by @ np.linalg.solve(spread, off_by))
            yield _Measured(off_by, slope, noise, square)

    def _take(self, measured: _Measured, weight: float = 1.0) -> None:
        slope = measured.slope
        spread = slope @ self._cov @ slope.T + measured.noise / weight
        gain = np.linalg.solve(spread, slope @ self._cov).T
        self._mean = self._mean + gain @ measured.innovation
        self._cov = self._cov - gain @ slope @ self._cov
        self._cov = (self._cov + self._cov.T) / 2

    def _correct(self) -> None:
        innovation = -float(self._mean[HEADING])
        spread = float(self._cov[HEADING, HEADING]) + LANE_HEADING_SIGMA_RAD**2
        gain = self._cov[:, HEADING] / spread
        self._mean = self._mean + gain * innovation
        self._cov = self._cov - np.outer(gain, self._cov[HEADING])
        self._cov = (self._cov + self._cov.T) / 2
