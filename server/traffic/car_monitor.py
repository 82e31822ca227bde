"""Decides which cars can be relied on, from their reports, silence and lack of progress. No I/O.

One car's fault affects no other. A car with impossible reports is frozen: it keeps its
reservations, others go around it, and the reason names it. It returns once it reports plausibly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pixelopolis.reasons import Reason, ReasonCode, reason
from server.peer_faults import PeerFaultLog
from server.traffic.car_link import LEASE_S, CarLink
from server.traffic.car_reports import Ended, forget_moved, take_report
from server.traffic.granting import Wait
from server.traffic.reservations import Car, Ride, Traffic, freeze
from server.traffic.ride_watch import MAX_ORDERS, RideMark, mark_of
from server.traffic.street_graph import StreetGraph

STUCK_S: Final = 30.0
"""A car that could drive but has not moved for this long cannot be relied on."""

TRY_AGAIN_S: Final = 120.0
"""A car that dropped its orders, or was taken off a ride, is tried again after this time; after
twice as long each further time, until it arrives."""

LONGEST_ASIDE_S: Final = 3600.0


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
        self._progress: dict[str, tuple[RideMark, float]] = {}
        """How far each car has come, and when it made progress last."""
        self._aside: dict[str, tuple[Reason, float, float]] = {}
        """Why a car gets no rides, until when, and how long that was."""
        self._drops: dict[str, tuple[int, float]] = {}
        """How many orders each car has dropped since it last took one, and when the last."""

    def heard(self, car: str, now_s: float) -> None:
        """Note a valid state message."""
        self._heard_s[car] = now_s

    def set_aside(self, car: str, why: Reason, now_s: float) -> None:
        """Rely on a car again only after a while, because it was taken off a ride."""
        _, _, before_s = self._aside.get(car, (why, 0.0, TRY_AGAIN_S / 2))
        time_s = min(2 * before_s, LONGEST_ASIDE_S)
        self._aside[car] = why, now_s + time_s, time_s

    def forgive(self, car: str) -> None:
        """Rely on a car again, because an operator says so."""
        self._aside.pop(car, None)
        self._drops.pop(car, None)
        self._progress.pop(car, None)

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
            heard = links.get(id_)
            why = (
                self._silent(id_, heard, now_s)
                or (reason(ReasonCode.HALTED) if traffic.rules.must_stand(id_) else None)
                or self._stuck(car, heard, id_ in waits, now_s)
                or self._drops_every_order(id_, now_s)
                or self._is_aside(id_, now_s)
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

    def _stuck(self, car: Car, link: CarLink | None, waits: bool, now_s: float) -> Reason | None:
        """Return a reason if a car makes no progress although nothing holds it.

        A car that waits for a grant has taken its order and says that it stands.
        """
        ride = car.ride
        drives = link is not None and link.state is not None and link.state.driving
        is_held = waits and ride is not None and ride.taken and not drives
        if ride is None or is_held or car.frozen:
            self._progress.pop(car.id, None)
            return None
        now = mark_of(ride)
        before, since_s = self._progress.get(car.id, (None, now_s))
        if before is None or now.advances(before):
            self._progress[car.id] = now, now_s
            return None
        if now_s - since_s <= STUCK_S:
            return None
        return reason(ReasonCode.STUCK if ride.taken else ReasonCode.NOT_TAKEN)

    def _is_aside(self, car: str, now_s: float) -> Reason | None:
        why, until_s, _ = self._aside.get(car, (None, 0.0, 0.0))
        return why if now_s < until_s else None

    def _count_drops(
        self, had: Ride | None, has: Ride | None, end: Ended | None, car: str, now_s: float
    ) -> None:
        if end and end.arrived:
            self._aside.pop(car, None)
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

    def forget(self, traffic: Traffic, links: Mapping[str, CarLink], now_s: float) -> None:
        """Forget cars that are neither on the streets nor connected.

        Why a car was set aside is kept for as long again: it is not fit by going away.
        """
        known = {*traffic.cars, *links}
        self._heard_s = {k: v for k, v in self._heard_s.items() if k in known}
        self._progress = {k: v for k, v in self._progress.items() if k in traffic.cars}
        self._drops = {
            k: v for k, v in self._drops.items() if k in known or now_s - v[1] < TRY_AGAIN_S
        }
        self._aside = {k: v for k, v in self._aside.items() if k in known or now_s < v[1] + v[2]}


def _ride_of(cars: Mapping[str, Car], id_: str) -> Ride | None:
    car = cars.get(id_)
    return car.ride if car else None
