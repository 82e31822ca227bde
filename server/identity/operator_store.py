"""MongoDB storage of operators and their sessions, which all servers of a database share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo import ASCENDING
from pymongo.asynchronous.database import AsyncDatabase

from server.identity import tokens
from server.identity.access import Role


@dataclass(frozen=True, slots=True)
class Operator:
    """One person who may operate the town; `password` is a hash of `identity.passwords`."""

    name: str
    role: Role
    password: str


class OperatorStore:
    """Operators by name, and sessions by the digest of their token.

    Args:
        database: an open database.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._operators = database["operators"]
        self._sessions = database["sessions"]

    async def make_indexes(self) -> None:
        await self._sessions.create_index([("operator", ASCENDING)])

    async def put(self, operator: Operator) -> None:
        """Add an operator, or change role and password of a known one, whose sessions end."""
        await self._operators.replace_one(
            {"_id": operator.name},
            {"role": str(operator.role), "password": operator.password},
            upsert=True,
        )
        await self._sessions.delete_many({"operator": operator.name})

    async def remove(self, name: str) -> bool:
        """Remove an operator and all sessions; return whether there was one."""
        result = await self._operators.delete_one({"_id": name})
        await self._sessions.delete_many({"operator": name})
        return result.deleted_count > 0

    async def find(self, name: str) -> Operator | None:
        found = await self._operators.find_one({"_id": name})
        return _operator(found) if found else None

    async def all(self) -> list[Operator]:
        return [_operator(found) async for found in self._operators.find().sort("_id")]

    async def begin_session(
        self, digest: str, operator: Operator, ends_s: float, now_s: float
    ) -> None:
        """Store a session until `ends_s` since the epoch, and forget those that have ended.

        It is of the operator's password as it was compared: another password ends it.
        """
        await self._sessions.delete_many({"ends_s": {"$lte": now_s}})
        session = {"_id": digest, "operator": operator.name, "ends_s": ends_s}
        await self._sessions.insert_one({**session, "password": tokens.digest(operator.password)})

    async def session(self, digest: str, now_s: float) -> Operator | None:
        """Return whose session it is; None if there is none, or if it has ended."""
        found = await self._sessions.find_one({"_id": digest, "ends_s": {"$gt": now_s}})
        operator = await self.find(found["operator"]) if found else None
        if found is None or operator is None:
            return None
        return operator if found.get("password") == tokens.digest(operator.password) else None

    async def end_session(self, digest: str) -> None:
        await self._sessions.delete_one({"_id": digest})


def _operator(found: dict[str, Any]) -> Operator:
    return Operator(found["_id"], Role(found["role"]), found["password"])
