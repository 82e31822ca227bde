"""Labels of poses: paths and steering, by examples and properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelopolis.city.model import Turn
from pixelopolis.city.sources import load_city
from pixelopolis.errors import DatasetError
from pixelopolis.geometry import Curve, Pose, arc, join, straight
from pixelopolis.model_io.lane_path import STATIONS_M
from sim.lane_data.labels import COLUMNS, label_of, place_of, row_of
from sim.physics.expert import Successor, choose, path_left_m, pursue

TOWN = load_city("pixelopolis")
GRID = load_city("grid:3x2:5")
EIGHT = load_city("figure-eight")


def test_on_a_straight_the_path_lies_straight_ahead() -> None:
    pose = TOWN.edges["9"].curve.pose_at(0.3)
    label = label_of(TOWN, pose)
    assert label.paths_left_m[Turn.STRAIGHT] == pytest.approx([0.0] * len(STATIONS_M), abs=1e-6)
    for turn in (Turn.LEFT, Turn.RIGHT):  # no junction is near
        assert label.paths_left_m[turn] is None
        assert label.steering[turn] is None


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


POSES = st.tuples(st.floats(0.2, 1.2), st.floats(-0.1, 0.1), st.floats(-0.5, 0.5))
BEND = join([straight(Pose(0.0, 0.0, 0.0), 1.0), arc(Pose(1.0, 0.0, 0.0), 0.3, math.pi / 2)])
"""A meter eastward, then a left bend with a radius of 0.3 m."""


def path_on(curve: Curve, pose: Pose, s_m: float) -> tuple[float, ...]:
    return path_left_m(Successor(curve, None, 0.0), pose, s_m)


def test_beside_the_line_and_turned_the_first_station_is_abreast_of_the_axle() -> None:
    # 3 cm left of the line and turned by 30 degrees to the left: the axle's line meets the road
    # 3 cm / cos 30 to the right, and from there it runs off to the right by sin 30
    seen = path_on(BEND, Pose(0.3, 0.03, math.radians(30)), 0.3)
    expected = [-0.03 / math.cos(math.radians(30)) - 0.5 * s for s in STATIONS_M]
    assert seen == pytest.approx(expected, abs=1e-6)


def test_beyond_its_ends_a_way_goes_on_straight() -> None:
    assert path_on(BEND, BEND.end.ahead(0.1), 1.5) == pytest.approx([0.0] * 5, abs=1e-3)
    assert path_on(BEND, Pose(-0.05, 0.02, 0.0), 0.0) == pytest.approx([-0.02] * 5, abs=1e-9)


@given(POSES, st.floats(-0.03, 0.03))
def test_moved_sideways_every_station_moves_the_other_way(
    place: tuple[float, float, float], d_m: float
) -> None:
    s_m, left_m, turn_rad = place
    pose = BEND.pose_at(s_m).ahead(0.0, left_m, turn_rad)
    before, after = path_on(BEND, pose, s_m), path_on(BEND, pose.ahead(0.0, d_m), s_m)
    assert after == pytest.approx([left - d_m for left in before], abs=2e-4)


@given(POSES)
def test_a_mirrored_road_mirrors_the_path_and_the_steering(
    place: tuple[float, float, float],
) -> None:
    s_m, left_m, turn_rad = place
    mirrored = Curve(BEND.points_m * (1.0, -1.0))
    pose = BEND.pose_at(s_m).ahead(0.0, left_m, turn_rad)
    mirror = Pose(pose.x_m, -pose.y_m, -pose.heading_rad)
    seen, other = path_on(BEND, pose, s_m), path_on(mirrored, mirror, s_m)
    assert other == pytest.approx([-left for left in seen], abs=1e-6)
    assert pursue(mirrored, mirror, s_m) == pytest.approx(-pursue(BEND, pose, s_m), abs=1e-6)


def test_a_car_that_swings_out_of_its_turn_is_not_yet_on_the_other_way() -> None:
    start = Pose(0.0, 0.0, 0.0)
    left, onward = arc(start, 0.3, math.pi / 2), straight(start, 0.6)
    ways = (Successor(left, Turn.LEFT, 0.0), Successor(onward, Turn.STRAIGHT, 0.0))
    swinging = left.pose_at(0.22).ahead(0.0, -0.07, -0.3)  # nearly on the other way
    assert choose(ways, swinging, 0.22)[Turn.LEFT] == ways[0]
    on_it = onward.pose_at(0.26)
    assert choose(ways, on_it, 0.26)[Turn.LEFT] == ways[1]


@pytest.mark.parametrize("edge", list(EIGHT.edges))
def test_where_a_road_crosses_itself_the_direction_decides(edge: str) -> None:
    curve = EIGHT.edges[edge].curve
    for part in (0.1, 0.3, 0.5, 0.7, 0.9):
        place = place_of(EIGHT, curve.pose_at(part * curve.length_m).ahead(0.0, 0.05))
        assert abs(place.heading_error_rad) < 0.1
        assert place.left_m == pytest.approx(0.05, abs=3e-3)


def test_beside_every_lane_is_nowhere() -> None:
    with pytest.raises(DatasetError, match="beside every lane"):
        place_of(GRID, Pose(-50.0, 0.0, 0.0))


def test_before_a_choice_each_command_has_its_own_path() -> None:
    pose = TOWN.edges["7"].curve.end
    paths = label_of(TOWN, pose).paths_left_m
    left, on = paths[Turn.LEFT], paths[Turn.STRAIGHT]
    assert left is not None
    assert on is not None
    assert left[-1] > 0.1
    assert abs(on[-1]) < 0.01
    assert paths[Turn.RIGHT] is None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(GRID.movements)), st.floats(0.68, 1.0))
def test_late_in_a_junction_commands_mean_the_next_one(key: tuple[str, str], part: float) -> None:
    movement = GRID.movements[key]
    pose = movement.curve.pose_at(part * movement.length_m)
    label = label_of(GRID, pose)
    paths = [path for path in label.paths_left_m.values() if path is not None]
    # up to the end of the next edge, all are the same
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
    assert float(named["straight_20cm"]) == pytest.approx(0.0, abs=1e-3)  # its lane, to its end
    assert float(named["left_40cm"]) > 0.05 > -0.05 > float(named["right_40cm"])
