"""One browser for all tests of the page, and a fresh scripted server for each."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.support.browser import chromium
from tests.support.station_desk import ScriptedDesk


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    # a host name other than localhost, as in a museum's network
    async with chromium("--host-resolver-rules=MAP museum.test 127.0.0.1") as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="package")
async def desk() -> AsyncIterator[ScriptedDesk]:
    async with ScriptedDesk() as desk:
        yield desk
