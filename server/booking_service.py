"""The bookings of a town, in memory and in the database."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from pymongo.errors import PyMongoError

from pixelopolis.errors import BookingError
from pixelopolis.reasons import Reason
from pixelopolis.refusals import RequestRefusedError
from server.booking import ACTIVE, Booking, BookingState
from server.metrics import Metrics
from server.storage.mongo import CarTakenError, StationTakenError, Store

MAX_IN_LINE: Final = 1000
"""Visitors in line; more are refused."""

MAX_REMEMBERED: Final = 10_000
"""Stations whose newest booking is in memory."""

REQUESTS: Final = uuid.UUID("6f2f3bd0-3d8c-4c43-9d2e-0d2a6a3cf5b1")
"""Namespace of the ids of bookings that were asked for with a request id."""


class BookingService:
    """Bookings of one town. The database decides in case of conflict.

    Args:
        store: the open database.
        epoch: clock for stored times, in seconds since the epoch.
        metrics: where ended bookings are counted.
    """

    def __init__(
        self, store: Store, epoch: Callable[[], float], metrics: Metrics | None = None
    ) -> None:
        self.active: dict[str, Booking] = {}
        self.refresh_due = False
        """A write failed and may have been stored anyway: call `refresh`."""
        self._last: dict[str, Booking] = {}
        """The newest booking of every known station, active or ended."""
        self._without: set[str] = set()
        """Stations that are known to have had no booking."""
        self._store = store
        self._epoch = epoch
        self._metrics = metrics or Metrics()

    async def restore(self) -> None:
        self.active = {b.id: b for b in await self._store.active_bookings()}
        self._last = {b.station_device_id: b for b in self.active.values()}
        self._without.clear()

    async def refresh(self) -> None:
        """Synchronize with the active bookings in the database."""
        # cleared first: a write that fails meanwhile sets it again
        self.refresh_due = False
        try:
            stored = {booking.id for booking in await self._store.active_bookings()}
            for id_ in stored ^ self.active.keys():
                await self._read_again(id_)
        except PyMongoError:
            self.refresh_due = True
            raise

    async def _read_again(self, id_: str) -> Booking | None:
        booking = await self._store.booking(id_)
        if booking is None:
            self.active.pop(id_, None)
        else:
            self._keep(booking)
        return booking

    @property
    def busy_cars(self) -> frozenset[str]:
        return frozenset(booking.car_id for booking in self.active.values() if booking.car_id)

    @property
    def waiting(self) -> list[Booking]:
        """The bookings in line, the first first."""
        queued = (b for b in self.active.values() if b.state is BookingState.QUEUED)
        return sorted(queued, key=lambda booking: booking.sequence)

    async def enqueue(
        self, station: str, destination: str, language: str, request_id: str | None = None
    ) -> Booking:
        """Put a visitor at the end of the line, or return the booking of the same request.

        Raises:
            RequestRefusedError: the station already has an active booking.
        """
        id_ = uuid.uuid4().hex
        if request_id is not None:
            id_ = uuid.uuid5(REQUESTS, f"{station}/{request_id}").hex
        try:
            if request_id is not None and (known := await self._read_again(id_)) is not None:
                return known
            newest = self._last.get(station)
            if newest is not None and newest.is_active and newest.id != id_:
                raise _station_busy(station)
            if len(self.waiting) >= MAX_IN_LINE:
                raise RequestRefusedError(
                    503,
                    "line_full",
                    f"{MAX_IN_LINE} visitors are in line already.",
                    "Try again later.",
                    retry_after_s=60,
                )
            booking = Booking(
                id=id_,
                station_device_id=station,
                car_id="",
                destination_id=destination,
                language=language,
                created_s=self._epoch(),
                state=BookingState.QUEUED,
                sequence=await self._store.next_sequence(),
            )
            await self._store.add_booking(booking)
        except StationTakenError:
            raise _station_busy(station) from None
        except PyMongoError:
            self.refresh_due = True
            raise
        self._keep(booking)
        return booking

    async def assign(self, booking: Booking, cars: Iterable[str]) -> Booking | None:
        """Give a booking in line the first of `cars` that is free in the database.

        Returns:
            The booking as it is afterwards; None if all were taken.
        """
        for car in cars:
            try:
                return await self.change(booking.id, BookingState.BOOKED, car=car)
            except CarTakenError:
                continue
        return None

    async def give_up(self, booking: Booking, why: Reason) -> Booking | None:
        """Take a booking's car off it, and put it back to its place in line."""
        return await self.change(
            booking.id, BookingState.QUEUED, why, car="", gives_up=booking.car_id
        )

    async def change(
        self,
        id_: str,
        state: BookingState,
        reason: Reason | None = None,
        car: str | None = None,
        gives_up: str = "",
    ) -> Booking | None:
        """Change a booking's state. An ended booking does not change.

        Args:
            id_: the booking.
            state: its new state.
            reason: why.
            car: its new car, "" for none; None leaves the car as it is.
            gives_up: only while the booking has this car, which it does not get again.

        Returns:
            The booking as it is afterwards; None if it does not exist.
        """
        ended_s = None if state in ACTIVE else self._epoch()
        try:
            booking = await self._store.change_booking(id_, state, reason, ended_s, car, gives_up)
        except BookingError:
            return await self._read_again(id_)
        except PyMongoError:
            self.refresh_due = True
            raise
        self._keep(booking)
        return booking

    def set_reason(self, booking: Booking, reason: Reason | None) -> None:
        """Store in memory only why a ride is not moving."""
        if reason != booking.reason:
            self._keep(replace(booking, reason=reason))

    async def cancel(self, id_: str, why: Reason | None = None) -> Booking:
        """Cancel a booking for its visitor, or for an operator, who says why.

        Raises:
            RequestRefusedError: the booking does not exist or has already ended differently.
        """
        booking = await self.change(id_, BookingState.CANCELLED, why)
        if booking is None:
            raise unknown_booking(id_)
        if booking.state is not BookingState.CANCELLED:
            raise RequestRefusedError(
                409,
                "booking_ended",
                f"booking {id_!r} is {booking.state} and cannot be cancelled.",
                "Make a new booking.",
            )
        return booking

    async def find(self, id_: str) -> Booking:
        """Return a booking.

        Raises:
            RequestRefusedError: it does not exist.
        """
        booking = self.active.get(id_) or await self._store.booking(id_)
        if booking is None:
            raise unknown_booking(id_)
        return booking

    async def newest_of_all(self, count: int) -> list[Booking]:
        """Return the newest bookings of the town, active ones as they are in memory."""
        found = await self._store.newest_bookings(count)
        return [self.active.get(booking.id, booking) for booking in found]

    async def newest(self, station: str) -> Booking | None:
        """Return a station's newest booking, active or ended."""
        if station in self._without:
            return None
        booking = self._last.get(station) or await self._store.newest_booking(station)
        if booking is not None:
            self._last.setdefault(station, booking)
        elif station not in self._last:
            if len(self._without) >= MAX_REMEMBERED:
                self._without.clear()
            self._without.add(station)
        return self._last.get(station)

    def _keep(self, booking: Booking) -> None:
        last = self._last.get(booking.station_device_id)
        if booking.is_active:
            if last is not None and last.id == booking.id and not last.is_active:
                return  # an outdated copy: the booking ended while we waited for the database
            self.active[booking.id] = booking
        elif self.active.pop(booking.id, None) is not None:
            self._metrics.ended.labels(booking.state).inc()
        if last is None or last.sequence <= booking.sequence:
            self._last[booking.station_device_id] = booking
            self._without.discard(booking.station_device_id)
        if len(self._last) > MAX_REMEMBERED:
            self._last = {b.station_device_id: b for b in self.active.values()}


def _station_busy(station: str) -> RequestRefusedError:
    return RequestRefusedError(
        409,
        "station_busy",
        f"station_device_id: station {station!r} has a ride already.",
        "Wait for its arrival, or cancel it.",
    )


def unknown_booking(id_: str) -> RequestRefusedError:
    return RequestRefusedError(404, "unknown_booking", f"no booking {id_!r}.", "Check its id.")
