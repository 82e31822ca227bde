"""The shipped cities: their content, and that a car can drive them."""

import math
from dataclasses import replace
from itertools import product

import networkx as nx
import numpy as np
import pytest

from pixelopolis.city.model import LANGUAGES, City, Turn, turn_of
from pixelopolis.city.routing import edge_graph
from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.city.sources import load_city, shipped_cities
from pixelopolis.geometry import Curve, wrap_rad

TOWNS = (*shipped_cities(), "grid:2x1:3", "grid:3x2:5")

# The original's map: edge -> (from, to, priority), sign class by edge, destination -> edge
ORIGINAL_EDGES = {
    "1": ("1", "2", 1),
    "2": ("2", "3", 1),
    "3": ("3", "4", 1),
    "4": ("4", "5", 1),
    "5": ("5", "6", 1),
    "6": ("6", "7", 1),
    "7": ("7", "8", 1),
    "8": ("8", "1", 1),
    "9": ("8", "9", 2),
    "10": ("9", "2", 0),
    "11": ("9", "10", 3),
    "12": ("10", "11", 3),
    "13": ("10", "7", 0),
    "14": ("11", "6", 0),
    "15": ("4", "11", 2),
}
ORIGINAL_SIGNS = {
    "8": "Hand",
    "1": "Korean",
    "2": "Go",
    "3": "Planetarium",
    "4": "Plane",
    "5": "Tokyo_tower",
    "6": "Museum",
    "7": "Church",
    "9": "Traffic_light",
    "11": "Left_or_through",
    "15": "No_parking",
    "12": "Left",
}
ORIGINAL_TURNS = (
    "8>1 F, 1>2 F, 10>2 L, 2>3 F, 3>4 F, 3>15 L, 4>5 F, 5>6 F, 14>6 L, 6>7 F, 13>7 L, 7>8 F, "
    "7>9 L, 9>10 F, 9>11 L, 11>12 F, 11>13 L, 12>14 L, 15>14 F"
)


@pytest.fixture(scope="module", params=TOWNS)
def town(request: pytest.FixtureRequest) -> City:
    return load_city(request.param)


@pytest.mark.parametrize(
    ("angle_deg", "turn"),
    [
        (0, Turn.STRAIGHT),
        (34, Turn.STRAIGHT),
        (-34, Turn.STRAIGHT),
        (36, Turn.LEFT),
        (-36, Turn.RIGHT),
        (149, Turn.LEFT),
        (-149, Turn.RIGHT),
        (151, None),
        (180, None),
        (270, Turn.RIGHT),
        (-270, Turn.LEFT),
        (360, Turn.STRAIGHT),
    ],
)
def test_turn_follows_from_the_change_of_heading(angle_deg: float, turn: Turn | None) -> None:
    assert turn_of(math.radians(angle_deg)) == turn


def test_the_original_town_has_the_originals_map() -> None:
    city = load_city("pixelopolis")
    assert len(city.nodes) == 11
    edges = {e.id: (e.from_node, e.to_node, e.priority) for e in city.edges.values()}
    assert edges == ORIGINAL_EDGES
    assert {sign.edge: sign.sign_class for sign in city.signs} == ORIGINAL_SIGNS
    assert {d.id: d.edge for d in city.destinations.values()} == {
        "museum": "7",
        "landmark": "6",
        "planetarium": "4",
        "international-town": "2",
        "wedding-hall": "8",
    }


def test_the_original_town_has_the_originals_turn_commands() -> None:
    letters = {Turn.STRAIGHT: "F", Turn.LEFT: "L", Turn.RIGHT: "R"}
    city = load_city("pixelopolis")
    turns = {f"{m.from_edge}>{m.to_edge} {letters[m.turn]}" for m in city.movements.values()}
    assert turns == set(ORIGINAL_TURNS.split(", "))
    assert len(turns) == 19


def bends(name: str) -> tuple[bool, bool]:
    """(whether some lane bends left, whether some lane bends right)."""
    bends_per_m = [edge.curve.curvatures_per_m for edge in load_city(name).edges.values()]
    return any(b.max() > 1 for b in bends_per_m), any(b.min() < -1 for b in bends_per_m)


def choices(name: str) -> set[frozenset[Turn]]:
    return {frozenset(m.turn for m in ways) for ways in load_city(name).exits.values()}


def test_straight_is_one_lane_to_its_destination() -> None:
    city = load_city("straight")
    assert bends("straight") == (False, False)
    assert [edge.length_m for edge in city.edges.values()] == [pytest.approx(4.4)]
    assert not city.movements


def test_square_bends_both_ways() -> None:
    assert bends("square") == (True, True)


def test_curvy_is_one_long_lane_that_bends_both_ways() -> None:
    city = load_city("curvy")
    parts = (*city.edges.values(), *city.movements.values())
    assert sum(part.length_m for part in parts) >= 8
    assert bends("curvy") == (True, True)
    assert choices("curvy") == {frozenset({Turn.STRAIGHT})}


def test_figure_eight_crosses_and_has_choices_both_ways() -> None:
    city = load_city("figure-eight")
    first, second = (
        city.movements[key].curve for key in (("east-back", "west-out"), ("west-back", "east-out"))
    )
    node = city.nodes["crossing"]
    assert abs(first.project(node.x_m, node.y_m).left_m) < 0.005
    assert abs(second.project(node.x_m, node.y_m).left_m) < 0.005
    assert frozenset({Turn.STRAIGHT, Turn.LEFT}) in choices("figure-eight")
    assert frozenset({Turn.STRAIGHT, Turn.RIGHT}) in choices("figure-eight")


def test_every_bend_can_be_driven(town: City) -> None:
    for part in (*town.edges.values(), *town.movements.values()):
        assert np.abs(part.curve.curvatures_per_m).max() <= 1 / 0.20


def test_lanes_and_ways_through_junctions_join_without_a_kink(town: City) -> None:
    for movement in town.movements.values():
        before = town.edges[movement.from_edge].curve.end
        after = town.edges[movement.to_edge].curve.start
        for end, curve_end in ((before, movement.curve.start), (after, movement.curve.end)):
            assert end.distance_m(curve_end) < 1e-3
            assert abs(wrap_rad(end.heading_rad - curve_end.heading_rad)) < math.radians(1)


def test_edges_run_from_mouth_to_mouth_of_their_nodes(town: City) -> None:
    for edge in town.edges.values():
        for end, node_id in ((edge.curve.start, edge.from_node), (edge.curve.end, edge.to_node)):
            node = town.nodes[node_id]
            gap_m = math.hypot(end.x_m - node.x_m, end.y_m - node.y_m)
            assert gap_m <= math.hypot(town.road.mouth_m, town.road.lane_width_m / 2) + 0.005


@pytest.mark.parametrize("name", shipped_cities())
def test_lanes_keep_clear_of_each_other(name: str) -> None:
    """One-way lanes stay a lane's width and 6 cm apart, except at common nodes."""
    city = load_city(name)

    def away_from_shared_nodes(curve: Curve, shared: set[str]) -> np.ndarray:
        points = curve.points_m[::4]
        for node_id in shared:
            node = city.nodes[node_id]
            gaps = np.hypot(*(points - [node.x_m, node.y_m]).T)
            points = points[gaps > city.road.mouth_m + 0.15]
        return points

    edges = list(city.edges.values())
    for i, one in enumerate(edges):
        for other in edges[i + 1 :]:
            shared = {one.from_node, one.to_node} & {other.from_node, other.to_node}
            first = away_from_shared_nodes(one.curve, shared)
            second = away_from_shared_nodes(other.curve, shared)
            gaps = np.hypot(*(first[:, None] - second[None]).transpose(2, 0, 1))
            assert gaps.size == 0 or gaps.min() >= city.road.lane_width_m + 0.06


def test_every_place_can_be_reached_from_every_other(town: City) -> None:
    if town.name != "straight":  # one lane, driven once
        assert nx.is_strongly_connected(edge_graph(town))


def test_exits_are_the_movements_by_where_they_begin(town: City) -> None:
    assert set(town.exits) == set(town.edges)
    listed = {(m.from_edge, m.to_edge): m for ways in town.exits.values() for m in ways}
    assert listed == dict(town.movements)
    assert all(m.from_edge == edge for edge, ways in town.exits.items() for m in ways)


def test_no_junction_has_two_ways_for_one_command(town: City) -> None:
    for ways in town.exits.values():
        assert len({m.turn for m in ways}) == len(ways)


def test_movements_turn_as_they_are_named(town: City) -> None:
    for movement in town.movements.values():
        headings = movement.curve.headings_rad
        assert turn_of(headings[-1] - headings[0]) == movement.turn


def test_destinations_are_named_in_every_language(town: City) -> None:
    assert town.destinations
    for destination in town.destinations.values():
        assert set(destination.names) == set(LANGUAGES)
        assert all(text.strip() for text in destination.names.values())
        assert 0 <= destination.s_m <= town.edges[destination.edge].length_m
    for language in LANGUAGES:
        names = [d.names[language] for d in town.destinations.values()]
        assert len(set(names)) == len(names)


def test_signs_stand_beside_the_road_and_face_who_comes(town: City) -> None:
    for sign in town.signs:
        assert sign.sign_class in SIGN_CLASSES
        curve = town.edges[sign.edge].curve
        board, passing = town.sign_pose(sign), curve.pose_at(sign.s_m)
        forward_m, left_m = passing.to_local(board.x_m, board.y_m)
        assert forward_m == pytest.approx(0.0, abs=1e-9)
        side = 1 if sign.side == "left" else -1
        assert left_m * side == pytest.approx(town.road.lane_width_m / 2 + 0.07)
        assert abs(wrap_rad(board.heading_rad - passing.heading_rad)) == pytest.approx(math.pi)


def test_no_sign_stands_on_a_road(town: City) -> None:
    curves = [part.curve for part in (*town.edges.values(), *town.movements.values())]
    for sign, curve in product(town.signs, curves):
        board = town.sign_pose(sign)
        gap_m = abs(curve.project(board.x_m, board.y_m).left_m)
        assert gap_m > town.road.lane_width_m / 2


def test_bounds_hold_every_center_line(town: City) -> None:
    x_min, y_min, x_max, y_max = town.bounds_m
    points = np.vstack(
        [part.curve.points_m for part in (*town.edges.values(), *town.movements.values())]
    )
    assert (points.min(axis=0) == (x_min, y_min)).all()
    assert (points.max(axis=0) == (x_max, y_max)).all()


def test_cities_are_equal_by_identity() -> None:
    first = load_city("straight")
    assert load_city("straight") is first, "a text is read once"
    second = replace(first)
    assert first != second
    assert len({first, second, first}) == 2


def test_sign_classes_are_unique() -> None:
    assert len(set(SIGN_CLASSES)) == len(SIGN_CLASSES) == 20
