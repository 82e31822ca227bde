"""Leader election by lease: of several servers on one database, one serves a town."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from pymongo.errors import PyMongoError

from server.storage.mongo import Store

log = logging.getLogger(__name__)

LEASE_S: Final = 3.0
"""Another server may lead once the leader has not renewed its lease for this long."""

RENEW_S: Final = 0.5
"""Interval at which the leader renews its lease and the other servers ask for it."""

CUT_OFF_S: Final = 10.0
"""A leader that has not reached the database for this long leads no more: another one may, and
cars and pages must look for it. Longer than a database takes to be started again."""

RESIGN_TIMEOUT_S: Final = 1.0
"""When the database does not answer within this time, the lease is left to expire."""


class Leadership:
    """One server's part in the election.

    Args:
        store: the town's open database.
        monotonic: clock of the renewals. The database's own clock measures leases.
    """

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._server = uuid.uuid4().hex
        self._asked_s = -RENEW_S
        self._ended = asyncio.Event()
        self._ended.set()

    @property
    def is_leader(self) -> bool:
        """Whether this server leads, as far as it knows."""
        return not self._ended.is_set()

    async def ended(self) -> None:
        """Wait until this server does not lead."""
        await self._ended.wait()

    async def run(
        self, prepare: Callable[[], Awaitable[None]], work: Callable[[], Awaitable[None]]
    ) -> None:
        """Work whenever this server leads, until canceled; it may be called again after a failure.

        Args:
            prepare: called before this server leads, because another may have changed everything.
            work: returns soon after `renew` has returned False.
        """
        while True:
            if self.is_leader or await self.begin(prepare):
                await work()
            else:
                await asyncio.sleep(RENEW_S)

    async def keep_renewing(self) -> None:
        """Renew the lease beside the work, one step of which may take longer; until canceled."""
        failing_since_s: float | None = None
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                async with asyncio.timeout(CUT_OFF_S):
                    await self.renew()
            except (PyMongoError, TimeoutError):  # the work meets the same, and reports it
                # counted from the first failure: a server that was only busy succeeds next
                now_s = self._monotonic()
                failing_since_s = now_s if failing_since_s is None else failing_since_s
                if self.is_leader and now_s - failing_since_s > CUT_OFF_S:
                    log.error("No database for %.0f s; another server may lead.", CUT_OFF_S)
                    self._ended.set()
            else:
                failing_since_s = None

    async def begin(self, prepare: Callable[[], Awaitable[None]]) -> bool:
        """Lead if no other server does; return whether this one leads now."""
        if await self._ask():
            await prepare()
            self._ended.clear()
            log.info("This server serves %s.", self._store.city)
        return self.is_leader

    async def renew(self) -> bool:
        """Renew the lease when it is due; return False when another server has it.

        Raises:
            PyMongoError: the database does not answer. No other server can take the lease then.
        """
        is_due = self._monotonic() - self._asked_s >= RENEW_S
        if self.is_leader and is_due and not await self._ask():
            log.warning("Another server serves %s now.", self._store.city)
            self._ended.set()
        return self.is_leader

    async def resign(self) -> None:
        """Release the lease, so that another server can lead at once."""
        self._ended.set()
        with contextlib.suppress(PyMongoError, TimeoutError):
            async with asyncio.timeout(RESIGN_TIMEOUT_S):
                await self._store.release_lease(self._server)

    async def _ask(self) -> bool:
        asked_s = self._monotonic()
        has_lease = await self._store.acquire_lease(self._server, LEASE_S)
        self._asked_s = asked_s
        return has_lease
