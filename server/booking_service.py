"""The bookings of a town, in memory and in the database."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace

from pymongo.errors import PyMongoError

from pixelopolis.errors import BookingError
from pixelopolis.reasons import Reason
from pixelopolis.refusals import RequestRefusedError
from server.booking import ACTIVE, Booking, BookingState
from server.storage.mongo import CarTakenError, StationTakenError, Store


class BookingService:
    """Bookings of one town. The database decides in case of conflict.

    Args:
        store: the open database.
        epoch: clock for stored times, in seconds since the epoch.
    """

    def __init__(self, store: Store, epoch: Callable[[], float]) -> None:
        self.active: dict[str, Booking] = {}
        self.refresh_due = False
        """A write failed and may have been stored anyway: call `refresh`."""
        self._last: dict[str, Booking] = {}
        """The newest booking of every known station, active or ended."""
        self._store = store
        self._epoch = epoch

    async def restore(self) -> None:
        self.active = {b.id: b for b in await self._store.active_bookings()}
        self._last = {b.station_device_id: b for b in self.active.values()}

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
        return frozenset(booking.car_id for booking in self.active.values())

    async def pair(
        self, station: str, destination: str, language: str, cars: Iterable[str]
    ) -> Booking | None:
        """Book the first of `cars` that is still free in the database; None if all were taken.

        Raises:
            RequestRefusedError: the station already has an active booking.
        """
        for car in cars:
            booking = Booking(uuid.uuid4().hex, station, car, destination, language, self._epoch())
            try:
                await self._store.add_booking(booking)
            except CarTakenError:
                continue
            except StationTakenError:
                raise RequestRefusedError(
                    409,
                    "station_busy",
                    f"station_device_id: station {station!r} has a ride already.",
                    "Wait for its arrival, or cancel it.",
                ) from None
            except PyMongoError:
                self.refresh_due = True
                raise
            self._keep(booking)
            return booking
        return None

    async def change(
        self, id_: str, state: BookingState, reason: Reason | None = None
    ) -> Booking | None:
        """Change a booking's state. An ended booking does not change.

        Returns:
            The booking as it is afterwards; None if it does not exist.
        """
        ended_s = None if state in ACTIVE else self._epoch()
        try:
            booking = await self._store.change_booking(id_, state, reason, ended_s)
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

    async def cancel(self, id_: str) -> Booking:
        """Cancel a booking for its visitor.

        Raises:
            RequestRefusedError: the booking does not exist or has already ended differently.
        """
        booking = await self.change(id_, BookingState.CANCELLED)
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

    async def newest(self, station: str) -> Booking | None:
        """Return a station's newest booking, active or ended."""
        booking = self._last.get(station) or await self._store.newest_booking(station)
        if booking is not None:
            self._last.setdefault(station, booking)
        return booking

    def _keep(self, booking: Booking) -> None:
        last = self._last.get(booking.station_device_id)
        if booking.is_active:
            if last is not None and last.id == booking.id and not last.is_active:
                return  # an outdated copy: the booking ended while we waited for the database
            self.active[booking.id] = booking
        else:
            self.active.pop(booking.id, None)
        if last is None or last.created_s <= booking.created_s:
            self._last[booking.station_device_id] = booking


def unknown_booking(id_: str) -> RequestRefusedError:
    return RequestRefusedError(404, "unknown_booking", f"no booking {id_!r}.", "Check its id.")
