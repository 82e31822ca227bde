"""How far a ride is: a booking's state, and why its car does not go on. Pure."""

from __future__ import annotations

from pixelopolis.reasons import Reason, ReasonCode, reason
from server.booking import Booking, BookingState
from server.traffic.car_link import CarLink
from server.traffic.granting import Wait
from server.traffic.reservations import Car


def progress_of(
    booking: Booking, car: Car | None, link: CarLink | None, wait: Wait | None
) -> tuple[BookingState, Reason | None]:
    """Return in which state an active booking is, and why its car does not go on.

    Args:
        booking: as it is stored; its state stays where nothing says otherwise.
        car: its car in traffic, None when that has no place on the map.
        link: the car's connection, None when it has none.
        wait: what traffic lets the car wait for.

    Returns:
        the state, and the reason, None while it goes on.
    """
    said = link.state if link else None
    stands = said is None or not said.driving
    problem = link.problem if link else None
    if car is None and not problem:
        return booking.state, reason(ReasonCode.NOT_CONNECTED)
    if car is None or car.frozen or problem:
        return BookingState.WAITING, (car.frozen if car else None) or problem
    if car.ride is None or car.ride.booking_id != booking.id:
        return booking.state, car.ride.reason if car.ride else None
    if wait is not None and stands:
        return BookingState.WAITING, wait.reason
    if said is not None and stands and said.waiting_for and car.ride.taken:
        return BookingState.WAITING, said.waiting_for
    return (BookingState.DRIVING if car.ride.taken else booking.state), None
