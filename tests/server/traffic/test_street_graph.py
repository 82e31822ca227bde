"""The city's graph: routes, closures, and places to park; compared with networkx."""

from __future__ import annotations

import random
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelopolis.city.model import City
from pixelopolis.city.route import Place, Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.sources import load_city
from pixelopolis.errors import CityError
from pixelopolis.geometry import Curve
from server.traffic.street_graph import OPEN, Closed, StreetGraph

CITIES = [StreetGraph(load_city(name)) for name in ("pixelopolis", "grid:3x2:5")]
STREETS = CITIES[0]


def graph_of(streets: StreetGraph, closed: Closed, extra_s: dict[str, float]) -> nx.DiGraph:
    """Arcs are movements, weighted by the edge before, the movement, and the extra."""
    graph = nx.DiGraph()
    graph.add_nodes_from(streets.city.edges)
    for (first, second), movement in streets.city.movements.items():
        if second in closed.edges or (first, second) in closed.movements:
            continue
        a, b = streets.city.edges[first], streets.city.edges[second]
        limit = min(a.speed_limit_mps, b.speed_limit_mps)
        time_s = a.length_m / a.speed_limit_mps + movement.length_m / limit
        graph.add_edge(first, second, weight=time_s + extra_s.get(second, 0.0))
    return graph


def cost(graph: nx.DiGraph, way: tuple[str, ...]) -> float:
    return nx.path_weight(graph, way, "weight")


@st.composite
def towns(draw: st.DrawFn) -> tuple[StreetGraph, Closed, dict[str, float], random.Random]:
    streets = draw(st.sampled_from(CITIES))
    rng = random.Random(draw(st.integers(0, 2**32)))
    edges, movements = sorted(streets.city.edges), sorted(streets.city.movements)
    closed = Closed(
        frozenset(rng.sample(edges, rng.randint(0, 4))),
        frozenset(rng.sample(movements, rng.randint(0, 4))),
    )
    extra = {edge: rng.uniform(0, 40) for edge in rng.sample(edges, rng.randint(0, 6))}
    return streets, closed, extra, rng


@given(towns())
@settings(max_examples=60)
def test_a_way_is_the_quickest_open_one(
    town: tuple[StreetGraph, Closed, dict[str, float], random.Random],
) -> None:
    streets, closed, extra, rng = town
    graph = graph_of(streets, closed, extra)
    for _ in range(5):
        start, goal = rng.choices(sorted(streets.city.edges), k=2)
        way = streets.way(start, goal, closed, extra)
        firsts = [e for e in graph.successors(start) if nx.has_path(graph, e, goal)]
        assert (way is not None) is bool(firsts)
        assert streets.leads(start, goal, closed) is bool(firsts)
        if way is None:
            continue
        assert (way[0], way[-1]) == (start, goal)
        assert len(way) >= 2
        best = min(
            graph.edges[start, e]["weight"] + nx.shortest_path_length(graph, e, goal, "weight")
            for e in firsts
        )
        assert cost(graph, way) == pytest.approx(best)
        assert nx.is_path(graph, list(way))


def test_the_way_around_to_the_own_edge() -> None:
    assert STREETS.way("7", "7") == ("7", "9", "11", "13", "7")
    assert STREETS.way("7", "7", Closed(frozenset({"13"}))) == (
        ("7", "9", "11", "12", "14", "6", "7")
    )


@given(towns())
@settings(max_examples=40)
def test_what_is_reachable_is_found_by_the_shortest_ways_nearest_first(
    town: tuple[StreetGraph, Closed, dict[str, float], random.Random],
) -> None:
    streets, closed, _, rng = town
    start = rng.choice(sorted(streets.city.edges))
    graph = graph_of(streets, closed, {})
    ways = list(streets.ways_from(start, closed))
    steps = nx.single_source_shortest_path_length(graph, start)
    assert {way[-1]: len(way) - 1 for way in ways} == {e: n for e, n in steps.items() if n}
    assert [len(way) for way in ways] == sorted(len(way) for way in ways)
    for way in ways:
        assert way[0] == start
        assert nx.is_path(graph, list(way))


def test_closed_is_what_is_closed() -> None:
    closed = Closed(frozenset({"2"}), frozenset({("3", "4")}))
    assert not STREETS.may_go("1", "2", closed)
    assert not STREETS.may_go("3", "4", closed)
    assert STREETS.may_go("3", "15", closed)
    assert STREETS.may_go("2", "3", closed), "leaving a closed edge is free"
    assert STREETS.may_go("1", "2", OPEN)


def test_slow_streets_are_driven_around() -> None:
    city = STREETS.city
    slow = replace(city.edges["15"], speed_limit_mps=0.05)
    streets = StreetGraph(replace(city, edges={**city.edges, "15": slow}))
    assert STREETS.way("3", "6") == ("3", "15", "14", "6")
    assert streets.way("3", "6") == ("3", "4", "5", "6")


def test_a_car_parks_six_centimetres_before_the_end_or_in_the_middle_of_a_short_edge() -> None:
    assert STREETS.city.edges["1"].length_m == pytest.approx(1.77123, abs=1e-5)
    assert STREETS.parking("1") == Place("1", 1.711)
    assert STREETS.parking("2").s_m == pytest.approx(0.14, abs=5e-4)
    short = with_length(STREETS.city, "9", 0.10)
    assert StreetGraph(short).parking("9").s_m == pytest.approx(0.05, abs=5e-4)


def with_length(city: City, edge: str, length_m: float) -> City:
    """Return a city in which an edge is shortened or lengthened straight on."""
    old = city.edges[edge]
    start = old.curve.start
    end = start.ahead(length_m)
    curve = Curve(np.array([(start.x_m, start.y_m), (end.x_m, end.y_m)]))
    return replace(city, edges={**city.edges, edge: replace(old, curve=curve)})


@pytest.mark.parametrize(("length_m", "sound"), [(0.0899, False), (0.0901, True)])
def test_an_edge_on_which_a_waiting_car_would_stand_in_a_junction_is_refused(
    length_m: float, sound: bool
) -> None:
    """A tail of 6 cm and a margin of 3: no car can wait on shorter edges."""
    city = with_length(STREETS.city, "9", length_m)
    if sound:
        StreetGraph(city)
        return
    with pytest.raises(CityError) as caught:
        StreetGraph(city)
    assert [fault.place for fault in caught.value.faults] == ["edge '9'"]
    assert "0.090 m" in str(caught.value.faults[0])


def test_paths_are_made_once() -> None:
    route = Route(("1", "2"), 0.1, 0.1)
    assert isinstance(STREETS.path_of(route), RoutePath)
    assert STREETS.path_of(route) is STREETS.path_of(Route(("1", "2"), 0.1, 0.1))
