"""Choose the car for a booking: the ready one that reaches the destination soonest. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from pixelopolis.city.model import City
from pixelopolis.city.route import Place, Route, route_time_s
from pixelopolis.city.routing import find_route
from pixelopolis.errors import NoRouteError
from server.traffic.car_link import CarLink
from server.traffic.operator_rules import Duty
from server.traffic.reservations import Car, Ride, Traffic
from server.traffic.status import unusable_reason
from server.traffic.street_graph import Closed, StreetGraph

STANDS_THERE_M: Final = 0.10
"""A car no farther than this past a place counts as standing there and need not drive around."""


def round_place(city: City, place: Place) -> Place:
    """Round a place to whole millimeters on its edge, as in node ids."""
    limit_mm = int(city.edges[place.edge].length_m * 1000)
    return Place(place.edge, min(max(0, round(place.s_m * 1000)), limit_mm) / 1000)


def route_to(streets: StreetGraph, start: Place, end: Place, closed: Closed) -> Route:
    """Return a route from where a car stands, avoiding closed streets if possible.

    Raises:
        NoRouteError: no route exists.
    """
    city = streets.city
    start, end = round_place(city, start), round_place(city, end)
    if start.edge == end.edge and 0 <= start.s_m - end.s_m <= STANDS_THERE_M:
        return Route((start.edge,), start.s_m, start.s_m)
    try:
        return find_route(city, start, end, closed.edges - {start.edge})
    except NoRouteError:
        return find_route(city, start, end)


def is_in_service(traffic: Traffic, car: Car, link: CarLink | None) -> bool:
    """Whether visitors may get this car, now or after its ride."""
    is_heard = link is not None and link.state is not None
    is_on_duty = traffic.rules.duty_of(car.id) is Duty.SERVICE
    return is_heard and is_on_duty and unusable_reason(car, link) is None


def ready_places(
    traffic: Traffic, links: Mapping[str, CarLink], busy: Collection[str]
) -> dict[str, Place]:
    """Return where every free car stands, or will stand after its relocation."""
    places: dict[str, Place] = {}
    for car in traffic.cars.values():
        link = links.get(car.id)
        if car.id in busy or not is_in_service(traffic, car, link):
            continue
        if car.ride is None:
            places[car.id] = car.place
        elif car.ride.booking_id is None:
            places[car.id] = Place(car.ride.route.edges[-1], car.ride.route.end_s_m)
    return places


def choose_cars(
    streets: StreetGraph, ready: Mapping[str, Place], end: Place, closed: Closed
) -> tuple[str, ...]:
    """Return the ready cars that can reach the destination, soonest first.

    Args:
        streets: the town.
        ready: where each ready car stands.
        end: the destination.
        closed: streets occupied by cars that cannot move.
    """
    times: list[tuple[float, str]] = []
    for car, place in ready.items():
        try:
            route = route_to(streets, place, end, closed)
        except NoRouteError:
            continue
        times.append((route_time_s(streets.city, route), car))
    return tuple(car for _, car in sorted(times))


def eta_s(streets: StreetGraph, ride: Ride) -> float:
    """Return the remaining time of a ride if nobody is in its way."""
    length_m = streets.path_of(ride.route).length_m
    left = 1.0 - ride.progress_m / length_m if length_m > 0 else 0.0
    return round(max(0.0, left) * route_time_s(streets.city, ride.route), 1)


def signs_on(city: City, edges: Iterable[str]) -> dict[str, list[str]]:
    """Return the classes of the signs along each edge, in driving order."""
    wanted = {edge: [s for s in city.signs if s.edge == edge] for edge in edges}
    return {
        edge: [s.sign_class for s in sorted(signs, key=lambda s: s.s_m)]
        for edge, signs in wanted.items()
    }
