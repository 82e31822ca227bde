"""The steering of a single view, without fusion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.lane_keeper import LaneKeeper, steering_alone
from car.driving.path_follower import LOOKAHEAD_M, LOOKAHEAD_S
from car.driving.types import Frame, LaneView
from pixelopolis.city.model import Turn
from pixelopolis.model_io.crops import Image
from pixelopolis.model_io.lane_path import STATIONS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS
from pixelopolis.vehicle.steering import curvature_to_steering

EVERY = list(Turn)
offsets = st.floats(-0.09, 0.09)


def view_of(straight_m: float, left_m: float, right_m: float) -> LaneView:
    """Return straight paths with these offsets to the left."""
    paths = np.repeat([[straight_m], [left_m], [right_m]], len(STATIONS_M), axis=1)
    return LaneView(paths_left_m=paths, spread_m=np.full(3, 0.01))


class Sees:
    part = 0.25

    def __init__(self, view: LaneView) -> None:
        self.view = view

    def look(self, _picture_rgb: Image) -> LaneView:
        return self.view

    def reset(self) -> None:
        pass


def test_a_model_that_steers_is_taken_at_its_word() -> None:
    view = LaneView(steering=(0.1, -0.5, 0.7))
    assert [steering_alone(view, turn) for turn in EVERY] == [0.1, -0.5, 0.7]


@given(offsets, st.sampled_from(EVERY))
def test_a_line_beside_the_car_is_reached_by_pure_pursuit(left_m: float, turn: Turn) -> None:
    view = view_of(*(left_m if turn is each else -left_m for each in EVERY))
    ahead_m = LOOKAHEAD_M + LOOKAHEAD_S * CRUISE_MPS
    expected = curvature_to_steering(2 * left_m / ahead_m**2)
    assert steering_alone(view, turn) == pytest.approx(expected, abs=1e-9)


@given(offsets, offsets)
def test_it_is_what_a_car_at_rest_does_with_its_first_frame(left_m: float, other_m: float) -> None:
    view = view_of(left_m, other_m, -other_m)
    keeper = LaneKeeper(Sees(view))
    keeper.see(Frame(np.zeros((40, 120, 3), dtype=np.uint8), 1.0), Turn.LEFT)
    assert keeper.steering(1.0, CRUISE_MPS) == steering_alone(view, Turn.LEFT)
