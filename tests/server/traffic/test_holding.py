"""What each car holds, and how its reports change that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.city.route import Place, Route
from pixelopolis.city.sources import load_city
from pixelopolis.reasons import ReasonCode, reason
from server.traffic.reservations import (
    Car,
    Held,
    Ride,
    Traffic,
    base_end_m,
    block,
    closed_by,
    closed_to,
    edge_holders,
    end_ride,
    freeze,
    held,
    observe,
    place_car,
    start_ride,
    stop_ride,
)
from server.traffic.street_graph import OPEN, Closed, StreetGraph

STREETS = StreetGraph(load_city("pixelopolis"))
EDGES, MOVEMENTS = STREETS.city.edges, STREETS.city.movements
SILENT = reason(ReasonCode.SILENT)
WAY = Route(("7", "9", "11", "13"), 0.1, 0.5)
"""0.1 m of edge 7, then 9, 11 and 13: four edges, three movements."""


def on_the_way(released: int, progress_m: float, car: str = "car1") -> Car:
    ride = Ride("o1", "b1", WAY, 5.0, released, progress_m=progress_m)
    return Car(car, Place("7", 0.1), ride)


def stop_m(i: int) -> float:
    """Return the end of the route's i-th edge, from the car's start."""
    whole = sum(EDGES[e].length_m for e in WAY.edges[: i + 1]) - WAY.start_s_m
    return whole + sum(MOVEMENTS[key].length_m for key in WAY.movements[:i])


def test_a_standing_car_holds_its_edge() -> None:
    assert held(STREETS, Car("car1", Place("9", 0.3))) == Held(frozenset({"9"}))


def test_a_ride_holds_its_base_and_every_way_between() -> None:
    for released in range(1, 5):
        assert held(STREETS, on_the_way(released, 0.0)) == Held(
            frozenset(WAY.edges[:released]), frozenset(WAY.movements[: released - 1])
        )


@pytest.mark.parametrize("i", [0, 1])
@pytest.mark.parametrize(("past_m", "given_back"), [(0.27999, False), (0.28001, True)])
def test_an_edge_is_given_back_28_centimetres_past_its_end(
    i: int, past_m: float, given_back: bool
) -> None:
    """14 cm for the next car's front, 6 for the own tail, 8 of margin."""
    edges = held(STREETS, on_the_way(4, stop_m(i) + past_m)).edges
    assert (WAY.edges[i] not in edges) is given_back
    assert edges >= set(WAY.edges[i + 1 :])


@pytest.mark.parametrize("i", [0, 1])
@pytest.mark.parametrize(("past_m", "given_back"), [(0.08999, False), (0.09001, True)])
def test_a_crossing_is_given_back_9_centimetres_behind_it(
    i: int, past_m: float, given_back: bool
) -> None:
    """6 cm for the own tail, 3 of margin."""
    behind_m = stop_m(i) + MOVEMENTS[WAY.movements[i]].length_m
    movements = held(STREETS, on_the_way(4, behind_m + past_m)).movements
    assert (WAY.movements[i] not in movements) is given_back
    assert movements >= set(WAY.movements[i + 1 :])


def test_the_last_edge_of_the_base_is_never_given_back() -> None:
    for released in (1, 2, 4):
        ride = on_the_way(released, 99.0)
        assert held(STREETS, ride) == Held(frozenset({WAY.edges[released - 1]}))


def test_the_base_ends_at_a_stop_line_or_at_the_destination() -> None:
    ride = on_the_way(2, 0.0).ride
    assert ride is not None
    assert base_end_m(STREETS, ride) == pytest.approx(stop_m(1), abs=2e-3)
    whole = replace(ride, released=4)
    end_m = stop_m(3) - EDGES["13"].length_m + 0.5
    assert base_end_m(STREETS, whole) == pytest.approx(end_m, abs=2e-3)


def test_a_ride_knows_its_parts() -> None:
    ride = on_the_way(2, 0.0).ride
    assert ride is not None
    assert (ride.base_edge, ride.ahead, ride.is_whole) == ("9", ("11", "13"), False)
    whole = replace(ride, released=4)
    assert (whole.base_edge, whole.ahead, whole.is_whole) == ("13", (), True)
    assert Car("car1", Place("7", 0.1), ride).edge == "9"
    assert Car("car1", Place("7", 0.1)).edge == "7"


def test_what_stands_closes_its_edges_and_all_that_crosses_its_way() -> None:
    closed = closed_by(STREETS, [on_the_way(2, 0.2), Car("car2", Place("4", 0.1))])
    assert closed.edges == {"7", "9", "4"}
    key = ("7", "9")
    assert closed.movements == {key} | STREETS.conflicts[key]
    assert closed_by(STREETS, []) == OPEN


def test_who_holds_an_edge_is_known() -> None:
    traffic = Traffic().put(on_the_way(2, 0.0), Car("car2", Place("4", 0.1)))
    assert edge_holders(STREETS, traffic) == {"7": "car1", "9": "car1", "4": "car2"}


# --- events of a car --------------------------------------------------------------------------


def test_a_car_is_placed_where_nobody_else_is() -> None:
    traffic = Traffic().put(on_the_way(2, 0.0))
    for edge in ("7", "9"):
        assert place_car(STREETS, traffic, "car2", Place(edge, 0.1)) == "car1"
    placed = place_car(STREETS, traffic, "car2", Place("4", 0.1))
    assert placed == traffic.put(Car("car2", Place("4", 0.1)))
    # its own edge is held by no other; it is there without an order, and the rest stays
    mine = traffic.put(replace(traffic.cars["car1"], frozen=SILENT, blocked=("13",)))
    again = place_car(STREETS, mine, "car1", Place("9", 0.4))
    assert again == mine.put(Car("car1", Place("9", 0.4), None, SILENT, ("13",)))


@given(st.lists(st.floats(-1.0, 9.0), min_size=1, max_size=6), st.integers(1, 4))
def test_progress_never_goes_back_nor_beyond_the_base(said: list[float], released: int) -> None:
    traffic = Traffic().put(on_the_way(released, 0.0))
    for i, distance_m in enumerate(said):
        traffic = observe(STREETS, traffic, "car1", distance_m)
        ride = traffic.cars["car1"].ride
        assert ride is not None
        assert ride.taken
        end_m = base_end_m(STREETS, ride)
        assert ride.progress_m == max(0.0, *(min(m, end_m) for m in said[: i + 1]), 0.0)


def test_who_says_nothing_new_changes_nothing() -> None:
    traffic = observe(STREETS, Traffic().put(on_the_way(2, 0.3)), "car1", 0.3)
    assert traffic.cars["car1"].ride == replace(WAYFARER, taken=True, progress_m=0.3)
    assert observe(STREETS, traffic, "car1", 0.3) is traffic
    assert observe(STREETS, traffic, "car1", 0.2) is traffic
    idle = Traffic().put(Car("car1", Place("7", 0.1)))
    assert observe(STREETS, idle, "car1", 0.3) is idle


WAYFARER = Ride("o1", "b1", WAY, 5.0, 2)


def test_a_ride_begins_with_one_edge_and_ends_where_the_car_stands() -> None:
    idle = Traffic().put(Car("car1", Place("7", 0.1)), Car("car2", Place("4", 0.1)))
    ride = Ride("o1", "b1", WAY, 5.0)
    assert (ride.released, ride.update_id, ride.progress_m) == (1, 0, 0.0)
    assert not ride.taken
    assert not ride.ending
    riding = start_ride(idle, "car1", ride)
    assert riding.cars["car1"] == Car("car1", Place("7", 0.1), ride)
    assert riding.cars["car2"] == idle.cars["car2"]
    ended = end_ride(riding, "car1", Place("9", 0.4))
    assert ended.cars["car1"] == Car("car1", Place("9", 0.4))


def test_stopping_releases_nothing_more_and_is_done_once() -> None:
    riding = Traffic().put(on_the_way(2, 0.0))
    stopped = stop_ride(riding, "car1")
    assert stopped.cars["car1"].ride == replace(WAYFARER, ending=True)
    assert stop_ride(stopped, "car1") is stopped
    idle = Traffic().put(Car("car1", Place("7", 0.1)))
    assert stop_ride(idle, "car1") is idle


def test_frozen_is_said_once_and_taken_back() -> None:
    traffic = Traffic().put(on_the_way(2, 0.0))
    frozen = freeze(traffic, "car1", SILENT)
    assert frozen.cars["car1"].frozen == SILENT
    assert freeze(frozen, "car1", SILENT) is frozen
    assert freeze(traffic, "car1", None) is traffic
    assert freeze(frozen, "car1", None) == traffic


def test_edges_are_closed_to_who_was_blocked_until_it_says_that_they_are_open() -> None:
    traffic = Traffic().put(on_the_way(2, 0.0))
    assert block(traffic, "car1", "") is traffic
    once = block(traffic, "car1", "11")
    assert once.cars["car1"].blocked == ("11",)
    assert block(once, "car1", "11") is once
    twice = block(once, "car1", "13")
    assert twice.cars["car1"].blocked == ("11", "13")
    assert block(twice, "car1", "") == traffic
    closed = Closed(frozenset({"4"}), frozenset({("7", "8")}))
    assert closed_to(closed, twice.cars["car1"]) == Closed(
        frozenset({"4", "11", "13"}), closed.movements
    )
    assert closed_to(closed, traffic.cars["car1"]) is closed


def test_a_car_that_is_gone_leaves_the_others() -> None:
    traffic = Traffic().put(on_the_way(2, 0.0), Car("car2", Place("4", 0.1)))
    assert traffic.without("car1") == Traffic({"car2": Car("car2", Place("4", 0.1))})
    assert traffic.without("car3") == traffic


@pytest.mark.parametrize(
    "car",
    [
        Car("car1", Place("7", 0.1)),
        replace(on_the_way(3, 0.7), frozen=SILENT, blocked=("11",)),
        Car(
            "car1",
            Place("7", 0.1),
            Ride(
                *("o", None, WAY, 7.5, 2, 4, 0.3, True, True, 12.0),
                reason=reason(ReasonCode.MAKES_WAY, car="car2"),
            ),
        ),
    ],
)
def test_every_field_survives_its_document(car: Car) -> None:
    assert Traffic.from_document(Traffic().put(car).to_document()) == Traffic().put(car)


def test_a_ride_that_was_stored_without_a_number_is_the_oldest() -> None:
    document = Traffic().put(on_the_way(2, 0.0)).to_document()
    del document["cars"][0]["ride"]["sequence"]
    ride = Traffic.from_document(document).cars["car1"].ride
    assert ride is not None
    assert ride.sequence == 0
