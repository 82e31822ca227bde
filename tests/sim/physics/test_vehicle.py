from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.geometry import Pose
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import MOTOR_MAX_RAD_S, MOTOR_UNIT_RAD_S
from pixelopolis.vehicle.steering import steering_to_curvature, steering_to_wheels
from sim.physics.vehicle import Imperfections, Vehicle, random_imperfections
from sim.physics.world import World

PERFECT = Imperfections(lag_s=1e-3, delay_s=0.0)


def test_equal_wheels_drive_straight_at_their_speed() -> None:
    car = Vehicle(Pose(0, 0, 0), PERFECT)
    car.set_goal(4.0, 4.0)
    for _ in range(400):
        car.step(0.005)
    speed = round(4.0 / MOTOR_UNIT_RAD_S) * MOTOR_UNIT_RAD_S * WHEEL_RADIUS_M
    assert car.pose.x_m == pytest.approx(2 * speed, rel=0.01)
    assert abs(car.pose.y_m) < 1e-9


@given(st.floats(-0.8, 0.8).filter(lambda s: abs(s) > 0.1))
def test_a_steering_drives_its_curvature(steering: float) -> None:
    car = Vehicle(Pose(0, 0, 0), PERFECT)
    car.set_goal(*steering_to_wheels(steering, 4.0))
    way = 0.0
    for _ in range(100):
        before = car.pose
        car.step(0.005)
        way += before.distance_m(car.pose)
    expected = steering_to_curvature(steering) * way
    # motor units round the wheel speeds: up to half a unit each
    assert car.pose.heading_rad == pytest.approx(expected, rel=0.03, abs=0.01)


def test_a_command_waits_for_its_delay_and_then_lags() -> None:
    car = Vehicle(Pose(0, 0, 0), Imperfections(lag_s=0.08, delay_s=0.05))
    car.set_goal(4.0, 4.0)
    for _ in range(9):
        car.step(0.005)
    assert car.wheel_rad_s == (0.0, 0.0)
    for _ in range(17):
        car.step(0.005)
    goal = round(4.0 / MOTOR_UNIT_RAD_S) * MOTOR_UNIT_RAD_S
    assert car.wheel_rad_s[0] == pytest.approx(goal * (1 - math.exp(-1)), rel=0.05)


@given(st.floats(-4, 4), st.floats(-4, 4), st.integers(0, 99))
def test_the_motion_is_how_the_pose_changes(left: float, right: float, seed: int) -> None:
    car = Vehicle(Pose(0, 0, 0), random_imperfections(np.random.default_rng(seed)))
    car.set_goal(left, right)
    for _ in range(30):
        car.step(0.005)
    before = car.pose
    car.step(0.001)
    way = before.distance_m(car.pose)
    assert abs(car.motion.speed_mps) == pytest.approx(way / 0.001, rel=1e-3, abs=1e-6)
    turned = car.pose.heading_rad - before.heading_rad
    assert car.motion.yaw_rad_s == pytest.approx(turned / 0.001, rel=1e-3, abs=1e-6)
    assert car.motion.speed_mps * (left + right) >= 0 or abs(left + right) < 0.2


def test_motors_have_a_limit() -> None:
    car = Vehicle(Pose(0, 0, 0), PERFECT)
    car.set_goal(1e6, -1e6)
    for _ in range(50):
        car.step(0.005)
    assert car.wheel_rad_s == pytest.approx((MOTOR_MAX_RAD_S, -MOTOR_MAX_RAD_S))


def test_imperfections_come_from_the_seed() -> None:
    first, again, other = (random_imperfections(np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == again != other


def test_a_lasting_contact_counts_once() -> None:
    world = World.__new__(World)
    World.__init__(world, city=None)  # type: ignore[arg-type]
    world.add_car("a", Pose(0, 0, 0))
    b = world.add_car("b", Pose(1, 0, 0))
    world.step(0.005)
    assert world.collisions == 0
    b.pose = Pose(0.15, 0, 0)
    world.step(0.005)
    world.step(0.005)
    assert world.collisions == 1
    b.pose = Pose(1, 0, 0)
    world.step(0.005)
    b.pose = Pose(0.15, 0.1, 1.0)
    world.step(0.005)
    assert world.collisions == 2
