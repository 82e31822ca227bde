"""Assignment of cars to visitors, and their routes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelopolis.city.route import Place, Route, route_time_s
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.errors import NoRouteError
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.vda5050.order import parse_place, place_node_id
from pixelopolis.vda5050.state import PowerSupply, State
from server.traffic.car_link import CarLink
from server.traffic.dispatch import (
    choose_cars,
    eta_s,
    ready_places,
    round_place,
    route_to,
    signs_on,
)
from server.traffic.reservations import Car, Ride, Traffic
from server.traffic.street_graph import OPEN, Closed, StreetGraph

STREETS = StreetGraph(load_city("pixelopolis"))
CITY = STREETS.city
EDGES = sorted(CITY.edges)


@pytest.mark.parametrize(
    ("s_m", "rounded_m"), [(-0.3, 0.0), (0.0004, 0.0), (0.0006, 0.001), (0.5, 0.5), (9.9, 1.771)]
)
def test_places_are_whole_millimetres_on_their_edge(s_m: float, rounded_m: float) -> None:
    """Edge 1 is 1.7712 m long: rounding up would exceed its end."""
    place = round_place(CITY, Place("1", s_m))
    assert place == Place("1", rounded_m)
    assert parse_place(place_node_id(place)) == place


@pytest.mark.parametrize(
    ("past_m", "stays"), [(-0.001, False), (0.0, True), (0.1, True), (0.101, False)]
)
def test_who_stands_ten_centimetres_past_a_place_stands_at_it(past_m: float, stays: bool) -> None:
    start, end = Place("9", round(0.5 + past_m, 3)), Place("9", 0.5)
    route = route_to(STREETS, start, end, OPEN)
    if stays:
        assert (route.edges, route.start_s_m, route.end_s_m) == (("9",), start.s_m, start.s_m)
    else:
        assert route.end_s_m == 0.5
        assert len(route.edges) == (1 if past_m < 0 else len(("9", "11", "13", "7", "9")))
    other = route_to(STREETS, Place("10", 0.55), Place("9", 0.5), OPEN)
    assert other.edges[0] == "10"
    assert other.edges[-1] == "9"


def test_closed_streets_are_driven_around_when_there_is_a_way_around() -> None:
    start, end = Place("3", 0.1), Place("6", 0.1)
    assert route_to(STREETS, start, end, OPEN).edges == ("3", "15", "14", "6")
    closed = Closed(frozenset({"15"}))
    assert route_to(STREETS, start, end, closed).edges == ("3", "4", "5", "6")
    shut = Closed(frozenset({"15", "4"}))
    assert route_to(STREETS, start, end, shut).edges == ("3", "15", "14", "6"), "it will wait"
    own = Closed(frozenset({"3", "15"}))
    assert route_to(STREETS, start, end, own).edges == ("3", "4", "5", "6"), "it is there already"
    with pytest.raises(NoRouteError):
        route_to(
            StreetGraph(load_city("straight")), Place("straight", 3), Place("straight", 1), OPEN
        )


@given(st.lists(st.tuples(st.sampled_from(EDGES), st.floats(0, 0.2)), max_size=5))
@settings(max_examples=40)
def test_the_car_that_arrives_soonest_is_first(places: list[tuple[str, float]]) -> None:
    ready = {f"car{i}": Place(edge, round(s_m, 3)) for i, (edge, s_m) in enumerate(places)}
    end = Place("4", 1.2)
    chosen = choose_cars(STREETS, ready, end, OPEN)
    assert sorted(chosen) == sorted(ready)
    times = [route_time_s(CITY, find_route(CITY, ready[car], end)) for car in chosen]
    assert times == sorted(times)


def test_who_cannot_get_there_is_left_out() -> None:
    """On a single straight street no car can turn around."""
    street = StreetGraph(load_city("straight"))
    ready = {"past": Place("straight", 3.0), "before": Place("straight", 0.5)}
    assert choose_cars(street, ready, Place("straight", 2.0), OPEN) == ("before",)
    assert choose_cars(street, ready, Place("straight", 0.2), OPEN) == ()
    assert choose_cars(street, {}, Place("straight", 0.2), OPEN) == ()


def test_signs_are_told_in_driving_order() -> None:
    edges = [edge for edge in EDGES if any(sign.edge == edge for sign in CITY.signs)]
    told = signs_on(CITY, [*edges, "2"])
    for edge, classes in told.items():
        passed = sorted((s.s_m, s.sign_class) for s in CITY.signs if s.edge == edge)
        assert classes == [sign_class for _, sign_class in passed]
    assert any(told.values())


# --- readiness ------------------------------------------------------------------------------------

SAID = State(
    header_id=0,
    timestamp=datetime(2026, 1, 1, tzinfo=UTC),
    serial_number="car1",
    last_node_id="at:9:100",
    driving=False,
    power_supply=PowerSupply(state_of_charge=80.0),
)
CAR = Car("car1", Place("9", 0.1))
LINK = CarLink("car1", lambda message: None, SAID)
WAY = Route(("9", "10"), 0.1, 0.7)


def ready(
    car: Car = CAR, link: CarLink | None = LINK, busy: frozenset[str] = frozenset()
) -> dict[str, Place]:
    links = {} if link is None else {"car1": link}
    return dict(ready_places(Traffic().put(car), links, busy))


def test_a_car_that_stands_and_is_heard_is_ready_where_it_stands() -> None:
    assert ready() == {"car1": Place("9", 0.1)}


@pytest.mark.parametrize(
    "why",
    [
        {"busy": frozenset({"car1"})},
        {"car": replace(CAR, frozen=reason(ReasonCode.SILENT))},
        {"link": None},
        {"link": replace(LINK, state=None)},
        {"link": replace(LINK, problem=reason(ReasonCode.LOST))},
        {"car": replace(CAR, ride=Ride("o1", "b1", WAY, 1.0))},
    ],
)
def test_a_car_is_not_ready_that_is_booked_silent_unheard_or_on_a_ride(why: dict[str, Any]) -> None:
    assert ready(**why) == {}


def test_who_makes_way_is_ready_where_it_will_stand_and_others_do_not_matter() -> None:
    giving = replace(CAR, ride=Ride("o1", None, WAY, 1.0))
    assert ready(giving, busy=frozenset({"car2"})) == {"car1": Place("10", 0.7)}
    two = Traffic().put(replace(CAR, frozen=reason(ReasonCode.LOST)), replace(CAR, id="car2"))
    links = {"car1": LINK, "car2": replace(LINK, car="car2")}
    assert dict(ready_places(two, links, frozenset())) == {"car2": CAR.place}


@pytest.mark.parametrize(("part", "left"), [(0.0, 1.0), (0.35, 0.65), (1.0, 0.0), (1.2, 0.0)])
def test_what_is_left_of_a_ride_is_told_in_tenths_of_a_second(part: float, left: float) -> None:
    route = Route(("9", "10"), 0.1, 0.7)
    length_m = STREETS.path_of(route).length_m
    told_s = eta_s(STREETS, Ride("o1", "b1", route, 1.0, progress_m=part * length_m))
    exact_s = left * route_time_s(CITY, route)
    assert told_s == pytest.approx(exact_s, abs=0.051)
    assert told_s * 10 == pytest.approx(round(told_s * 10))
    assert (told_s != round(told_s)) is (left > 0), "not in whole seconds"
    nowhere = Route(("9",), 0.1, 0.1)
    assert eta_s(STREETS, Ride("o1", "b1", nowhere, 1.0)) == 0.0
