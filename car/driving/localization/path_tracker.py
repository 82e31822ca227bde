"""Where on its path a car is: wheel odometry, corrected by bends of the road and signs beside it.

An extended Kalman filter over five numbers: the distance along the path, the heading relative to
it, two faults of the wheels (how much the left one differs from the right one, and how much both
differ from their drawing), and how far left of the path the car is. A lane model that sees the path
shows the last, the heading, and where bends begin. With one that doesn't, a car that keeps its lane
has, on average, the heading of the road; so every stretch says something about the heading,
straights show the wheels' mismatch, and bends show the distance: turning early or late is being
ahead or behind. Signs show it too: how far away they are, and in which direction.
(S. Thrun, W. Burgard, D. Fox, Probabilistic Robotics, 2005, section 3.3.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from car.driving.localization.bearing_range import SignMeasurement
from car.driving.localization.lane_model import STATIONS, expected_lane, lane_ahead_m, lane_noise
from car.driving.localization.sign_model import OFFSET_SIGMA_M, PLACE_SIGMA_M, view_of_signs
from car.driving.types import WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import FloatArray, wrap_rad
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M

DISTANCE, HEADING, MISMATCH, SCALE, LEFT = range(5)

PUT_SIGMA_M: Final = 0.05

START_SIGMA: Final = np.array([0.02, 0.10, 0.025, 0.015, 0.03])
"""Standard deviations at the start: 2 cm, 6 degrees, the spread of wheel radii, and 3 cm."""

SLIP_SIGMA_M: Final = 0.004
"""Random error of the distance after one metre (grows with the square root of the way)."""

TURN_SIGMA_RAD: Final = 0.05
"""Random error of the heading after one metre."""

DRIFT_SIGMA_M: Final = 0.01
"""Random error of the place across the path after one metre, beyond what the heading makes."""

LANE_HEADING_SIGMA_RAD: Final = 0.12
"""How far a lane-keeping car's heading is from the road's: 5 degrees at most in evaluation, and
errors of neighbouring stretches are alike, so more is allowed for."""

STRETCH_M: Final = 0.03
"""The road's heading is compared once in this distance."""

SIGN_WAY_M: Final = 0.10
"""Frames nearer to each other than this err alike, and count for less."""

LANE_WAY_M: Final = 0.15
"""Lane models' errors in frames nearer to each other than this are alike: what deceives a model, a
glare or a junction's mouth, is about so long (docs/decisions/0031)."""

LANE_GATE: Final = 11.0
"""Squared sigmas: 19 of 20 views of five stations are nearer (chi-square)."""

SAME_VIEW_M: Final = 0.001
"""Frames nearer to each other than this are one."""

CHOICE_FACTOR: Final = 4.0
"""In junctions pictures look alike that are not, so models err more than they expect."""

CARRIED_SIGMA_M: Final = 0.05
CARRIED_SIGMA_RAD: Final = 0.2

GATE: Final = 9.0
"""Squared sigmas: a sign that is farther from where it should be is another one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """What was seen (of a sign: bearing, and 1/range if known) against what was expected."""

    innovation: FloatArray
    slope: FloatArray
    """(n, 5): how the expectation changes with the state."""
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
        """Whether it says numbers. One that does not never will again."""
        return bool(np.isfinite(self._mean).all() and np.isfinite(self._cov).all())

    @property
    def sigma_m(self) -> float:
        return math.sqrt(float(self._cov[DISTANCE, DISTANCE]))

    @property
    def heading_error_rad(self) -> float:
        return float(self._mean[HEADING])

    @property
    def left_m(self) -> float:
        """How far left of the path; 0 where no lane model shows it."""
        return float(self._mean[LEFT])

    @property
    def sees_lane(self) -> bool:
        """Whether a lane model has shown where the path lies."""
        return self._sees_lane

    def ahead_m(self, along_m: FloatArray) -> FloatArray:
        """Return the path's points (n, 2) forward, left of the car, so far (n,) along it."""
        return lane_ahead_m(
            self.path, self.distance_m, self.left_m, self.heading_error_rad, along_m
        )

    def continue_on(self, path: RoutePath, distance_m: float) -> None:
        """Take another path that goes on from here; what is known of the wheels is kept."""
        self.path = path
        self._mean[DISTANCE] = distance_m

    def put_at(self, distance_m: float) -> None:
        """Go on from another distance, which is known to a few centimetres."""
        self._mean[DISTANCE] = distance_m
        self._cov[DISTANCE] = self._cov[:, DISTANCE] = 0.0
        self._cov[DISTANCE, DISTANCE] = PUT_SIGMA_M**2

    def carried(self) -> None:
        """Take in that the car was put somewhere else on its path: any heading, any offset."""
        for state, sigma in ((LEFT, CARRIED_SIGMA_M), (HEADING, CARRIED_SIGMA_RAD)):
            self._mean[state] = 0.0
            self._cov[state] = self._cov[:, state] = 0.0
            self._cov[state, state] = sigma**2

    def move(self, wheels: WheelReading) -> None:
        """Take in new wheel angles."""
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
        # on the inner side of a bend the same way is more of the path
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
        """Take in the signs of one frame, as they are now; those of other places are left out."""
        weight, self._unseen_m = self._unseen_m / SIGN_WAY_M, 0.0
        if weight < 0.05:  # it stands
            return
        for sign in signs:
            nearest = min(self._places_of(sign, camera), key=lambda m: m.square, default=None)
            if nearest is not None and nearest.square <= GATE:
                self._take(nearest, weight)

    def see_lane(self, left_m: FloatArray, spread_m: float, command: Turn) -> None:
        """Take in where a lane model sees the path.

        What is far from all that was known counts for little: in the middle of a junction a
        picture may look like any street.

        Args:
            left_m: (stations,) see `pixelopolis.model_io.lane_path`, as of now.
            spread_m: mean absolute error that the model expects, over the stations.
            command: that it was asked for. Where the path takes another way at the next junction,
                what lies behind that is left out.
        """
        if not self._sees_lane:
            self._sees_lane, self._lane_unseen_m = True, LANE_WAY_M
        if self._lane_unseen_m < SAME_VIEW_M:  # it stands, and sees the same again
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
