"""The database of a server, for commands that read or change it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pixelopolis.errors import SettingsError

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

Result = TypeVar("Result")


def check_known(mongodb: str, data: Path) -> None:
    """Check that a server's database is there, for commands that do not begin one.

    Raises:
        SettingsError: neither a URI nor a folder in which a server has kept one.
    """
    try:
        is_known = bool(mongodb) or (data / "db").is_dir()
    except OSError:
        is_known = False
    if not is_known:
        raise SettingsError(
            f"--data {str(data)!r}: no server has kept a database there.",
            "Name the data folder of a server, or --mongodb.",
        )


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
