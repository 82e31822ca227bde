"""Forgets old bookings, and old entries of the audit log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

log = logging.getLogger(__name__)

DAY_S: Final = 86_400.0
EVERY_S: Final = 3600.0


async def forget_old(database: AsyncDatabase[dict[str, Any]], city: str, before_s: float) -> int:
    """Delete what ended before a time, in seconds since the epoch; return how many documents.

    A booking that has not ended stays, however old it is.
    """
    ended = {"city": city, "active": False, "ended_s": {"$lt": before_s}}
    bookings = await database["bookings"].delete_many(ended)
    audit = await database["audit"].delete_many({"city": city, "at_s": {"$lt": before_s}})
    return bookings.deleted_count + audit.deleted_count


async def keep_forgetting(
    database: AsyncDatabase[dict[str, Any]],
    city: str,
    keep_days: float,
    leads: Callable[[], bool],
    epoch: Callable[[], float],
) -> None:
    """Forget once an hour what is older than `keep_days`, while this server serves the town."""
    while True:
        if leads() and (count := await forget_old(database, city, epoch() - keep_days * DAY_S)):
            log.info("Forgot %d bookings and commands of %g days ago.", count, keep_days)
        await asyncio.sleep(EVERY_S)
