"""Keeps bookings going: gives them cars in the order of the line, and replaces cars that fail."""

from __future__ import annotations

import logging
from typing import Final

from pymongo.errors import PyMongoError

from pixelopolis.city.route import Place, route_time_s
from pixelopolis.city.routing import find_route
from pixelopolis.errors import NoRouteError
from pixelopolis.reasons import Reason, ReasonCode, reason
from server.booking import Booking, BookingState
from server.booking_service import BookingService
from server.metrics import Metrics
from server.peer_faults import PeerFaultLog
from server.presence import Presence
from server.traffic.car_monitor import CarMonitor
from server.traffic.car_reports import Ended
from server.traffic.dispatch import choose_cars, eta_s, is_in_service, ready_places
from server.traffic.reservations import closed_in
from server.traffic.ride_watch import RideWatch, watch_ride, why_to_give_up
from server.traffic.street_graph import StreetGraph
from server.traffic.town_state import TownState
from server.traffic.waiting_line import PlaceInLine, mean_ride_s, places_in_line, why_to_leave

log = logging.getLogger(__name__)

MIN_RIDE_S: Final = 10.0
TRAFFIC_FACTOR: Final = 1.5
"""How much longer a ride is expected to take than on empty streets, before any was seen."""

NOT_ITS_FAULT: Final = frozenset(
    {
        ReasonCode.SILENT,
        ReasonCode.GONE,
        ReasonCode.NOT_CONNECTED,
        ReasonCode.HALTED,
        ReasonCode.PAUSED,
    }
)
"""A car that was taken off its ride for one of these gets the next one as soon as it can."""

MAX_SEARCHES: Final = 20
"""Bookings in a row for which a car is searched in vain in one step."""


class RideService:
    """The rides of a town, from the line to the end.

    Args:
        streets: the town.
        bookings: the bookings in memory and in the database.
        peer_faults: where a fault is logged that only one car's ride has.
        metrics: where rides are counted.
        began_s: when this server began to listen (monotonic).
    """

    def __init__(
        self,
        streets: StreetGraph,
        bookings: BookingService,
        peer_faults: PeerFaultLog,
        metrics: Metrics,
        began_s: float,
    ) -> None:
        self.presence = Presence(began_s)
        self.in_line: dict[str, PlaceInLine] = {}
        """The place of every booking in line, after the last step."""
        self.ride_s = typical_ride_s(streets)
        """The mean duration of the last rides."""
        self._rides_seen = 1
        self._bookings = bookings
        self._peer_faults = peer_faults
        self._metrics = metrics
        self._watches: dict[str, RideWatch] = {}
        self._in_line_since_s: dict[str, float] = {}
        self._served_s: dict[str, float] = {}
        """For bookings in line: when a car was there last that could have served it."""

    def begin(self, now_s: float) -> None:
        """Begin anew, because another server may have led meanwhile."""
        self.presence.begin(now_s)
        self._watches, self._served_s = {}, {}

    async def take_arrival(self, end: Ended, now_s: float) -> None:
        """End the booking of a car that has arrived."""
        if not end.arrived or end.ride.booking_id is None:
            return
        watch = self._watches.get(end.ride.booking_id)
        if watch is not None:
            self.ride_s = mean_ride_s(self.ride_s, now_s - watch.began_s, self._rides_seen)
            self._rides_seen += 1
            self._metrics.rode.observe(now_s - watch.began_s)
        await self._bookings.change(end.ride.booking_id, BookingState.ARRIVED)

    async def supervise(self, town: TownState, monitor: CarMonitor, now_s: float) -> None:
        """Take cars off the rides that they do not drive, and visitors who left out of the line.

        While an operator halts the town, no time passes for its bookings.
        """
        if town.traffic.rules.is_halted:
            self.begin(now_s)
            return
        before, self._watches = self._watches, {}
        for booking in list(self._bookings.active.values()):
            if booking.state is BookingState.QUEUED:
                continue
            with self._peer_faults.contained(booking.car_id, PyMongoError):
                await self._supervise_ride(town, monitor, booking, before.get(booking.id), now_s)
        await self._clear_line(town, now_s)

    async def _supervise_ride(
        self,
        town: TownState,
        monitor: CarMonitor,
        booking: Booking,
        before: RideWatch | None,
        now_s: float,
    ) -> None:
        car, link = town.traffic.cars.get(booking.car_id), town.links.get(booking.car_id)
        watch = watch_ride(before, booking.car_id, car, link, now_s)
        wait = town.waits.get(booking.car_id)
        why = why_to_give_up(watch, car, link, wait.reason if wait else None, now_s)
        if why is None:
            self._watches[booking.id] = watch
            return
        if (wait is None or why != wait.reason) and why.code not in NOT_ITS_FAULT:
            monitor.set_aside(booking.car_id, why, now_s)
        await self._replace_car(town, booking, why)

    async def take_off(self, town: TownState, car: str, why: Reason) -> None:
        """Take a car off its ride, because an operator says so."""
        for booking in list(self._bookings.active.values()):
            if booking.car_id == car:
                await self._replace_car(town, booking, why)

    async def _replace_car(self, town: TownState, booking: Booking, why: Reason) -> None:
        """Send another car, or end the booking if none is left that may be sent."""
        after = None
        if self._can_be_served(town, booking, booking.car_id):
            instead = reason(ReasonCode.ANOTHER_CAR, car=booking.car_id)
            after = await self._bookings.give_up(booking, instead)
        else:
            after = await self._bookings.change(booking.id, BookingState.FAILED, why)
        state = after.state if after else "gone"
        self._metrics.replaced.labels(why.code).inc()
        about = {"ride": booking.id, "car": booking.car_id, "reason": str(why.code)}
        log.warning(
            "Ride %s: %s; it is %s.", booking.id, why.of(booking.car_id), state, extra=about
        )

    def _can_be_served(self, town: TownState, booking: Booking, but: str = "") -> bool:
        """Whether a car is in service, free or not, that the booking has not had before."""
        return any(
            is_in_service(town.traffic, car, town.links.get(car.id))
            for car in town.traffic.cars.values()
            if car.id not in booking.tried and car.id != but
        )

    async def _clear_line(self, town: TownState, now_s: float) -> None:
        served, self._served_s = self._served_s, {}
        for booking in self._bookings.waiting:
            is_served = self._can_be_served(town, booking)
            served_s = now_s if is_served else served.get(booking.id, now_s)
            seen_s = self.presence.last_seen_s(booking.station_device_id, now_s)
            why = why_to_leave(seen_s, served_s, now_s)
            if why is None:
                self._served_s[booking.id] = served_s
                continue
            gone = why.code is ReasonCode.VISITOR_GONE
            end = BookingState.CANCELLED if gone else BookingState.FAILED
            await self._bookings.change(booking.id, end, why)
            about = {"ride": booking.id, "reason": str(why.code)}
            log.info("Ride %s has left the line: %s.", booking.id, why.words, extra=about)

    async def pair(self, town: TownState, now_s: float) -> None:
        """Give free cars to the bookings in line: the first chooses first."""
        before = self._in_line_since_s
        self._in_line_since_s = {b.id: before.get(b.id, now_s) for b in self._bookings.waiting}
        if not town.traffic.rules.is_halted:
            await self._pair(town, now_s)
        waiting = [booking.id for booking in self._bookings.waiting]
        self.in_line = places_in_line(waiting, self._free_in_s(town), self.ride_s)

    async def _pair(self, town: TownState, now_s: float) -> None:
        ready = ready_places(town.traffic, town.links, self._bookings.busy_cars)
        closed = closed_in(town.streets, town.traffic)
        in_vain = 0
        for booking in self._bookings.waiting:
            if not ready or in_vain >= MAX_SEARCHES:
                return
            found = town.streets.city.destinations.get(booking.destination_id)
            if found is None:
                why = reason(ReasonCode.UNKNOWN_DESTINATION, destination=booking.destination_id)
                await self._bookings.change(booking.id, BookingState.FAILED, why)
                continue
            new = {car: place for car, place in ready.items() if car not in booking.tried}
            choice = choose_cars(town.streets, new, Place(found.edge, found.s_m), closed)
            paired = await self._bookings.assign(booking, choice)
            if paired is None or not paired.car_id:
                in_vain += 1
            else:
                ready.pop(paired.car_id, None)
                if not paired.tried:
                    self._metrics.waited.observe(now_s - self._in_line_since_s[booking.id])

    def _free_in_s(self, town: TownState) -> list[float]:
        """Return for every car in service in how many seconds it will be free."""
        times = []
        for car in town.traffic.cars.values():
            if not is_in_service(town.traffic, car, town.links.get(car.id)):
                continue
            is_busy = car.id in self._bookings.busy_cars
            left_s = eta_s(town.streets, car.ride) if car.ride else 0.0
            times.append(left_s or self.ride_s if is_busy else left_s)
        return times


def typical_ride_s(streets: StreetGraph) -> float:
    """Return how long a ride may take in a town: between destinations, with some traffic."""
    goals = list(streets.city.destinations.values())
    pairs = list(zip(goals, goals[1:] + goals[:1], strict=True))[:MAX_SEARCHES]
    times_s = []
    for start, end in pairs:
        try:
            route = find_route(streets.city, Place(start.edge, start.s_m), Place(end.edge, end.s_m))
        except NoRouteError:
            continue
        times_s.append(route_time_s(streets.city, route))
    mean_s = sum(times_s) / len(times_s) if times_s else 0.0
    return max(MIN_RIDE_S, TRAFFIC_FACTOR * mean_s)
