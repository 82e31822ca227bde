"""What operators did, in the database: who, when, what, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pymongo import DESCENDING
from pymongo.asynchronous.database import AsyncDatabase

BEGUN: Final = "begun"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One command of an operator; `outcome` is "done", "begun", or the code of the refusal."""

    sequence: int
    at_s: float
    operator: str
    action: str
    target: str
    outcome: str
    details: str = ""


class AuditLog:
    """The commands of operators, the newest first.

    Args:
        database: an open database.
        city: name of the town.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]], city: str) -> None:
        self._entries = database["audit"]
        self._city = city

    async def begin(self, entry: AuditEntry) -> None:
        """Store a command before it is carried out."""
        await self._entries.insert_one(
            {
                "city": self._city,
                "sequence": entry.sequence,
                "at_s": entry.at_s,
                "operator": entry.operator,
                "action": entry.action,
                "target": entry.target,
                "outcome": entry.outcome,
                "details": entry.details,
            }
        )

    async def end(self, sequence: int, outcome: str, details: str) -> None:
        """Store how a command ended."""
        await self._entries.update_one(
            {"city": self._city, "sequence": sequence},
            {"$set": {"outcome": outcome, "details": details}},
        )

    async def newest(self, count: int) -> list[AuditEntry]:
        """Return the newest commands, at most `count`."""
        found = self._entries.find({"city": self._city}).sort("sequence", DESCENDING).limit(count)
        return [
            AuditEntry(
                each["sequence"],
                each["at_s"],
                each["operator"],
                each["action"],
                each["target"],
                each["outcome"],
                each["details"],
            )
            async for each in found
        ]
