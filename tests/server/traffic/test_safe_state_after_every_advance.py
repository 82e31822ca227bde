"""The safe-state assertion is active in every test of this folder, and can fail."""

from __future__ import annotations

import sys

import pytest

import server.fleet_manager
import server.traffic.granting
from pixelopolis.city.route import Place
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from server.traffic.reservations import Ride, Traffic, freeze, place_car, start_ride
from server.traffic.street_graph import StreetGraph
from tests.support.abstract_traffic import Town
from tests.support.safe_state import UnsafeStateError, can_all_finish

STREETS = StreetGraph(load_city("pixelopolis"))


def narrow() -> Traffic:
    """A silent car on 2 leaves one way out of 9 and 11; the first to enter it must go on."""
    traffic = Traffic()
    for car, edge in (("silent", "2"), ("first", "11"), ("second", "9")):
        placed = place_car(STREETS, traffic, car, _near_the_end(edge))
        assert isinstance(placed, Traffic)
        traffic = placed
    for age_s, (car, goal) in enumerate((("first", "10"), ("second", "3"))):
        route = find_route(STREETS.city, traffic.cars[car].place, _near_the_end(goal))
        traffic = start_ride(traffic, car, Ride(f"o-{car}", f"b-{car}", route, float(age_s)))
    return freeze(traffic, "silent", "silent")


def _near_the_end(edge: str) -> Place:
    return Place(edge, round(STREETS.city.edges[edge].length_m - 0.1, 3))


def test_a_car_leaves_room_where_going_on_would_close_the_other_in() -> None:
    after, waits = server.traffic.granting.advance(STREETS, narrow(), 100.0)
    ride = after.cars["second"].ride
    assert ride is not None
    assert ride.released == 1
    assert waits["second"].cars == ("first",)
    assert can_all_finish(STREETS, after)


def test_a_deadlock_proof_that_always_agrees_is_noticed(
    monkeypatch: pytest.MonkeyPatch, unsafe_states: list[UnsafeStateError]
) -> None:
    monkeypatch.setattr(server.traffic.granting._Round, "_is_safe", lambda _self, _car: True)
    with pytest.raises(UnsafeStateError):
        server.traffic.granting.advance(STREETS, narrow(), 100.0)
    assert len(unsafe_states) == 1, "kept for tests whose desk goes on"
    unsafe_states.clear()


@pytest.mark.parametrize(
    ("cars", "seed", "rounds"), [(10, 4, 57), (10, 6, 57), (12, 11, 34)], ids=str
)
def test_who_waited_long_is_not_let_through_at_the_cost_of_the_others(
    cars: int, seed: int, rounds: int
) -> None:
    """A crowded city in which a car falls silent; clearing its streets once caused a deadlock."""
    town = Town.with_cars(load_city("grid:2x2:1"), cars, seed)
    for round_ in range(rounds):
        for car in town.idle_cars():
            town.book_at_random(car)
        if round_ == 20:
            town.kill(town.rng.choice(sorted(town.traffic.cars)))
        town.play_round()
    assert town.arrived


def test_every_name_of_advance_has_the_assertion() -> None:
    plain = server.traffic.granting.advance.__wrapped__  # type: ignore[attr-defined]
    assert server.fleet_manager.advance is not plain
    assert not [name for name, m in sys.modules.items() if vars(m).get("advance") is plain]
