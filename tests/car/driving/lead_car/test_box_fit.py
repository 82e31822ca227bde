"""The gap to a car estimated from its box, compared with the simulator's car model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from car.driving.lead_car.box_fit import (
    ALONG_M,
    fit_box,
    lane_by_curvature,
    lane_on_path,
    overlap,
    shown_part,
)
from car.driving.lead_car.tracker import HIDDEN_PART
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import CAR_LENGTH_M
from tests.support.seen_cars import box_of_car, in_lane

CAMERA = Camera()
STRAIGHT = lane_by_curvature(0.0)

curvatures = st.sampled_from([0.0, 1 / 0.3, -1 / 0.3, 1 / 0.58, -1 / 0.58])


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.02, 0.5), curvatures, st.floats(-0.05, 0.05), st.floats(-0.03, 0.03), st.integers(0)
)
@example(0.3125, 1 / 0.58, 0.0, 0.0, 0)
def test_a_car_in_my_lane_is_found_at_its_gap(
    gap_m: float, curvature: float, aside_m: float, turn_rad: float, seed: int
) -> None:
    own = Pose(0.0, 0.0, turn_rad)
    box = box_of_car(in_lane(gap_m + CAR_LENGTH_M, curvature, aside_m), eye=own)
    assume(box is not None)
    assert box is not None
    assume(curvature == 0.0 or box[2] - box[0] > 0.25)
    noise = np.random.default_rng(seed).normal(0.0, 0.7, 4) / (240, 320, 240, 320)
    noisy = tuple(np.clip(np.array(box) + noise, (0, 0.25, 0, 0.25), (1, 0.75, 1, 0.75)).tolist())
    fit = fit_box(noisy, CAMERA, lane_by_curvature(curvature))
    assert fit.in_lane > 0.5
    # cars cut off by the image's border in a bend are less certain
    cut = noisy[0] < 0.02 or noisy[2] > 0.98
    farther_m = nearer_m = 0.2 if cut else 0.03 + 0.12 * gap_m
    if curvature and noisy[3] * CAMERA.height_px > CAMERA.height_px * DETECTOR_ROWS[1] - 8:
        # cut off at the lower border: without its height, a near car in a bend fits at several
        # gaps, and the mean of them may be nearer than the car is, never farther
        nearer_m = max(nearer_m, 0.14)
    assert gap_m - nearer_m < fit.gap_m < gap_m + farther_m


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 0.8), curvatures, st.sampled_from([-0.28, 0.28]), st.floats(-0.04, 0.04))
def test_a_car_in_the_next_lane_is_not_in_mine(
    gap_m: float, curvature: float, aside_m: float, off_m: float
) -> None:
    pose = in_lane(gap_m + CAR_LENGTH_M, curvature, aside_m + off_m, turned=aside_m > 0)
    box = box_of_car(pose)
    assume(box is not None)
    assert box is not None
    assert fit_box(box, CAMERA, lane_by_curvature(curvature)).in_lane < 0.5


@pytest.mark.parametrize("heading_deg", [-90, 90])
def test_a_car_that_crosses_beside_my_way_is_not_in_it(heading_deg: float) -> None:
    """We turn right; a car waits, or drives, across the end of the street straight ahead."""
    lane = lane_by_curvature(-1 / 0.3)
    for left_m in np.linspace(-0.05, 0.4, 10):
        box = box_of_car(Pose(0.75, float(left_m), math.radians(heading_deg)))
        assert box is not None
        assert fit_box(box, CAMERA, lane).in_lane < 0.5


def test_a_box_that_no_car_on_the_road_has_is_nowhere() -> None:
    for box in ((0.4, 0.26, 0.6, 0.40), (0.1, 0.5, 0.9, 0.52), (0.5, 0.3, 0.52, 0.7)):
        assert fit_box(box, CAMERA, STRAIGHT).in_lane == 0.0


def test_a_car_half_hidden_by_a_board_is_still_one() -> None:
    box = box_of_car(in_lane(0.3 + CAR_LENGTH_M, 0.0, 0.0))
    assert box is not None
    fit = fit_box((box[0], box[1], (box[0] + box[2]) / 2, box[3]), CAMERA, STRAIGHT)
    assert fit.in_lane > 0.5
    assert fit.gap_m == pytest.approx(0.3, abs=0.1)


def test_any_box_gets_an_answer() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        x, y = np.sort(rng.uniform(0, 1, 2)), np.sort(rng.uniform(0.25, 0.75, 2))
        fit = fit_box((x[0], y[0], x[1], y[1]), CAMERA, lane_by_curvature(rng.uniform(-4, 4)))
        assert 0.0 <= fit.in_lane <= 1.0
        assert fit.in_lane == 0.0 or 0.0 <= fit.gap_m <= ALONG_M[-1]


def test_the_lane_is_the_path_as_the_car_sees_it() -> None:
    city = load_city("pixelopolis")
    path = RoutePath(city, find_route(city, Place("1", 0.1), Place("4", 0.5)))
    for at_m, turn_rad in ((0.3, 0.0), (0.8, 0.1), (path.length_m - 0.5, -0.2)):
        poses = lane_on_path(path, at_m, turn_rad)
        here = path.pose_at(at_m).ahead(0.0, 0.0, turn_rad)
        for along_m, (forward_m, left_m, heading_rad) in zip(ALONG_M, poses, strict=True):
            there = path.pose_at(at_m + float(along_m))
            local = here.to_local(there.x_m, there.y_m)
            assert (forward_m, left_m) == pytest.approx(local, abs=1e-3)
            off_rad = heading_rad + here.heading_rad - there.heading_rad
            assert math.remainder(off_rad, 2 * math.pi) == pytest.approx(0.0, abs=0.02)


def test_the_part_that_shows_falls_as_a_bend_gets_nearer() -> None:
    lane = lane_by_curvature(1 / 0.3)
    assert shown_part(CAMERA, STRAIGHT, 0.2) == 1.0
    assert shown_part(CAMERA, STRAIGHT, 0.2, yaw_rad=0.9) < HIDDEN_PART
    assert shown_part(CAMERA, lane, 0.2, yaw_rad=0.3) > shown_part(CAMERA, lane, 0.2)
    parts = [shown_part(CAMERA, lane, gap_m) for gap_m in (0.2, 0.3, 0.4, 0.6, 5.0)]
    assert all(0.0 <= part < HIDDEN_PART for part in parts)
    assert parts[-1] == 0.0


boxes = st.tuples(*[st.floats(0.0, 0.45)] * 2, *[st.floats(0.5, 1.0)] * 2)


@given(boxes, boxes)
def test_boxes_overlap_as_much_as_they_share(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> None:
    assert overlap(one, one) == pytest.approx(1.0)
    assert overlap(one, other) == overlap(other, one)
    assert 0.0 < overlap(one, other) <= 1.0 + 1e-9, "all of them hold the middle"
    aside = (one[0] + 1.0, one[1], one[2] + 1.0, one[3])
    assert overlap(one, aside) == 0.0


def test_two_boxes_that_share_a_half_of_each_overlap_by_a_third() -> None:
    assert overlap((0.0, 0.0, 0.2, 0.1), (0.1, 0.0, 0.3, 0.1)) == pytest.approx(1 / 3)
