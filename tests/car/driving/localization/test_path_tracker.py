"""The tracker's arithmetic compared with independent computations.

Its motion is compared with a car moved in the plane, its covariance with the derivative of its
motion, its corrections with the same Kalman filter in information form.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from car.driving.localization.bearing_range import SignMeasurement
from car.driving.localization.lane_model import lane_noise
from car.driving.localization.path_tracker import (
    DISTANCE,
    HEADING,
    LEFT,
    MISMATCH,
    SCALE,
    PathTracker,
)
from car.driving.localization.sign_model import view_of_signs
from car.driving.types import WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.city.route import Place, Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.signs import sign_solid
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import FloatArray, Pose, wrap_rad
from pixelopolis.model_io.lane_path import STATIONS_M
from pixelopolis.vehicle.camera import Camera

BASE_M, RADIUS_M = 0.12518, 0.0315
TOWN = load_city("pixelopolis")
BEND = RoutePath(TOWN, Route(("5",), 0.1, 1.7))
"""1.09 m straight, then 0.47 m to the left with a radius of 0.3 m."""
BEND_M, BEND_CURVATURE = 1.092, 1 / 0.30
STRAIGHT = RoutePath(TOWN, Route(("9",), 0.1, 1.2))
ALL = range(5)


def tracker_at(path: RoutePath, distance_m: float, sees_lane: bool = True) -> PathTracker:
    """Return a tracker; with `sees_lane` it has already had a view of the lane here."""
    tracker = PathTracker(path, distance_m)
    tracker._sees_lane = sees_lane
    tracker.move(WheelReading(0.0, 0.0, 0.0))
    return tracker


def turn_wheels(tracker: PathTracker, left_m: float, right_m: float) -> None:
    """Turn the wheels by these distances since the last reading."""
    last = tracker._last
    assert last is not None
    left = last.left_rad + left_m / RADIUS_M
    tracker.move(WheelReading(left, last.right_rad + right_m / RADIUS_M, last.measured_s + 0.05))


def state(tracker: PathTracker) -> FloatArray:
    return tracker._mean.copy()


# --- motion -------------------------------------------------------------------------------------


@given(
    st.sampled_from(["straight", "bend"]),
    st.floats(-0.06, 0.06),
    st.floats(-0.25, 0.25),
    st.floats(-1.5, 1.5),
    st.floats(-0.03, 0.03),
    st.floats(-0.02, 0.02),
)
@settings(max_examples=40)
def test_it_moves_as_a_car_on_the_plane(
    where: str, left_m: float, heading_rad: float, bend: float, mismatch: float, scale: float
) -> None:
    """Reference: the pose of a car, moved by its wheels and projected on the path."""
    path, start_m = (BEND, BEND_M + 0.02) if where == "bend" else (STRAIGHT, 0.2)
    curvature = bend + (BEND_CURVATURE if where == "bend" else 0.0)
    tracker = tracker_at(path, start_m)
    tracker._mean[:] = start_m, heading_rad, mismatch, scale, left_m
    pose = path.pose_at(start_m).ahead(0.0, left_m, heading_rad)
    for _ in range(80):
        way = 0.004
        turn_wheels(tracker, way * (1 - curvature * BASE_M / 2), way * (1 + curvature * BASE_M / 2))
        turn = way * curvature + way / BASE_M * mismatch
        pose = pose.ahead(way * (1 + scale) / 2, 0.0, turn).ahead(way * (1 + scale) / 2)
    at = path.curve.project(pose.x_m, pose.y_m)
    on_path = path.curve.pose_at(at.s_m)
    dx, dy = pose.x_m - on_path.x_m, pose.y_m - on_path.y_m
    aside_m = dy * math.cos(on_path.heading_rad) - dx * math.sin(on_path.heading_rad)
    assert tracker.distance_m == pytest.approx(at.s_m - path.route.start_s_m, abs=0.006)
    assert tracker.left_m == pytest.approx(aside_m, abs=0.004)
    turned = wrap_rad(pose.heading_rad - on_path.heading_rad)
    assert tracker.heading_error_rad == pytest.approx(turned, abs=0.02)
    assert tracker._mean[[MISMATCH, SCALE]] == pytest.approx([mismatch, scale])


@pytest.mark.parametrize(
    ("left_m", "more"), [(0.05, 1 / (1 - 0.05 / 0.3)), (-0.05, 1 / (1 + 1 / 6))]
)
def test_on_the_inner_side_of_a_bend_the_same_way_is_more_of_the_path(
    left_m: float, more: float
) -> None:
    tracker = tracker_at(BEND, BEND_M + 0.1)
    tracker._mean[LEFT] = left_m
    turn_wheels(tracker, 0.01, 0.01)
    assert tracker.distance_m - (BEND_M + 0.1) == pytest.approx(0.01 * more, rel=0.01)


def test_however_far_inside_a_bend_it_believes_to_be_it_goes_on_by_twice_the_way_at_most() -> None:
    for left_m, factor in ((0.25, 2.0), (-0.6, 1 / 1.5)):
        tracker = tracker_at(BEND, BEND_M + 0.1)
        tracker._mean[LEFT] = left_m
        turn_wheels(tracker, 0.01, 0.01)
        assert tracker.distance_m - (BEND_M + 0.1) == pytest.approx(0.01 * factor)


@pytest.mark.parametrize(("before_m", "bends"), [(0.012, True), (0.028, False)])
def test_a_step_bends_as_the_road_does_in_its_middle(before_m: float, bends: bool) -> None:
    tracker = tracker_at(BEND, BEND_M - before_m)
    turn_wheels(tracker, 0.04, 0.04)
    assert (tracker.heading_error_rad < -0.06) is bends


def test_standing_wheels_change_nothing_and_the_first_reading_is_only_a_beginning() -> None:
    tracker = PathTracker(STRAIGHT, 0.3)
    before = tracker._cov.copy()
    tracker.move(WheelReading(50.0, -20.0, 1.0))
    tracker.move(WheelReading(50.0, -20.0, 2.0))
    assert state(tracker) == pytest.approx([0.3, 0, 0, 0, 0])
    assert tracker._cov == pytest.approx(before)
    for left_m, right_m in ((0.01, 0.0), (0.0, 0.01)):
        turn_wheels(tracker, left_m, right_m)
    assert tracker.distance_m == pytest.approx(0.31, abs=1e-4)


# --- covariance ---------------------------------------------------------------------------------


def test_at_the_start_it_knows_what_it_is_said_to_know() -> None:
    tracker = PathTracker(STRAIGHT, 0.3)
    assert np.sqrt(np.diag(tracker._cov)) == pytest.approx([0.02, 0.10, 0.025, 0.015, 0.03])
    assert tracker.sigma_m == pytest.approx(0.02)
    assert not tracker.sees_lane
    assert (tracker.left_m, tracker.heading_error_rad) == (0.0, 0.0)


def after_a_step(path: RoutePath, at_m: float, i: int, step_m: float = 0.004) -> FloatArray:
    """Return the covariance after a step if only state `i` had a variance, of one."""
    tracker = tracker_at(path, at_m)
    tracker._cov = np.diag([1.0 if k == i else 0.0 for k in ALL])
    turn_wheels(tracker, step_m, step_m)
    return tracker._cov


def derivative(
    path: RoutePath, at_m: float, i: int, by: float, step_m: float = 0.004
) -> FloatArray:
    """Return the change of all five states after a step if state `i` was changed before."""
    ends = []
    for sign in (-1, 1):
        tracker = tracker_at(path, at_m)
        tracker._mean[i] += sign * by / 2
        turn_wheels(tracker, step_m, step_m)
        ends.append(state(tracker))
    return (ends[1] - ends[0]) / by


@pytest.mark.parametrize("path", [STRAIGHT, BEND], ids=["straight", "bend"])
@pytest.mark.parametrize("i", [HEADING, MISMATCH, SCALE])
def test_uncertainty_goes_where_the_motion_carries_it(path: RoutePath, i: int) -> None:
    at_m = 0.3 if path is STRAIGHT else BEND_M + 0.1
    slope = derivative(path, at_m, i, 1e-4)
    forget_pose = after_a_step(path, at_m, i)
    for k in ALL:
        if k != i and not (path is BEND and (i, k) == (SCALE, DISTANCE)):
            assert forget_pose[k, i] == pytest.approx(slope[k], abs=2e-5), (i, k)
    assert forget_pose[i, i] == pytest.approx(1.0, abs=1e-3)
    assert forget_pose == pytest.approx(forget_pose.T)


def test_who_is_unsure_of_the_distance_is_unsure_of_the_heading_where_a_bend_begins() -> None:
    """A centimeter too early or too late is a turn too much or too little."""
    before = after_a_step(BEND, BEND_M - 0.006, DISTANCE)
    expected = -30 * 0.004  # the bend begins within a centimeter: taken as 30/m a meter at most
    assert before[HEADING, DISTANCE] == pytest.approx(expected)
    behind = after_a_step(BEND, BEND_M + 0.472, DISTANCE)
    assert behind[HEADING, DISTANCE] == pytest.approx(30 * 0.004)
    inside = after_a_step(BEND, BEND_M + 0.2, DISTANCE)
    assert inside[HEADING, DISTANCE] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("way_m", [0.01, -0.02])
def test_every_metre_adds_its_random_errors(way_m: float) -> None:
    tracker = tracker_at(STRAIGHT, 0.5)
    tracker._cov = np.zeros((5, 5))
    turn_wheels(tracker, way_m, way_m)
    per_metre = np.array([0.004**2, 0.05**2, 1e-6, 1e-6, 0.01**2])
    assert tracker._cov == pytest.approx(np.diag(per_metre * abs(way_m)), rel=1e-9)


def test_put_somewhere_it_knows_the_place_to_five_centimetres_and_keeps_the_rest() -> None:
    tracker = driven()
    before, mean = tracker._cov.copy(), state(tracker)
    tracker.put_at(0.77)
    assert tracker.distance_m == 0.77
    assert tracker.sigma_m == pytest.approx(0.05)
    assert tracker._cov[DISTANCE, 1:] == pytest.approx(0.0)
    assert tracker._cov[1:, DISTANCE] == pytest.approx(0.0)
    assert tracker._cov[1:, 1:] == pytest.approx(before[1:, 1:])
    assert tracker._mean[1:] == pytest.approx(mean[1:])


def test_carried_it_may_look_anywhere_and_stand_anywhere_in_its_lane() -> None:
    tracker = driven()
    before, mean = tracker._cov.copy(), state(tracker)
    tracker.forget_pose()
    kept = [DISTANCE, MISMATCH, SCALE]
    assert tracker._mean[[HEADING, LEFT]] == pytest.approx(0.0)
    assert tracker._mean[kept] == pytest.approx(mean[kept])
    assert tracker._cov[np.ix_(kept, kept)] == pytest.approx(before[np.ix_(kept, kept)])
    expected = np.zeros((2, 5))
    expected[0, HEADING], expected[1, LEFT] = 0.2**2, 0.05**2
    assert tracker._cov[[HEADING, LEFT]] == pytest.approx(expected)
    assert tracker._cov[:, [HEADING, LEFT]] == pytest.approx(expected.T)


def test_on_another_path_only_the_distance_is_new() -> None:
    tracker = driven()
    before, mean = tracker._cov.copy(), state(tracker)
    tracker.continue_on(BEND, 0.4)
    assert tracker.path is BEND
    assert tracker._mean == pytest.approx([0.4, *mean[1:]])
    assert tracker._cov == pytest.approx(before)


def driven() -> PathTracker:
    """Return a tracker in the middle of a ride, with all states correlated."""
    tracker = tracker_at(STRAIGHT, 0.3)
    tracker._mean[:] = 0.6, 0.05, 0.01, -0.01, 0.02
    spread = np.random.default_rng(1).normal(size=(5, 5)) * 0.02
    tracker._cov = spread @ spread.T
    return tracker


# --- correction -----------------------------------------------------------------------------------


def informed(
    mean: FloatArray, cov: FloatArray, slope: FloatArray, off_by: FloatArray, noise: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The Kalman filter in information form."""
    gained = slope.T @ np.linalg.inv(noise)
    after = np.linalg.inv(np.linalg.inv(cov) + gained @ slope)
    return mean + after @ gained @ off_by, after


def lane_seen(tracker: PathTracker, mean: FloatArray) -> FloatArray:
    """Return where a car with this state sees the path, by geometry alone."""
    own = tracker.path.pose_at(mean[DISTANCE]).ahead(0.0, mean[LEFT], mean[HEADING])
    abreast = mean[DISTANCE] + mean[LEFT] * math.tan(mean[HEADING])
    points = [tracker.path.pose_at(abreast + s) for s in STATIONS_M]
    return np.array([left_of(own, p.x_m, p.y_m) for p in points])


def left_of(own: Pose, x_m: float, y_m: float) -> float:
    dx, dy = x_m - own.x_m, y_m - own.y_m
    return dy * math.cos(own.heading_rad) - dx * math.sin(own.heading_rad)


def slopes_of(
    tracker: PathTracker, seen: Callable[[PathTracker, FloatArray], FloatArray]
) -> FloatArray:
    columns = []
    for i in ALL:
        by = 0.01 if i == DISTANCE else 1e-5
        more = state(tracker)
        more[i] += by
        columns.append((seen(tracker, more) - seen(tracker, state(tracker))) / by)
    return np.array(columns).T


@pytest.mark.parametrize(
    ("path", "at_m", "since_m", "off_m"),
    [
        (STRAIGHT, 0.3, 0.02, 0.004),
        (STRAIGHT, 0.3, 0.15, -0.006),
        (STRAIGHT, 0.3, 0.30, 0.004),
        (BEND, BEND_M - 0.25, 0.03, 0.003),
        (BEND, BEND_M + 0.1, 0.05, -0.003),
    ],
)
def test_a_view_of_the_lane_counts_as_much_as_its_way_is_new(
    path: RoutePath, at_m: float, since_m: float, off_m: float
) -> None:
    tracker = tracker_at(path, at_m - since_m)
    tracker._lane_unseen_m = 0.0
    turn = 0.0 if path is STRAIGHT else since_m * BASE_M / 2 * path.curvature_at(at_m)
    turn_wheels(tracker, since_m - turn, since_m + turn)
    tracker._mean[[DISTANCE, HEADING, LEFT]] = at_m, 0.01, 0.005
    mean, cov = state(tracker), tracker._cov.copy()
    view = lane_seen(tracker, mean) + off_m
    slope = slopes_of(tracker, lane_seen)
    noise = lane_noise(0.01, slope[:, DISTANCE]) / (min(since_m, 0.15) / 0.15)
    expected, spread = informed(mean, cov, slope, np.full(len(view), off_m), noise)
    tracker.see_lane(view, 0.01, Turn.STRAIGHT)
    assert tracker._mean == pytest.approx(expected, abs=2e-4)
    assert np.sqrt(np.diag(tracker._cov)) == pytest.approx(np.sqrt(np.diag(spread)), rel=0.02)
    assert tracker._cov == pytest.approx(tracker._cov.T, abs=1e-15)


def test_the_first_view_of_the_lane_is_all_new() -> None:
    tracker, other = PathTracker(STRAIGHT, 0.3), PathTracker(STRAIGHT, 0.3)
    other._lane_unseen_m = 0.0  # it has not moved since
    for one in (tracker, other):
        one.see_lane(np.full(5, -0.02), 0.01, Turn.STRAIGHT)
        assert one.sees_lane
        assert one.left_m > 0.01
    assert other.left_m == tracker.left_m


@pytest.mark.parametrize(("since_m", "new"), [(0.0009, False), (0.0011, True)])
def test_frames_within_a_millimetre_are_one(since_m: float, new: bool) -> None:
    tracker = tracker_at(STRAIGHT, 0.3)
    tracker._lane_unseen_m = 0.0
    turn_wheels(tracker, since_m, since_m)
    tracker.see_lane(np.full(5, -0.02), 0.01, Turn.STRAIGHT)
    assert (tracker.left_m > 0) is new


def test_a_view_twice_as_far_off_as_believable_counts_a_fourth() -> None:
    """The limit is a squared deviation of 11 sigmas; beyond it the noise grows with the square."""

    def gain(off_m: float) -> tuple[float, float]:
        tracker = tracker_at(STRAIGHT, 0.3)
        tracker.see_lane(np.full(5, -off_m), 0.01, Turn.STRAIGHT)
        return tracker.left_m / off_m, square_of(off_m)

    def square_of(off_m: float) -> float:
        tracker = tracker_at(STRAIGHT, 0.3)
        slope = slopes_of(tracker, lane_seen)
        spread = slope @ tracker._cov @ slope.T + lane_noise(0.01, slope[:, DISTANCE])
        return float(np.full(5, off_m) @ np.linalg.solve(spread, np.full(5, off_m)))

    limit_m = math.sqrt(11.0 / square_of(1.0))
    trusted = gain(limit_m * 0.99)[0]
    assert trusted == pytest.approx(gain(0.001)[0], rel=1e-6)
    for times in (1.5, 3.0):
        tracker = tracker_at(STRAIGHT, 0.3)
        mean, cov = state(tracker), tracker._cov.copy()
        slope, off_by = slopes_of(tracker, lane_seen), np.full(5, -times * limit_m)
        noise = lane_noise(0.01, slope[:, DISTANCE]) * times**4
        expected, _ = informed(mean, cov, slope, off_by, noise)
        tracker.see_lane(lane_seen(tracker, mean) + off_by, 0.01, Turn.STRAIGHT)
        assert tracker._mean == pytest.approx(expected, abs=2e-4)


def test_a_wider_spread_counts_less() -> None:
    lefts = []
    for spread_m in (0.005, 0.02, 0.05):
        tracker = tracker_at(STRAIGHT, 0.3)
        tracker.see_lane(np.full(5, -0.02), spread_m, Turn.STRAIGHT)
        lefts.append(tracker.left_m)
    assert 0.02 > lefts[0] > lefts[1] > lefts[2] > 0


def test_in_a_junction_that_chooses_a_view_counts_a_sixteenth() -> None:
    path = RoutePath(TOWN, Route(("9", "11"), 0.1, 0.2))
    at_m = path.legs[1].start_m + 0.02
    assert path.chooses_at(at_m)
    tracker = tracker_at(path, at_m)
    mean, cov = state(tracker), tracker._cov.copy()
    slope, off_by = slopes_of(tracker, lane_seen), np.full(5, 0.003)
    noise = lane_noise(0.01, slope[:, DISTANCE]) * 16
    expected, _ = informed(mean, cov, slope, off_by, noise)
    tracker.see_lane(lane_seen(tracker, mean) + off_by, 0.01, Turn.LEFT)
    assert tracker._mean == pytest.approx(expected, abs=2e-4)


def test_where_the_command_leads_elsewhere_only_the_way_to_the_junction_counts() -> None:
    path = RoutePath(TOWN, Route(("9", "11"), 0.1, 0.2))
    at_m = path.legs[1].start_m - 0.27
    near = np.array(STATIONS_M) < 0.27
    assert 1 <= near.sum() <= 4
    tracker = tracker_at(path, at_m)
    mean, cov = state(tracker), tracker._cov.copy()
    slope = slopes_of(tracker, lane_seen)
    noise = lane_noise(0.01, slope[:, DISTANCE])
    off_by = np.full(int(near.sum()), 0.004)
    expected, _ = informed(mean, cov, slope[near], off_by, noise[np.ix_(near, near)])
    view = np.where(near, lane_seen(tracker, mean) + 0.004, 0.5)  # farther stations are wrong
    tracker.see_lane(view, 0.01, Turn.STRAIGHT)
    assert tracker._mean == pytest.approx(expected, abs=2e-4)


def test_without_a_view_the_road_s_heading_counts_once_in_three_centimetres() -> None:
    tracker = tracker_at(STRAIGHT, 0.3, sees_lane=False)
    tracker._mean[HEADING] = 0.2
    turn_wheels(tracker, 0.0295, 0.0295)
    assert tracker.heading_error_rad == pytest.approx(0.2)
    silent = copy.deepcopy(tracker)
    silent._sees_lane = True
    for one in (tracker, silent):
        turn_wheels(one, 0.001, 0.001)
    slope = np.zeros((1, 5))
    slope[0, HEADING] = 1.0
    mean, cov = state(silent), silent._cov
    expected, spread = informed(mean, cov, slope, np.array([-mean[HEADING]]), np.array([[0.12**2]]))
    assert tracker._mean == pytest.approx(expected)
    assert tracker._cov == pytest.approx(spread)
    # the next three centimeters start here, forward or backward
    silent = copy.deepcopy(tracker)
    silent._sees_lane = True
    for way_m, corrected in ((0.029, False), (-0.0011, True)):
        for one in (tracker, silent):
            turn_wheels(one, way_m, way_m)
        same = tracker.heading_error_rad == pytest.approx(silent.heading_error_rad)
        assert same is not corrected


# --- signs ----------------------------------------------------------------------------------------

CAMERA = Camera()
LIGHT = next(sign for sign in TOWN.signs if sign.sign_class == "Traffic_light")
LIGHT_AT = TOWN.sign_pose(LIGHT)


def light_seen(tracker: PathTracker, mean: FloatArray) -> FloatArray:
    """Return bearing of the traffic light and 1/range, from a car in the middle of its lane."""
    own = tracker.path.pose_at(float(mean[DISTANCE]))
    eye = own.ahead(CAMERA.forward_m)
    dx, dy = LIGHT_AT.x_m - eye.x_m, LIGHT_AT.y_m - eye.y_m
    bearing = wrap_rad(math.atan2(dy, dx) - own.heading_rad)
    turned = math.acos(-math.cos(own.heading_rad + bearing - LIGHT_AT.heading_rad))
    solid = sign_solid("Traffic_light")
    near = solid.depth_m / 2 if solid.in_the_round else solid.width_m / 2 * math.sin(turned)
    return np.array([bearing - mean[HEADING], 1 / (math.hypot(dx, dy) - near)])


def sight(bearing_rad: float, nearness: float | None, height_px: float = 40.0) -> SignMeasurement:
    range_m = None if nearness is None else 1 / nearness
    return SignMeasurement("Traffic_light", height_px, bearing_rad, 0.012, range_m, 0.01)


@pytest.mark.parametrize("ranged", [True, False], ids=["whole", "cut off"])
@pytest.mark.parametrize("since_m", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("off", [0.6, -0.5])
def test_a_sign_counts_as_much_as_its_way_is_new(ranged: bool, since_m: float, off: float) -> None:
    at_m = 0.7
    tracker = tracker_at(STRAIGHT, at_m - since_m)
    tracker._unseen_m = 0.0
    turn_wheels(tracker, since_m, since_m)
    tracker._mean[[DISTANCE, HEADING]] = at_m, 0.01
    mean, cov = state(tracker), tracker._cov.copy()
    bearing, near = light_seen(tracker, mean)
    seen = sight(bearing + 0.03 * off, near * (1 + 0.05 * off) if ranged else None)
    slope = slopes_of(tracker, light_seen)
    sides = math.sqrt(2) / 40.0 * near * (1 + 0.05 * off)
    variances = [
        0.012**2 + (0.03 * near) ** 2,
        sides**2 + (0.09 * near) ** 2 + (0.02 * near**2) ** 2,
    ]
    kept = 2 if ranged else 1
    noise = np.diag(variances[:kept]) / (min(since_m, 0.1) / 0.1)
    off_by = np.array([0.03 * off, near * 0.05 * off])[:kept]
    expected, spread = informed(mean, cov, slope[:kept], off_by, noise)
    tracker.see([seen], CAMERA)
    assert tracker._mean == pytest.approx(expected, abs=3e-4)
    assert np.sqrt(np.diag(tracker._cov)) == pytest.approx(np.sqrt(np.diag(spread)), rel=0.02)
    # again at the same place: nothing new
    before = state(tracker)
    tracker.see([seen], CAMERA)
    assert tracker._mean == pytest.approx(before)


@pytest.mark.parametrize(("since_m", "counts"), [(0.0049, False), (0.0051, True)])
def test_who_has_hardly_moved_learns_nothing_from_signs(since_m: float, counts: bool) -> None:
    tracker = tracker_at(STRAIGHT, 0.7)
    tracker._unseen_m = 0.0
    turn_wheels(tracker, since_m, since_m)
    before = state(tracker)
    bearing, near = light_seen(tracker, before)
    tracker.see([sight(bearing + 0.02, near)], CAMERA)
    assert bool(abs(tracker._mean - before).max() > 1e-6) is counts


def test_a_sign_farther_off_than_three_sigmas_is_another_one() -> None:
    def moved(sigmas: float) -> bool:
        tracker = tracker_at(STRAIGHT, 0.7)
        mean = state(tracker)
        bearing, near = light_seen(tracker, mean)
        slope = slopes_of(tracker, light_seen)[:1]
        spread = (slope @ tracker._cov @ slope.T)[0, 0] + 0.012**2 + (0.03 * near) ** 2
        tracker.see([sight(bearing + sigmas * math.sqrt(spread), None)], CAMERA)
        return bool(abs(state(tracker) - mean).max() > 1e-6)

    assert moved(2.97)
    assert moved(-2.97)
    assert not moved(3.03)
    assert not moved(-3.03)


def test_of_two_signs_of_a_class_the_one_that_fits_is_meant() -> None:
    city = load_city("grid:3x2:8")
    twins = [a for a in city.signs if sum(a.sign_class == b.sign_class for b in city.signs) > 1]
    assert twins
    for sign in twins:
        path = RoutePath(city, Route((sign.edge,), 0.0, city.edges[sign.edge].length_m))
        tracker = tracker_at(path, max(sign.s_m - 0.5, 0.0))
        i = city.signs.index(sign)
        own = path.pose_at(tracker.distance_m)
        row = np.array([(own.x_m, own.y_m, own.heading_rad)])
        bearing, range_m, _ = view_of_signs(city, CAMERA, row, i)
        before = tracker.sigma_m
        seen = SignMeasurement(
            sign.sign_class, 40.0, float(bearing[0]), 0.01, float(range_m[0]), 0.01
        )
        tracker.see([seen], CAMERA)
        assert tracker.sigma_m < before
        assert tracker.distance_m == pytest.approx(max(sign.s_m - 0.5, 0.0), abs=1e-6)


@pytest.mark.parametrize(("past_m", "counts"), [(-0.01, True), (0.01, False)])
def test_a_board_is_not_seen_from_behind(past_m: float, counts: bool) -> None:
    board = next(s for s in TOWN.signs if s.sign_class == "Left_or_through")
    assert not sign_solid(board.sign_class).in_the_round
    path = RoutePath(TOWN, find_route(TOWN, Place(board.edge, 0.0), Place("12", 0.1)))
    at = path.curve.project(TOWN.sign_pose(board).x_m, TOWN.sign_pose(board).y_m)
    tracker = tracker_at(path, at.s_m - CAMERA.forward_m + past_m)
    own = path.pose_at(tracker.distance_m)
    row = np.array([(own.x_m, own.y_m, own.heading_rad)])
    bearing, range_m, facing = view_of_signs(TOWN, CAMERA, row, TOWN.signs.index(board))
    assert bool(facing[0] < math.pi / 2) is counts
    before = tracker.sigma_m
    seen = SignMeasurement(board.sign_class, 40.0, float(bearing[0]), 0.01, float(range_m[0]), 0.01)
    tracker.see([seen], CAMERA)
    assert bool(tracker.sigma_m < before) is counts
