"""MongoDB storage of bookings and the town's traffic.

Unique partial indexes keep a car or a station out of two active bookings. A booking changes by
`find_one_and_update` from the states that allow it. Traffic is one document per town, replaced
only by a server that read its newest version: a grant of several edges is one atomic write, and
two servers cannot grant the same edge.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final, Self

from pymongo import ASCENDING, DESCENDING, AsyncMongoClient, ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.write_concern import WriteConcern

from pixelopolis.errors import BookingError, StoreError
from pixelopolis.reasons import Reason
from server.booking import Booking, BookingState, from_document, may_become, to_document
from server.traffic.reservations import Traffic

DATABASE: Final = "pixelopolis"
SELECTION_TIMEOUT_MS: Final = 5000
WRITE_TIMEOUT_MS: Final = 5000

CAR_INDEX: Final = "one_active_ride_a_car"
FORMER_CAR_INDEX: Final = "one_active_booking_a_car"
"""Before there was a line, in which bookings have no car."""
STATION_INDEX: Final = "one_active_booking_a_station"

Document = dict[str, Any]


class CarTakenError(Exception):
    """The car is in another active booking."""


class StationTakenError(Exception):
    """The station has an active booking."""


def connect(uri: str) -> AsyncMongoClient[Document]:
    """Return a client of a replica set or a single server; it connects when it is used.

    Raises:
        StoreError: the URI is none.
    """
    try:
        return AsyncMongoClient(uri, serverSelectionTimeoutMS=SELECTION_TIMEOUT_MS, tz_aware=True)
    except (PyMongoError, ValueError) as error:  # not with the URI, which may have a password
        raise StoreError(
            f"mongodb: the URI cannot be used: {error}.", "See `server --mongodb` and MONGODB_URI."
        ) from error


class Store:
    """The database of one town.

    Args:
        uri: a replica set or a single server.
        city: name of the town; stored in every document.
        database: name of the database.
    """

    def __init__(self, uri: str, city: str, database: str = DATABASE) -> None:
        self.city = city
        self._client = connect(uri)
        safe = WriteConcern(w="majority", wtimeout=WRITE_TIMEOUT_MS)
        self.database = self._client.get_database(database, write_concern=safe)
        self._bookings = self.database["bookings"]
        self._traffic = self.database["traffic"]
        self._leases = self.database["leases"]
        self._counters = self.database["counters"]
        self._version = 0

    async def __aenter__(self) -> Self:
        try:
            await self._make_indexes()
        except PyMongoError as error:
            await self._client.close()
            raise StoreError(
                f"mongodb: the database does not answer ({error}).",
                "Check MONGODB_URI and that MongoDB runs there.",
            ) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.close()

    async def _make_indexes(self) -> None:
        with_car = {"active": True, "car_id": {"$gt": ""}}
        for name, field, which in (
            (CAR_INDEX, "car_id", with_car),
            (STATION_INDEX, "station_device_id", {"active": True}),
        ):
            await self._bookings.create_index(
                [("city", ASCENDING), (field, ASCENDING)],
                name=name,
                unique=True,
                partialFilterExpression=which,
            )
        await self._bookings.create_index([("city", ASCENDING), ("sequence", DESCENDING)])
        await self._bookings.create_index(
            [("city", ASCENDING), ("station_device_id", ASCENDING), ("sequence", DESCENDING)]
        )
        if FORMER_CAR_INDEX in await self._bookings.index_information():
            await self._bookings.drop_index(FORMER_CAR_INDEX)

    async def ping(self) -> None:
        """Raise a `PyMongoError` if the database does not answer."""
        await self._client.admin.command("ping")

    # --- bookings -------------------------------------------------------------------------------

    async def next_sequence(self) -> int:
        """Return the number of the town's next booking."""
        counter = await self._counters.find_one_and_update(
            {"_id": self.city},
            {"$inc": {"bookings": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return int(counter["bookings"]) if counter else 0

    async def add_booking(self, booking: Booking) -> None:
        """Store a new active booking.

        Raises:
            CarTakenError: its car is in another active booking.
            StationTakenError: its station has one.
        """
        try:
            await self._bookings.insert_one({**to_document(booking), "city": self.city})
        except DuplicateKeyError as error:
            taken = CarTakenError if CAR_INDEX in str(error) else StationTakenError
            raise taken(str(error)) from error

    async def change_booking(
        self,
        id_: str,
        state: BookingState,
        reason: Reason | None = None,
        ended_s: float | None = None,
        car: str | None = None,
        gives_up: str = "",
    ) -> Booking:
        """Change a booking's state if the transition is allowed; return the new booking.

        Args:
            id_: the booking.
            state: its new state.
            reason: why.
            ended_s: when it ended, if it does.
            car: its new car, "" for none; None leaves the car as it is.
            gives_up: only while the booking has this car, which it does not get again.

        Raises:
            BookingError: it does not exist, or its state does not allow the change.
            CarTakenError: its new car is in another active booking.
        """
        allowed = [str(before) for before in may_become(state)]
        change = {
            "state": str(state),
            "reason": reason and reason.to_document(),
            "ended_s": ended_s,
            "active": ended_s is None,
        }
        wanted: Document = {"_id": id_, "city": self.city, "state": {"$in": allowed}}
        update: Document = {"$set": change}
        if car is not None:
            change["car_id"] = car
        if gives_up:
            wanted["car_id"] = gives_up
            update["$addToSet"] = {"tried": gives_up}
        try:
            found = await self._bookings.find_one_and_update(
                wanted, update, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError as error:
            raise CarTakenError(str(error)) from error
        if found is not None:
            return from_document(found)
        known = await self.booking(id_)
        was = f"is {known.state}" if known else "does not exist"
        raise BookingError(
            f"booking {id_!r} {was} and cannot become {state}.", "Make a new booking."
        )

    async def booking(self, id_: str) -> Booking | None:
        found = await self._bookings.find_one({"_id": id_, "city": self.city})
        return from_document(found) if found else None

    async def active_bookings(self) -> list[Booking]:
        cursor = self._bookings.find({"city": self.city, "active": True}).sort("sequence")
        return [from_document(found) async for found in cursor]

    async def newest_booking(self, station_device_id: str) -> Booking | None:
        """Return a station's newest booking, active or ended."""
        found = await self._bookings.find_one(
            {"city": self.city, "station_device_id": station_device_id},
            sort=[("sequence", DESCENDING)],
        )
        return from_document(found) if found else None

    async def newest_bookings(self, count: int) -> list[Booking]:
        """Return the newest bookings of the town, active or ended."""
        found = self._bookings.find({"city": self.city}).sort("sequence", DESCENDING).limit(count)
        return [from_document(each) async for each in found]

    # --- the lease of the server that serves the town --------------------------------------------

    async def acquire_lease(self, server: str, duration_s: float) -> bool:
        """Take or renew the town's lease; return False while another server has it.

        The database's clock decides, so the servers' clocks need not agree.
        """
        is_free = {"$or": [{"$eq": ["$server", server]}, {"$lte": ["$ends", "$$NOW"]}]}
        ends = {"$add": ["$$NOW", round(1000 * duration_s)]}
        mine = {
            "server": {"$cond": [is_free, server, "$server"]},
            "ends": {"$cond": [is_free, ends, "$ends"]},
        }
        lease = await self._leases.find_one_and_update(
            {"_id": self.city},
            [{"$set": mine}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return lease is not None and bool(lease["server"] == server)

    async def release_lease(self, server: str) -> None:
        """Release the lease if this server has it."""
        await self._leases.delete_one({"_id": self.city, "server": server})

    # --- traffic ----------------------------------------------------------------------------------

    async def load_traffic(self) -> Traffic:
        """Load the newest traffic, on which the next `save_traffic` builds."""
        found = await self._traffic.find_one({"_id": self.city})
        self._version = found["version"] if found else 0
        return Traffic.from_document(found) if found else Traffic()

    async def save_traffic(self, traffic: Traffic) -> bool:
        """Replace the traffic that was last loaded or saved.

        Returns:
            False if another server has changed it meanwhile; load it again.
        """
        document = {**traffic.to_document(), "version": self._version + 1}
        if self._version == 0:
            try:
                await self._traffic.insert_one({"_id": self.city, **document})
            except DuplicateKeyError:
                return False
        else:
            result = await self._traffic.replace_one(
                {"_id": self.city, "version": self._version}, document
            )
            if result.matched_count == 0:
                return False
        self._version += 1
        return True
