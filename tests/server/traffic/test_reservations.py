"""Traffic: no collisions, no starvation, and what a car does not leave stays closed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelopolis.city.route import Place
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.vehicle.clearances import CLEAR_OF_EDGE_M
from server.traffic.granting import advance
from server.traffic.reservations import (
    Ride,
    Traffic,
    base_end_m,
    closed_by,
    edge_holders,
    end_ride,
    freeze,
    held,
    observe,
    place_car,
    start_ride,
    stop_ride,
)
from server.traffic.safe_state import Token, find_plan
from server.traffic.street_graph import OPEN, StreetGraph
from tests.support.abstract_traffic import SILENT, Town

CITIES = {name: load_city(name) for name in ("pixelopolis", "grid:2x2:1", "grid:3x2:5")}
STREETS = StreetGraph(CITIES["pixelopolis"])


def put(traffic: Traffic, car: str, edge: str, s_m: float) -> Traffic:
    placed = place_car(STREETS, traffic, car, Place(edge, s_m))
    assert isinstance(placed, Traffic)
    return placed


def ride(traffic: Traffic, car: str, edge: str, s_m: float, sequence: float = 0.0) -> Traffic:
    route = find_route(STREETS.city, traffic.cars[car].place, Place(edge, s_m))
    return start_ride(traffic, car, Ride(f"order-{car}", f"b-{car}", route, sequence))


# --- the whole city, at random ----------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(sorted(CITIES)), st.integers(2, 8), st.integers(0, 2**32))
def test_every_ride_arrives_and_cars_never_meet(name: str, cars: int, seed: int) -> None:
    """Cars drive at random speeds; bodies, edges and crossings are checked at every step."""
    town = Town.with_cars(CITIES[name], cars, seed)
    wanted = 0
    for _ in range(150):
        for car in town.idle_cars():
            if town.rng.random() < 0.3:
                wanted += town.book_at_random(car)
        town.play_round()
        town.check_waits()
    left = 0
    while any(c.ride is not None for c in town.traffic.cars.values()):
        town.play_round()
        left += 1
        assert left < 1200, "somebody does not arrive"
    assert town.arrived == wanted > 0


@pytest.mark.parametrize(("name", "cars"), [("pixelopolis", 8), ("grid:2x2:1", 12)])
def test_a_crowded_town_keeps_moving(name: str, cars: int) -> None:
    """So many cars that waiting is the rule; no car starves while others get ride after ride."""
    town = Town.with_cars(CITIES[name], cars, seed=4)
    for _ in range(400):
        for car in town.idle_cars():
            town.book_at_random(car)
        town.play_round()
        oldest = min(c.ride.sequence for c in town.traffic.cars.values() if c.ride)
        assert town.now_s - oldest < 300, "a ride waits longer than the whole town's turn"
    assert town.arrived > cars * 2


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32))
def test_a_silent_car_keeps_its_place_and_the_others_go_around(seed: int) -> None:
    town = Town.with_cars(CITIES["grid:3x2:5"], 4, seed)
    for car in town.idle_cars():
        town.book_at_random(car)
    for _ in range(town.rng.randint(1, 40)):
        town.play_round()
    victim = town.rng.choice(sorted(town.traffic.cars))
    town.kill(victim)
    before = held(town.streets, town.traffic.cars[victim])
    for _ in range(600):
        town.play_round()
    assert held(town.streets, town.traffic.cars[victim]) == before
    for car in town.traffic.cars.values():
        if car.id != victim and car.ride is not None:
            # a car that is still on its way cannot arrive, and reports why
            closed = closed_by(town.streets, [town.traffic.cars[victim]])
            assert town.streets.way(car.edge, car.ride.route.edges[-1], closed) is None
            assert town.waits[car.id].reason.words


# --- safety ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CITIES)), st.data())
def test_a_plan_is_a_real_sequence_of_steps(name: str, data: st.DataObject) -> None:
    streets = StreetGraph(CITIES[name])
    edges = sorted(streets.city.edges)
    count = data.draw(st.integers(1, len(edges) // 2))
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    places = rng.sample(edges, count)
    tokens = [
        Token(f"car{i}", edge, rng.choice([None, *edges]), must_move=rng.random() < 0.2)
        for i, edge in enumerate(places)
    ]
    plan = find_plan(streets, tokens, OPEN)
    assert plan is not None, "half the edges are free: there is always a way"
    where = {token.car: token.edge for token in tokens}
    been = {token.car: set() if token.must_move else {token.edge} for token in tokens}
    for car, edge in plan:
        assert (where[car], edge) in streets.city.movements
        assert edge not in where.values()
        where[car] = edge
        been[car].add(edge)
    for token in tokens:
        assert token.goal is None or token.goal in been[token.car]


def test_a_ring_that_is_full_is_opened_again() -> None:
    """Four cars on the smallest ring, each bound for the next edge: none can go first."""
    town = Town.with_cars(CITIES["pixelopolis"], 1, seed=1)
    town.traffic = Traffic()
    ring = ("7", "9", "11", "13")
    for i, edge in enumerate(ring):
        town.traffic = put(town.traffic, f"car{i}", edge, 0.15)
    for i in range(len(ring)):
        town.traffic = ride(town.traffic, f"car{i}", ring[i - 1], 0.15, sequence=i)
    assert not any(
        c.ride and c.ride.released > 1 for c in ordinary_grants(town.traffic).cars.values()
    )
    for _ in range(400):
        town.play_round()
    assert town.arrived == len(ring)


def ordinary_grants(traffic: Traffic) -> Traffic:
    """Grants without clearing the streets: time stands still, and some car still drives."""
    somebody = put(traffic, "driver", "5", 0.1)
    somebody = ride(somebody, "driver", "5", 1.7)
    return advance(STREETS, somebody, 1000.0)[0]


# --- single rules --------------------------------------------------------------------------------


def test_an_edge_is_released_only_when_the_car_was_seen_past_it() -> None:
    traffic = ride(put(Traffic(), "car1", "1", 1.5), "car1", "4", 1.0)
    traffic, _ = advance(STREETS, traffic, 0.0)
    car = traffic.cars["car1"]
    assert held(STREETS, car).edges == {"1", "2"}
    assert held(STREETS, car).movements == {("1", "2")}
    stop_m = STREETS.city.edges["1"].length_m - 1.5
    almost = observe(STREETS, traffic, "car1", stop_m + CLEAR_OF_EDGE_M - 0.001)
    assert "1" in held(STREETS, almost.cars["car1"]).edges
    past = observe(STREETS, traffic, "car1", stop_m + CLEAR_OF_EDGE_M + 0.001)
    assert held(STREETS, past.cars["car1"]).edges == {"2"}
    # an estimate that jumps back neither releases nor takes anything
    assert observe(STREETS, past, "car1", 0.0).cars["car1"] == past.cars["car1"]


def test_a_car_cannot_claim_to_be_beyond_its_base() -> None:
    traffic = ride(put(Traffic(), "car1", "1", 0.1), "car1", "4", 1.0)
    seen = observe(STREETS, traffic, "car1", 99.0).cars["car1"]
    assert seen.ride is not None
    assert seen.ride.progress_m == base_end_m(STREETS, seen.ride)
    assert held(STREETS, seen).edges == {"1"}


def test_a_car_far_from_the_end_of_its_base_asks_for_nothing_yet() -> None:
    traffic = ride(put(Traffic(), "car1", "1", 0.1), "car1", "4", 1.0)
    assert advance(STREETS, traffic, 0.0) == (traffic, {})


def test_the_older_ride_goes_first_where_two_ways_merge() -> None:
    traffic = put(put(Traffic(), "young", "1", 1.7), "old", "10", 1.1)
    traffic = ride(traffic, "young", "3", 0.1, sequence=20.0)
    traffic = ride(traffic, "old", "4", 1.0, sequence=10.0)
    traffic, waits = advance(STREETS, traffic, 30.0)
    assert edge_holders(STREETS, traffic)["2"] == "old"
    assert waits["young"].cars == ("old",)
    assert waits["young"].reason.words == "edge 2 is held by old"


def test_a_parked_car_makes_way_off_the_others_route() -> None:
    traffic = put(put(Traffic(), "parked", "2", 0.1), "car1", "1", 1.7)
    traffic = ride(traffic, "car1", "4", 1.0)
    traffic, waits = advance(STREETS, traffic, 5.0)
    parked = traffic.cars["parked"].ride
    assert parked is not None
    assert parked.booking_id is None
    assert parked.reason == reason(ReasonCode.MAKES_WAY, car="car1")
    wanted = traffic.cars["car1"].ride
    assert wanted is not None
    assert parked.route.edges[-1] not in wanted.route.edges
    assert waits["car1"].cars == ("parked",)


def test_a_silent_car_is_driven_around_or_waited_for_with_words() -> None:
    traffic = put(put(Traffic(), "dead", "4", 0.5), "car1", "3", 0.1)
    traffic = ride(freeze(traffic, "dead", SILENT), "car1", "5", 1.0)
    traffic = ride(freeze(traffic, "dead", SILENT), "car1", "6", 0.1)
    traffic, _ = advance(STREETS, traffic, 0.0)
    around = traffic.cars["car1"].ride
    assert around is not None
    assert around.route.edges == ("3", "15", "14", "6")
    only_way = put(put(Traffic(), "dead", "2", 0.1), "car1", "1", 1.7)
    only_way = ride(freeze(only_way, "dead", SILENT), "car1", "4", 1.0)
    _, waits = advance(STREETS, only_way, 0.0)
    assert waits["car1"].cars == ("dead",)
    assert waits["car1"].reason.words == "edge 2 is held by dead, which is silent"


def test_a_taken_edge_is_not_given_to_a_car_that_appears_on_it() -> None:
    traffic = put(Traffic(), "car1", "2", 0.1)
    assert place_car(STREETS, traffic, "car2", Place("2", 0.15)) == "car1"


def test_an_ending_ride_gets_nothing_more_and_gives_back_what_it_did_not_use() -> None:
    traffic = ride(put(Traffic(), "car1", "1", 1.7), "car1", "4", 1.0)
    traffic, _ = advance(STREETS, traffic, 0.0)
    ending = stop_ride(traffic, "car1")
    assert advance(STREETS, ending, 0.0)[0] == ending
    done = end_ride(ending, "car1", Place("1", 1.75))
    assert held(STREETS, done.cars["car1"]).edges == {"1"}


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_traffic_survives_its_document(seed: int, rounds: int) -> None:
    town = Town.with_cars(CITIES["pixelopolis"], 3, seed)
    for car in town.idle_cars():
        town.book_at_random(car)
    for _ in range(rounds):
        town.play_round()
    assert Traffic.from_document(town.traffic.to_document()) == town.traffic
