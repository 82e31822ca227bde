"""Updates traffic from a car's state message. Pure, except for answers over the car's link.

A car reports progress on the order we gave it, the end of that order, or another order or none.
The last happens after a restart of the car or the server: the report is then compared with the
stored ride, and the ride goes on if possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pixelopolis.city.route import Place
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.vda5050.order import parse_place
from pixelopolis.vda5050.order_progress import node_ids
from pixelopolis.vda5050.state import State
from server.traffic.car_link import (
    RESEND_S,
    CarLink,
    beyond_order,
    blocked_edge,
    is_idle,
    known_base,
    left_route,
    needs_person,
    other_map,
    refuses_town,
    rejected,
    reported_distance_m,
    stated_place,
)
from server.traffic.operator_rules import Duty
from server.traffic.reservations import (
    Car,
    Ride,
    Traffic,
    block,
    end_ride,
    freeze,
    held,
    observe,
    place_car,
)
from server.traffic.street_graph import StreetGraph


@dataclass(frozen=True, slots=True)
class Ended:
    """An order that has ended; `arrived`: the car is at its destination."""

    car: str
    ride: Ride
    arrived: bool


def forget_moved(streets: StreetGraph, traffic: Traffic, links: Iterable[CarLink]) -> Traffic:
    """Remove cars from their stored places if they report standing on another edge.

    An idle car was carried there. A car with a ride found itself off its route and dropped its
    order, which frees its reservations. All are removed before any is placed again, so that cars
    carried to each other's places do not block each other.
    """
    for link in links:
        car, state = traffic.cars.get(link.car), link.state
        if car is None or state is None or not is_idle(state):
            continue
        place = stated_place(streets.city, state)
        if place is None or place.edge in held(streets, car).edges:
            continue
        if car.ride is None or left_route(state, car.ride):
            traffic = traffic.without(car.id)
    return traffic


def take_report(
    streets: StreetGraph, traffic: Traffic, link: CarLink, now_s: float
) -> tuple[Traffic, Ended | None]:
    """Take in a car's newest state; send it what it should know and does not.

    Args:
        streets: the town.
        traffic: the current traffic.
        link: the car's link.
        now_s: monotonic.
    """
    state = link.state
    car = traffic.cars.get(link.car)
    link.problem = link.refused if state is None else other_map(streets.city, state)
    if state is None:
        return traffic, None
    if traffic.rules.duty_of(link.car) is Duty.REMOVED:
        link.problem = reason(ReasonCode.REMOVED)
        return traffic, None
    if link.problem is not None:
        return (freeze(traffic, link.car, link.problem) if car else traffic), None
    if car is None or car.ride is None:
        traffic = _standing(streets, traffic, link, state, now_s)
        car = traffic.cars.get(link.car)
        return (freeze(traffic, link.car, needs_person(state)) if car else traffic), None
    traffic = freeze(traffic, link.car, needs_person(state))
    if state.order_id != car.ride.order_id:
        return _other_order(streets, traffic, link, state, car.ride, now_s), None
    if (why := beyond_order(car.ride, state)) is not None:
        link.problem = why
        return freeze(traffic, link.car, why), None
    if not is_idle(state):
        traffic = observe(streets, traffic, link.car, reported_distance_m(streets, car.ride, state))
        traffic = _note_blocked(streets, traffic, link.car, state)
        _catch_up(streets, link, state, car.ride, now_s)
        return traffic, None
    return _ended(streets, traffic, link, state, car.ride)


def _standing(
    streets: StreetGraph, traffic: Traffic, link: CarLink, state: State, now_s: float
) -> Traffic:
    if not is_idle(state):
        link.problem = reason(ReasonCode.FOREIGN_ORDER, order=state.order_id)
        _cancel(link, now_s)
        return traffic
    return _place(streets, traffic, link, state)


def _place(streets: StreetGraph, traffic: Traffic, link: CarLink, state: State) -> Traffic:
    """Accept an idle car's place, unless another car holds that edge."""
    place = stated_place(streets.city, state)
    if place is None:
        why = needs_person(state)
        is_lost = why is not None and why.code is ReasonCode.LOST
        unstated = reason(ReasonCode.PLACE_UNSTATED, node=state.last_node_id)
        link.problem = why if is_lost else unstated
        return traffic
    placed = place_car(streets, traffic, link.car, place)
    if isinstance(placed, str):
        link.problem = reason(ReasonCode.EDGE_TAKEN, edge=place.edge, car=placed)
        return traffic
    return placed


def _note_blocked(streets: StreetGraph, traffic: Traffic, car: str, state: State) -> Traffic:
    """Remember where the car is blocked until it drives again."""
    edge = blocked_edge(state)
    if edge in streets.city.edges:
        return block(traffic, car, edge)
    return block(traffic, car, "") if state.driving else traffic


def _ended(
    streets: StreetGraph, traffic: Traffic, link: CarLink, state: State, ride: Ride
) -> tuple[Traffic, Ended | None]:
    place = _end_place(streets, traffic.cars[link.car], state)
    if place is None:
        link.problem = reason(ReasonCode.ENDED_ELSEWHERE, node=state.last_node_id)
        return traffic, None
    # an order that was cut short ends elsewhere than at its destination
    arrived = ride.is_whole and state.last_node_id == node_ids(streets.city, ride.route)[-1]
    return end_ride(traffic, link.car, place), Ended(link.car, ride, arrived)


def _end_place(streets: StreetGraph, car: Car, state: State) -> Place | None:
    place = stated_place(streets.city, state)
    if place is None or parse_place(state.last_node_id) is None:
        return None
    return place if place.edge in held(streets, car).edges else None


def _other_order(
    streets: StreetGraph, traffic: Traffic, link: CarLink, state: State, ride: Ride, now_s: float
) -> Traffic:
    if not is_idle(state):
        link.problem = reason(ReasonCode.FOREIGN_ORDER, order=state.order_id)
        _cancel(link, now_s)
        return traffic
    if not ride.ending and (why := refuses_town(state, ride)) is not None:
        link.problem = why
        return freeze(traffic, link.car, why)
    if not ride.taken and not rejected(state, ride):
        if ride.ending:
            if link.has_cancelled(state):
                return _place_again(streets, traffic, link, state)
            # the order may still be on its way to the car, which so keeps what it releases
            _cancel(link, now_s)
            return traffic
        if now_s - link.last_sent_s >= RESEND_S:
            link.send_order(streets, ride, 0, now_s)
        return traffic
    # restarted, off its route, or refuses the order: start again from where it is
    return _place_again(streets, traffic, link, state)


def _place_again(streets: StreetGraph, traffic: Traffic, link: CarLink, state: State) -> Traffic:
    placed = _place(streets, traffic, link, state)
    return traffic if link.problem else placed


def _catch_up(streets: StreetGraph, link: CarLink, state: State, ride: Ride, now_s: float) -> None:
    """Resend what the car has not confirmed."""
    if now_s - link.last_sent_s < RESEND_S:
        return
    if ride.ending:
        _cancel(link, now_s)
    elif state.order_update_id < ride.update_id:
        link.send_order(streets, ride, known_base(state), now_s)


def _cancel(link: CarLink, now_s: float) -> None:
    if now_s - link.last_sent_s >= RESEND_S:
        link.send_cancel(now_s)
