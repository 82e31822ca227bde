"""The whole way, on a recording of a painted road."""

from __future__ import annotations

import math

import numpy as np
import pytest

from car.driving.types import LaneView
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import LANE_HEIGHT_PX, LANE_PART, LANE_WIDTH_PX, Image
from pixelopolis.model_io.lane_path import STATIONS
from sim.evaluation.rivals import Blind
from sim.photographs.calibration import calibration, path_ahead_m
from sim.photographs.closed_loop import PhotoDrives, drive_along, recover
from sim.photographs.equivariance import Equivariance
from sim.photographs.film import Film, develop
from sim.photographs.ground_view import FrameProjector, GroundProjector
from sim.photographs.line_follower import LineFollower
from sim.photographs.measure import OURS, measure_lane, recording_document, summary
from sim.photographs.open_loop import open_loop, trivial_guesses
from sim.photographs.own_motion import calibrated_gyro
from sim.photographs.readers import read_recording
from sim.photographs.road_middle import MIN_KNOWN
from tests.support.painted_roads import FISHEYE, KNOWN, on_road, photograph, write_tub

STEP_M = 0.03
POSES = [on_road(STEP_M * number, 0.03) for number in range(36)]
SIGHTINGS = {"per_10000": 25.0, "pictures_with_sightings": 1}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    tub = tmp_path_factory.mktemp("tubs") / "tub"
    write_tub(tub, POSES)
    return develop(read_recording(tub, "tub"), 1000, KNOWN)


def test_the_cars_motion_is_found_from_its_pictures(film: Film) -> None:
    (road,) = film.roads
    assert film.shown > 0.95
    for number in (10, 20, 35):
        truth = POSES[0].to_local(POSES[number].x_m, POSES[number].y_m)
        found = road.poses[number]
        assert math.dist((found.x_m, found.y_m), truth) < 0.05 * STEP_M * number + 0.01
        turned = POSES[number].heading_rad - POSES[0].heading_rad
        assert found.heading_rad == pytest.approx(turned, abs=0.06)


def test_the_roads_middle_is_found_from_its_borders(film: Film) -> None:
    """The car of this recording drives 3 cm to the left of it."""
    (road,) = film.roads
    assert road.middle > MIN_KNOWN
    lefts = [
        pose.to_local(at.x_m, at.y_m)[1] for pose, at in zip(road.poses, road.way, strict=True)
    ]
    assert np.mean(lefts) == pytest.approx(-0.03, abs=0.008)
    assert np.max(np.abs(np.array(lefts) + 0.03)) < 0.025


def test_a_view_from_elsewhere_is_what_a_camera_there_photographs() -> None:
    moved = Pose(0.02, 0.05, 0.1)
    here, there = POSES[5], POSES[5].ahead(moved.x_m, moved.y_m, moved.heading_rad)
    projector = GroundProjector(FISHEYE)
    from_here, seen = projector.crop(photograph(FISHEYE, here), moved)
    from_there, _ = projector.crop(photograph(FISHEYE, there))
    difference = np.abs(from_here.astype(float) - from_there.astype(float))
    assert seen > 0.85
    assert np.median(difference) < 12
    unmoved, _ = projector.crop(photograph(FISHEYE, here))
    assert difference.mean() < 0.5 * np.abs(unmoved.astype(float) - from_there).mean()


def test_what_a_photograph_does_not_show_is_said() -> None:
    photo = photograph(FISHEYE, POSES[0])
    assert GroundProjector(FISHEYE).crop(photo, Pose(0.0, 0.0, 1.5))[1] < 0.6
    frame, seen = FrameProjector(FISHEYE).frame(photo)
    assert frame.shape == (160, 240, 3)
    assert 0.5 < seen < 1.0


class Oracle:
    """Knows from where it looks: `views` writes it down before each look."""

    part = LANE_PART

    def __init__(self, share: float) -> None:
        self.at = Pose(0.0, 0.0, 0.0)
        self.share = share

    def reset(self) -> None:
        pass

    def look(self, picture_rgb: Image) -> LaneView:
        path = 0.01 - self.share * (self.at.y_m + STATIONS * self.at.heading_rad)
        return LaneView(paths_left_m=np.tile(path, (3, 1)), spread_m=np.full(3, 0.01))

    def views(self, at: Pose) -> tuple[Image, float]:
        self.at = at
        return np.zeros((LANE_HEIGHT_PX, LANE_WIDTH_PX, 3), np.uint8), 1.0


@pytest.mark.parametrize(("share", "sign_pct"), [(1.0, 100.0), (0.4, 100.0), (-0.5, 0.0)])
def test_slopes_are_minus_one_for_an_answer_that_follows(share: float, sign_pct: float) -> None:
    oracle = Oracle(share)
    equivariance = Equivariance(oracle)
    equivariance.see(oracle.views)
    figures = equivariance.figures()
    assert figures["equivariance_slope"] == pytest.approx(-share)
    assert figures["heading_slope"] == pytest.approx(-share)
    assert figures["equivariance_sign_pct"] == sign_pct
    assert figures["heading_sign_pct"] == sign_pct
    assert figures["moved_views"] == 10


def test_a_line_follower_drives_the_road_and_the_blind_does_not(film: Film) -> None:
    sees, blind = measure_lane(film, LineFollower()), measure_lane(film, Blind())
    assert sees["autonomy_pct"] == 100
    assert sees["recovered_pct"] >= 75
    assert -1.3 < sees["equivariance_slope"] < -0.6
    assert sees["equivariance_sign_pct"] > 90
    assert blind["interventions"] > 0
    assert blind["equivariance_slope"] == 0
    assert blind["recovered_pct"] < sees["recovered_pct"]
    document = recording_document(film, {OURS: sees, "blind": blind}, SIGHTINGS, False)
    assert document["rivals"]["blind"] == blind
    together = summary([document, {**document, "false_per_10000": None}])
    assert together["equivariance_slope"] == pytest.approx(sees["equivariance_slope"])
    assert together["false_per_10000"] == pytest.approx(10_000 / 36)
    assert recording_document(film, {OURS: sees}, SIGHTINGS, True)["false_per_10000"] is None


def test_a_model_that_leaves_the_road_is_put_back_each_time(film: Film) -> None:
    drives = PhotoDrives()
    wrong = Oracle(0.0)
    wrong.look = lambda _: LaneView(  # type: ignore[method-assign]
        paths_left_m=np.tile(STATIONS, (3, 1)), spread_m=np.full(3, 0.01)
    )
    drive_along(film.roads[0], wrong, drives)
    recover(film.roads[0], wrong, 2, drives)
    figures = drives.figures()
    assert figures["interventions"] >= 3
    assert figures["recovered_pct"] == 0
    assert figures["recoveries"] == 8


def test_the_driven_path_and_what_is_stated_against_it() -> None:
    way = [Pose(0.05 * n, 0.02, 0.0) for n in range(12)]
    path = path_ahead_m(Pose(0.0, 0.0, 0.0), way)
    np.testing.assert_allclose(path if path is not None else [], 0.02)
    assert path_ahead_m(way[8], way[8:]) is None
    figures = calibration(np.array([0.01, 0.02, 0.03]), np.array([0.02, 0.04, 0.06]))
    assert figures["stated_mm"] == pytest.approx(20)
    assert figures["real_mm"] == pytest.approx(40)
    assert figures["rank_correlation"] == pytest.approx(1)
    assert [third["real_mm"] for third in figures["by_third"]] == pytest.approx([20, 40, 60])
    assert calibration(np.array([]), np.array([]))["stated_mm"] is None


def test_open_loop_counts_directions_where_the_driver_turns() -> None:
    driver = np.array([0.5, 0.5, -0.5, 0.1, 0.3])
    figures = open_loop(driver, np.array([0.1, -0.1, -0.9, -1.0, 0.2]))
    assert figures["direction_pct"] == 75
    assert figures["turning_pictures"] == 4
    assert open_loop(driver, np.zeros(5))["correlation"] is None
    guesses = trivial_guesses(driver)
    assert guesses["straight"]["direction_pct"] == 0
    assert guesses["most_frequent_direction"]["direction_pct"] == 75
    assert guesses["last_steering"]["direction_pct"] == 50


def test_a_gyro_is_used_as_it_agrees_with_pictures_and_not_otherwise() -> None:
    rng = np.random.default_rng(2)
    times = 0.05 * np.arange(100)
    rate = np.sin(times * 2)
    turns = 0.05 * (rate[1:] + rate[:-1]) / 2
    noise = rng.normal(size=(100, 3))
    rates = np.column_stack([noise[:, 0], 3.0 - 57.3 * rate, noise[:, 1]])
    gyro = calibrated_gyro(rates, times, turns)
    assert gyro is not None
    assert (gyro.axis, round(gyro.correlation, 3)) == (1, 1)
    np.testing.assert_allclose(gyro.turns_rad(rates, times), turns, atol=0.005)
    assert calibrated_gyro(noise, times, turns) is None
