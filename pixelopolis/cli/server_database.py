"""The database of a server, for commands that read or change it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

Result = TypeVar("Result")


def with_database(
    mongodb: str, data: Path, work: Callable[[AsyncDatabase[dict[str, Any]]], Awaitable[Result]]
) -> Result:
    """Return what `work` returns for a server's database, whether the server runs or not."""
    from server.storage.mongo import Store
    from server.storage.reach import reach_database

    async def run() -> Result:
        async with reach_database(mongodb, data) as uri, Store(uri, "") as store:
            return await work(store.database)

    return asyncio.run(run())
