"""Impossible times, and a camera that repeats its image."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.board.wheel_units import LineQuality
from car.driving.behavior import Situation, behave
from car.driving.driver import Driver
from car.driving.freshness import Ages, FrozenPictureDetector, plausible
from car.driving.types import (
    Decision,
    DriveState,
    Frame,
    LaneView,
    Mission,
    Observation,
    Sightings,
    WheelReading,
)
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.model_io.crops import LANE_PART, Image
from pixelopolis.model_io.lane_path import STATIONS_M
from pixelopolis.reasons import ReasonCode
from pixelopolis.vehicle.control_table import PULSES_PER_TURN
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS
from tests.support.lane_models import Steers

TOWN = load_city("pixelopolis")
PATH = RoutePath(TOWN, find_route(TOWN, Place("9", 0.1), Place("10", 1.0)))
MISSION = Mission("a", PATH, PATH.length_m)
FRAME_S = 0.05


def picture(seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 255, (40, 120, 3), dtype=np.uint8)


def drive(seconds: float, camera: dict[float, Image], driver: Driver | None = None) -> Decision:
    """Drive at cruise; the camera sends a fresh frame 20 times a second.

    Args:
        seconds: duration.
        camera: image by the time from which it is shown.
        driver: to continue with.
    """
    driver = driver or Driver(Steers())
    for tick in range(round(seconds / FRAME_S)):
        now_s = tick * FRAME_S
        angle = now_s * CRUISE_MPS / WHEEL_RADIUS_M
        shown = camera[max(start for start in camera if start <= now_s)]
        decision = driver.step(
            Observation(now_s, Frame(shown, now_s), WheelReading(angle, angle, now_s), MISSION)
        )
    return decision


def changing(until_s: float) -> dict[float, Image]:
    return {tick * FRAME_S: picture(tick) for tick in range(round(until_s / FRAME_S))}


def test_a_camera_that_repeats_one_picture_under_fresh_times_stops_the_car() -> None:
    stuck = changing(0.5) | {0.5: picture(99)}
    assert drive(0.5 + 0.15, stuck).state is DriveState.DRIVING
    slow = drive(0.5 + 0.35, stuck)
    assert slow.state is DriveState.DRIVING
    assert slow.reason is not None
    assert slow.reason.code is ReasonCode.PICTURE_FROZEN
    stopped = drive(0.5 + 0.65, stuck)
    assert (stopped.state, stopped.left_rad_s) == (DriveState.STALE, 0.0)
    assert stopped.reason is not None
    assert stopped.reason.code is ReasonCode.PICTURE_FROZEN


def test_it_goes_on_when_pictures_change_again() -> None:
    driver = Driver(Steers())
    stopped = drive(1.0, {0.0: picture()}, driver)
    assert stopped.state is DriveState.STALE
    assert driver.picture_frozen == stopped.reason
    wheels = WheelReading(5.0, 5.0, 2.0)
    again = driver.step(Observation(2.0, Frame(picture(1), 2.0), wheels, MISSION))
    assert again.state is DriveState.DRIVING
    assert driver.picture_frozen is None


def watched(pictures: list[Image], speeds_mps: list[float]) -> float:
    watch, angle, age_s = FrozenPictureDetector(), 0.0, 0.0
    for tick, (shown, speed_mps) in enumerate(zip(pictures, speeds_mps, strict=True)):
        angle += speed_mps * FRAME_S / WHEEL_RADIUS_M
        wheels = WheelReading(angle, angle, tick * FRAME_S)
        age_s = watch.step(Frame(shown, tick * FRAME_S), wheels)
    return age_s


def test_before_a_standing_car_a_picture_may_stay() -> None:
    assert watched([picture()] * 100, [0.0] * 100) == 0.0


def test_a_car_that_stopped_for_it_stays_until_something_changes() -> None:
    assert watched([picture()] * 100, [0.1] * 20 + [0.0] * 80) == pytest.approx(0.95, abs=0.06)


def test_bare_ground_without_noise_says_nothing() -> None:
    bare = np.full((40, 120, 3), 246, np.uint8)
    assert watched([bare] * 100, [0.1] * 100) == 0.0


def test_one_pixel_of_noise_is_a_change() -> None:
    pictures = [picture().copy() for _ in range(100)]
    for number, each in enumerate(pictures):
        each[3, 4, 1] = number
    assert watched(pictures, [0.1] * 100) == 0.0


@pytest.mark.parametrize("side", ["left_rad", "right_rad"])
def test_one_turning_wheel_is_enough(side: str) -> None:
    watch = FrozenPictureDetector()
    for tick in range(21):
        wheels = replace(WheelReading(0.0, 0.0, tick * FRAME_S), **{side: -0.1 * tick})
        age_s = watch.step(Frame(picture(), tick * FRAME_S), wheels)
    assert age_s == pytest.approx(1.0)


PULSE_RAD = 2 * math.pi / PULSES_PER_TURN
BUS_S = 0.02


def blind_drive(fps: float, limit_mps: float, line_factor: float) -> tuple[float, float]:
    """Drive at a limit while the camera repeats one image; return its stop (s, m).

    Args:
        fps: frames per second.
        limit_mps: of the street.
        line_factor: share of each speed that a bad motor line leaves.
    """
    watch, now_s, way_m, speed_mps, frames = FrozenPictureDetector(), 0.0, 0.0, limit_mps, 0
    wheels = WheelReading(0.0, 0.0, 0.0)
    while now_s < 3.0:
        now_s += 0.001
        way_m += speed_mps * line_factor * 0.001
        if now_s >= wheels.measured_s + BUS_S:
            angle_rad = round(way_m / WHEEL_RADIUS_M / PULSE_RAD) * PULSE_RAD
            wheels = WheelReading(angle_rad, angle_rad, now_s)
        if now_s * fps >= frames:
            frames += 1
            age_s = watch.step(Frame(picture(), now_s), wheels)
            free = Situation(True, Ages(0.0, 0.0, None, None, age_s), 9.0, 9.0, False, False)
            told = behave(free, limit_mps)
            speed_mps = told.speed_mps
            if told.state is DriveState.STALE:
                break
    return now_s, way_m


@pytest.mark.parametrize("fps", [15, 20, 30, 60, 90])
@pytest.mark.parametrize("limit_mps", [0.02, 0.03, 0.05, CRUISE_MPS])
@pytest.mark.parametrize("line_factor", [1.0, LineQuality.SLOW_FACTOR])
def test_however_slow_the_car_and_fast_the_camera_a_repeated_picture_stops_it(
    fps: float, limit_mps: float, line_factor: float
) -> None:
    seconds, way_m = blind_drive(fps, limit_mps, line_factor)
    assert seconds < 1.2
    assert way_m < 0.06


@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=2, max_size=60),
    st.sampled_from([15, 20, 30, 60, 90]),
)
def test_before_a_standing_car_with_trembling_encoders_a_picture_may_stay(
    pulses: list[tuple[int, int]], fps: float
) -> None:
    watch, shown = FrozenPictureDetector(), picture()
    for tick in range(round(3 * fps)):
        left, right = pulses[round(tick / fps / BUS_S) % len(pulses)]
        wheels = WheelReading(left * PULSE_RAD, right * PULSE_RAD, tick / fps)
        assert watch.step(Frame(shown, tick / fps), wheels) == 0.0


@pytest.mark.parametrize(("rest_m", "age_s"), [(0.0, 0.1), (0.0002, 0.2)])
def test_a_car_that_drives_off_after_a_long_stand_has_just_begun_to_turn(
    rest_m: float, age_s: float
) -> None:
    """The distance before the stop may be too little to count; the stop itself never counts."""
    speeds = [0.0, rest_m / FRAME_S] + [0.0] * 200 + [0.1] * 2
    assert watched([picture()] * 204, speeds) == pytest.approx(age_s)


NOW = Observation(
    10.0,
    Frame(picture(), 9.99),
    WheelReading(1.0, 1.0, 9.99),
    MISSION,
    sightings=Sightings(9.9, ()),
)


def test_what_can_be_is_kept() -> None:
    assert plausible(NOW) is NOW


@pytest.mark.parametrize("time_s", [10.001, 1e12, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("part", ["frame", "wheels", "sightings"])
def test_a_part_of_a_time_that_cannot_be_spoils_nothing(part: str, time_s: float) -> None:
    moments = {"frame": "captured_s", "wheels": "measured_s", "sightings": "captured_s"}
    wrong = replace(NOW, **{part: replace(getattr(NOW, part), **{moments[part]: time_s})})
    assert getattr(plausible(wrong), part) is None
    driver = Driver(Steers())
    driver.step(NOW)
    stopped = driver.step(wrong)
    if part != "sightings":  # without a detector, these may be old
        assert (stopped.state, stopped.left_rad_s) == (DriveState.STALE, 0.0)
        assert stopped.reason is not None
        assert stopped.reason.code is ReasonCode.PART_MISTIMED
    angle = 1.0 + 0.05 * CRUISE_MPS / WHEEL_RADIUS_M
    fine = Observation(10.05, Frame(picture(1), 10.04), WheelReading(angle, angle, 10.04), MISSION)
    after = driver.step(fine)
    assert after.state is DriveState.DRIVING
    assert math.isfinite(after.distance_m)
    assert after.left_rad_s > 0


@given(st.floats(), st.floats())
def test_angles_that_are_no_numbers_never_reach_what_is_remembered(
    left_rad: float, right_rad: float
) -> None:
    kept = plausible(replace(NOW, wheels=WheelReading(left_rad, right_rad, 9.99))).wheels
    assert (kept is not None) == (math.isfinite(left_rad) and math.isfinite(right_rad))


class SeesPath:
    """Sees the path straight ahead, which corrects the tracker at the current time."""

    part = LANE_PART

    def look(self, _picture_rgb: Image) -> LaneView:
        return LaneView(
            steering=None,
            paths_left_m=np.zeros((3, len(STATIONS_M))),
            spread_m=np.full(3, 0.02),
        )

    def reset(self) -> None: ...


def cruising(driver: Driver, ticks: range, **wrong: float) -> Decision:
    """Drive on; `wrong` replaces the frames' times."""
    for tick in ticks:
        now_s = 10 + tick * FRAME_S
        angle = tick * FRAME_S * CRUISE_MPS / WHEEL_RADIUS_M
        frame = replace(Frame(picture(tick), now_s - 0.02), **wrong)
        decision = driver.step(
            Observation(now_s, frame, WheelReading(angle, angle, now_s), MISSION)
        )
    return decision


def test_one_endlessly_old_frame_does_not_spoil_where_the_car_is() -> None:
    driver = Driver(SeesPath())
    assert cruising(driver, range(20)).state is DriveState.DRIVING
    assert cruising(driver, range(20, 21), captured_s=-math.inf).state is DriveState.STALE
    after = cruising(driver, range(21, 24))
    assert after.state is DriveState.DRIVING
    assert after.distance_m == pytest.approx(23 * FRAME_S * CRUISE_MPS, abs=0.03)
    assert math.isfinite(after.sigma_m)


@pytest.mark.parametrize("told", ["distance", "sigma"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_car_whose_place_is_no_number_stands_and_says_that_it_is_lost(
    told: str, value: float
) -> None:
    driver = Driver(SeesPath())
    cruising(driver, range(20))
    tracker = driver._tracker
    assert tracker is not None
    if told == "distance":
        tracker._mean[0] = value
    else:
        tracker._cov[0, 0] = value
    for tick in range(20, 23):
        lost = cruising(driver, range(tick, tick + 1))
        assert (lost.state, lost.left_rad_s, lost.right_rad_s) == (DriveState.LOST, 0.0, 0.0)
        assert not lost.located


def test_a_place_that_a_frame_makes_no_number_stops_the_car_in_the_same_step() -> None:
    class Spoils(SeesPath):
        def look(self, picture_rgb: Image) -> LaneView:
            tracker = driver._tracker
            assert tracker is not None
            tracker._mean[0] = math.nan
            return super().look(picture_rgb)

    driver = Driver(Spoils())
    assert cruising(driver, range(1)).state is DriveState.LOST
