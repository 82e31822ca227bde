"""A car that reports another one in its way: what is closed to it, and for how long."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pixelopolis.city.route import Place
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.vda5050.state import (
    EdgeState,
    ErrorLevel,
    ErrorType,
    NodeState,
    PowerSupply,
    Reference,
    State,
    StateError,
)
from server.traffic.car_link import CarLink
from server.traffic.car_reports import take_report
from server.traffic.granting import advance
from server.traffic.reservations import Ride, Traffic, block, closed_to, place_car, start_ride
from server.traffic.street_graph import OPEN, StreetGraph

STREETS = StreetGraph(load_city("pixelopolis"))
NOW_S = 1000.0


def on_the_way(edge: str, s_m: float, goal: Place, released: int, progress_m: float) -> Traffic:
    placed = place_car(STREETS, Traffic(), "car1", Place(edge, s_m))
    assert isinstance(placed, Traffic)
    route = find_route(STREETS.city, Place(edge, s_m), goal)
    ride = Ride("o1", "b1", route, NOW_S, released, progress_m=progress_m, taken=True)
    return start_ride(placed, "car1", ride)


def blocked_by_car(edge: str) -> StateError:
    return StateError(
        error_type=ErrorType.BLOCKED_BY_CAR,
        error_level=ErrorLevel.WARNING,
        error_references=(Reference(reference_key="edgeId", reference_value=edge),),
    )


def said(traffic: Traffic, *errors: StateError, driving: bool = False) -> Traffic:
    state = State(
        header_id=1,
        timestamp=datetime.now(UTC),
        serial_number="car1",
        order_id="o1",
        last_node_id="at:9:100",
        distance_since_last_node=0.9,
        node_states=(NodeState(node_id="9", sequence_id=2, released=True),),
        edge_states=(EdgeState(edge_id="9", sequence_id=1, released=True),),
        driving=driving,
        power_supply=PowerSupply(state_of_charge=90),
        errors=errors,
    )
    link = CarLink("car1", lambda _: None, state)
    traffic, ended = take_report(STREETS, traffic, link, NOW_S)
    assert ended is None
    assert not link.problem
    return traffic


def advanced(traffic: Traffic) -> Ride:
    traffic, _ = advance(STREETS, traffic, NOW_S)
    ride = traffic.cars["car1"].ride
    assert ride is not None
    return ride


MUSEUM = Place("7", 0.1)


def test_an_edge_stays_closed_to_who_was_blocked_until_it_drives_again() -> None:
    traffic = on_the_way("9", 0.1, MUSEUM, released=2, progress_m=0.5)
    traffic = said(traffic, blocked_by_car("11"))
    assert traffic.cars["car1"].blocked == ("11",)
    traffic = said(traffic, blocked_by_car("11"))
    assert traffic.cars["car1"].blocked == ("11",)
    traffic = said(traffic)
    assert traffic.cars["car1"].blocked == ("11",), "standing still proves nothing"
    traffic = said(traffic, blocked_by_car("10"))
    assert closed_to(OPEN, traffic.cars["car1"]).edges == {"10", "11"}
    assert said(traffic, driving=True).cars["car1"].blocked == ()


@pytest.mark.parametrize("edge", ["", "no-such-edge"])
def test_an_edge_that_is_not_in_the_town_closes_nothing(edge: str) -> None:
    traffic = on_the_way("9", 0.1, MUSEUM, released=2, progress_m=0.5)
    assert said(traffic, blocked_by_car(edge)).cars["car1"].blocked == ()


def test_it_is_stored_and_old_documents_are_read() -> None:
    traffic = block(on_the_way("9", 0.1, MUSEUM, 2, 0.5), "car1", "11")
    document: dict[str, Any] = json.loads(json.dumps(traffic.to_document()))
    assert Traffic.from_document(document) == traffic
    del document["cars"][0]["blocked"]
    assert Traffic.from_document(document).cars["car1"].blocked == ()


def test_an_idle_car_that_says_again_where_it_stands_stays_blocked() -> None:
    placed = place_car(STREETS, Traffic(), "car1", Place("9", 1.0))
    assert isinstance(placed, Traffic)
    again = place_car(STREETS, block(placed, "car1", "11"), "car1", Place("9", 1.01))
    assert isinstance(again, Traffic)
    assert again.cars["car1"].blocked == ("11",)


def test_beyond_the_base_the_horizon_goes_another_way() -> None:
    traffic = block(on_the_way("9", 0.1, MUSEUM, released=1, progress_m=0.1), "car1", "11")
    ride = advanced(traffic)
    assert not ride.ending
    assert ride.route.edges[:2] == ("9", "10")
    assert ride.route.edges[-1] == "7"


def test_within_the_base_the_order_is_given_back_when_there_is_another_way() -> None:
    traffic = block(on_the_way("9", 0.1, MUSEUM, released=2, progress_m=0.9), "car1", "11")
    assert advanced(traffic).ending
    free = block(traffic, "car1", "")
    assert not advanced(free).ending


@pytest.mark.parametrize(
    ("progress_m", "blocked", "why"),
    [
        (0.9, "9", "the other stands on its own edge"),
        (0.9, "7", "the other stands at the destination"),
        (1.3, "11", "it is in the junction already"),
    ],
)
def test_without_another_way_it_keeps_its_order(progress_m: float, blocked: str, why: str) -> None:
    traffic = on_the_way("9", 0.1, MUSEUM, released=2, progress_m=progress_m)
    before = advanced(traffic)
    after = advanced(block(traffic, "car1", blocked))
    assert replace(after, update_id=0) == replace(before, update_id=0), why
