"""Where on its path a car is: wheel odometry, corrected by bends of the road and signs beside it.

An extended Kalman filter over four numbers: the distance along the path, the heading relative to
it, and two faults of the wheels (how much the left one differs from the right one, and how much
both differ from their drawing). A car that keeps its lane has, on average, the heading of the
road; so every stretch says something about the heading, straights show the wheels' mismatch, and
bends show the distance: turning early or late is being ahead or behind. Signs show it too: how
far away they are, and in which direction.
(S. Thrun, W. Burgard, D. Fox, Probabilistic Robotics, 2005, section 3.3.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from car.expectation import OFFSET_SIGMA_M, PLACE_SIGMA_M, view_of_signs
from car.observation import WheelReading
from car.sight import Sight
from pixelopolis.camera import Camera
from pixelopolis.geometry import FloatArray, wrap_rad
from pixelopolis.routing import RoutePath
from pixelopolis.vehicle import WHEEL_BASE_M, WHEEL_RADIUS_M

DISTANCE, HEADING, MISMATCH, SCALE = range(4)

PUT_SIGMA_M = 0.05

START_SIGMA = np.array([0.02, 0.10, 0.025, 0.015])
"""Standard deviations at the start: 2 cm, 6 degrees, and the spread of wheel radii."""

SLIP_SIGMA_M = 0.004
"""Random error of the distance after one metre (grows with the square root of the way)."""

TURN_SIGMA_RAD = 0.05
"""Random error of the heading after one metre."""

LANE_HEADING_SIGMA_RAD = 0.12
"""How far a lane-keeping car's heading is from the road's: 5 degrees at most in evaluation, and
errors of neighbouring stretches are alike, so more is allowed for."""

STRETCH_M = 0.03
"""The road's heading is compared once in this distance."""

SIGN_WAY_M = 0.10
"""Frames nearer to each other than this err alike, and count for less."""

GATE = 9.0
"""Squared sigmas: a sign that is farther from where it should be is another one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """What one sign says: bearing, and 1/range if known, against what was expected."""

    innovation: FloatArray
    slope: FloatArray
    """(1 or 2, 4): how the expectation changes with the state."""
    noise: FloatArray
    square: float
    """Of the innovation, in sigmas."""


class PathTracker:
    """Belief of where a car is along one path.

    Args:
        path: the path that is driven.
        distance_m: where on it the car starts.
    """

    def __init__(self, path: RoutePath, distance_m: float) -> None:
        self.path = path
        self._mean: FloatArray = np.array([distance_m, 0.0, 0.0, 0.0])
        self._cov: FloatArray = np.diag(START_SIGMA**2)
        self._last: WheelReading | None = None
        self._since_m = 0.0
        self._unseen_m = SIGN_WAY_M

    @property
    def distance_m(self) -> float:
        return float(self._mean[DISTANCE])

    @property
    def sigma_m(self) -> float:
        return math.sqrt(float(self._cov[DISTANCE, DISTANCE]))

    @property
    def heading_error_rad(self) -> float:
        return float(self._mean[HEADING])

    def continue_on(self, path: RoutePath, distance_m: float) -> None:
        """Take another path that goes on from here; what is known of the wheels is kept."""
        self.path = path
        self._mean[DISTANCE] = distance_m

    def put_at(self, distance_m: float) -> None:
        """Go on from another distance, which is known to a few centimetres."""
        self._mean[DISTANCE] = distance_m
        self._cov[DISTANCE] = self._cov[:, DISTANCE] = 0.0
        self._cov[DISTANCE, DISTANCE] = PUT_SIGMA_M**2

    def move(self, wheels: WheelReading) -> None:
        """Take in new wheel angles."""
        last, self._last = self._last, wheels
        if last is None:
            return
        left = (wheels.left_rad - last.left_rad) * WHEEL_RADIUS_M
        right = (wheels.right_rad - last.right_rad) * WHEEL_RADIUS_M
        if left == 0.0 and right == 0.0:
            return
        self._predict(left, right)
        self._since_m += abs(left + right) / 2
        self._unseen_m = min(SIGN_WAY_M, self._unseen_m + abs(left + right) / 2)
        if self._since_m >= STRETCH_M:
            self._since_m = 0.0
            self._correct()

    def _predict(self, left_m: float, right_m: float) -> None:
        mean = self._mean
        way = (left_m + right_m) / 2
        forward = way * (1 + mean[SCALE]) * math.cos(mean[HEADING])
        curvature = self.path.curvature_at(float(mean[DISTANCE]) + forward / 2)
        turn = (right_m - left_m) / WHEEL_BASE_M + way / WHEEL_BASE_M * mean[MISMATCH]
        jacobian = np.eye(4)
        jacobian[DISTANCE, SCALE] = way
        jacobian[HEADING, MISMATCH] = way / WHEEL_BASE_M
        jacobian[HEADING, SCALE] = -curvature * way
        ahead_m = 0.01
        bend = (self.path.curvature_at(float(mean[DISTANCE]) + ahead_m) - curvature) / ahead_m
        jacobian[HEADING, DISTANCE] = -float(np.clip(bend, -30, 30)) * forward
        mean[DISTANCE] += forward
        mean[HEADING] += turn - curvature * forward
        noise = np.array([SLIP_SIGMA_M**2, TURN_SIGMA_RAD**2, 1e-6, 1e-6]) * abs(way)
        self._cov = jacobian @ self._cov @ jacobian.T + np.diag(noise)

    def see(self, signs: Iterable[Sight], camera: Camera) -> None:
        """Take in the signs of one frame, as they are now; those of other places are left out."""
        weight, self._unseen_m = self._unseen_m / SIGN_WAY_M, 0.0
        if weight < 0.05:  # it stands
            return
        for sign in signs:
            nearest = min(self._places_of(sign, camera), key=lambda m: m.square, default=None)
            if nearest is not None and nearest.square <= GATE:
                self._take(nearest, weight)

    def _places_of(self, sign: Sight, camera: Camera) -> Iterator[_Measured]:
        """Yield what a sight says of the distance if it is this or that sign of its class."""
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
            slope = np.zeros((1, 4))
            slope[0, DISTANCE] = wrap_rad(float(bearing[1] - bearing[0])) / ahead_m
            slope[0, HEADING] = -1.0
            innovation, variance = [off], [sign.bearing_sigma_rad**2 + aside**2]
            if sign.range_m is not None:
                gap, sigma = sign.nearness(range_m, PLACE_SIGMA_M)
                slope = np.vstack([slope, [float(gap[0] - gap[1]) / ahead_m, 0.0, 0.0, 0.0]])
                innovation.append(float(gap[0]))
                variance.append(float(sigma[0]) ** 2)
            noise = np.diag(variance)
            spread = slope @ self._cov @ slope.T + noise
            off_by = np.array(innovation)
            square = float(off_by @ np.linalg.solve(spread, off_by))
            yield _Measured(off_by, slope, noise, square)

    def _take(self, measured: _Measured, weight: float) -> None:
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
