"""Where cars go without a visitor."""

from __future__ import annotations

from dataclasses import replace

from pixelopolis.city.route import Place, Route
from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import CAR_ROOM_M
from server.traffic.errands import REASONS, begin_errand, errand_ride, errand_way, home_edges
from server.traffic.operator_rules import Errand, OperatorRules
from server.traffic.reservations import Car, Ride, Traffic
from server.traffic.street_graph import StreetGraph

CITY = load_city("pixelopolis")
STREETS = StreetGraph(CITY)
GOALS = {goal.edge for goal in CITY.destinations.values()}
HOMES = home_edges(CITY)


def way(traffic: Traffic, errand: Errand) -> tuple[str, ...] | None:
    return errand_way(STREETS, traffic, traffic.cars["car1"], errand, HOMES)


def test_a_car_parks_on_the_nearest_street_without_a_destination() -> None:
    for edge in CITY.edges:
        found = way(Traffic().put(Car("car1", Place(edge, 0.1))), Errand.PARK)
        assert found is not None
        assert found[0] == edge
        assert found[-1] not in GOALS


def test_no_car_goes_where_another_one_stands_or_a_street_is_closed() -> None:
    for edge in CITY.edges:
        alone = Traffic().put(Car("car1", Place(edge, 0.1)))
        first = way(alone, Errand.HOME)
        assert first is not None
        assert first[-1] in HOMES
        if len(first) == 1:
            continue
        taken = alone.put(Car("car2", Place(first[-1], 0.1)))
        closed = replace(alone, rules=OperatorRules(closed_edges=frozenset({first[-1]})))
        for traffic in (taken, closed):
            other = way(traffic, Errand.HOME)
            assert other is None or other[-1] != first[-1]


def test_an_errand_begins_once() -> None:
    car = Car("car1", Place("9", 0.1))
    rules = OperatorRules(errands={"car1": Errand.PARK, "car2": Errand.HOME})
    traffic = Traffic({"car1": car}, rules)
    ride = errand_ride(STREETS, car, ("9", "11"), REASONS[Errand.PARK], "order", 7)
    assert ride is not None
    assert (ride.booking_id, ride.sequence, ride.route.end_s_m) == (
        None,
        7,
        STREETS.parking("11").s_m,
    )
    after = begin_errand(traffic, "car1", ride)
    assert after.cars["car1"].ride == ride
    assert after.rules.errands == {"car2": Errand.HOME}
    at_end = replace(car, place=STREETS.parking("9"))
    assert errand_ride(STREETS, at_end, ("9",), REASONS[Errand.HOME], "order", 8) is None
    assert begin_errand(traffic, "car1", None).cars["car1"].ride is None


def test_a_car_parks_where_nobody_drives_if_it_can() -> None:
    alone = Traffic().put(Car("car1", Place("9", 0.1)))
    first = way(alone, Errand.PARK)
    assert first is not None
    through = Route((first[-1],), 0.1, 0.2)
    driving = Car("car2", Place(first[-1], 0.1), ride=Ride("o", "b", through, 1))
    busy = alone.put(replace(driving, place=Place("1", 0.1)))
    second = way(busy, Errand.PARK)
    assert second is not None
    assert second[-1] not in {first[-1], *GOALS}


def test_a_car_before_its_parking_place_drives_there_on_its_own_edge() -> None:
    end = STREETS.parking("9")
    car = Car("car1", Place("9", end.s_m - 0.2))
    ride = errand_ride(STREETS, car, ("9",), REASONS[Errand.HOME], "order", 8)
    assert ride is not None
    assert (ride.route.start_s_m, ride.route.end_s_m) == (end.s_m - 0.2, end.s_m)


def test_homes_are_twenty_or_as_many_as_the_town_has_room_for() -> None:
    assert len(home_edges(load_city("grid:6x5:1"))) == 20
    small = load_city("square")
    rooms = [edge for edge in small.edges.values() if edge.length_m >= CAR_ROOM_M]
    assert len(home_edges(small)) == min(20, len(rooms))
