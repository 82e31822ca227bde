"""What a car is doing, a booking's state, and why the car is not moving. Pure."""

from __future__ import annotations

from enum import StrEnum

from pixelopolis.reasons import Reason, ReasonCode, reason
from server.booking import Booking, BookingState
from server.traffic.car_link import CarLink
from server.traffic.granting import Wait
from server.traffic.operator_rules import OUT_OF_SERVICE, Duty
from server.traffic.reservations import Car


class CarState(StrEnum):
    READY = "ready"
    """Waits for a visitor."""
    DRIVING = "driving"
    WAITING = "waiting"
    """On a ride or a relocation, but standing."""
    BLOCKED = "blocked"
    """Needs a person."""
    OUT_OF_SERVICE = "out_of_service"
    """Takes no visitors, because an operator says so."""
    OFFLINE = "offline"


def unusable_reason(car: Car | None, link: CarLink | None) -> Reason | None:
    """Return why a car cannot be relied on, None if it can."""
    return (car.frozen if car else None) or (link.problem if link else None)


def car_activity(
    car: Car | None, link: CarLink | None, wait: Wait | None, duty: Duty = Duty.SERVICE
) -> tuple[CarState, Reason | None]:
    """Return a car's state, whether or not it is connected, and the reason for it if any.

    Args:
        car: the car in traffic, None if it has no place on the map.
        link: its connection, None if it has none.
        wait: why it gets no grant, if it waits for one.
        duty: what an operator lets it do.
    """
    why = unusable_reason(car, link)
    if car is None or why:
        return CarState.BLOCKED, why
    if car.ride is None:
        out = OUT_OF_SERVICE.get(duty)
        return (CarState.OUT_OF_SERVICE, out) if out else (CarState.READY, None)
    if wait is not None and not (link and link.state and link.state.driving):
        return CarState.WAITING, wait.reason
    return CarState.DRIVING, car.ride.reason


def booking_status(
    booking: Booking, car: Car | None, link: CarLink | None, wait: Wait | None
) -> tuple[BookingState, Reason | None]:
    """Return the state of an active booking, and why its car is not moving.

    Args:
        booking: the stored booking; its state is kept if nothing contradicts it.
        car: its car in traffic, None if it has no place on the map.
        link: the car's connection, None if it has none.
        wait: why the car gets no grant, if it waits for one.

    Returns:
        The state, and the reason; None while the ride goes on.
    """
    activity, why = car_activity(car, link, wait)
    if car is None or activity is CarState.BLOCKED:
        if why is None:
            return booking.state, reason(ReasonCode.NOT_CONNECTED)
        return BookingState.WAITING, why
    if car.ride is None or car.ride.booking_id != booking.id:
        return booking.state, car.ride.reason if car.ride else None
    if activity is CarState.WAITING:
        return BookingState.WAITING, why
    said = link.state if link else None
    if said is not None and not said.driving and said.waiting_for and car.ride.taken:
        return BookingState.WAITING, said.waiting_for
    return (BookingState.DRIVING if car.ride.taken else booking.state), None
