"""The pure driver: late inputs, stop lines and orders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.behavior import Situation, behave
from car.driving.driver import BLOCKED_S, Driver
from car.driving.freshness import Ages
from car.driving.localization.path_tracker import PathTracker
from car.driving.speed_profile import STOP_GAP_M, speed_before_stop_mps
from car.driving.types import (
    Decision,
    DriveState,
    Frame,
    LaneView,
    Mission,
    Observation,
    Sighting,
    Sightings,
    WheelReading,
)
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import Image
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS
from tests.support.lane_models import Steers
from tests.support.seen_cars import box_of_car

TOWN = load_city("pixelopolis")
PATH = RoutePath(TOWN, find_route(TOWN, Place("9", 0.1), Place("10", 1.0)))
CROP = np.full((40, 120, 3), 128, dtype=np.uint8)


class Fixed(Steers):
    """A model with constant output that stores its images."""

    def look(self, picture_rgb: Image) -> LaneView:
        assert picture_rgb.shape == (40, 120, 3)
        return super().look(picture_rgb)


def observe(
    now_s: float, mission: Mission | None, frame_s: float | None = None, way_m: float = 0.0
) -> Observation:
    angle = way_m / WHEEL_RADIUS_M
    return Observation(
        now_s,
        Frame(CROP, now_s if frame_s is None else frame_s),
        WheelReading(angle, angle, now_s),
        mission,
    )


def test_without_a_mission_it_stands() -> None:
    decision = Driver(Fixed(0, 0, 0)).step(observe(1.0, None))
    assert (decision.left_rad_s, decision.right_rad_s) == (0.0, 0.0)
    assert decision.state is DriveState.IDLE


def test_it_takes_the_head_of_the_turn_ahead() -> None:
    left_path = RoutePath(TOWN, find_route(TOWN, Place("7", 0.0), Place("9", 0.5)))
    driver = Driver(Fixed(0.1, -0.5, 0.9))
    at_fork_m = left_path.node_stops_m()[0] - 0.1
    decision = driver.step(observe(1.0, Mission("a", left_path, left_path.length_m, at_fork_m)))
    assert decision.steering == -0.5
    assert decision.left_rad_s < decision.right_rad_s
    straight_path = RoutePath(TOWN, find_route(TOWN, Place("7", 0.0), Place("8", 0.5)))
    decision = Driver(Fixed(0.1, -0.5, 0.9)).step(
        observe(1.0, Mission("b", straight_path, straight_path.length_m))
    )
    assert decision.steering == 0.1


def test_far_from_a_junction_it_keeps_its_lane_whatever_turn_comes() -> None:
    path = RoutePath(TOWN, find_route(TOWN, Place("7", 0.0), Place("9", 0.5)))
    far_m = path.node_stops_m()[0] - 0.3
    decision = Driver(Fixed(0.1, -0.5, 0.9)).step(
        observe(1.0, Mission("a", path, path.length_m, far_m))
    )
    assert decision.steering == 0.1


def test_it_stops_at_the_end_of_its_grant_and_says_why() -> None:
    driver = Driver(Fixed(0, 0, 0))
    stop_line = PATH.node_stops_m()[0]
    mission = Mission("a", PATH, granted_m=stop_line)
    way = 0.0
    for tick in range(400):
        decision = driver.step(observe(tick * 0.05, mission, way_m=way))
        way += (decision.left_rad_s + decision.right_rad_s) / 2 * WHEEL_RADIUS_M * 0.05
    assert decision.state is DriveState.WAITING_FOR_GRANT
    assert decision.reason == reason(ReasonCode.AT_GRANT_END)
    assert (decision.left_rad_s, decision.right_rad_s) == (0.0, 0.0)
    assert stop_line - 0.12 < way < stop_line - 0.08
    more = Mission("a", PATH, granted_m=PATH.length_m)
    assert driver.step(observe(21.0, more, way_m=way)).state is DriveState.DRIVING


def test_it_arrives_once_and_reports_the_nodes_it_passed() -> None:
    driver = Driver(Fixed(0, 0, 0))
    mission = Mission("a", PATH, granted_m=PATH.length_m)
    way, events = 0.0, []
    for tick in range(800):
        decision = driver.step(observe(tick * 0.05, mission, way_m=way))
        events += decision.events
        way += (decision.left_rad_s + decision.right_rad_s) / 2 * WHEEL_RADIUS_M * 0.05
    assert events == ["node:9", "arrived"]
    assert decision.state is DriveState.ARRIVED
    assert way == pytest.approx(PATH.length_m, abs=0.02)


@pytest.mark.parametrize(("frame_age_s", "slower"), [(0.05, False), (0.3, True)])
def test_a_late_camera_slows_the_car(frame_age_s: float, slower: bool) -> None:
    mission = Mission("a", PATH, granted_m=PATH.length_m)
    decision = Driver(Fixed(0, 0, 0)).step(observe(10.0, mission, frame_s=10.0 - frame_age_s))
    assert (decision.left_rad_s * WHEEL_RADIUS_M < CRUISE_MPS * 0.9) is slower
    assert (decision.why == "camera: late by 0.3 s") is slower


def test_a_silent_camera_stops_the_car() -> None:
    mission = Mission("a", PATH, granted_m=PATH.length_m)
    decision = Driver(Fixed(0, 0, 0)).step(observe(10.0, mission, frame_s=9.0))
    assert decision.state is DriveState.STALE
    assert decision.left_rad_s == decision.right_rad_s == 0.0
    assert decision.reason == reason(ReasonCode.PART_SILENT, part="camera", age_s=1.0)


def drive_up_to_a_car(gap_m: float, seconds: float) -> list[Decision]:
    """Drive toward a standing car `gap_m` ahead, detected ten times a second."""
    driver, way, decisions = Driver(Fixed(0, 0, 0)), 0.0, []
    mission = Mission("a", PATH, granted_m=PATH.length_m)
    sightings = Sightings(0.0, ())
    for tick in range(round(seconds / 0.05)):
        now_s = tick * 0.05
        if tick % 2 == 0:
            box = box_of_car(Pose(gap_m + 0.2 - way, 0.0, 0.0))
            assert box is not None
            sightings = Sightings(now_s, (Sighting("Car", 0.9, box),))
        decisions.append(
            driver.step(replace(observe(now_s, mission, way_m=way), sightings=sightings))
        )
        way += (
            sum((decisions[-1].left_rad_s, decisions[-1].right_rad_s)) / 2 * WHEEL_RADIUS_M * 0.05
        )
    return decisions


def test_behind_a_car_it_stops_says_why_and_in_the_end_that_it_is_blocked() -> None:
    decisions = drive_up_to_a_car(0.5, 8 + BLOCKED_S)
    stops = [d.state for d in decisions].index(DriveState.STOPPED_FOR_CAR)
    assert reason(ReasonCode.FOLLOWS_CAR) in [d.reason for d in decisions[:stops]]
    assert {d.state for d in decisions[stops:]} == {DriveState.STOPPED_FOR_CAR}
    last = decisions[-1]
    assert last.car_ahead is not None
    assert last.car_ahead.gap_m == pytest.approx(STOP_GAP_M, abs=0.02)
    assert last.reason == reason(ReasonCode.CAR_AHEAD, gap_m=last.car_ahead.gap_m)
    since = [d.blocked for d in decisions].index(True) - stops
    assert since * 0.05 == pytest.approx(BLOCKED_S, abs=0.06)


def test_a_car_without_a_detector_drives_as_if_it_were_alone() -> None:
    mission = Mission("a", PATH, granted_m=PATH.length_m)
    decision = Driver(Fixed(0, 0, 0)).step(observe(10.0, mission))
    assert (decision.state, decision.reason) == (DriveState.DRIVING, None)
    blind = replace(observe(10.0, mission), sightings=Sightings(8.0, ()))
    assert Driver(Fixed(0, 0, 0)).step(blind).state is DriveState.STALE


ages = st.one_of(st.none(), st.floats(0, 20))


@given(
    st.booleans(),
    ages,
    ages,
    ages,
    st.floats(-1, 10),
    st.floats(-1, 10),
    st.booleans(),
    st.booleans(),
)
def test_behavior_never_drives_on_old_values(
    has_mission: bool,
    camera_s: float | None,
    wheels_s: float | None,
    link_s: float | None,
    to_stop_m: float,
    to_end_m: float,
    in_junction: bool,
    arrived: bool,
) -> None:
    now = Situation(
        has_mission,
        Ages(camera_s, wheels_s, link_s=link_s),
        to_stop_m,
        to_end_m,
        in_junction,
        arrived,
    )
    answer = behave(now, CRUISE_MPS)
    assert 0.0 <= answer.speed_mps <= CRUISE_MPS
    if answer.speed_mps > 0:
        assert has_mission
        assert not arrived
        assert to_stop_m > 0
        assert camera_s is not None
        assert camera_s <= 0.5
        assert wheels_s is not None
        assert wheels_s <= 0.4
        assert link_s is None or link_s <= 5.0
    elif has_mission and not arrived and to_end_m > 0.01:
        assert answer.reason


@given(st.floats(0, 5), st.floats(0, 5))
def test_speed_grows_with_the_way_left(a_m: float, b_m: float) -> None:
    near, far = sorted((a_m, b_m))
    assert speed_before_stop_mps(near, 0.136) <= speed_before_stop_mps(far, 0.136)


def test_the_tracker_learns_wheels_that_lie() -> None:
    """After a drive exactly along the path with wheels 1.5 % apart, the place is right."""
    path = RoutePath(TOWN, find_route(TOWN, Place("1", 0.1), Place("8", 1.5)))
    tracker = PathTracker(path, 0.0)
    left = right = 0.0
    step = 0.0068
    worst = 0.0
    for i in range(int(path.length_m / step)):
        turn = path.curvature_at(i * step) * step
        left += (step - turn * 0.12518 / 2) / WHEEL_RADIUS_M * 1.015
        right += (step + turn * 0.12518 / 2) / WHEEL_RADIUS_M * 0.995
        tracker.move(WheelReading(left, right, i * 0.05))
        worst = max(worst, abs(tracker.distance_m - i * step))
    assert worst < 0.05
    assert tracker.sigma_m < 0.05
