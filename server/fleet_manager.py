"""Pairs stations with cars, keeps rides going, and informs cars and stations.

One loop takes in the cars' reports, decides (`car_reports`, `granting`), stores, and only then
sends. So everything a car was told survives a restart of the server. HTTP handlers call plain
methods; only the loop changes traffic.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Final

from pymongo.errors import PyMongoError

from pixelopolis.city.model import City
from pixelopolis.reasons import Reason, ReasonCode, reason
from pixelopolis.refusals import RequestRefusedError
from pixelopolis.vda5050.frames import FromServer
from pixelopolis.vda5050.state import State
from server.booking import Booking, BookingState
from server.booking_service import BookingService
from server.metrics import Metrics
from server.order_service import OrderService
from server.order_service import destination as place_of
from server.peer_faults import PeerFaultLog
from server.ride_service import RideService
from server.storage.mongo import Store
from server.traffic.car_link import CarLink
from server.traffic.car_monitor import CarMonitor
from server.traffic.dispatch import choose_cars, ready_places
from server.traffic.granting import Wait, advance
from server.traffic.reservations import (
    Traffic,
    closed_in,
    fits,
    persistent_state,
)
from server.traffic.status import booking_status
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
        self.turns = 0
        """How often that was."""
        self.metrics = Metrics()
        self._store = store
        self._monotonic = monotonic
        self._epoch = epoch
        self._bookings = BookingService(store, epoch, self.metrics)
        self._saved: object = None
        self._reload_due = False
        """The last step failed, so memory may differ from the database."""
        self.peer_faults = PeerFaultLog(log, monotonic)
        self._monitor = CarMonitor(monotonic(), self.peer_faults)
        self.rides = RideService(
            self.streets, self._bookings, self.peer_faults, self.metrics, monotonic()
        )
        self.orders = OrderService(city, self._bookings, store, self.peer_faults)
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

    # --- start and loop ----------------------------------------------------------------------

    async def restore(self) -> None:
        """Continue from the stored state of the previous server."""
        self._monitor = CarMonitor(self._monotonic(), self.peer_faults)
        self.rides.begin(self._monotonic())
        self._take(await self._store.load_traffic())
        self.orders.begin(self.traffic)
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
            self.traffic = self.orders.without_ended(self.traffic)
            self._monitor.forget(self.traffic, self.links, now_s)
            self.traffic = await self.orders.with_new(self.state_now)
            # pure, but slow in a large town: keep it off the event loop
            self.traffic, self.waits = await asyncio.to_thread(
                advance, self.streets, self.traffic, now_s
            )
            await self._save()
            self.orders.send(self.state_now, self._monotonic())
            await self._update_bookings()
        self.turns += 1
        async with self.changed:
            self.changed.notify_all()

    def _contained(self, car: str) -> AbstractContextManager[None]:
        return self.peer_faults.contained(car, PyMongoError)

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
    def visited(self, station: str, ride: str = "") -> Iterator[None]:
        """Note that a page of a station or of its ride is open: the visitor keeps the place."""
        self.rides.presence.opened(station, ride)
        try:
            yield
        finally:
            self.rides.presence.closed(station, self._monotonic(), ride)

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
        stop = place_of(self.city, destination)
        if stop.edge in self.traffic.rules.closed_edges:
            raise _no_way(destination, "its street is closed")
        ready = ready_places(self.traffic, self.links, self._bookings.busy_cars)
        closed = closed_in(self.streets, self.traffic)
        if ready and not choose_cars(self.streets, ready, stop, closed):
            raise _no_way(destination, "no way leads there from any free car")
        self.rides.presence.seen(station, self._monotonic())
        booking = await self._bookings.enqueue(station, destination, language, request_id)
        async with self._step_lock:
            await self.rides.pair(self.state_now, self._monotonic())
        self._wake.set()
        return self._bookings.active.get(booking.id, booking)

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
