"""The states of a booking and its stored form. Pure.

A booking waits in line until it is paired with a car, and may return to its place in line for
another car. It ends when the ride arrives, is canceled or fails. An ended booking never becomes
active again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from pixelopolis.reasons import Reason
from pixelopolis.reasons import from_document as reason_from


class BookingState(StrEnum):
    QUEUED = "queued"
    """In line for a car."""
    BOOKED = "booked"
    """Paired; the car has not set off."""
    DRIVING = "driving"
    WAITING = "waiting"
    """On its way, but the car is standing; the reason says why."""
    ARRIVED = "arrived"
    CANCELLED = "cancelled"
    FAILED = "failed"


ACTIVE: Final = frozenset(
    {BookingState.QUEUED, BookingState.BOOKED, BookingState.DRIVING, BookingState.WAITING}
)

_MOVING: Final = frozenset({BookingState.DRIVING, BookingState.WAITING})
_ENDED: Final = frozenset({BookingState.ARRIVED, BookingState.CANCELLED, BookingState.FAILED})

_QUEUED: Final = frozenset({BookingState.QUEUED})

NEXT: Final[Mapping[BookingState, frozenset[BookingState]]] = {
    BookingState.QUEUED: frozenset(
        {BookingState.BOOKED, BookingState.CANCELLED, BookingState.FAILED}
    ),
    BookingState.BOOKED: _MOVING | _QUEUED | _ENDED,
    BookingState.DRIVING: frozenset({BookingState.WAITING}) | _QUEUED | _ENDED,
    BookingState.WAITING: frozenset({BookingState.DRIVING}) | _QUEUED | _ENDED,
    BookingState.ARRIVED: frozenset(),
    BookingState.CANCELLED: frozenset(),
    BookingState.FAILED: frozenset(),
}
"""Allowed transitions."""


@dataclass(frozen=True, slots=True)
class Booking:
    """One visitor's ride. Times are seconds since the epoch, for people: `sequence` is the order.

    `car_id` is empty while it is in line. `tried` are the cars that were taken off it.
    """

    id: str
    station_device_id: str
    car_id: str
    destination_id: str
    language: str
    created_s: float
    state: BookingState = BookingState.BOOKED
    reason: Reason | None = None
    ended_s: float | None = None
    sequence: int = field(kw_only=True)
    """Counts the bookings of a town: its place in line, and in the order of grants."""
    tried: tuple[str, ...] = ()

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE


def may_become(state: BookingState) -> frozenset[BookingState]:
    """Return the states from which a booking may become `state`."""
    return frozenset(before for before, after in NEXT.items() if state in after)


def to_document(booking: Booking) -> dict[str, Any]:
    """Return the stored form; the unique indexes use its `active` field."""
    document = asdict(booking)
    document["_id"] = document.pop("id")
    document["state"] = str(booking.state)
    document["reason"] = booking.reason and booking.reason.to_document()
    document["tried"] = list(booking.tried)
    document["active"] = booking.is_active
    return document


def from_document(document: Mapping[str, Any]) -> Booking:
    return Booking(
        id=document["_id"],
        station_device_id=document["station_device_id"],
        car_id=document["car_id"],
        destination_id=document["destination_id"],
        language=document["language"],
        created_s=document["created_s"],
        state=BookingState(document["state"]),
        reason=reason_from(document["reason"]),
        ended_s=document["ended_s"],
        sequence=document.get("sequence", 0),
        tried=tuple(document.get("tried", ())),
    )
