"""Routes compared with all simple paths, and the path along a route."""

import contextlib
import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pixelopolis.city.model import City, Turn
from pixelopolis.city.route import Place, Route, edge_time_s, movement_time_s, route_time_s
from pixelopolis.city.route_path import COMMAND_LEAD_M, COMMITTED_PART, RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city, shipped_cities
from pixelopolis.city.toml_file import parse_city
from pixelopolis.errors import NoRouteError
from pixelopolis.geometry import wrap_rad

TOWNS = (*shipped_cities(), *(f"grid:{size}:{s}" for size in ("2x1", "1x3", "2x2") for s in (1, 2)))

# Routes by the original's server on this map, from the start of an edge to the end of another: node
# and command (F straight on, L left); the last one is the stop.
ORIGINAL_DESTINATIONS = ("7", "6", "4", "2", "8")
ORIGINAL_ROUTES = {
    "1": "2F 3F 4L 11F 6L 7F 8 | 2F 3F 4L 11F 6L 7 | 2F 3F 4F 5 | 2F 3 | 2F 3F 4L 11F 6L 7F 8F 1",
    "3": "4L 11F 6L 7F 8 | 4L 11F 6L 7 | 4F 5 | 4L 11F 6L 7F 8L 9F 2L 3 | 4L 11F 6L 7F 8F 1",
    "5": "6F 7F 8 | 6F 7 | 6F 7F 8L 9F 2L 3F 4F 5 | 6F 7F 8L 9F 2L 3 | 6F 7F 8F 1",
    "7": "8 | 8L 9L 10F 11L 6L 7 | 8L 9F 2L 3F 4F 5 | 8L 9F 2L 3 | 8F 1",
    "8": "1F 2F 3F 4L 11F 6L 7F 8 | 1F 2F 3F 4L 11F 6L 7 | 1F 2F 3F 4F 5 | 1F 2F 3 | 1",
    "9": "9L 10L 7L 8 | 9L 10F 11L 6L 7 | 9F 2L 3F 4F 5 | 9F 2L 3 | 9L 10L 7L 8F 1",
}


@lru_cache
def town(name: str) -> City:
    return load_city(name)


def simple_ways(
    city: City, start: str, end: str, blocked: frozenset[str]
) -> Iterator[tuple[str, ...]]:
    """Yield every legal sequence of edges from `start` to `end` without repetition."""

    def onward(way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for movement in city.exits[way[-1]]:
            edge = movement.to_edge
            if edge in blocked or edge in way[1:]:
                continue
            if edge == end:
                yield (*way, edge)
            else:
                yield from onward((*way, edge))

    return onward((start,))


def time_by_hand_s(city: City, way: tuple[str, ...], start_s_m: float, end_s_m: float) -> float:
    """Sum length over speed, part by part."""
    first, last = city.edges[way[0]], city.edges[way[-1]]
    total_s = (first.length_m - start_s_m) / first.speed_limit_mps
    total_s += end_s_m / last.speed_limit_mps
    total_s += sum(edge_time_s(city, edge) for edge in way[1:-1])
    return total_s + sum(movement_time_s(city, city.movements[pair]) for pair in pairwise(way))


@st.composite
def trips(draw: st.DrawFn) -> tuple[City, Place, Place]:
    city = town(draw(st.sampled_from(TOWNS)))

    def place() -> Place:
        edge = draw(st.sampled_from(sorted(city.edges)))
        return Place(edge, draw(st.floats(0, 1)) * city.edges[edge].length_m)

    return city, place(), place()


@given(trips(), st.data())
@settings(max_examples=200)
def test_a_route_is_the_quickest_of_all_ways(
    trip: tuple[City, Place, Place], data: st.DataObject
) -> None:
    city, start, end = trip
    blocked = frozenset(data.draw(st.sets(st.sampled_from(sorted(city.edges)), max_size=3)))
    if start.edge == end.edge and end.s_m >= start.s_m:
        assert find_route(city, start, end, blocked) == Route((start.edge,), start.s_m, end.s_m)
        return
    ways = simple_ways(city, start.edge, end.edge, blocked)
    times_s = [time_by_hand_s(city, way, start.s_m, end.s_m) for way in ways]
    if not times_s:
        with pytest.raises(NoRouteError, match="no way leads"):
            find_route(city, start, end, blocked)
        return
    route = find_route(city, start, end, blocked)
    assert (route.edges[0], route.edges[-1]) == (start.edge, end.edge)
    assert (route.start_s_m, route.end_s_m) == (start.s_m, end.s_m)
    assert not blocked & set(route.edges[1:])
    assert set(route.movements) <= set(city.movements)
    assert route_time_s(city, route) == pytest.approx(min(times_s))


def test_all_75_routes_of_the_original_town_are_optimal() -> None:
    city = town("pixelopolis")
    checked = 0
    for start in city.edges:
        for destination in city.destinations.values():
            begin, end = Place(start, 0.0), Place(destination.edge, destination.s_m)
            route = find_route(city, begin, end)
            if start == destination.edge:
                assert route.edges == (start,)
            else:
                ways = simple_ways(city, start, end.edge, frozenset())
                best_s = min(time_by_hand_s(city, way, 0.0, end.s_m) for way in ways)
                assert route_time_s(city, route) == pytest.approx(best_s)
            checked += 1
    assert checked == 75


@pytest.mark.parametrize("start", ORIGINAL_ROUTES)
def test_routes_are_those_of_the_originals_server(start: str) -> None:
    city = town("pixelopolis")
    letters = {Turn.STRAIGHT: "F", Turn.LEFT: "L", Turn.RIGHT: "R"}
    for end, written in zip(
        ORIGINAL_DESTINATIONS, ORIGINAL_ROUTES[start].split(" | "), strict=True
    ):
        route = find_route(city, Place(start, 0.0), Place(end, city.edges[end].length_m))
        moves = [city.movements[pair] for pair in route.movements]
        way = [m.node + letters[m.turn] for m in moves] + [city.edges[end].to_node]
        assert " ".join(way) == written


def test_a_stop_behind_the_car_is_reached_by_going_round() -> None:
    city = town("pixelopolis")
    route = find_route(city, Place("9", 0.5), Place("9", 0.4))
    assert route.edges[0] == route.edges[-1] == "9"
    assert len(route.edges) > 2
    assert find_route(city, Place("9", 0.4), Place("9", 0.5)).edges == ("9",)


def test_a_faster_street_is_worth_a_detour() -> None:
    slow = """
name = "choice"
open_ended = true
road = {style = "white"}
node = [{id = "a", x_m = -2.0, y_m = 0.0}, {id = "b", x_m = 0.0, y_m = 0.0},
        {id = "n", x_m = 2.0, y_m = 2.0}, {id = "c", x_m = 4.0, y_m = 0.0},
        {id = "d", x_m = 6.0, y_m = 0.0}]
edge = [{id = "ab", from = "a", to = "b"}, {id = "bc", from = "b", to = "c", speed_limit_mps = 0.1},
        {id = "bn", from = "b", to = "n", speed_limit_mps = 0.1},
        {id = "nc", from = "n", to = "c", speed_limit_mps = 0.1}, {id = "cd", from = "c", to = "d"}]
"""
    fast = slow.replace('to = "n", speed_limit_mps = 0.1', 'to = "n", speed_limit_mps = 0.5')
    fast = fast.replace(
        '"n", to = "c", speed_limit_mps = 0.1', '"n", to = "c", speed_limit_mps = 0.5'
    )
    ways = [
        find_route(parse_city(text, "choice.toml"), Place("ab", 0.0), Place("cd", 1.0)).edges
        for text in (slow, fast)
    ]
    assert ways == [("ab", "bc", "cd"), ("ab", "bn", "nc", "cd")]


def test_the_way_through_the_first_junction_costs_its_time() -> None:
    # straight on through "bx" is short, but slow in both junctions (30 s each); the detour by "n"
    # is quicker only if the first junction counts
    city = parse_city(
        """
name = "slow-gate"
open_ended = true
road = {style = "white"}
node = [{id = "a", x_m = -2.0, y_m = 0.0}, {id = "b", x_m = 0.0, y_m = 0.0},
        {id = "x", x_m = 0.65, y_m = 0.0}, {id = "n", x_m = 1.0, y_m = 1.6},
        {id = "c", x_m = 2.0, y_m = 0.0}, {id = "d", x_m = 4.0, y_m = 0.0}]
edge = [{id = "ab", from = "a", to = "b"}, {id = "xc", from = "x", to = "c"},
        {id = "cd", from = "c", to = "d"},
        {id = "bx", from = "b", to = "x", speed_limit_mps = 0.02},
        {id = "bn", from = "b", to = "n", speed_limit_mps = 0.08},
        {id = "nc", from = "n", to = "c", speed_limit_mps = 0.08}]
""",
        "slow-gate.toml",
    )
    route = find_route(city, Place("ab", 0.0), Place("cd", 1.0))
    assert route.edges == ("ab", "bn", "nc", "cd")


def test_what_cannot_be_reached_is_an_error_and_never_a_hang() -> None:
    city = town("straight")
    with pytest.raises(NoRouteError, match="no way leads from edge 'straight' to edge 'straight'"):
        find_route(city, Place("straight", 2.0), Place("straight", 1.0))
    with pytest.raises(NoRouteError, match="without entering 1, 10"):
        find_route(town("pixelopolis"), Place("8", 0.0), Place("2", 0.1), blocked=["10", "1"])
    with pytest.raises(NoRouteError, match="no way leads"):
        find_route(town("pixelopolis"), Place("8", 0.0), Place("2", 0.1), blocked={"2"})


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        (Place("99", 0.0), Place("1", 0.0), "start: city 'pixelopolis' has no edge '99'"),
        (Place("1", 0.0), Place("", 0.0), "end: city 'pixelopolis' has no edge ''"),
        (Place("1", -0.1), Place("2", 0.0), "start: -0.100 m lies outside edge '1'"),
        (Place("1", 0.0), Place("2", 9.0), "end: 9.000 m lies outside edge '2'"),
        (Place("1", math.nan), Place("2", 0.0), "start: nan m lies outside edge '1'"),
        (Place("1", 0.0), Place("2", math.inf), "end: inf m lies outside edge '2'"),
    ],
)
def test_an_unknown_place_is_named(start: Place, end: Place, says: str) -> None:
    with pytest.raises(NoRouteError) as caught:
        find_route(town("pixelopolis"), start, end)
    assert says in caught.value.message
    assert caught.value.next_step


# --- the path along a route ---------------------------------------------------------------------


@st.composite
def paths(draw: st.DrawFn) -> RoutePath:
    city, start, end = draw(trips())
    try:
        return RoutePath(city, find_route(city, start, end))
    except NoRouteError:
        assume(False)
        raise


@given(paths())
def test_a_path_runs_from_place_to_place_without_a_gap_or_a_kink(path: RoutePath) -> None:
    city, route = path.city, path.route
    begin, stop = path.pose_at(0.0), path.pose_at(path.length_m)
    assert begin.distance_m(city.edges[route.edges[0]].curve.pose_at(route.start_s_m)) < 1e-3
    assert stop.distance_m(city.edges[route.edges[-1]].curve.pose_at(route.end_s_m)) < 2e-3
    # legs are contiguous, and the curve is as long as all legs
    for one, other in pairwise(path.legs):
        assert one.end_m == other.start_m
    assert path.curve.length_m == pytest.approx(path.legs[-1].end_m + route.start_s_m, abs=1e-3)
    assert np.diff(path.curve.s_m).max() < 0.006
    assert np.abs(np.diff(path.curve.headings_rad)).max() < math.radians(3)
    speeds = {city.edges[e].speed_limit_mps for e in route.edges}
    assert len(speeds) == 1  # so that the time follows from the length
    assert path.length_m == pytest.approx(route_time_s(city, route) * speeds.pop())


@given(paths(), st.floats(0, 1))
def test_a_place_on_a_path_is_where_the_path_says(path: RoutePath, part: float) -> None:
    distance_m = part * path.length_m
    leg, place, pose = path.leg_at(distance_m), path.place_at(distance_m), path.pose_at(distance_m)
    assert leg.start_m <= distance_m <= leg.end_m + 1e-9
    assert (leg.edge is None) != (leg.movement is None)
    if leg.edge is not None:
        assert place.edge == leg.edge
        there = path.city.edges[leg.edge].curve.pose_at(place.s_m)
        assert pose.distance_m(there) < 2e-3
        # in the curve of the whole path, parts share a corner's sample
        assert abs(wrap_rad(pose.heading_rad - there.heading_rad)) < math.radians(2)
    else:
        assert leg.movement is not None
        assert place.edge == leg.movement[0]
        inside_m = distance_m - leg.start_m
        assert place.s_m == pytest.approx(path.city.edges[place.edge].length_m + inside_m)
        there = path.city.movements[leg.movement].curve.pose_at(inside_m)
        assert pose.distance_m(there) < 2e-3


@given(paths(), st.floats(0, 1))
def test_the_command_is_that_of_the_junction_ahead(path: RoutePath, part: float) -> None:
    distance_m = part * path.length_m
    ahead = [leg for leg in path.legs if leg.movement and leg.end_m > distance_m]
    turns = [path.city.movements[leg.movement].turn for leg in ahead if leg.movement]
    turns.append(Turn.STRAIGHT)
    leg = path.leg_at(distance_m)
    if leg.movement is None or distance_m < leg.start_m + (leg.end_m - leg.start_m) * 0.66:
        assert path.turn_at(distance_m) == turns[0]
    elif distance_m > leg.start_m + (leg.end_m - leg.start_m) * 0.67:
        assert path.turn_at(distance_m) == turns[min(1, len(turns) - 1)]


@given(paths(), st.floats(0, 1))
def test_a_turn_is_asked_for_at_its_junction_only(path: RoutePath, part: float) -> None:
    distance_m = part * path.length_m
    asked = path.command_at(distance_m)
    near = [
        leg
        for leg in path.legs
        if leg.movement
        and leg.start_m - COMMAND_LEAD_M <= distance_m
        and distance_m < leg.start_m + (leg.end_m - leg.start_m) * COMMITTED_PART
    ]
    if near and near[0].movement:
        assert asked == path.city.movements[near[0].movement].turn == path.turn_at(distance_m)
    else:
        assert asked is Turn.STRAIGHT


@given(paths())
def test_a_stop_line_lies_before_every_junction(path: RoutePath) -> None:
    stops_m = path.node_stops_m()
    assert len(stops_m) == len(path.route.movements)
    for stop_m, (first, _) in zip(stops_m, path.route.movements, strict=True):
        end = path.city.edges[first].curve.end
        assert path.pose_at(stop_m).distance_m(end) < 2e-3


@given(paths(), st.floats(0.01, 1))
def test_there_is_road_behind_the_start_and_beyond_the_end(path: RoutePath, by_m: float) -> None:
    behind, beyond = path.pose_at(-by_m), path.pose_at(path.length_m + by_m)
    assert behind.distance_m(path.pose_at(0.0)) <= by_m + 1e-9
    assert beyond.distance_m(path.pose_at(path.length_m)) <= by_m + 1e-9
    assert path.place_at(-by_m).edge == path.route.edges[0]
    assert path.place_at(path.length_m + by_m).edge == path.route.edges[-1]


def test_a_path_of_edges_that_do_not_follow_each_other_is_refused() -> None:
    with pytest.raises(NoRouteError, match="no movement leads from edge '1' to edge '3'"):
        RoutePath(town("pixelopolis"), Route(("1", "3"), 0.0, 0.1))


def test_one_search_serves_all_cars_that_go_to_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    city, searches = load_city("grid:6x5:3"), 0
    search = nx.single_source_dijkstra

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal searches
        searches += 1
        return search(*args, **kwargs)

    monkeypatch.setattr(nx, "single_source_dijkstra", counted)
    end = Place(next(iter(city.edges)), 0.1)
    for edge in city.edges:
        find_route(city, Place(edge, 0.2), end)
    assert searches == 1
    blocked = sorted(city.edges)[5]
    with contextlib.suppress(NoRouteError):
        find_route(city, Place(sorted(city.edges)[9], 0.2), end, {blocked})
    assert searches == 2, "not where another edge is closed"
