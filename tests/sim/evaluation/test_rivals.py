"""Rivals see nothing, whatever is before their camera."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from car.driving.localization.path_tracker import PathTracker
from car.driving.types import WheelReading
from pixelopolis.city.model import Turn
from pixelopolis.city.route import Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import Image
from sim.evaluation.rivals import (
    BLIND,
    Blind,
    no_picture,
    shared_looks,
    what_sight_adds,
    wheels_and_map,
)
from sim.physics.vehicle import BodyMotion

PATH = RoutePath(load_city("pixelopolis"), Route(("8", "1", "2", "3"), 0.0, 1.5))
PICTURES = arrays(np.uint8, (40, 120, 3), elements=st.integers(0, 255))


@given(one=PICTURES, other=PICTURES)
@pytest.mark.parametrize("rival", [Blind(), wheels_and_map()])
def test_no_picture_changes_what_a_rival_answers(rival: Blind, one: Image, other: Image) -> None:
    first, second = rival.look(one), rival.look(other)
    for view in (first, second):
        assert view.paths_left_m is not None
        assert not view.paths_left_m.any()
    assert first.spread_m is not None
    assert second.spread_m is not None
    assert first.spread_m.tolist() == second.spread_m.tolist()


@given(x_m=st.floats(-9, 9), y_m=st.floats(-9, 9), speed_mps=st.floats(0, 0.3))
def test_their_camera_is_black_everywhere(x_m: float, y_m: float, speed_mps: float) -> None:
    picture = no_picture(Pose(x_m, y_m, 0.0), BodyMotion(speed_mps, 0.0))
    assert picture.shape == (40, 120, 3)
    assert not picture.any()


@given(
    start_m=st.floats(0.0, 4.0),
    steps_rad=st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, 0.3)), min_size=1, max_size=8),
    command=st.sampled_from(Turn),
)
def test_wheels_and_map_are_all_that_its_tracker_knows(
    start_m: float, steps_rad: list[tuple[float, float]], command: Turn
) -> None:
    """The same wheels give the same place, with and without its views."""
    looking, wheels_alone = PathTracker(PATH, start_m), PathTracker(PATH, start_m)
    view = wheels_and_map().look(no_picture(Pose(0, 0, 0), BodyMotion()))
    assert view.paths_left_m is not None
    assert view.spread_m is not None
    # it is not taken for a car that keeps its lane by steering, which has the road's heading
    wheels_alone._sees_lane = True
    left_rad = right_rad = 0.0
    for number, (left, right) in enumerate([(0.0, 0.0), *steps_rad]):
        left_rad, right_rad = left_rad + left, right_rad + right
        for tracker in (looking, wheels_alone):
            tracker.move(WheelReading(left_rad, right_rad, 0.05 * number))
        looking.see_lane(view.paths_left_m[0], float(view.spread_m[0]), command)
    assert looking.sees_lane, "else it would not follow the map"
    for name in ("distance_m", "left_m", "heading_error_rad", "sigma_m"):
        assert getattr(looking, name) == pytest.approx(getattr(wheels_alone, name), abs=1e-6)


@given(looks=st.integers(1, 500), cities=st.integers(1, 20))
def test_rivals_drive_in_every_city_equally_often_where_they_can(looks: int, cities: int) -> None:
    looks = max(looks, cities)
    shared = shared_looks(looks, cities)
    assert cities <= shared <= looks
    assert shared == looks or shared % cities == 0
    assert shared >= looks / 10
    assert shared <= max(looks / 10 + cities, cities)


def test_what_sight_adds_names_both_sides() -> None:
    added = what_sight_adds({"x": 0.1, "y": 5}, {BLIND: {"x": 0.7, "y": 9}}, BLIND, "x")
    assert added["against"] == BLIND
    assert added["x"] == {"without": 0.7, "with": 0.1}
    assert added["model"] == {"x": 0.1, "y": 5}
