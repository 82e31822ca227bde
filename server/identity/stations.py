"""Stations and their tokens: whoever registers a name first has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pymongo import ASCENDING
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from pixelopolis.refusals import RequestRefusedError
from server.identity.logins import too_many
from server.identity.rate_limit import Rate, RateLimit
from server.identity.tokens import TokenKind, digest, new_token

UNUSED_S: Final = 30 * 86400.0
"""A token that was not used for this long has ended, and its name is free."""

SEEN_S: Final = 3600.0
"""The use of a token is stored at most this often."""

REGISTRATIONS: Final = Rate(burst=300, per_s=1)
"""New stations from one address."""


class Stations:
    """Registered stations.

    Args:
        database: an open database, whose other servers share them.
        monotonic: clock of the rate limit.
        epoch: clock of stored times.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        monotonic: Callable[[], float],
        epoch: Callable[[], float],
    ) -> None:
        self._stations = database["stations"]
        self._monotonic = monotonic
        self._epoch = epoch
        self._of_address = RateLimit(REGISTRATIONS)

    async def make_indexes(self) -> None:
        await self._stations.create_index([("token", ASCENDING)])
        await self._stations.create_index([("seen_s", ASCENDING)])

    async def register(self, device_id: str, address: str) -> str:
        """Return the token of a new station.

        Raises:
            RequestRefusedError: the name has a token (409), or there were too many (429).
        """
        if wait_s := self._of_address.take(address, self._monotonic()):
            raise too_many("new stations", wait_s)
        token, now_s = new_token(TokenKind.STATION), self._epoch()
        await self._stations.delete_many({"seen_s": {"$lte": now_s - UNUSED_S}})
        try:
            await self._stations.update_one(
                {"_id": device_id, "token": None},  # None: also a station of an older version
                {"$set": {"token": digest(token), "registered_s": now_s, "seen_s": now_s}},
                upsert=True,
            )
        except DuplicateKeyError:
            raise RequestRefusedError(
                409,
                "station_taken",
                f"device_id: station {device_id!r} is registered already.",
                "Send its token, or choose another device_id.",
            ) from None
        return token

    async def station(self, token: str) -> str | None:
        """Return the device id of a token, None if it has none or has ended."""
        now_s = self._epoch()
        found = await self._stations.find_one({"token": digest(token)})
        if found is None or now_s - found["seen_s"] > UNUSED_S:
            return None
        if now_s - found["seen_s"] > SEEN_S:
            await self._stations.update_one({"_id": found["_id"]}, {"$set": {"seen_s": now_s}})
        return str(found["_id"])
