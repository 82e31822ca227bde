"""MongoDB storage of cars' public keys and of enrollment codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError


@dataclass(frozen=True, slots=True)
class EnrolledCar:
    """A car whose key is known; `key` is the text of its public key."""

    serial: str
    key: str
    enrolled_s: float


class CarStore:
    """Keys by serial, and codes by their digest.

    Args:
        database: an open database.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._keys = database["car_keys"]
        self._codes = database["enrollment_codes"]

    async def add_code(self, digest: str, ends_s: float, now_s: float) -> None:
        """Store a code until `ends_s` since the epoch, and forget those that have ended."""
        await self._codes.delete_many({"ends_s": {"$lte": now_s}})
        await self._codes.insert_one({"_id": digest, "ends_s": ends_s})

    async def take_code(self, digest: str, now_s: float) -> bool:
        """Use up a code; return whether it was valid."""
        found = await self._codes.find_one_and_delete({"_id": digest, "ends_s": {"$gt": now_s}})
        return found is not None

    async def add(self, car: EnrolledCar) -> bool:
        """Store a car's key; return False if its serial has one already."""
        try:
            await self._keys.insert_one(
                {"_id": car.serial, "key": car.key, "enrolled_s": car.enrolled_s}
            )
        except DuplicateKeyError:
            return False
        return True

    async def find(self, serial: str) -> EnrolledCar | None:
        found = await self._keys.find_one({"_id": serial})
        return _car(found) if found else None

    async def all(self) -> list[EnrolledCar]:
        return [_car(found) async for found in self._keys.find().sort("_id")]

    async def revoke(self, serial: str) -> bool:
        """Forget a car's key; return whether it had one."""
        return (await self._keys.delete_one({"_id": serial})).deleted_count > 0


def _car(found: dict[str, Any]) -> EnrolledCar:
    return EnrolledCar(found["_id"], found["key"], found["enrolled_s"])
