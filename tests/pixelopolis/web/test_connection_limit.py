"""How many connections a server of ours takes, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from pixelopolis.web.connection_limit import SPARE_FILES, limit_connections, open_more_files


@pytest.fixture
async def small() -> AsyncIterator[int]:
    """The port of a server that admits three connections and waits 0.3 s."""
    app = web.Application()
    runner = web.AppRunner(app, keepalive_timeout=0.3)
    await runner.setup()
    assert runner.server is not None
    limit_connections(runner.server, most=3, of_address=3)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_connections_beyond_the_limit_end_and_others_go_on(small: int) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", small) for _ in range(3)]
    reader, writer = await asyncio.open_connection("127.0.0.1", small)
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert not any(other.at_eof() for other, _ in opened)
    writer.close()
    for _, each in opened:
        each.close()


@pytest.mark.parametrize("half", [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"])
async def test_who_does_not_finish_a_request_is_hung_up_on(small: int, half: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", small)
    writer.write(half)
    async with asyncio.timeout(30):
        await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("limits", "wanted", "connections", "raised"),
    [
        ((1024, 4096), 2000, 2000, 2200),
        ((1024, 2000), 2000, 1800, 2000),
        ((256, 256), 2000, 128, None),
        ((5000, 5000), 2000, 2000, None),
        ((1024, resource.RLIM_INFINITY), 2000, 2000, 2200),
    ],
)
def test_connections_leave_files_for_all_else(
    limits: tuple[int, int],
    wanted: int,
    connections: int,
    raised: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, to: new.append(to))
    assert open_more_files(wanted) == connections
    assert new in ([], [(raised, limits[1])])
    assert raised is None or new
    assert SPARE_FILES == 200
