"""Cars enroll their keys once, and show at each connection that they have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pixelopolis.identity.signatures import (
    enrollment_proof,
    is_signed,
    link_proof,
    public_key,
)
from pixelopolis.refusals import RequestRefusedError
from server.identity.car_store import CarStore, EnrolledCar
from server.identity.codes import VALID_S, new_code, read_code
from server.identity.logins import too_many
from server.identity.nonces import Nonces
from server.identity.rate_limit import Rate, RateLimit
from server.identity.tokens import digest

GUESSES: Final = Rate(burst=10, per_s=1 / 30)
"""Wrong enrollment codes from one address; right ones do not count."""

GUESSES_OF_ALL: Final = Rate(burst=100, per_s=1)
"""Wrong enrollment codes from everywhere."""


class Cars:
    """Keys of cars.

    Args:
        store: keys and codes.
        monotonic: clock of nonces and rate limits.
        epoch: clock of stored times.
    """

    def __init__(
        self, store: CarStore, monotonic: Callable[[], float], epoch: Callable[[], float]
    ) -> None:
        self.store = store
        self._monotonic = monotonic
        self._epoch = epoch
        self._nonces = Nonces()
        self._of_address, self._of_all = RateLimit(GUESSES), RateLimit(GUESSES_OF_ALL)

    async def invite(self) -> str:
        """Return a new code, with which one car can be enrolled within `codes.VALID_S`."""
        code, now_s = new_code(), self._epoch()
        await self.store.add_code(digest(code), now_s + VALID_S, now_s)
        return code

    async def enroll(self, serial: str, code: str, key: str, proof: str, address: str) -> None:
        """Take a car's public key, once for each code.

        Raises:
            RequestRefusedError: the key or its proof is wrong (400), the code is (403), the serial
                has a key (409), or there were too many wrong codes (429).
        """
        limits = ((self._of_address, address), (self._of_all, ""))
        if wait_s := RateLimit.take_each(limits, self._monotonic()):
            raise too_many("wrong enrollment codes", wait_s)
        if not _is_own(key, enrollment_proof(serial, code), proof):
            raise RequestRefusedError(
                400,
                "invalid_key",
                "public_key, proof: the proof is not signed with this key.",
                "Enroll with `pixelopolis car enroll CODE`.",
            )
        if not await self.store.take_code(digest(read_code(code)), self._epoch()):
            raise RequestRefusedError(
                403,
                "invalid_code",
                "code: it is wrong, used, or older than 10 minutes.",
                "Make a new one with `pixelopolis server enroll`.",
            )
        for limit, name in limits:
            limit.give_back(name)
        if not await self.store.add(EnrolledCar(serial, key, self._epoch())):
            raise RequestRefusedError(
                409,
                "serial_enrolled",
                f"serial: a car {serial!r} is enrolled already.",
                f"Give this car another id, or end the other's key: "
                f"`pixelopolis server revoke {serial}`.",
            )

    def challenge(self) -> str:
        """Return a nonce for a car to sign."""
        return self._nonces.make(self._monotonic())

    async def shown_by(self, serial: str, credentials: str) -> EnrolledCar | None:
        """Return the car whose signature `NONCE.SIGNATURE` is; each nonce counts once."""
        nonce, _, signature = credentials.partition(".")
        if not self._nonces.is_valid(nonce, self._monotonic()):
            return None
        car = await self.store.find(serial)
        if car is None or not _is_own(car.key, link_proof(serial, nonce), signature):
            return None
        if not self._nonces.is_valid(nonce, self._monotonic()):
            return None  # used while the database was asked
        self._nonces.use(nonce, self._monotonic())
        return car


def _is_own(key: str, message: bytes, signature: str) -> bool:
    try:
        return is_signed(public_key(key), message, signature)
    except ValueError:
        return False
