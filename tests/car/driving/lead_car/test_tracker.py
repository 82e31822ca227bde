"""Tracking a car in the own lane from frame to frame."""

from __future__ import annotations

import numpy as np
import pytest

import car.driving.lead_car.tracker
from car.driving.lead_car.box_fit import BoxFit, lane_by_curvature
from car.driving.lead_car.tracker import (
    FORGOTTEN_S,
    HIDDEN_S,
    KEPT_IN_LANE,
    KEPT_SCORE,
    NEW_IN_LANE,
    NEW_SCORE,
    PERSIST_S,
    LeadCarTracker,
)
from car.driving.types import CarAhead, Sighting, Sightings, WheelReading
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import CAR_LENGTH_M, WHEEL_RADIUS_M
from tests.support.seen_cars import box_of_car, in_lane

CAMERA = Camera()
STRAIGHT = lane_by_curvature(0.0)
FRAME_S = 0.1


class Chase:
    """A tracker that gets a straight lane ten times a second."""

    def __init__(self) -> None:
        self.follower = LeadCarTracker(CAMERA)
        self.now_s = 0.0
        self.way_m = 0.0

    def see(
        self, *gaps_m: float, aside_m: float = 0.0, driven_m: float = 0.0, score: float = 0.9
    ) -> CarAhead | None:
        """Drive on, with cars at these distances ahead."""
        self.now_s += FRAME_S
        self.way_m += driven_m
        boxes = [box_of_car(Pose(gap_m + CAR_LENGTH_M, aside_m, 0.0)) for gap_m in gaps_m]
        detected = tuple(Sighting("Car", score, box) for box in boxes if box)
        return self.step(Sightings(self.now_s, detected))

    def step(self, sightings: Sightings | None) -> CarAhead | None:
        angle = self.way_m / WHEEL_RADIUS_M
        wheels = WheelReading(angle, angle, self.now_s)
        return self.follower.step(self.now_s, wheels, sightings, lambda _: STRAIGHT)


def test_far_away_one_wrong_box_is_nobody_and_two_that_agree_are_a_car() -> None:
    chase = Chase()
    assert chase.see(0.6) is None
    car = chase.see(0.6)
    assert car is not None
    assert car.gap_m == pytest.approx(0.6, abs=0.05)
    chase = Chase()
    assert chase.see(0.6) is None
    for _ in range(5):
        assert chase.see() is None
    assert chase.see(0.9) is None


def test_very_near_one_sighting_is_enough() -> None:
    car = Chase().see(0.12)
    assert car is not None
    assert car.gap_m == pytest.approx(0.12, abs=0.03)


def test_a_car_stays_for_a_second_unseen_and_no_longer() -> None:
    chase = Chase()
    for _ in range(3):
        chase.see(0.3)
    for _ in range(round(PERSIST_S / FRAME_S) - 1):
        car = chase.see(driven_m=0.01)
        assert car is not None
    assert car.gap_m == pytest.approx(0.3 - 0.09, abs=0.03)
    for _ in range(3):
        car = chase.see(driven_m=0.01)
    assert car is None


def test_a_car_that_a_bend_takes_out_of_the_picture_is_not_forgotten_at_once() -> None:
    """At a radius of 0.3 m, most of a car nearer than 0.35 m is outside the image."""
    chase = Chase()
    lane = lane_by_curvature(1 / 0.3)
    pose = in_lane(0.3 + CAR_LENGTH_M, 1 / 0.3, 0.0)
    box = box_of_car(pose)
    assert box is not None

    def look(detected: bool) -> CarAhead | None:
        chase.now_s += FRAME_S
        sightings = Sightings(chase.now_s, (Sighting("Car", 0.9, box),) if detected else ())
        return chase.follower.step(chase.now_s, None, sightings, lambda _: lane)

    for _ in range(3):
        look(detected=True)
    known = [look(detected=False) for _ in range(round((FORGOTTEN_S + 1) / FRAME_S))]
    for after_s, ahead in enumerate(known[:: round(1 / FRAME_S)]):
        assert (ahead is not None) is (after_s < FORGOTTEN_S), after_s
        assert ahead is None or ahead.doubted is (after_s >= HIDDEN_S)


def test_the_same_sightings_are_not_counted_twice() -> None:
    chase = Chase()
    box = box_of_car(Pose(0.6 + CAR_LENGTH_M, 0.0, 0.0))
    assert box is not None
    once = Sightings(0.0, (Sighting("Car", 0.9, box),))
    for _ in range(5):
        assert chase.step(once) is None


def test_boards_are_not_cars() -> None:
    chase = Chase()
    box = box_of_car(Pose(0.12 + CAR_LENGTH_M, 0.0, 0.0))
    assert box is not None
    for i in range(4):
        assert chase.step(Sightings(0.1 * i, (Sighting("Stop_sign", 0.99, box),))) is None


def test_an_answer_that_comes_late_is_placed_where_the_car_was() -> None:
    chase = Chase()
    for _ in range(4):
        chase.see(0.4)
    seen_s, box = chase.now_s, box_of_car(Pose(0.4 + CAR_LENGTH_M, 0.0, 0.0))
    assert box is not None
    late = Sightings(seen_s + 0.01, (Sighting("Car", 0.9, box),))
    chase.now_s += 0.3
    chase.way_m += 0.04
    car = chase.step(late)
    assert car is not None
    assert car.gap_m == pytest.approx(0.36, abs=0.02)


def test_it_measures_how_fast_the_other_drives() -> None:
    chase, gap_m = Chase(), 0.30
    for _ in range(20):
        gap_m += 0.006 - 0.004
        car = chase.see(gap_m, driven_m=0.004)
    assert car is not None
    assert car.speed_mps == pytest.approx(0.06, abs=0.02)
    assert car.gap_m == pytest.approx(gap_m, abs=0.02)


def test_the_nearest_of_two_counts_and_when_it_turns_off_the_other() -> None:
    chase = Chase()
    for _ in range(3):
        car = chase.see(0.25, 0.75)
    assert car is not None
    assert car.gap_m == pytest.approx(0.25, abs=0.03)
    for _ in range(12):
        car = chase.see(0.75)
    assert car is not None
    assert car.gap_m == pytest.approx(0.75, abs=0.06)


def test_oncoming_cars_come_and_go_unnoticed() -> None:
    chase = Chase()
    for gap_m in np.arange(1.4, -0.1, -0.02):
        assert chase.see(float(gap_m), aside_m=0.28, driven_m=0.01) is None


def test_a_car_that_is_probably_beside_my_lane_stops_me_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chase = Chase()
    for _ in range(10):
        assert chase.see(0.2) is not None
    assert KEPT_IN_LANE < 0.3 < NEW_IN_LANE
    monkeypatch.setattr(car.driving.lead_car.tracker, "fit_box", lambda *_: BoxFit(0.3, 0.2, 0.02))
    detected = [chase.see(0.2) is not None for _ in range(15)]
    assert all(detected[:5])
    assert not any(detected[8:])


def test_a_car_that_is_seen_to_have_left_my_lane_is_let_go_even_where_it_need_not_be_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chase = Chase()
    for _ in range(10):
        assert chase.see(0.2) is not None
    monkeypatch.setattr(car.driving.lead_car.tracker, "shown_part", lambda *_: 0.0)
    assert chase.see() is not None, "beside the picture, it may be anywhere"
    monkeypatch.setattr(car.driving.lead_car.tracker, "fit_box", lambda *_: BoxFit(0.01, 0.2, 0.02))
    detected = [chase.see(0.2) is not None for _ in range(12)]
    assert detected[0], "one box may be wrong"
    assert not any(detected[8:])


def test_what_is_unsure_brings_back_no_car_that_was_out_of_sight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chase = Chase()
    for _ in range(10):
        chase.see(0.2)
    monkeypatch.setattr(car.driving.lead_car.tracker, "shown_part", lambda *_: 0.0)
    for _ in range(round(HIDDEN_S / FRAME_S) + 2):
        ahead = chase.see()
    assert ahead is not None
    assert ahead.doubted
    ahead = chase.see(0.2, score=NEW_SCORE - 0.1)
    assert ahead is not None
    assert ahead.doubted, "a ghost, as like as not"
    ahead = chase.see(0.2, score=NEW_SCORE)
    assert ahead is not None
    assert not ahead.doubted


def test_what_is_unsure_by_itself_is_a_car_where_one_is_known() -> None:
    chase = Chase()
    for _ in range(5):
        assert chase.see(0.3, score=NEW_SCORE - 0.1) is None
    assert chase.see(0.3, score=NEW_SCORE) is None, "not sure yet"
    assert chase.see(0.3, score=NEW_SCORE) is not None
    for _ in range(30):
        assert chase.see(0.3, score=KEPT_SCORE) is not None
    for _ in range(15):
        ahead = chase.see(0.3, score=KEPT_SCORE - 0.05)
    assert ahead is None


def test_what_is_unsure_keeps_no_car_that_is_near_and_in_full_view() -> None:
    chase = Chase()
    for _ in range(3):
        assert chase.see(0.1) is not None
    for _ in range(15):
        ahead = chase.see(0.1, score=NEW_SCORE - 0.01)
    assert ahead is None


def test_a_near_car_that_seems_one_now_and_then_only_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a wrong heading it may be outside the image, and need not be detected."""
    chase = Chase()
    for _ in range(10):
        assert chase.see(0.1) is not None
    monkeypatch.setattr(
        car.driving.lead_car.tracker,
        "shown_part",
        lambda _c, _l, _g, yaw: 0.6 if yaw == 0.0 else 0.3,
    )
    for frame in range(60):
        ahead = chase.see(0.1, score=NEW_SCORE + 0.01 if frame % 20 == 10 else NEW_SCORE - 0.05)
    assert ahead is None


def test_the_surest_of_several_boxes_of_one_car_counts() -> None:
    chase = Chase()
    good, poor = (box_of_car(Pose(gap_m + CAR_LENGTH_M, 0.0, 0.0)) for gap_m in (0.20, 0.24))
    assert good is not None
    assert poor is not None
    for _ in range(6):
        chase.now_s += FRAME_S
        detected = (Sighting("Car", 0.3, poor), Sighting("Car", 0.9, good))
        ahead = chase.step(Sightings(chase.now_s, detected))
    assert ahead is not None
    assert ahead.box == good
    assert ahead.gap_m == pytest.approx(0.19, abs=0.02)
