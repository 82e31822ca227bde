"""How the server listens."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from server.http import app
from server.identity.certificates import own_files


async def test_a_tls_connection_that_does_not_shake_hands_ends_soon_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "HANDSHAKE_S", 0.3)
    files = own_files(tmp_path, ("127.0.0.1",), datetime.datetime.now(datetime.UTC))

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    plain = web.Application()
    plain.router.add_get("/", hello)
    runner = web.AppRunner(plain)
    await runner.setup()
    server = await app._listen_with_tls(runner, "127.0.0.1", 0, files.context())
    port = server.sockets[0].getsockname()[1]
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
    url = f"https://127.0.0.1:{port}/"
    async with ClientSession() as session, session.get(url, ssl=False) as answer:
        assert await answer.text() == "hello"
    async with asyncio.timeout(30):
        for reader, writer in silent:
            with contextlib.suppress(ConnectionError):  # aborted: as good
                assert await reader.read() == b""
            writer.close()
    server.close()
    await runner.cleanup()
