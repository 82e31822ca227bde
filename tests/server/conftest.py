"""A real MongoDB for the session with a database for each test; safe states in all tests."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

import server.traffic.granting
from pixelopolis.errors import StoreError
from server.storage import mongo as store_module
from server.storage.embedded_mongod import Mongod, find_mongod
from tests.support.desktop import Desktop, running
from tests.support.fake_mongo import FakeMongo
from tests.support.safe_state import UnsafeStateError, checked
from tests.support.scripted_fleet import ScriptedFleet, scripted_fleet


@pytest.fixture(scope="session")
def unsafe_states() -> Iterator[list[UnsafeStateError]]:
    """Add the safe-state assertion to every `advance`, wherever it was imported."""
    faults: list[UnsafeStateError] = []
    plain = server.traffic.granting.advance
    with pytest.MonkeyPatch.context() as patch:
        for module in list(sys.modules.values()):
            if vars(module).get("advance") is plain:
                patch.setattr(module, "advance", checked(plain, faults))
        yield faults


@pytest.fixture(autouse=True)
def every_state_is_safe(unsafe_states: list[UnsafeStateError]) -> Iterator[None]:
    """Fail a test whose server continued after an unsafe state."""
    unsafe_states.clear()
    yield
    assert not unsafe_states


@pytest.fixture(scope="session")
def mongodb_uri(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[str]:
    try:
        find_mongod()
    except StoreError as error:
        pytest.skip(str(error))
    folder: Path = tmp_path_factory.mktemp("mongod")
    mongod = Mongod(folder)
    with asyncio.Runner() as runner:
        runner.run(mongod.start())
        # pymongo 4.20 leaves the socket of a connection that is cancelled while connecting to the
        # garbage collector (_async_create_connection closes it after an OSError only)
        to_mongod = rf"raddr=\('127\.0\.0\.1', {mongod.port}\)"
        pytestconfig.addinivalue_line(
            "filterwarnings", f"ignore:unclosed <socket.*{to_mongod}:ResourceWarning"
        )
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


@pytest.fixture
async def desktop(mongodb_uri: str, database: str) -> AsyncIterator[Desktop]:
    async with running(mongodb_uri, database) as running_desktop:
        yield running_desktop


@pytest.fixture
def mongo(monkeypatch: pytest.MonkeyPatch) -> FakeMongo:
    """A database in memory, instead of every real one."""
    mongo = FakeMongo()
    monkeypatch.setattr(store_module, "AsyncMongoClient", mongo)
    return mongo


@pytest.fixture
async def fleet(mongo: FakeMongo) -> AsyncIterator[ScriptedFleet]:
    """A desk that has begun to work, with scripted cars and clocks turned by hand."""
    async with scripted_fleet() as opened:
        yield opened
