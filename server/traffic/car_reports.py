"""What traffic learns from a car's state message. Pure but for the link that answers the car.

Three things can be said by a car: how far it is on the order that we gave it, that this order has
ended, or that it has another order or none. The last happens when the car's computer was started
again, or ours was; what the car says is then compared with what was stored, and the ride goes on.
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
    """An order that is over; `arrived` says whether its car is where it should go."""

    car: str
    ride: Ride
    arrived: bool


def forget_moved(streets: StreetGraph, traffic: Traffic, links: Iterable[CarLink]) -> Traffic:
    """Forget where cars were stored that stand, and say that it is on another edge.

    Idle ones were carried; one with a ride has found that it is not on its way, and dropped its
    order: what it held is free then. Done for all before any is placed again, so that cars which
    were carried to each other's places do not block each other.
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
    """Take in a car's newest state; tell the car what it should know and does not.

    Args:
        streets: the town.
        traffic: as known so far.
        link: the car's.
        now_s: monotonic.
    """
    state = link.state
    car = traffic.cars.get(link.car)
    link.problem = link.refused if state is None else other_map(streets.city, state)
    if state is None:
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
    """Believe an idle car where it stands, unless somebody else holds that edge."""
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
    """Remember where the car is blocked until it drives again; standing still proves nothing."""
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
    # an order that was cut short ends at another place than its destination
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
            # the order may be on its way to the car still: what it releases stays the car's
            _cancel(link, now_s)
            return traffic
        if now_s - link.told_s >= RESEND_S:
            link.send_order(streets, ride, 0, now_s)
        return traffic
    # it was started again and has forgotten, is not on its way, or does not take the order: begin
    # anew from its place
    return _place_again(streets, traffic, link, state)


def _place_again(streets: StreetGraph, traffic: Traffic, link: CarLink, state: State) -> Traffic:
    placed = _place(streets, traffic, link, state)
    return traffic if link.problem else placed


def _catch_up(streets: StreetGraph, link: CarLink, state: State, ride: Ride, now_s: float) -> None:
    """Send again what the car has not heard."""
    if now_s - link.told_s < RESEND_S:
        return
    if ride.ending:
        _cancel(link, now_s)
    elif state.order_update_id < ride.update_id:
        link.send_order(streets, ride, known_base(state), now_s)


def _cancel(link: CarLink, now_s: float) -> None:
    if now_s - link.told_s >= RESEND_S:
        link.send_cancel(now_s)
