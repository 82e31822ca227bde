"""Following predicted paths, fused over frames and corrected for delays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.path_follower import PathFollower
from car.driving.types import WheelReading
from pixelopolis.geometry import Pose, arc, straight
from pixelopolis.model_io.lane_path import STATIONS_M, points_of
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M
from pixelopolis.vehicle.steering import curvature_to_steering, steering_to_curvature

SURE = np.full(3, 0.002)
BLIND = np.full(3, 0.5)


def line(curvature_per_m: float, length_m: float = 3.0):
    start = Pose(0.0, 0.0, 0.0)
    if abs(curvature_per_m) < 1e-6:
        return straight(start, length_m)
    return arc(start, 1 / abs(curvature_per_m), length_m * curvature_per_m)


def seen(curve, pose: Pose) -> np.ndarray:
    """Return the path as a perfect model sees it."""
    s_m = curve.project(pose.x_m, pose.y_m).s_m
    points = (curve.pose_at(s_m + station) for station in STATIONS_M)
    left = [pose.to_local(p.x_m, p.y_m)[1] for p in points]
    return np.array([left] * 3)


class Wheels:
    """Wheel angles of a car that drives arcs."""

    def __init__(self) -> None:
        self.left_m = self.right_m = self.time_s = 0.0

    def drive(self, way_m: float, turn_rad: float, seconds: float) -> WheelReading:
        self.left_m += way_m - turn_rad * WHEEL_BASE_M / 2
        self.right_m += way_m + turn_rad * WHEEL_BASE_M / 2
        self.time_s += seconds
        return WheelReading(
            self.left_m / WHEEL_RADIUS_M, self.right_m / WHEEL_RADIUS_M, self.time_s
        )


def test_no_path_is_straight_on() -> None:
    assert PathFollower().steering(0.0, 0.1) == 0.0


@given(st.floats(-3.0, 3.0))
def test_on_its_path_a_car_steers_the_paths_bend(curvature: float) -> None:
    follower = PathFollower()
    follower.see(seen(line(curvature), Pose(0.0, 0.0, 0.0)), SURE, 0)
    steering = follower.steering(0.0, 0.136)
    assert steering_to_curvature(steering) == pytest.approx(curvature, abs=0.03)


@given(st.floats(-0.05, 0.05), st.floats(-0.2, 0.2))
def test_a_car_beside_its_path_steers_back(left_m: float, heading: float) -> None:
    follower = PathFollower()
    follower.see(seen(line(0.0), Pose(0.2, left_m, heading)), SURE, 0)
    goes_to = left_m + 0.11 * math.sin(heading)
    if abs(goes_to) > 0.005:
        # left of the line: to the right, which is positive
        assert follower.steering(0.0, 0.136) * goes_to > 0


@given(st.floats(-2.5, 2.5))
def test_a_blind_stretch_is_driven_on_what_was_seen(curvature: float) -> None:
    curve, wheels, follower = line(curvature), Wheels(), PathFollower()
    follower.move(wheels.drive(0.0, 0.0, 0.05))
    follower.see(seen(curve, curve.pose_at(0.0)), SURE, 0)
    for _ in range(15):
        follower.move(wheels.drive(0.0068, 0.0068 * curvature, 0.05))
        follower.see(np.zeros((3, 5)), BLIND, 0)
    steering = follower.steering(0.0, 0.136)
    assert steering_to_curvature(steering) == pytest.approx(curvature, abs=0.05, rel=0.2)


def test_the_car_is_moved_on_while_the_wheels_are_late() -> None:
    """After half a second, a straight path that then bends left is already the bend."""
    left = np.array([0.0, 0.0, 0.01, 0.05, 0.11])
    early, late = PathFollower(), PathFollower()
    for follower in (early, late):
        wheels = Wheels()
        for _ in range(3):
            follower.move(wheels.drive(0.02, 0.0, 0.1))
        follower.see(np.array([left] * 3), SURE, 0)
    assert late.steering(0.5, 0.2) < early.steering(0.0, 0.2) < 0.0


def test_a_path_seen_long_ago_is_forgotten() -> None:
    follower, wheels = PathFollower(), Wheels()
    follower.move(wheels.drive(0.0, 0.0, 0.05))
    follower.see(seen(line(2.0), Pose(0.0, 0.0, 0.0)), SURE, 0)
    follower.move(wheels.drive(1.0, 0.0, 5.0))
    follower.see(np.zeros((3, 5)), BLIND, 0)
    assert follower.steering(0.0, 0.0) == 0.0


def test_each_command_has_its_path() -> None:
    at = Pose(0.0, 0.0, 0.0)
    paths = np.array([seen(line(c), at)[0] for c in (0.0, 3.0, -3.0)])
    steering = []
    for command in range(3):
        follower = PathFollower()
        follower.see(paths, SURE, command)
        steering.append(follower.steering(0.0, 0.136))
    straight_on, left, right = steering
    assert straight_on == pytest.approx(0.0, abs=1e-9)
    assert left == pytest.approx(-right)
    assert left == pytest.approx(curvature_to_steering(3.0), rel=0.02)


def test_a_new_command_takes_over_ahead_within_a_frame() -> None:
    at = Pose(0.0, 0.0, 0.0)
    paths = np.array([seen(line(c), at)[0] for c in (0.0, 3.0, -3.0)])
    follower, wheels = PathFollower(), Wheels()
    follower.move(wheels.drive(0.0, 0.0, 0.05))
    follower.see(paths, SURE, 0)
    follower.move(wheels.drive(0.0, 0.0, 0.05))
    follower.see(paths, SURE, 1)
    expected = curvature_to_steering(3.0)
    assert follower.steering(0.0, 0.136) == pytest.approx(expected, rel=0.15)


@given(st.floats(-3.0, 3.0), st.floats(-0.03, 0.03))
def test_points_keep_their_distances(curvature: float, left_m: float) -> None:
    points = points_of(seen(line(curvature), Pose(0.0, left_m, 0.0))[0], STATIONS_M)
    steps = np.hypot(*np.diff(points, axis=0).T)
    assert steps == pytest.approx(np.diff(STATIONS_M), rel=1e-6)
