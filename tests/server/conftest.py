"""A real MongoDB for the session, a database of its own for every test."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from pixelopolis.errors import StoreError
from server.mongod import Mongod, find_mongod


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        find_mongod()
    except StoreError as error:
        pytest.skip(str(error))
    folder: Path = tmp_path_factory.mktemp("mongod")
    mongod = Mongod(folder)
    with asyncio.Runner() as runner:
        runner.run(mongod.start())
        try:
            yield mongod.uri
        finally:
            runner.run(mongod.stop())


@pytest.fixture
async def database(mongodb_uri: str) -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    yield name
    async with AsyncMongoClient(mongodb_uri) as client:
        await client.drop_database(name)
