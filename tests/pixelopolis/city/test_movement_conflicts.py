"""Movements that may be used at the same time, checked with polygons."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon
from shapely.ops import unary_union

from pixelopolis.city.model import City
from pixelopolis.city.movement_conflicts import MARGIN_M, bodies_along, movement_conflicts
from pixelopolis.city.sources import load_city, shipped_cities
from pixelopolis.geometry import Curve, Pose, arc, straight
from pixelopolis.vehicle.bodies import bodies_overlap, body_corners

CITIES = {name: load_city(name) for name in (*shipped_cities(), "grid:2x2:1", "grid:3x2:5")}


def swept(curve: Curve) -> Polygon:
    along = np.linspace(0.0, curve.length_m, max(2, int(curve.length_m / 0.005)))
    return unary_union([Polygon(body_corners(curve.pose_at(s))) for s in along])


def overlap(first: Curve, second: Curve) -> bool:
    return bodies_overlap(bodies_along(first), bodies_along(second), MARGIN_M)


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    start = Pose(draw(st.floats(-0.6, 0.6)), draw(st.floats(-0.6, 0.6)), draw(st.floats(-3.1, 3.1)))
    turn = draw(st.sampled_from([0.0, 1.57, -1.57, 0.6]))
    return arc(start, 0.3, turn) if turn else straight(start, 0.6)


@settings(max_examples=60)
@given(curves(), curves())
def test_overlap_agrees_with_polygons(first: Curve, second: Curve) -> None:
    gap_m = swept(first).distance(swept(second))
    if gap_m > 2 * 2**0.5 * MARGIN_M + 0.01:
        assert not overlap(first, second)
    if gap_m < 2 * MARGIN_M - 0.01:
        assert overlap(first, second)


def test_opposite_and_crossing_ways_through_a_grid_junction() -> None:
    city = CITIES["grid:2x2:1"]
    conflicts = movement_conflicts(city)
    eastward, westward = ("0.1-1.1", "1.1-2.1"), ("2.1-1.1", "1.1-0.1")
    northward = ("1.0-1.1", "1.1-1.2")
    assert westward not in conflicts[eastward]
    assert northward in conflicts[eastward]
    assert ("0.1-1.1", "1.1-1.0") in conflicts[eastward]  # both leave one edge
    assert ("1.2-1.1", "1.1-2.1") in conflicts[eastward]  # both enter one edge
    right_turns = [("0.1-1.1", "1.1-1.0"), ("2.1-1.1", "1.1-1.2")]
    assert right_turns[1] not in conflicts[right_turns[0]]


@pytest.mark.parametrize("name", CITIES)
def test_conflicts_are_mutual_and_never_at_oneself(name: str) -> None:
    conflicts = movement_conflicts(CITIES[name])
    assert set(conflicts) == set(CITIES[name].movements)
    for key, others in conflicts.items():
        assert key not in others
        assert all(key in conflicts[other] for other in others)


def standing_in_the_way(city: City) -> list[tuple[str, tuple[str, str]]]:
    return [
        (edge.id, key)
        for edge in city.edges.values()
        for key, movement in city.movements.items()
        if edge.id not in key and overlap(edge.curve, movement.curve)
    ]


@pytest.mark.parametrize("name", CITIES)
def test_a_car_on_an_edge_is_in_nobodys_way(name: str) -> None:
    """Traffic relies on it: a car waiting on its edge blocks that edge and no junction."""
    city = CITIES[name]
    assert standing_in_the_way(city) == []
    touching = [
        (one.id, other.id)
        for one, other in combinations(city.edges.values(), 2)
        if overlap(one.curve, other.curve)
    ]
    assert touching == []
