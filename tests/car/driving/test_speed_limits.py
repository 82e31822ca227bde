"""How fast a car may drive along its path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.driver import SEARCH_MPS, search_speed_mps
from car.driving.speed_limits import EARLY_M, SpeedLimits
from car.driving.speed_profile import DECELERATION_MPS2
from pixelopolis.city.route import Route
from pixelopolis.city.route_path import Leg, RoutePath
from pixelopolis.city.sources import load_city
from pixelopolis.vehicle.speeds import CRUISE_MPS

CITY = load_city("pixelopolis")
PATH = RoutePath(CITY, Route(("15", "14", "6"), 0.6, 0.1))
NEAR_A_BORDER = st.builds(
    lambda leg, off_m: leg.start_m + off_m, st.sampled_from(PATH.legs[1:]), st.floats(-0.2, 0.1)
)
PLACES = st.floats(-0.1, PATH.length_m) | NEAR_A_BORDER
LIMITS = st.lists(st.none() | st.floats(0.02, 0.2), min_size=3, max_size=3)


def at_leg(limits: list[float | None], distance_m: float) -> float:
    """Return the limit of the leg at a distance, by hand."""
    said = [min(CRUISE_MPS, CRUISE_MPS if limit is None else limit) for limit in limits]
    i = PATH.legs.index(PATH.leg_at(distance_m))
    return said[i // 2] if i % 2 == 0 else min(said[i // 2], said[i // 2 + 1])


@given(LIMITS, PLACES)
def test_no_limit_is_broken_on_its_edge_nor_a_little_beside_it(
    limits: list[float | None], distance_m: float
) -> None:
    allowed = SpeedLimits(PATH, limits).at(distance_m)
    for near_m in (distance_m - 0.99 * EARLY_M, distance_m, distance_m + 0.99 * EARLY_M):
        assert allowed <= at_leg(limits, near_m) + 1e-12


@given(LIMITS, PLACES, st.floats(0.0, 0.05))
def test_speed_falls_no_faster_than_a_comfortable_braking(
    limits: list[float | None], distance_m: float, way_m: float
) -> None:
    allowed = SpeedLimits(PATH, limits)
    now, then = allowed.at(distance_m), allowed.at(distance_m + way_m)
    assert now**2 - then**2 <= 2 * DECELERATION_MPS2 * way_m + 1e-12


@given(LIMITS, st.sampled_from(PATH.legs))
def test_far_from_every_border_the_limit_is_driven(limits: list[float | None], leg: Leg) -> None:
    middle_m = (leg.start_m + leg.end_m) / 2
    before_next_m = leg.end_m - EARLY_M - middle_m
    reach_mps = (2 * DECELERATION_MPS2 * before_next_m) ** 0.5
    expected = at_leg(limits, middle_m)
    if reach_mps > CRUISE_MPS:
        assert SpeedLimits(PATH, limits).at(middle_m) == expected


def test_the_lower_of_town_and_order_holds() -> None:
    assert SpeedLimits(PATH).at(0.3) == CRUISE_MPS
    assert SpeedLimits(PATH, (0.2, None, None)).at(0.3) == CRUISE_MPS
    assert SpeedLimits(PATH, (0.05, None, None)).at(0.3) == 0.05
    assert SpeedLimits(PATH, (0.05, None, None)).at(2.0) == CRUISE_MPS


def test_before_a_slow_edge_the_speed_is_that_of_a_comfortable_braking() -> None:
    allowed = SpeedLimits(PATH, (None, 0.05, None))
    slow_from_m = PATH.legs[1].start_m - EARLY_M
    for left_m in (0.0, 0.02, 0.05):
        braking_mps = (0.05**2 + 2 * DECELERATION_MPS2 * left_m) ** 0.5
        assert allowed.at(slow_from_m - left_m) == pytest.approx(braking_mps)
    assert allowed.at(slow_from_m - 0.1) == CRUISE_MPS


def test_beyond_the_last_edge_its_limit_holds() -> None:
    assert SpeedLimits(PATH, (None, None, 0.04)).at(PATH.legs[-1].end_m + 1.0) == 0.04


def test_a_car_that_is_lost_keeps_the_lowest_limit_of_its_town() -> None:
    assert search_speed_mps(CITY) == pytest.approx(SEARCH_MPS)
