"""`pixelopolis server backup` and `restore`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from pixelopolis.cli.common import DATA, DataFolder, MongodbUri, print_line
from pixelopolis.cli.server_database import check_known
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs

File = Annotated[Path, typer.Argument(help="The backup, such as town.backup.gz.")]


@needs("server")
def backup(file: File, mongodb: MongodbUri = "", data: DataFolder = DATA) -> None:
    """Write the whole database to a file, also while servers run."""
    check_known(mongodb, data)
    if file.is_dir():
        raise SettingsError(f"FILE {str(file)!r} is a folder.", "Name a file.")
    from server.storage.backup import write_backup
    from server.storage.mongo import DATABASE
    from server.storage.reach import reach_database

    async def run() -> int:
        async with reach_database(mongodb, data) as uri:
            return await write_backup(uri, DATABASE, file)

    print_line(f"{asyncio.run(run())} documents are in {file}.")


@needs("server")
def restore(file: File, mongodb: MongodbUri = "", data: DataFolder = DATA) -> None:
    """Fill an empty database from a backup, before a server uses it."""
    from server.storage.backup import fill, read_backup
    from server.storage.mongo import DATABASE
    from server.storage.reach import reach_database

    documents = read_backup(file)  # before a database is made

    async def run() -> int:
        async with reach_database(mongodb, data) as uri:
            return await fill(uri, DATABASE, documents)

    print_line(f"{asyncio.run(run())} documents are restored.")
