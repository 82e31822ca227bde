import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, Point

from pixelopolis.city.model import City
from pixelopolis.city.road_layout import dashes, road_layout
from pixelopolis.city.sources import load_city
from pixelopolis.city.toml_file import parse_city

TOWNS = ("pixelopolis", "curvy", "figure-eight", "grid:2x1:3")


@pytest.fixture(params=TOWNS)
def city(request: pytest.FixtureRequest) -> City:
    return load_city(request.param)


def _curves(city: City):
    return [c.curve for c in (*city.edges.values(), *city.movements.values())]


def test_all_of_every_lane_is_road(city: City) -> None:
    area = road_layout(city).area.buffer(1e-3)
    inside_m = city.road.lane_width_m / 2 - 2e-3
    for curve in _curves(city):
        for left_m in (-inside_m, 0.0, inside_m):
            assert area.covers(LineString(curve.offset(left_m).points_m))


def test_borders_run_all_along_the_road(city: City) -> None:
    layout = road_layout(city)
    total_m = sum(LineString(line.points_m).length for line in layout.borders)
    assert total_m == pytest.approx(layout.area.boundary.length, rel=1e-3)


def test_a_border_has_the_side_of_its_nearest_lane_and_left_on_a_tie(city: City) -> None:
    curves = _curves(city)
    checked = 0
    for line in road_layout(city).borders:
        for x, y in ((line.points_m[1:] + line.points_m[:-1]) / 2)[::7]:
            beside = [curve.project(x, y).left_m for curve in curves]
            nearest = min(abs(left_m) for left_m in beside)
            at_the_tie = [left for left in beside if abs(left) <= nearest + 4e-3]
            clear = [left for left in beside if abs(abs(left) - nearest - 4e-3) < 5e-4]
            if clear or any(abs(left) < 1e-6 for left in at_the_tie):
                continue  # too close to the limit to tell by another computation
            assert line.side == ("left" if max(at_the_tie) > 0 else "right"), (x, y)
            checked += 1
    assert checked > 50


def test_every_lane_of_the_ring_has_red_left_and_blue_right() -> None:
    city = load_city("pixelopolis")
    layout = road_layout(city)
    lines = {
        side: shapely.union_all([LineString(b.points_m) for b in layout.borders if b.side == side])
        for side in ("left", "right")
    }
    half_m = city.road.lane_width_m / 2
    for edge in city.edges.values():
        middle = edge.curve.pose_at(edge.length_m / 2)
        for side, left_m in (("left", half_m), ("right", -half_m)):
            at = middle.ahead(0.0, left_m)
            assert lines[side].distance(Point(at.x_m, at.y_m)) < 2e-3


def test_one_divider_parts_the_lanes_of_every_two_way_street() -> None:
    city = load_city("grid:3x2:5")
    layout = road_layout(city)
    assert len(layout.dividers) == len(city.edges) / 2
    half_m = city.road.lane_width_m / 2
    for edge in city.edges.values():
        at = edge.curve.pose_at(edge.length_m / 2).ahead(0.0, half_m)
        gaps = [LineString(d).distance(Point(at.x_m, at.y_m)) for d in layout.dividers]
        assert sum(gap < 2e-3 for gap in gaps) == 1


def test_every_turn_left_or_straight_between_two_way_streets_has_one_guide() -> None:
    city = load_city("grid:3x2:5")
    layout = road_layout(city)
    half_m = city.road.lane_width_m / 2
    for movement in city.movements.values():
        line = LineString(movement.curve.offset(half_m).points_m)
        same = [g for g in layout.guides if LineString(g).hausdorff_distance(line) < 5e-3]
        assert len(same) == 1


def test_a_one_way_town_has_no_dividers_and_no_guides() -> None:
    layout = road_layout(load_city("pixelopolis"))
    assert layout.dividers == ()
    assert layout.guides == ()


def test_blocks_and_road_share_the_platform(city: City) -> None:
    layout = road_layout(city)
    blocks = shapely.union_all(list(layout.blocks))
    assert blocks.intersection(layout.area).area < 1e-6
    kerb_m = city.road.line_width_m / 2
    assert blocks.distance(layout.area) == pytest.approx(kerb_m + 0.006, abs=1e-3)
    assert layout.platform.buffer(1e-3).covers(blocks)
    assert layout.platform.buffer(1e-3).covers(layout.area)


def test_lanes_that_follow_each_other_leave_no_slit() -> None:
    text = """
name = "bend"
open_ended = true
[road]
style = "white"
[[node]]
id = "a"
x_m = 0.0
y_m = 0.0
[[node]]
id = "b"
x_m = 1.5
y_m = 0.0
[[node]]
id = "c"
x_m = 2.7
y_m = 0.9
[[edge]]
id = "1"
from = "a"
to = "b"
[[edge]]
id = "2"
from = "b"
to = "c"
"""
    layout = road_layout(parse_city(text, "bend.toml"))
    assert len(layout.area.geoms) == 1
    assert not layout.area.geoms[0].interiors
    # two long borders and two ends, no notch where the curves meet
    lanes_m = LineString([(0, 0), (1.5, 0), (2.7, 0.9)]).length - 2 * 0.30
    assert layout.area.boundary.length == pytest.approx(2 * lanes_m + 2 * 0.28, rel=0.03)


@given(length_m=st.floats(0.05, 5.0), dash_m=st.floats(0.02, 0.3), gap_m=st.floats(0.02, 0.3))
def test_dashes_begin_and_end_with_half_a_dash(
    length_m: float, dash_m: float, gap_m: float
) -> None:
    pieces = dashes(np.array([(0.0, 0.0), (length_m, 0.0)]), dash_m, gap_m)
    lengths = [float(piece[-1, 0] - piece[0, 0]) for piece in pieces]
    assert pieces[0][0, 0] == 0.0
    assert pieces[-1][-1, 0] == pytest.approx(length_m)
    assert sum(lengths) == pytest.approx(length_m * dash_m / (dash_m + gap_m))
    assert lengths[0] == pytest.approx(lengths[-1])
    for one, other in itertools.pairwise(pieces):
        assert other[0, 0] > one[-1, 0]
