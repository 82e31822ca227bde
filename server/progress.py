"""How far a ride is, in a booking's states and in words. Pure."""

from __future__ import annotations

from server.bookings import Booking, BookingState
from server.fleet import CarLink, waiting_reason
from server.granting import Wait
from server.traffic import Car


def progress_of(
    booking: Booking, car: Car | None, link: CarLink | None, wait: Wait | None
) -> tuple[BookingState, str]:
    """Return in which state an active booking is, and why its car does not go on.

    Args:
        booking: as it is stored; its state stays where nothing says otherwise.
        car: its car in traffic, None when that has no place on the map.
        link: the car's connection, None when it has none.
        wait: what traffic lets the car wait for.

    Returns:
        the state, and the reason in words, empty while it goes on.
    """
    said = link.state if link else None
    stands = said is None or not said.driving
    problem = link.problem if link else ""
    if car is None and not problem:
        return booking.state, "not connected"
    if car is None or car.frozen or problem:
        reason = f"is {car.frozen}" if car is not None and car.frozen else problem
        return BookingState.WAITING, f"{booking.car_id} {reason}"
    if car.ride is None or car.ride.booking_id != booking.id:
        return booking.state, car.ride.reason if car.ride else ""
    if wait is not None and stands:
        return BookingState.WAITING, wait.reason
    if said is not None and stands and waiting_reason(said) and car.ride.taken:
        return BookingState.WAITING, waiting_reason(said)
    return (BookingState.DRIVING if car.ride.taken else booking.state), ""
