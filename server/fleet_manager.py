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
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Final

from pymongo.errors import PyMongoError

from pixelopolis.city.model import City
from pixelopolis.city.route import Place
from pixelopolis.errors import NoRouteError
from pixelopolis.reasons import Reason, ReasonCode, reason
from pixelopolis.refusals import RequestRefusedError
from pixelopolis.vda5050.frames import FromServer
from pixelopolis.vda5050.state import State
from server.booking import Booking, BookingState
from server.booking_service import BookingService
from server.metrics import Metrics
from server.peer_faults import PeerFaultLog
from server.ride_service import RideService
from server.storage.mongo import Store
from server.traffic.car_link import CarLink
from server.traffic.car_monitor import CarMonitor
from server.traffic.dispatch import choose_cars, ready_places, route_to
from server.traffic.errands import REASONS as ERRAND_REASONS
from server.traffic.errands import begin_errand, errand_ride, errand_way, home_edges
from server.traffic.granting import Wait, advance
from server.traffic.reservations import (
    Car,
    Ride,
    Traffic,
    closed_in,
    closed_to,
    fits,
    persistent_state,
    start_ride,
    stop_ride,
)
from server.traffic.status import booking_status, unusable_reason
from server.traffic.street_graph import StreetGraph
from server.traffic.town_state import TownState
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
        self.metrics = Metrics()
        self._store = store
        self._monotonic = monotonic
        self._epoch = epoch
        self._bookings = BookingService(store, epoch, self.metrics)
        self._saved: object = None
        self._reload_due = False
        """The last step failed, so memory may differ from the database."""
        self._sent: dict[str, Ride | None] = {}
        self.peer_faults = PeerFaultLog(log, monotonic)
        self._monitor = CarMonitor(monotonic(), self.peer_faults)
        self.rides = RideService(
            self.streets, self._bookings, self.peer_faults, self.metrics, monotonic()
        )
        self._wake = asyncio.Event()
        self._step_lock = asyncio.Lock()

    @property
    def state_now(self) -> TownState:
        """What is known of the town now."""
        return TownState(self.streets, self.traffic, self.links, self.waits)

    def now_s(self) -> float:
        """Return the time by the clock of all that this server measures (monotonic)."""
        return self._monotonic()

    async def newest_bookings(self, count: int) -> list[Booking]:
        """Return the newest bookings, active or ended."""
        return await self._bookings.newest_of_all(count)

    @property
    def bookings(self) -> list[Booking]:
        """All active bookings."""
        return list(self._bookings.active.values())

    @cached_property
    def _homes(self) -> frozenset[str]:
        return home_edges(self.city)

    # --- start and loop ----------------------------------------------------------------------

    async def restore(self) -> None:
        """Continue from the stored state of the previous server."""
        self._monitor = CarMonitor(self._monotonic(), self.peer_faults)
        self.rides.begin(self._monotonic())
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
            with self.metrics.steps.time():
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
            elif car.ride is not None:  # another server's clock has measured since when it stands
                ride = replace(car.ride, stands_since_s=None)
                self.traffic = self.traffic.put(replace(car, ride=ride))
        self._saved = persistent_state(self.streets, self.traffic)

    # --- cars --------------------------------------------------------------------------------

    def car_connected(self, car: str, send: Callable[[FromServer], None]) -> CarLink:
        """Register a connection; it replaces an older one of the same car."""
        link = CarLink(car, send, heard_s=self._monotonic())
        self.links[car] = link
        return link

    def car_reported(self, link: CarLink, state: State) -> None:
        if self.links.get(link.car) is link:
            link.heard_s = self._monotonic()
            self._monitor.heard(link.car, link.heard_s)
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
            now_s = self._monotonic()
            for end in ended:
                with self._contained(end.car):
                    await self.rides.take_arrival(end, now_s)
            await self.rides.supervise(self.state_now, self._monitor, now_s)
            await self.rides.pair(self.state_now, self._monotonic())
            self._stop_ended()
            self._monitor.forget(self.traffic, self.links)
            await self._assign()
            await self._begin_errands()
            # pure, but slow in a large town: keep it off the event loop
            self.traffic, self.waits = await asyncio.to_thread(
                advance, self.streets, self.traffic, now_s
            )
            await self._save()
            self._send_orders()
            await self._update_bookings()
        async with self.changed:
            self.changed.notify_all()

    def _contained(self, car: str) -> AbstractContextManager[None]:
        return self.peer_faults.contained(car, PyMongoError)

    def _stop_ended(self) -> None:
        """End the orders whose bookings have ended, or have another car."""
        drives = {booking.id: booking.car_id for booking in self._bookings.active.values()}
        for car in self.traffic.cars.values():
            booking_id = car.ride and car.ride.booking_id
            if booking_id and drives.get(booking_id) != car.id:
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
        closed = closed_to(closed_in(self.streets, self.traffic, but=car.id), car)
        try:
            route = route_to(self.streets, car.place, self._destination(wanted), closed)
        except RequestRefusedError:
            why = reason(ReasonCode.UNKNOWN_DESTINATION, destination=wanted)
            await self._bookings.change(booking.id, BookingState.FAILED, why)
        except NoRouteError:
            why = reason(ReasonCode.NO_ROUTE, destination=wanted)
            await self._bookings.change(booking.id, BookingState.FAILED, why)
        else:
            ride = Ride(uuid.uuid4().hex, booking.id, route, booking.sequence)
            self.traffic = start_ride(self.traffic, car.id, ride)

    async def _begin_errands(self) -> None:
        """Send cars on their way that an operator wants home or parked, once they have no ride."""
        for id_, errand in self.traffic.rules.errands.items():
            car, link = self.traffic.cars.get(id_), self.links.get(id_)
            is_free = car is not None and car.ride is None and id_ not in self._bookings.busy_cars
            if car is None or not is_free or unusable_reason(car, link):
                continue
            with self._contained(id_):
                homes = await asyncio.to_thread(lambda: self._homes)  # slow in a large town, once
                way = errand_way(self.streets, self.traffic, car, errand, homes)
                if way is not None:
                    order_id, sequence = uuid.uuid4().hex, await self._store.next_sequence()
                    why = ERRAND_REASONS[errand]
                    ride = errand_ride(self.streets, car, way, why, order_id, sequence)
                    self.traffic = begin_errand(self.traffic, id_, ride)

    async def change_traffic(self, change: Callable[[Traffic], Traffic]) -> None:
        """Change the traffic between two steps, for an operator, and store it.

        Raises:
            RequestRefusedError: another server has changed it; or what `change` raises, and then
                nothing has changed.
        """
        async with self._step_lock:
            self.traffic = change(self.traffic)
            try:
                is_saved = await self._save()
            except PyMongoError:
                self._reload_due = True  # the next step begins from what is stored
                raise
            if not is_saved:
                raise RequestRefusedError(
                    409, "changed_meanwhile", "another server changed the traffic.", "Ask again."
                )
        self._wake.set()

    async def take_off(self, car: str, why: Reason) -> None:
        """Take a car off its ride, which gets another one or ends."""
        async with self._step_lock:
            await self.rides.take_off(self.state_now, car, why)
        self._wake.set()

    async def next_sequence(self) -> int:
        """Return the next number in the order of all that is asked of the town."""
        return await self._store.next_sequence()

    def trust(self, car: str) -> None:
        """Rely on a car again that was set aside."""
        self._monitor.forgive(car)

    async def _save(self) -> bool:
        """Store the traffic; return whether this could be done, else take the stored one."""
        now = persistent_state(self.streets, self.traffic)
        if now == self._saved:
            return True
        if await self._store.save_traffic(self.traffic):
            self._saved = now
            return True
        log.warning("Traffic was changed by another server; starting from its state.")
        self._take(await self._store.load_traffic())
        return False

    def _send_orders(self) -> None:
        """Send new orders and order updates; disconnected cars get them when they return."""
        now_s = self._monotonic()
        for connected in self.links.values():
            if self.traffic.rules.must_stand(connected.car):
                connected.keep_paused(now_s)
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
            if booking.state is BookingState.QUEUED:
                self._bookings.set_reason(booking, booking.reason or reason(ReasonCode.IN_LINE))
                continue
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

    @contextmanager
    def visited(self, station: str) -> Iterator[None]:
        """Note that a page of a station is open: its visitor keeps the place in line."""
        self.rides.presence.opened(station)
        try:
            yield
        finally:
            self.rides.presence.closed(station, self._monotonic())

    async def book(
        self, station: str, destination: str, language: str, request_id: str | None = None
    ) -> Booking:
        """Put a station in line, whose first gets the ready car that arrives soonest.

        A wish that is asked for again with its `request_id` gets the booking that it has, active
        or ended: an answer that got lost makes no second ride.

        Raises:
            RequestRefusedError: the destination is unknown, the station has a ride already, or no
                way leads there.
        """
        stop = self._destination(destination)
        async with self._step_lock:
            if stop.edge in self.traffic.rules.closed_edges:
                raise _no_way(destination, "its street is closed")
            ready = ready_places(self.traffic, self.links, self._bookings.busy_cars)
            closed = closed_in(self.streets, self.traffic)
            if ready and not choose_cars(self.streets, ready, stop, closed):
                raise _no_way(destination, "no way leads there from any free car")
            self.rides.presence.seen(station, self._monotonic())
            booking = await self._bookings.enqueue(station, destination, language, request_id)
            await self.rides.pair(self.state_now, self._monotonic())
        self._wake.set()
        return self._bookings.active.get(booking.id, booking)

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

    async def cancel(self, id_: str, why: Reason | None = None) -> Booking:
        """Cancel a booking for its visitor, or for an operator; the car stops where it may.

        Raises:
            RequestRefusedError: the booking does not exist or has already ended differently.
        """
        booking = await self._bookings.cancel(id_, why)
        self._wake.set()
        return booking

    async def booking(self, id_: str) -> BookingView:
        """Return a booking as stations see it; who asks keeps its place in line.

        Raises:
            RequestRefusedError: it does not exist.
        """
        booking = await self._bookings.find(id_)
        self.rides.presence.seen(booking.station_device_id, self._monotonic())
        return self.view(booking)

    async def newest_booking(self, station: str) -> BookingView | None:
        """Return a station's newest booking, active or ended."""
        booking = await self._bookings.newest(station)
        return self.view(booking) if booking else None

    def video_url(self, car: str) -> str | None:
        """Return the address of a car's live view, None if the car has told none."""
        link = self.links.get(car)
        return link.video_url if link else None

    def live_link(self, car: str) -> CarLink | None:
        """Return a car's connection on which it was heard lately, None if there is none."""
        link = self.links.get(car)
        return link if link and link.is_alive(self._monotonic()) else None

    def view(self, booking: Booking) -> BookingView:
        car = self.traffic.cars.get(booking.car_id)
        mine = car.ride if car and car.ride and car.ride.booking_id == booking.id else None
        in_line = self.rides.in_line.get(booking.id) if not booking.car_id else None
        video_url = self.video_url(booking.car_id)
        return booking_view(self.streets, booking, mine, video_url, in_line)

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
                self.traffic.rules.duty_of(name),
            )
        return None


def _no_way(destination: str, why: str) -> RequestRefusedError:
    return RequestRefusedError(
        409,
        "no_route",
        f"destination_id: {destination!r} cannot be reached: {why}.",
        "Choose another destination.",
    )
