"""Where a car on its route should see the lane, and the tracker's correction by where it does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.localization.lane_model import expected_lane, lane_noise
from car.driving.localization.path_tracker import PathTracker
from car.driving.types import WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from sim.physics.expert import Successor, path_left_m

TOWN = load_city("pixelopolis")
PATH = RoutePath(TOWN, find_route(TOWN, Place("9", 0.05), Place("9", 1.1)))
GRID = load_city("grid:3x2:5")

distances = st.floats(0.2, PATH.length_m - 0.5)
offsets = st.floats(-0.1, 0.1)
headings = st.floats(-0.5, 0.5)


def pose_of(path: RoutePath, distance_m: float, left_m: float, heading_rad: float) -> Pose:
    return path.pose_at(distance_m).ahead(0.0, left_m, heading_rad)


def seen_from(path: RoutePath, pose: Pose, distance_m: float) -> FloatArray:
    way = Successor(path.curve, None, 0.0)
    return np.array(path_left_m(way, pose, distance_m + path.route.start_s_m))


@given(distances, offsets, headings)
def test_what_is_expected_is_what_a_dataset_would_say(
    distance_m: float, left_m: float, heading_rad: float
) -> None:
    expected = expected_lane(PATH, distance_m, left_m, heading_rad)[0]
    pose = pose_of(PATH, distance_m, left_m, heading_rad)
    # the crossing of the axle's line with a bend is taken as on a straight: 1 cm at most
    assert expected == pytest.approx(seen_from(PATH, pose, distance_m), abs=0.012)


@given(distances, st.floats(-0.03, 0.03), st.floats(-0.1, 0.1))
def test_the_slopes_are_those_of_small_steps(
    distance_m: float, left_m: float, heading_rad: float
) -> None:
    _, along, across, turning = expected_lane(PATH, distance_m, left_m, heading_rad)
    step = 1e-4
    states = ((distance_m, left_m + step, heading_rad), (distance_m, left_m, heading_rad + step))
    here = expected_lane(PATH, distance_m, left_m, heading_rad)[0]
    for slope, state in zip((across, turning), states, strict=True):
        there = expected_lane(PATH, *state)[0]
        assert slope == pytest.approx((there - here) / step, abs=0.15)
    there = expected_lane(PATH, distance_m + 0.01, left_m, heading_rad)[0]
    assert along == pytest.approx((there - here) / 0.01)


def test_noise_is_a_covariance() -> None:
    noise = lane_noise(0.01, np.linspace(0.0, 1.0, 5))
    assert noise == pytest.approx(noise.T)
    assert np.linalg.eigvalsh(noise).min() > 0


def drive(
    tracker: PathTracker, path: RoutePath, start_m: float, metres: float, wrong_m: float = 0.0
) -> tuple[float, float]:
    """Drive straight on, with the lane seen `wrong_m` off; return the true pose."""
    left_m, heading_rad, step_m = 0.03, -0.06, 0.0068
    for n in range(round(metres / step_m)):
        angle = n * step_m / WHEEL_RADIUS_M
        tracker.move(WheelReading(angle, angle, 0.05 * n))
        at_m = start_m + n * step_m * np.cos(heading_rad)
        left = left_m + n * step_m * np.sin(heading_rad)
        pose = pose_of(path, at_m, left, heading_rad)
        tracker.see_lane(seen_from(path, pose, at_m) + wrong_m, 0.01, Turn.STRAIGHT)
    return left, heading_rad


def test_what_is_seen_shows_offset_and_heading() -> None:
    tracker = PathTracker(PATH, 0.1)
    assert not tracker.sees_lane
    left_m, heading_rad = drive(tracker, PATH, 0.1, 0.6)
    assert tracker.sees_lane
    assert tracker.left_m == pytest.approx(left_m, abs=0.002)
    assert tracker.heading_error_rad == pytest.approx(heading_rad, abs=0.01)


def test_one_view_far_off_hardly_counts() -> None:
    tracker = PathTracker(PATH, 0.1)
    left_m, _ = drive(tracker, PATH, 0.1, 0.6)
    tracker.move(WheelReading(20.0, 20.0, 9.0))
    tracker.see_lane(np.full(5, 0.3), 0.01, Turn.STRAIGHT)
    assert tracker.left_m == pytest.approx(left_m, abs=0.03)


def test_a_standing_car_learns_from_its_first_view_only() -> None:
    tracker = PathTracker(PATH, 0.1)
    tracker.see_lane(np.full(5, -0.03), 0.01, Turn.STRAIGHT)
    first = tracker.left_m
    for _ in range(50):
        tracker.see_lane(np.full(5, -0.05), 0.01, Turn.STRAIGHT)
    assert tracker.left_m == first > 0.005


def test_a_creeping_car_learns_from_what_it_sees() -> None:
    tracker = PathTracker(PATH, 0.1)
    for n in range(1500):  # 0.4 mm per frame
        angle = n * 0.0004 / WHEEL_RADIUS_M
        tracker.move(WheelReading(angle, angle, 0.05 * n))
        tracker.see_lane(np.full(5, -0.03), 0.01, Turn.STRAIGHT)
    assert tracker.left_m == pytest.approx(0.03, abs=0.002)


def test_who_was_carried_believes_what_it_sees() -> None:
    tracker = PathTracker(PATH, 0.1)
    drive(tracker, PATH, 0.1, 0.6)
    tracker.forget_pose()
    tracker.move(WheelReading(19.5, 19.5, 9.0))
    for n in range(8):
        tracker.move(WheelReading(19.5 + 0.2 * n, 19.5 + 0.2 * n, 9.0 + 0.05 * n))
        tracker.see_lane(np.full(5, 0.06), 0.01, Turn.STRAIGHT)
    assert tracker.left_m == pytest.approx(-0.06, abs=0.015)


def test_the_way_straight_on_says_nothing_of_a_turn_behind_the_junction() -> None:
    edge = next(
        e for e, exits in GRID.exits.items() if {Turn.LEFT, Turn.RIGHT} <= {m.turn for m in exits}
    )
    turn = next(m for m in GRID.exits[edge] if m.turn is Turn.LEFT)
    path = RoutePath(GRID, find_route(GRID, Place(edge, 0.02), Place(turn.to_edge, 0.1)))
    mouth_m = path.node_stops_m()[0]
    assert path.commanded_until_m(mouth_m - 0.2, Turn.STRAIGHT) == mouth_m
    assert path.commanded_until_m(mouth_m - 0.2, Turn.LEFT) == np.inf
    assert path.commanded_until_m(mouth_m + 0.01, Turn.STRAIGHT) == np.inf
    assert path.chooses_at(mouth_m)
    assert not path.chooses_at(mouth_m - 0.3)
    tracker = PathTracker(path, mouth_m - 0.2)
    tracker.see_lane(np.zeros(5), 0.01, Turn.STRAIGHT)  # all stations on the straight
    assert tracker.distance_m == pytest.approx(mouth_m - 0.2, abs=0.005)
    assert tracker.heading_error_rad == pytest.approx(0.0, abs=0.02)
