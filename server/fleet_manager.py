"""Pairs stations with cars, keeps rides going, and informs cars and stations.

One loop takes in the cars' reports, decides (`car_reports`, `granting`), stores, and only then
sends. So everything a car was told survives a restart of the server. HTTP handlers call plain
methods; only the loop changes traffic.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pymongo.errors import PyMongoError

from pixelopolis.city.model import City
from pixelopolis.city.route import Place
from pixelopolis.errors import NoRouteError
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.refusals import RequestRefusedError
from pixelopolis.vda5050.frames import FromServer
from pixelopolis.vda5050.state import State
from server.booking import Booking, BookingState
from server.booking_service import BookingService
from server.peer_faults import PeerFaultLog
from server.storage.mongo import Store
from server.traffic.car_link import CarLink
from server.traffic.car_monitor import CarMonitor
from server.traffic.dispatch import choose_cars, ready_places, route_to
from server.traffic.granting import Wait, advance
from server.traffic.reservations import (
    Car,
    Ride,
    Traffic,
    closed_by,
    closed_to,
    fits,
    persistent_state,
    start_ride,
    stop_ride,
)
from server.traffic.status import booking_status, unusable_reason
from server.traffic.street_graph import Closed, StreetGraph
from server.views.build import booking_view, car_view
from server.views.models import BookingView, CarView

log = logging.getLogger(__name__)

TICK_S: Final = 0.25
"""The loop runs on every message, and at least this often to check leases and timeouts."""


class FleetManager:
    """A town's server, without sockets.

    Args:
        city: the town.
        store: its open database.
        monotonic: clock for leases.
        epoch: clock for stored times.
    """

    def __init__(
        self,
        city: City,
        store: Store,
        monotonic: Callable[[], float] = time.monotonic,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self.city = city
        self.streets = StreetGraph(city)
        self.traffic = Traffic()
        self.waits: dict[str, Wait] = {}
        self.links: dict[str, CarLink] = {}
        self.changed = asyncio.Condition()
        """Notified when something visible to stations may have changed."""
        self._store = store
        self._monotonic = monotonic
        self._epoch = epoch
        self._bookings = BookingService(store, epoch)
        self._saved: object = None
        self._reload_due = False
        """The last step failed, so memory may differ from the database."""
        self._sent: dict[str, Ride | None] = {}
        self.peer_faults = PeerFaultLog(log, monotonic)
        self._monitor = CarMonitor(monotonic(), self.peer_faults)
        self._wake = asyncio.Event()
        self._step_lock = asyncio.Lock()

    # --- start and loop ----------------------------------------------------------------------

    async def restore(self) -> None:
        """Continue from the stored state of the previous server."""
        self._monitor = CarMonitor(self._monotonic(), self.peer_faults)
        self._take(await self._store.load_traffic())
        self._sent = {car.id: car.ride for car in self.traffic.cars.values()}
        await self._bookings.restore()
        if self._bookings.active:
            log.info("%d rides go on.", len(self._bookings.active))

    async def run(self, leads: Callable[[], Awaitable[bool]]) -> None:
        """Run the loop while `leads` returns True; it may be called again after a failure."""
        while await leads():
            self._wake.clear()
            if self._reload_due:
                await self._reload()
            self._reload_due = True
            await self.step()
            self._reload_due = False
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _reload(self) -> None:
        async with self._step_lock:
            self._take(await self._store.load_traffic())
            await self._bookings.refresh()

    def _take(self, stored: Traffic) -> None:
        """Load stored traffic without what no longer fits this town."""
        self.traffic = stored
        for car in stored.cars.values():
            if not fits(self.streets, car):
                log.warning("%s was stored at a place that this town does not have.", car.id)
                self.traffic = self.traffic.without(car.id)
        self._saved = persistent_state(self.streets, self.traffic)

    # --- cars --------------------------------------------------------------------------------

    def car_connected(self, car: str, send: Callable[[FromServer], None]) -> CarLink:
        """Register a connection; it replaces an older one of the same car."""
        link = CarLink(car, send)
        self.links[car] = link
        return link

    def car_reported(self, link: CarLink, state: State) -> None:
        if self.links.get(link.car) is link:
            self._monitor.heard(link.car, self._monotonic())
            link.receive(state)
            self._wake.set()

    def car_disconnected(self, link: CarLink) -> None:
        """Remove a connection. The car keeps its reservations and is silent once its lease ends."""
        if self.links.get(link.car) is link:
            del self.links[link.car]
            self._wake.set()

    # --- one step of the loop ----------------------------------------------------------------

    async def step(self) -> None:
        """Take in reports, decide, store, send."""
        async with self._step_lock:
            if self._bookings.refresh_due:
                await self._bookings.refresh()
            self.traffic, ended = self._monitor.process_reports(
                self.streets, self.traffic, self.links, self.waits, self._monotonic()
            )
            for end in ended:
                if end.arrived and end.ride.booking_id is not None:
                    with self._contained(end.car):
                        await self._bookings.change(end.ride.booking_id, BookingState.ARRIVED)
            await self._end_failed()
            await self._assign()
            # pure, but slow in a large town: keep it off the event loop
            self.traffic, self.waits = await asyncio.to_thread(
                advance, self.streets, self.traffic, self._epoch()
            )
            await self._save()
            self._send_orders()
            await self._update_bookings()
        async with self.changed:
            self.changed.notify_all()

    @contextmanager
    def _contained(self, car: str) -> Iterator[None]:
        """Contain an unexpected failure while serving one car, so that the others continue."""
        try:
            yield
        except PyMongoError:
            raise
        except Exception as error:
            self.peer_faults.report(car, "cannot be served: %s", error, error=error)

    async def _end_failed(self) -> None:
        """End bookings whose car is lost, and orders whose booking has ended."""
        now_s, active = self._monotonic(), list(self._bookings.active.values())
        self._monitor.note_unreliable(self.traffic, self.links, active, now_s)
        for booking in active:
            car, link = self.traffic.cars.get(booking.car_id), self.links.get(booking.car_id)
            why = self._monitor.failure_reason(booking, car, link, now_s, self._epoch())
            if why is not None:
                with self._contained(booking.car_id):
                    await self._bookings.change(booking.id, BookingState.FAILED, why)
        for car in self.traffic.cars.values():
            booking_id = car.ride and car.ride.booking_id
            if booking_id and booking_id not in self._bookings.active:
                self.traffic = stop_ride(self.traffic, car.id)

    async def _assign(self) -> None:
        """Give an order to every booked car that has none."""
        for booking in list(self._bookings.active.values()):
            car = self.traffic.cars.get(booking.car_id)
            link = self.links.get(booking.car_id)
            if car is None or car.ride or link is None or unusable_reason(car, link):
                continue
            with self._contained(car.id):
                await self._give_order(booking, car)

    async def _give_order(self, booking: Booking, car: Car) -> None:
        wanted = booking.destination_id
        closed = closed_to(self._closed(car.id), car)
        try:
            route = route_to(self.streets, car.place, self._destination(wanted), closed)
        except RequestRefusedError:
            why = reason(ReasonCode.UNKNOWN_DESTINATION, destination=wanted)
            await self._bookings.change(booking.id, BookingState.FAILED, why)
        except NoRouteError:
            why = reason(ReasonCode.NO_ROUTE, destination=wanted)
            await self._bookings.change(booking.id, BookingState.FAILED, why)
        else:
            ride = Ride(uuid.uuid4().hex, booking.id, route, booking.created_s)
            self.traffic = start_ride(self.traffic, car.id, ride)
            self._monitor.ordered(booking.id)

    async def _save(self) -> None:
        now = persistent_state(self.streets, self.traffic)
        if now == self._saved:
            return
        if await self._store.save_traffic(self.traffic):
            self._saved = now
            return
        log.warning("Traffic was changed by another server; starting from its state.")
        self._take(await self._store.load_traffic())

    def _send_orders(self) -> None:
        """Send new orders and order updates; disconnected cars get them when they return."""
        now_s = self._monotonic()
        self._sent = {id_: ride for id_, ride in self._sent.items() if id_ in self.traffic.cars}
        for car in self.traffic.cars.values():
            before, ride = self._sent.get(car.id), car.ride
            self._sent[car.id] = ride
            link = self.links.get(car.id)
            if ride is None or link is None:
                continue
            with self._contained(car.id):
                if before is None or before.order_id != ride.order_id:
                    link.send_order(self.streets, ride, 0, now_s)
                elif ride.ending and not before.ending:
                    link.send_cancel(now_s)
                elif before.update_id != ride.update_id:
                    link.send_order(self.streets, ride, before.released, now_s)

    async def _update_bookings(self) -> None:
        """Update every active booking's state and reason."""
        for booking in list(self._bookings.active.values()):
            id_ = booking.car_id
            with self._contained(id_):
                state, why = booking_status(
                    booking, self.traffic.cars.get(id_), self.links.get(id_), self.waits.get(id_)
                )
                if state != booking.state:
                    await self._bookings.change(booking.id, state, why)
                else:
                    self._bookings.set_reason(booking, why)

    # --- stations ----------------------------------------------------------------------------

    async def ping(self) -> None:
        """Raise a `PyMongoError` if the database does not answer."""
        await self._store.ping()

    async def register_station(self, device_id: str) -> None:
        await self._store.register_station(device_id, self._epoch())

    async def book(self, station: str, destination: str, language: str) -> Booking:
        """Pair a station with the ready car that arrives soonest.

        Raises:
            RequestRefusedError: the station or destination is unknown, or no car is free.
        """
        if not await self._store.has_station(station):
            raise RequestRefusedError(
                409,
                "unknown_station",
                f"station_device_id: no station {station!r} is registered.",
                "Register it with POST /api/stations.",
            )
        stop = self._destination(destination)
        ready = ready_places(self.traffic, self.links, self._bookings.busy_cars)
        choice = choose_cars(self.streets, ready, stop, self._closed())
        if ready and not choice:
            raise RequestRefusedError(
                409,
                "no_route",
                f"destination_id: no way leads from any free car to {destination!r}.",
                "Choose another destination.",
            )
        booking = await self._bookings.pair(station, destination, language, choice)
        if booking is None:
            raise RequestRefusedError(
                409, "no_car_free", "no car is free.", "Wait until a ride has ended."
            )
        self._wake.set()
        return booking

    def _destination(self, id_: str) -> Place:
        found = self.city.destinations.get(id_)
        if found is None:
            raise RequestRefusedError(
                404,
                "unknown_destination",
                f"destination_id: city {self.city.name!r} has no destination {id_!r}.",
                f"Use one of {', '.join(self.city.destinations) or '(none)'}.",
            )
        return Place(found.edge, found.s_m)

    def _closed(self, but: str = "") -> Closed:
        frozen = [c for c in self.traffic.cars.values() if c.frozen and c.id != but]
        return closed_by(self.streets, frozen)

    async def cancel(self, id_: str) -> Booking:
        """Cancel a booking for its visitor; the car stops at the next permitted place.

        Raises:
            RequestRefusedError: the booking does not exist or has already ended differently.
        """
        booking = await self._bookings.cancel(id_)
        self._wake.set()
        return booking

    async def booking(self, id_: str) -> BookingView:
        """Return a booking as stations see it.

        Raises:
            RequestRefusedError: it does not exist.
        """
        return self.view(await self._bookings.find(id_))

    async def newest_booking(self, station: str) -> BookingView | None:
        """Return a station's newest booking, active or ended."""
        booking = await self._bookings.newest(station)
        return self.view(booking) if booking else None

    def view(self, booking: Booking) -> BookingView:
        car = self.traffic.cars.get(booking.car_id)
        mine = car.ride if car and car.ride and car.ride.booking_id == booking.id else None
        link = self.links.get(booking.car_id)
        return booking_view(self.streets, booking, mine, link.video_url if link else None)

    def cars(self) -> list[CarView]:
        """Return every car that can be shown to stations."""
        views = [self._car_view(name) for name in sorted({*self.traffic.cars, *self.links})]
        return [view for view in views if view is not None]

    def _car_view(self, name: str) -> CarView | None:
        with self._contained(name):
            return car_view(
                self.city,
                self.traffic.cars.get(name),
                self.links.get(name),
                self.waits.get(name),
                name in self._bookings.busy_cars,
            )
        return None
