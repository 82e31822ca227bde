"""Reach a town's database from a command, whether or not its server runs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from pixelopolis.errors import SettingsError
from pixelopolis.folder_lock import lock_folder
from server.storage.embedded_mongod import Mongod

URI_FILE: Final = "mongod.uri"
"""In the data folder of a running server: where its own mongod listens."""


@asynccontextmanager
async def own_mongod(folder: Path) -> AsyncIterator[Mongod]:
    """Run the mongod of a data folder, which no other process may use meanwhile.

    Raises:
        SettingsError: another process uses it.
        StoreError: it does not start.
    """
    with lock_folder(folder / "db", "--data"):
        mongod = Mongod(folder)
        async with mongod as uri:
            file = folder / URI_FILE
            file.write_text(uri, "utf-8")
            try:
                yield mongod
            finally:
                file.unlink(missing_ok=True)


@asynccontextmanager
async def reach_database(mongodb_uri: str, folder: Path) -> AsyncIterator[str]:
    """Give the URI of a database: the named one, a running server's, or one that runs meanwhile.

    Args:
        mongodb_uri: of a database; if empty, the environment's MONGODB_URI, else the folder's.
        folder: data folder of a server with its own mongod.

    Raises:
        SettingsError: the folder is in use by something else than a server.
        StoreError: no database can be started.
    """
    if uri := mongodb_uri or os.environ.get("MONGODB_URI", ""):
        yield uri
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_folder(folder / "db", "--data"))
        except SettingsError:
            file = folder / URI_FILE
            if not file.is_file():
                raise
            running = file.read_text("utf-8")
        else:
            running = ""
    if running:
        yield running
        return
    async with own_mongod(folder) as mongod:
        yield mongod.uri
