"""Watches the progress of a booking's car: a ride arrives, gets another car, or ends. Pure.

Nothing that a car reports keeps its booking for longer than these limits. Progress is a new order,
its confirmation, a grant, or a centimeter on what is granted, and nothing else: a car that says
that it drives makes none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pixelopolis.reasons import Reason, ReasonCode, reason
from server.traffic.car_link import CarLink
from server.traffic.reservations import Car, Ride
from server.traffic.status import unusable_reason

GIVE_UP_S: Final = 60.0
"""A booking's car is given up after it could not be relied on for this long."""

NO_PROGRESS_S: Final = 120.0
"""A booking's car is given up after it made no progress for this long, whatever the cause."""

LONGEST_RIDE_S: Final = 1800.0
"""A car has this long to arrive, whatever progress it makes."""

MAX_ORDERS: Final = 20
"""A booking's car is given up after it has dropped this many orders."""

MOVED_M: Final = 0.01
"""Less is no progress."""


@dataclass(frozen=True, slots=True)
class RideMark:
    """How far a car has come with an order."""

    order_id: str = ""
    released: int = 0
    taken: bool = False
    progress_m: float = 0.0

    def advances(self, before: RideMark) -> bool:
        same = (before.order_id, before.released, before.taken)
        return (self.order_id, self.released, self.taken) != same or (
            self.progress_m >= before.progress_m + MOVED_M
        )


def mark_of(ride: Ride | None) -> RideMark:
    if ride is None:
        return RideMark()
    return RideMark(ride.order_id, ride.released, ride.taken, ride.progress_m)


@dataclass(frozen=True, slots=True)
class RideWatch:
    """What is remembered of a booking with one car. Times are monotonic seconds."""

    car: str
    began_s: float
    """When it got this car, or when this server began to lead."""
    progressed_s: float
    mark: RideMark = RideMark()
    unreliable_since_s: float | None = None
    orders: int = 0


def watch_ride(
    before: RideWatch | None, booked: str, car: Car | None, link: CarLink | None, now_s: float
) -> RideWatch:
    """Return what is now known of a booking's ride.

    Args:
        before: what was known; None for a booking that was not seen before.
        booked: the id of its car.
        car: that car in traffic, None if it has no place on the map.
        link: its connection, None if it has none.
        now_s: monotonic.
    """
    if before is None or before.car != booked:
        before = RideWatch(booked, began_s=now_s, progressed_s=now_s)
    now = mark_of(car.ride if car else None)
    if now.order_id and now.advances(before.mark):
        before = replace(
            before,
            mark=now,
            progressed_s=now_s,
            orders=before.orders + (now.order_id != before.mark.order_id),
        )
    if car is not None and unusable_reason(car, link) is None:
        return replace(before, unreliable_since_s=None)
    since_s = now_s if before.unreliable_since_s is None else before.unreliable_since_s
    return replace(before, unreliable_since_s=since_s)


def why_to_give_up(
    watch: RideWatch, car: Car | None, link: CarLink | None, wait: Reason | None, now_s: float
) -> Reason | None:
    """Return why a booking must not keep its car, None if it goes on.

    Args:
        watch: what is known now (`watch_ride`).
        car: its car in traffic.
        link: the car's connection.
        wait: why the car gets no grant, if it waits for one.
        now_s: monotonic.
    """
    since_s = watch.unreliable_since_s
    if since_s is not None and now_s - since_s > GIVE_UP_S:
        return unusable_reason(car, link) or reason(ReasonCode.GONE)
    if watch.orders > MAX_ORDERS:
        return reason(ReasonCode.DROPS_ORDERS)
    if now_s - watch.progressed_s > NO_PROGRESS_S:
        return wait or unusable_reason(car, link) or reason(ReasonCode.STUCK)
    if now_s - watch.began_s > LONGEST_RIDE_S:
        return reason(ReasonCode.TOO_LONG, limit_s=LONGEST_RIDE_S)
    return None
