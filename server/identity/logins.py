"""Operators log in and out: passwords, rate limits and sessions."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final

from pixelopolis.refusals import RequestRefusedError
from server.identity.operator_store import Operator, OperatorStore
from server.identity.passwords import is_password
from server.identity.rate_limit import Rate, RateLimit
from server.identity.tokens import TokenKind, digest, new_token

SESSION_S: Final = 8 * 3600.0
"""A session ends after this time; then the operator logs in again."""

FAILURES: Final = Rate(burst=5, per_s=1 / 30)
"""Wrong passwords of one name, from one address; right ones do not count."""

FAILURES_OF_ADDRESS: Final = Rate(burst=20, per_s=1 / 10)
"""Wrong passwords from one address, whatever the names."""

MAX_AT_ONCE: Final = 2
"""Passwords compared at the same time: each takes 64 MiB."""

MAX_WAITING: Final = 10
"""Logins under way; more are refused, so that none waits for long."""


class Logins:
    """Sessions of operators.

    Args:
        store: operators and sessions.
        monotonic: clock of the rate limits.
        epoch: clock of stored times.
    """

    def __init__(
        self, store: OperatorStore, monotonic: Callable[[], float], epoch: Callable[[], float]
    ) -> None:
        self._store = store
        self._monotonic = monotonic
        self._epoch = epoch
        self._of_name, self._of_address = RateLimit(FAILURES), RateLimit(FAILURES_OF_ADDRESS)
        self._hashing = asyncio.Semaphore(MAX_AT_ONCE)
        self._comparing = 0

    async def log_in(self, name: str, password: str, address: str) -> tuple[str, Operator]:
        """Return the token of a new session, and whose it is.

        Raises:
            RequestRefusedError: name or password is wrong (401), or too many were (429).
        """
        limits = ((self._of_name, f"{address} {name}"), (self._of_address, address))
        if wait_s := RateLimit.take_each(limits, self._monotonic()):
            raise too_many("wrong passwords", wait_s)
        operator = await self._store.find(name)
        is_right = await self._is_right(operator, password)
        if operator is None or not is_right:
            raise RequestRefusedError(
                401, "wrong_login", "name or password is wrong.", "Correct it and try again."
            )
        for limit, key in limits:
            limit.give_back(key)
        token, now_s = new_token(TokenKind.OPERATOR), self._epoch()
        await self._store.begin_session(digest(token), operator, now_s + SESSION_S, now_s)
        return token, operator

    async def _is_right(self, operator: Operator | None, password: str) -> bool:
        if self._comparing >= MAX_WAITING:
            raise too_many("logins at once", 1.0)
        self._comparing += 1
        try:
            async with self._hashing:
                stored = operator.password if operator else None
                return await asyncio.to_thread(is_password, stored, password)
        finally:
            self._comparing -= 1

    async def log_out(self, token: str) -> None:
        await self._store.end_session(digest(token))

    async def operator(self, token: str) -> Operator | None:
        """Return whose session a token is for, None if it has none."""
        return await self._store.session(digest(token), self._epoch())


def too_many(what: str, wait_s: float) -> RequestRefusedError:
    """Return the refusal of somebody who exceeds a rate."""
    seconds = max(1, math.ceil(wait_s))
    return RequestRefusedError(
        429, "too_many", f"too many {what}.", f"Try again in {seconds} s.", retry_after_s=seconds
    )
