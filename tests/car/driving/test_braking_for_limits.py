"""Speed limits along a path, and braking for lower ones."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.speed_limits import SpeedLimits
from pixelopolis.city.model import City
from pixelopolis.city.route import Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.sources import load_city

BRAKING_MPS2 = 0.12


def town(**limits_mps: float) -> City:
    city = load_city("pixelopolis")
    slow = {k[1:]: replace(city.edges[k[1:]], speed_limit_mps=v) for k, v in limits_mps.items()}
    return replace(city, edges={**city.edges, **slow})


@lru_cache
def path(**limits_mps: float) -> RoutePath:
    """1.1 m of edge 9, through a junction, 10 and 2."""
    return RoutePath(town(**limits_mps), Route(("9", "10", "2"), 0.1, 0.1))


def test_the_town_s_limit_holds_everywhere() -> None:
    way = path()
    limits = SpeedLimits(way)
    for distance_m in (-0.1, 0.0, 1.0, 1.3, way.length_m, way.length_m + 0.3):
        assert limits.at(distance_m) == pytest.approx(0.136)


def test_a_slow_edge_is_braked_for_in_time_and_left_in_full() -> None:
    way = path(_10=0.05)
    limits = SpeedLimits(way)
    junction, slow = way.legs[1], way.legs[2]
    begins_m, ends_m = junction.start_m - 0.05, way.legs[3].end_m + 0.05
    assert limits.at(begins_m) == pytest.approx(0.05), "the junction before it is as slow"
    assert limits.at(slow.start_m + 0.5) == pytest.approx(0.05)
    assert limits.at(ends_m - 1e-6) == pytest.approx(0.05), "and the one behind it"
    assert limits.at(ends_m + 1e-6) == pytest.approx(0.136)
    for before_m in (0.01, 0.03, 0.06):
        expected = math.sqrt(0.05**2 + 2 * BRAKING_MPS2 * before_m)
        assert limits.at(begins_m - before_m) == pytest.approx(expected)
    assert limits.at(begins_m - 0.2) == pytest.approx(0.136)


def test_an_order_s_own_limits_count_where_they_are_lower() -> None:
    way = path(_2=0.1)
    limits = SpeedLimits(way, (0.08, None, 0.5))
    assert limits.at(0.5) == pytest.approx(0.08)
    assert limits.at(way.legs[1].start_m + 0.2) == pytest.approx(0.08), "in the junction too"
    assert limits.at(way.legs[2].start_m + 0.5) == pytest.approx(0.136)
    assert limits.at(way.length_m) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="zip"):
        SpeedLimits(way, (0.08,))


@given(st.floats(-0.1, 4.0), st.lists(st.none() | st.floats(0.02, 0.3), min_size=3, max_size=3))
def test_it_is_always_possible_to_brake_to_what_comes(
    distance_m: float, ordered: list[float | None]
) -> None:
    limits = SpeedLimits(path(), ordered)
    here, there = limits.at(distance_m), limits.at(distance_m + 0.05)
    assert 0 < here <= 0.136 + 1e-9
    assert here**2 <= there**2 + 2 * BRAKING_MPS2 * 0.05 + 1e-9
