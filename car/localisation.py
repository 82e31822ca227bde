"""Where on its path a car is: wheel odometry, corrected by the bends of the road.

An extended Kalman filter over four numbers: the distance along the path, the heading relative to
it, and two faults of the wheels (how much the left one differs from the right one, and how much
both differ from their drawing). A car that keeps its lane has, on average, the heading of the
road; so every stretch says something about the heading, straights show the wheels' mismatch, and
bends show the distance: turning early or late is being ahead or behind.
(S. Thrun, W. Burgard, D. Fox, Probabilistic Robotics, 2005, section 3.3.)
"""

from __future__ import annotations

import math

import numpy as np

from car.observation import WheelReading
from pixelopolis.geometry import FloatArray
from pixelopolis.routing import RoutePath
from pixelopolis.vehicle import WHEEL_BASE_M, WHEEL_RADIUS_M

DISTANCE, HEADING, MISMATCH, SCALE = range(4)

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

    def _correct(self) -> None:
        innovation = -float(self._mean[HEADING])
        spread = float(self._cov[HEADING, HEADING]) + LANE_HEADING_SIGMA_RAD**2
        gain = self._cov[:, HEADING] / spread
        self._mean = self._mean + gain * innovation
        self._cov = self._cov - np.outer(gain, self._cov[HEADING])
        self._cov = (self._cov + self._cov.T) / 2
