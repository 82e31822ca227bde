"""A database in one file, and back: bookings, traffic, operators, and all the rest.

The file has one JSON object a line, compressed with gzip: first what it is, then each document with
the name of its collection, in MongoDB's extended JSON.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, Final

from bson import json_util
from pymongo.errors import PyMongoError

from pixelopolis.errors import StoreError
from server.storage.mongo import connect

FORMAT: Final = "pixelopolis backup"
VERSION: Final = 1
Documents = dict[str, list[dict[str, Any]]]
"""A backup's documents, by the names of their collections."""

NOT_KEPT: Final = frozenset({"leases", "sessions"})
"""They are of servers that run and of operators who are logged in."""


async def write_backup(uri: str, database: str, file: Path) -> int:
    """Write all documents as they were at one moment; return how many.

    Raises:
        StoreError: the database does not answer, or is no replica set.
        OSError: the file cannot be written.
    """
    count = 0
    new = file.with_name(f"{file.name}.new")
    try:
        async with connect(uri) as client:
            source = client.get_database(database)
            names = sorted(set(await source.list_collection_names()) - NOT_KEPT)
            new.touch(mode=0o600)  # keys and hashes of passwords are in it
            with gzip.open(new, "wt", encoding="utf-8") as out:
                print(json.dumps({"format": FORMAT, "version": VERSION}), file=out)
                async with client.start_session(snapshot=True) as session:
                    for name in names:
                        async for document in source[name].find(session=session):
                            line = {"collection": name, "document": document}
                            print(json_util.dumps(line), file=out)
                            count += 1
        new.replace(file)
    except PyMongoError as error:
        raise StoreError(
            f"mongodb: the database cannot be read ({error}).", "Check MONGODB_URI."
        ) from error
    finally:
        new.unlink(missing_ok=True)
    return count


async def fill(uri: str, database: str, documents: Documents) -> int:
    """Fill an empty database with a backup's documents (`read_backup`); return how many.

    Raises:
        StoreError: the database is not empty, or it does not answer.
    """
    try:
        async with connect(uri) as client:
            target = client.get_database(database)
            for name in set(await target.list_collection_names()) - NOT_KEPT:
                if await target[name].find_one() is not None:
                    raise StoreError(
                        f"mongodb: database {database!r} is not empty ({name}).",
                        "Restore into an empty data folder or database.",
                    )
            for name, found in documents.items():
                await target[name].insert_many(found)
    except PyMongoError as error:
        raise StoreError(
            f"mongodb: the database cannot be written ({error}).", "Check MONGODB_URI."
        ) from error
    return sum(len(found) for found in documents.values())


def read_backup(file: Path) -> Documents:
    """Return the documents of a file.

    Raises:
        StoreError: it is no backup.
        OSError: it cannot be read.
    """
    documents: Documents = {}
    try:
        with gzip.open(file, "rt", encoding="utf-8") as source:
            head = json.loads(next(source))
            if (head["format"], head["version"]) != (FORMAT, VERSION):
                raise KeyError(head["version"])
            for line in source:
                entry = json_util.loads(line)
                documents.setdefault(entry["collection"], []).append(entry["document"])
    except (ValueError, KeyError, TypeError, StopIteration, EOFError, gzip.BadGzipFile) as error:
        raise StoreError(
            f"FILE: {str(file)!r} is no whole backup of this version.",
            "Name a file that `pixelopolis server backup` has written.",
        ) from error
    return documents
