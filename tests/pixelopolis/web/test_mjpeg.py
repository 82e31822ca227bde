"""Viewers that read, read slowly, disconnect, or only send a request."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import pytest
from aiohttp import web

import pixelopolis.web.mjpeg
from pixelopolis.web.mjpeg import (
    BOUNDARY,
    CONTENT_TYPE,
    Broadcast,
    Picture,
    add_video,
    answer_options,
)

WAIT_S = 10.0
PATH = "/video.mjpg"


class Server:
    """A server with one stream."""

    def __init__(self) -> None:
        self.broadcast = Broadcast()
        self.wanted = 0
        self.port = 0
        app = web.Application(middlewares=[answer_options])
        add_video(app, PATH, self.broadcast, self._want)
        app.router.add_post("/fault", self._post)
        self.runner = web.AppRunner(app, shutdown_timeout=0.5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    async def start(self) -> None:
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]

    async def viewers(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.broadcast.viewers != count:  # noqa: ASYNC110 (nothing tells a test)
                await asyncio.sleep(0.005)

    def _want(self) -> None:
        self.wanted += 1

    @staticmethod
    async def _post(_: web.Request) -> web.Response:
        return web.Response()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    yield server
    await server.runner.cleanup()


async def ask(server: Server, method: str, path: str = PATH) -> tuple[str, str]:
    """Send a request as a client that then closes; return head and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: car1\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(WAIT_S):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.decode().partition("\r\n\r\n")
    return head, body


@contextmanager
def silent_viewer(server: Server) -> Iterator[socket.socket]:
    """A viewer that sends a request and reads nothing."""
    with socket.socket() as viewer:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.connect(("127.0.0.1", server.port))
        viewer.sendall(f"GET {PATH} HTTP/1.1\r\nHost: car1\r\n\r\n".encode())
        yield viewer


async def next_part(response: aiohttp.ClientResponse) -> bytes:
    async with asyncio.timeout(WAIT_S):
        assert await response.content.readline() == f"--{BOUNDARY}\r\n".encode()
        assert await response.content.readline() == b"Content-Type: image/jpeg\r\n"
        length = int((await response.content.readline()).split(b":")[1])
        await response.content.readline()
        data = await response.content.readexactly(length)
        await response.content.readline()
        return data


async def test_every_viewer_gets_the_same_frames(server: Server) -> None:
    server.broadcast.put(Picture(b"long ago"))
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.url) as one,
        session.get(server.url) as two,
    ):
        assert one.headers["Content-Type"] == CONTENT_TYPE
        assert one.headers["Access-Control-Allow-Origin"] == "*"
        await server.viewers(2)
        for frame in (b"first", b"second"):
            server.broadcast.put(Picture(frame))
            assert await next_part(one) == frame
            assert await next_part(two) == frame
        assert server.wanted > 2
    await server.viewers(0)


async def test_head_gets_the_headers_and_an_end(server: Server) -> None:
    head, body = await ask(server, "HEAD")
    assert head.startswith("HTTP/1.1 200")
    assert f"Content-Type: {CONTENT_TYPE}" in head
    assert not re.search("Content-Length", head, re.IGNORECASE), "nobody knows how long it is"
    assert body == ""
    assert server.broadcast.viewers == 0


async def test_head_and_get_on_one_connection(server: Server) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        async with asyncio.timeout(WAIT_S), session.head(server.url) as answer:
            assert answer.status == 200
            assert await answer.read() == b""
        async with session.get(server.url) as video:
            await server.viewers(1)
            server.broadcast.put(Picture(b"a frame"))
            assert await next_part(video) == b"a frame"


async def test_options_tells_the_methods(server: Server) -> None:
    head, body = await ask(server, "OPTIONS")
    assert head.startswith("HTTP/1.1 204")
    assert "Allow: GET, HEAD, OPTIONS" in head
    assert "Access-Control-Allow-Origin: *" in head
    assert "Access-Control-Allow-Methods: GET, HEAD, OPTIONS" in head
    assert body == ""
    assert "Allow: OPTIONS, POST" in (await ask(server, "OPTIONS", "/fault"))[0]
    assert (await ask(server, "OPTIONS", "/nothing"))[0].startswith("HTTP/1.1 404")
    assert (await ask(server, "POST"))[0].startswith("HTTP/1.1 405")


async def test_a_slow_viewer_skips_to_the_newest_frame(server: Server) -> None:
    async with (
        aiohttp.ClientSession(read_bufsize=2**10) as session,
        session.get(server.url) as slow,
        session.get(server.url) as quick,
    ):
        await server.viewers(2)
        for number in range(400):
            server.broadcast.put(Picture(number.to_bytes(4, "big") * 20_000))
            if number % 10 == 0:
                await next_part(quick)
            await asyncio.sleep(0)
        seen: list[int] = []
        while not seen or seen[-1] < 399:
            seen.append(int.from_bytes((await next_part(slow))[:4], "big"))
    assert seen == sorted(set(seen))
    # the backlog is limited by buffers, not by how long the viewer sleeps
    assert len(seen) < 100


async def test_frames_for_a_viewer_that_does_not_read_wait_in_the_kernel_only(
    server: Server,
) -> None:
    with silent_viewer(server):
        await server.viewers(1)
        for _ in range(300):
            server.broadcast.put(Picture(b"x" * 12_000))
            await asyncio.sleep(0)
        (connection,) = server.runner.server.connections  # type: ignore[union-attr]
        assert connection.transport is not None
        assert connection.transport.get_write_buffer_size() <= 13_000


async def test_a_viewer_that_takes_nothing_is_dropped(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixelopolis.web.mjpeg, "WRITE_TIMEOUT_S", 0.1)
    with silent_viewer(server):
        await server.viewers(1)
        async with asyncio.timeout(WAIT_S):
            while server.broadcast.viewers:
                server.broadcast.put(Picture(b"x" * 5_000_000))
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("reset", [True, False])
async def test_a_viewer_that_vanishes_is_noticed_without_a_frame(
    reset: bool, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixelopolis.web.mjpeg, "LOOK_S", 0.05)
    with silent_viewer(server) as viewer:
        await server.viewers(1)
        if reset:
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await server.viewers(0)


async def test_many_viewers_some_of_them_bad_and_the_good_ones_get_every_frame(
    server: Server,
) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        good = [await session.get(server.url) for _ in range(30)]
        with silent_viewer(server), silent_viewer(server):
            with silent_viewer(server):
                await server.viewers(33)
            for number in range(30):
                server.broadcast.put(Picture(bytes([number]) * 50_000))
                for viewer in good:
                    assert (await next_part(viewer))[0] == number
        for viewer in good:
            viewer.close()
    await server.viewers(0)


async def test_the_end_of_the_server_ends_every_stream() -> None:
    server = Server()
    await server.start()
    with silent_viewer(server):
        await server.viewers(1)
        async with asyncio.timeout(WAIT_S):
            await server.runner.cleanup()
    assert server.broadcast.viewers == 0
