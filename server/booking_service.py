"""The booking office: which bookings there are, in memory and in the database."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace

from pymongo.errors import PyMongoError

from pixelopolis.errors import BookingError, RequestRefusedError
from pixelopolis.reasons import Reason
from server.booking import ACTIVE, Booking, BookingState
from server.storage.mongo import CarTakenError, StationTakenError, Store


class BookingService:
    """Bookings of one town; the database has the last word.

    Args:
        store: the database, open.
        epoch: clock for what is stored.
    """

    def __init__(self, store: Store, epoch: Callable[[], float]) -> None:
        self.active: dict[str, Booking] = {}
        self.unsure = False
        """A write has failed, and may be stored all the same: `refresh` is due."""
        self._last: dict[str, Booking] = {}
        """The newest booking of every station that asked, ended or not."""
        self._store = store
        self._epoch = epoch

    async def restore(self) -> None:
        self.active = {b.id: b for b in await self._store.active_bookings()}
        self._last = {b.station_device_id: b for b in self.active.values()}

    async def refresh(self) -> None:
        """Take in which bookings are stored as active; those of the others that ended, end here."""
        # lowered first: a write that fails meanwhile raises it again
        self.unsure = False
        try:
            stored = {booking.id for booking in await self._store.active_bookings()}
            for id_ in stored ^ self.active.keys():
                await self._read_again(id_)
        except PyMongoError:
            self.unsure = True
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
        """Book the first of `cars` that the database lets us have; None when all were taken.

        Raises:
            RefusedError: when the station has an active booking.
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
                self.unsure = True
                raise
            self._keep(booking)
            return booking
        return None

    async def change(
        self, id_: str, state: BookingState, reason: Reason | None = None
    ) -> Booking | None:
        """Bring a booking into a state; return how it is then, None when there is none.

        One that has ended already stays as it ended.
        """
        ended_s = None if state in ACTIVE else self._epoch()
        try:
            booking = await self._store.change_booking(id_, state, reason, ended_s)
        except BookingError:
            return await self._read_again(id_)
        except PyMongoError:
            self.unsure = True
            raise
        self._keep(booking)
        return booking

    def explain(self, booking: Booking, reason: Reason | None) -> None:
        """Keep why a ride does not go on; only in memory."""
        if reason != booking.reason:
            self._keep(replace(booking, reason=reason))

    async def cancel(self, id_: str) -> Booking:
        """End a booking for its visitor.

        Raises:
            RefusedError: when there is no such booking, or it has ended another way.
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
            RefusedError: when there is none.
        """
        booking = self.active.get(id_) or await self._store.booking(id_)
        if booking is None:
            raise unknown_booking(id_)
        return booking

    async def newest(self, station: str) -> Booking | None:
        """Return the last booking of a station, ended or not."""
        booking = self._last.get(station) or await self._store.newest_booking(station)
        if booking is not None:
            self._last.setdefault(station, booking)
        return booking

    def _keep(self, booking: Booking) -> None:
        last = self._last.get(booking.station_device_id)
        if booking.is_active:
            if last is not None and last.id == booking.id and not last.is_active:
                return  # an older copy: it has ended while somebody waited for the database
            self.active[booking.id] = booking
        else:
            self.active.pop(booking.id, None)
        if last is None or last.created_s <= booking.created_s:
            self._last[booking.station_device_id] = booking


def unknown_booking(id_: str) -> RequestRefusedError:
    return RequestRefusedError(404, "unknown_booking", f"no booking {id_!r}.", "Check its id.")
