"""Decides which cars can be relied on, from their reports, silence and lack of progress. No I/O.

One car's fault affects no other. A car with impossible reports is frozen: it keeps its
reservations, others go around it, and the reason names it. It returns once it reports plausibly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from pixelopolis.reasons import Reason, ReasonCode, reason
from server.booking import Booking
from server.peer_faults import PeerFaultLog
from server.traffic.car_link import LEASE_S, CarLink
from server.traffic.car_reports import Ended, forget_moved, take_report
from server.traffic.granting import Wait
from server.traffic.reservations import Car, Ride, Traffic, freeze
from server.traffic.status import unusable_reason
from server.traffic.street_graph import StreetGraph

GIVE_UP_S: Final = 60.0
"""A ride fails after its car could not be relied on for this long."""

STUCK_S: Final = 30.0
"""A car that could drive but has not moved for this long cannot be relied on."""

MOVED_M: Final = 0.01
"""Less is no progress."""

LONGEST_RIDE_S: Final = 1800.0
"""A ride still active after this time fails, whatever its car reports."""

MAX_ORDERS: Final = 20
"""A booking fails after its car has dropped this many orders. A car that has dropped this many
without taking one in between is frozen, whatever the orders were for."""

TRY_AGAIN_S: Final = 2 * GIVE_UP_S
"""A frozen car that dropped its orders is given another one after this time."""


@dataclass(frozen=True, slots=True)
class _RideProgress:
    """A ride as it was when the car last made progress, and when (monotonic)."""

    order_id: str
    released: int
    taken: bool
    progress_m: float
    since_s: float


class CarMonitor:
    """The server's memory of its cars. Times are monotonic seconds.

    Args:
        started_s: when the server began to listen.
        peer_faults: where implausible cars are logged.
    """

    def __init__(self, started_s: float, peer_faults: PeerFaultLog) -> None:
        self._started_s = started_s
        self._peer_faults = peer_faults
        self._heard_s: dict[str, float] = {}
        self._progress: dict[str, _RideProgress] = {}
        self._unreliable_since_s: dict[str, float] = {}
        self._orders: dict[str, int] = {}
        self._drops: dict[str, tuple[int, float]] = {}
        """How many orders each car has dropped since it last took one, and when the last."""

    def heard(self, car: str, now_s: float) -> None:
        """Note a valid state message."""
        self._heard_s[car] = now_s

    def ordered(self, booking: str) -> None:
        """Note that a booking's car gets an order."""
        self._orders[booking] = self._orders.get(booking, 0) + 1

    def process_reports(
        self,
        streets: StreetGraph,
        traffic: Traffic,
        links: Mapping[str, CarLink],
        waits: Mapping[str, Wait],
        now_s: float,
    ) -> tuple[Traffic, list[Ended]]:
        """Take in every car's newest state.

        Args:
            streets: the town.
            traffic: the current traffic.
            links: all connected cars.
            waits: cars waiting for a grant.
            now_s: monotonic.

        Returns:
            The new traffic, and the orders that have ended.
        """
        ended: list[Ended] = []
        before = traffic.cars
        traffic = forget_moved(streets, traffic, links.values())
        # known cars last: a new car gets the edge it stands on before it is granted to another
        for link in sorted(links.values(), key=lambda known: known.car not in traffic.cars):
            try:
                traffic, end = take_report(streets, traffic, link, now_s)
            except Exception as error:  # contained: only this car is affected
                traffic, end = self._forget_report(traffic, link, error), None
            if end is not None:
                ended.append(end)
            had, has = _ride_of(before, link.car), _ride_of(traffic.cars, link.car)
            self._count_drops(had, has, end, link.car, now_s)
        for id_ in list(traffic.cars):
            car = traffic.cars[id_]
            why = (
                self._silent(id_, links.get(id_), now_s)
                or self._stuck(car, id_ in waits, now_s)
                or self._drops_every_order(id_, now_s)
            )
            if why is not None:
                traffic = freeze(traffic, id_, why)
        return traffic, ended

    def _forget_report(self, traffic: Traffic, link: CarLink, error: Exception) -> Traffic:
        said = "sent a report that the server cannot use: %s"
        self._peer_faults.report(link.car, said, error, error=error)
        link.problem = reason(ReasonCode.NO_SENSE, error=type(error).__name__)
        return freeze(traffic, link.car, link.problem) if link.car in traffic.cars else traffic

    def _silent(self, car: str, link: CarLink | None, now_s: float) -> Reason | None:
        if now_s - self._heard_s.get(car, self._started_s) <= LEASE_S:
            return None
        return (link.refused if link else None) or reason(ReasonCode.SILENT)

    def _stuck(self, car: Car, waits: bool, now_s: float) -> Reason | None:
        """Return a reason if a car makes no progress although nothing holds it."""
        ride = car.ride
        if ride is None or waits or car.frozen:
            self._progress.pop(car.id, None)
            return None
        now = _RideProgress(ride.order_id, ride.released, ride.taken, ride.progress_m, now_s)
        before = self._progress.get(car.id)
        if before is None or _has_progressed(before, now):
            self._progress[car.id] = now
            return None
        return reason(ReasonCode.STUCK) if now_s - before.since_s > STUCK_S else None

    def _count_drops(
        self, had: Ride | None, has: Ride | None, end: Ended | None, car: str, now_s: float
    ) -> None:
        if (has and has.taken) or (end and end.arrived):
            self._drops.pop(car, None)
        elif had and not has and not had.ending:
            many, _ = self._drops.get(car, (0, now_s))
            self._drops[car] = many + 1, now_s
            how = "has dropped order %s." if end is None else "ended order %s before its end."
            self._peer_faults.report(car, how, had.order_id)

    def _drops_every_order(self, car: str, now_s: float) -> Reason | None:
        many, last_s = self._drops.get(car, (0, now_s))
        is_over = many <= MAX_ORDERS or now_s - last_s >= TRY_AGAIN_S
        return None if is_over else reason(ReasonCode.DROPS_ORDERS)

    def note_unreliable(
        self,
        traffic: Traffic,
        links: Mapping[str, CarLink],
        bookings: Collection[Booking],
        now_s: float,
    ) -> None:
        """Note since when each booking's car cannot be relied on; forget ended bookings."""
        for booking in bookings:
            car, link = traffic.cars.get(booking.car_id), links.get(booking.car_id)
            if car is None or unusable_reason(car, link):
                self._unreliable_since_s.setdefault(booking.car_id, now_s)
            else:
                self._unreliable_since_s.pop(booking.car_id, None)
        booked = {booking.car_id for booking in bookings}
        known = {*traffic.cars, *links}
        self._heard_s = {k: v for k, v in self._heard_s.items() if k in known}
        self._progress = {k: v for k, v in self._progress.items() if k in traffic.cars}
        self._drops = {k: v for k, v in self._drops.items() if k in known}
        self._unreliable_since_s = {
            k: v for k, v in self._unreliable_since_s.items() if k in booked
        }
        active = {booking.id for booking in bookings}
        self._orders = {k: v for k, v in self._orders.items() if k in active}

    def failure_reason(
        self, booking: Booking, car: Car | None, link: CarLink | None, now_s: float, epoch_s: float
    ) -> Reason | None:
        """Return why a ride is given up, None if it goes on."""
        since_s = self._unreliable_since_s.get(booking.car_id, now_s)
        if now_s - since_s > GIVE_UP_S:
            return unusable_reason(car, link) or reason(ReasonCode.GONE)
        if self._orders.get(booking.id, 0) > MAX_ORDERS:
            return reason(ReasonCode.DROPS_ORDERS)
        if epoch_s - booking.created_s > LONGEST_RIDE_S:
            return reason(ReasonCode.TOO_LONG, limit_s=LONGEST_RIDE_S)
        return None


def _ride_of(cars: Mapping[str, Car], id_: str) -> Ride | None:
    car = cars.get(id_)
    return car.ride if car else None


def _has_progressed(before: _RideProgress, now: _RideProgress) -> bool:
    same = (before.order_id, before.released, before.taken)
    return (now.order_id, now.released, now.taken) != same or (
        now.progress_m >= before.progress_m + MOVED_M
    )
