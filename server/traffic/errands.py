"""Drives without a visitor, which an operator asks for: home, or out of the way. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain
from typing import Final

from pixelopolis.city.model import City
from pixelopolis.city.route import Route
from pixelopolis.city.start_places import CAR_ROOM_M, spawn_places
from pixelopolis.reasons import Reason, ReasonCode, reason
from server.traffic.operator_rules import Errand
from server.traffic.reservations import Car, Ride, Traffic, closed_in, edge_holders
from server.traffic.street_graph import StreetGraph

MAX_HOMES: Final = 20


def home_edges(city: City) -> frozenset[str]:
    """Return the edges on which cars stand at the start, in a town that is full of them."""
    rooms = sum(edge.length_m >= CAR_ROOM_M for edge in city.edges.values())
    return frozenset(place.edge for place in spawn_places(city, min(rooms, MAX_HOMES)))


REASONS: Final = {
    Errand.HOME: reason(ReasonCode.GOES_HOME),
    Errand.PARK: reason(ReasonCode.GOES_TO_PARK),
}


def errand_way(
    streets: StreetGraph, traffic: Traffic, car: Car, errand: Errand, homes: Collection[str]
) -> tuple[str, ...] | None:
    """Return the edges to the nearest place that fits; one edge if the car stands there.

    Args:
        streets: the town.
        traffic: the current traffic.
        car: a car without a ride.
        errand: home is one of `homes`; to park is anywhere but where visitors go or cars drive.
        homes: edges on which cars stand at the start.
    """
    free = list(_free_ways(streets, traffic, car))
    if errand is Errand.HOME:
        return next((way for way in free if way[-1] in homes), None)
    goals = {place.edge for place in streets.city.destinations.values()}
    rides = (other.ride for other in traffic.cars.values() if other.ride is not None)
    driven = set(chain.from_iterable(ride.route.edges for ride in rides))
    for avoided in (goals | driven, goals):
        if way := next((way for way in free if way[-1] not in avoided), None):
            return way
    return None


def _free_ways(streets: StreetGraph, traffic: Traffic, car: Car) -> Iterator[tuple[str, ...]]:
    """Yield the ways to free edges, the shortest first, beginning with where the car stands."""
    yield (car.edge,)
    closed = closed_in(streets, traffic, but=car.id)
    taken = edge_holders(streets, traffic).keys()
    yield from (way for way in streets.ways_from(car.edge, closed) if way[-1] not in taken)


def errand_ride(
    streets: StreetGraph, car: Car, way: tuple[str, ...], why: Reason, order_id: str, sequence: int
) -> Ride | None:
    """Return the ride along a way to its parking place; None if the car is past it."""
    end = streets.parking(way[-1])
    if len(way) == 1 and end.s_m <= car.place.s_m:
        return None
    return Ride(order_id, None, Route(way, car.place.s_m, end.s_m), sequence, reason=why)


def begin_errand(traffic: Traffic, car: str, ride: Ride | None) -> Traffic:
    """Give a car its errand's ride, and forget the errand."""
    traffic = replace(traffic, rules=traffic.rules.with_errand(car, None))
    return traffic if ride is None else traffic.put(replace(traffic.cars[car], ride=ride))
