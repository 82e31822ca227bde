"""Labels of poses: paths beside the steering, by hand and by property."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelopolis.city import Turn
from pixelopolis.city_file import load_city
from pixelopolis.lane_path import STATIONS_M
from sim.lane_labels import COLUMNS, label_of, place_of, row_of

TOWN = load_city("pixelopolis")
GRID = load_city("grid:3x2:5")


def test_on_a_straight_the_path_lies_straight_ahead() -> None:
    pose = TOWN.edges["9"].curve.pose_at(0.3)
    label = label_of(TOWN, pose)
    for path in label.paths_left_m.values():
        assert path == pytest.approx([0.0] * len(STATIONS_M), abs=1e-6)


@given(st.floats(-0.06, 0.06))
def test_a_car_beside_its_lane_has_the_path_on_the_other_side(offset_m: float) -> None:
    pose = TOWN.edges["9"].curve.pose_at(0.3).ahead(0.0, offset_m)
    path = label_of(TOWN, pose).paths_left_m[Turn.STRAIGHT]
    assert path == pytest.approx([-offset_m] * len(STATIONS_M), abs=1e-6)


@given(st.floats(-0.3, 0.3))
def test_a_car_that_looks_aside_has_the_path_on_the_other_side(heading: float) -> None:
    pose = TOWN.edges["9"].curve.pose_at(0.3).ahead(0.0, 0.0, heading)
    path = label_of(TOWN, pose).paths_left_m[Turn.STRAIGHT]
    assert path == pytest.approx([-s * math.sin(heading) for s in STATIONS_M], abs=1e-6)


def test_in_a_bend_the_path_is_its_arc() -> None:
    movement = TOWN.movements["7", "9"]
    pose = movement.curve.pose_at(0.02)
    path = label_of(TOWN, pose).paths_left_m[Turn.LEFT]
    radius = 0.30
    arc = [radius * (1 - math.cos(s / radius)) for s in STATIONS_M]
    assert path == pytest.approx(arc, abs=2e-3)


def test_before_a_choice_each_command_has_its_own_path() -> None:
    pose = TOWN.edges["7"].curve.end
    paths = label_of(TOWN, pose).paths_left_m
    left, on = paths[Turn.LEFT], paths[Turn.STRAIGHT]
    assert left is not None
    assert on is not None
    assert left[-1] > 0.1
    assert abs(on[-1]) < 0.01
    assert paths[Turn.RIGHT] == on


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(GRID.movements)), st.floats(0.68, 1.0))
def test_late_in_a_junction_commands_mean_the_next_one(key: tuple[str, str], part: float) -> None:
    movement = GRID.movements[key]
    pose = movement.curve.pose_at(part * movement.length_m)
    label = label_of(GRID, pose)
    paths = [path for path in label.paths_left_m.values() if path is not None]
    # up to the end of the next edge all are one
    next_m = GRID.edges[movement.to_edge].length_m + (1 - part) * movement.length_m
    shared = [i for i, s in enumerate(STATIONS_M) if s < next_m]
    for i in shared:
        assert len({round(path[i], 6) for path in paths}) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(GRID.edges)),
    st.floats(0.0, 1.0),
    st.floats(-0.05, 0.05),
    st.floats(-0.2, 0.2),
)
def test_the_place_of_a_pose_on_an_edge_is_there(
    edge: str, part: float, left_m: float, heading: float
) -> None:
    lane = GRID.edges[edge]
    place = place_of(GRID, lane.curve.pose_at(part * lane.length_m).ahead(0.0, left_m, heading))
    if place.movement is None:
        assert place.edge == edge
        assert place.left_m == pytest.approx(left_m, abs=2e-3)
        assert place.heading_error_rad == pytest.approx(heading, abs=0.02)
    else:  # a node is nearer than an edge's ends are
        assert edge in (place.movement[0], place.movement[1])


def test_a_row_has_a_text_for_every_column() -> None:
    fork = next(
        edge
        for edge, exits in GRID.exits.items()
        if {m.turn for m in exits} == {Turn.LEFT, Turn.RIGHT}
    )
    row = row_of("a.jpg", label_of(GRID, GRID.edges[fork].curve.end), "poses", 7)
    named = dict(zip(COLUMNS, row, strict=True))
    assert named["image"] == "a.jpg"
    assert named["look"] == "7"
    assert named["straight"] == named["straight_20cm"] == ""
    assert float(named["left_40cm"]) > 0.05 > -0.05 > float(named["right_40cm"])
