"""The live view and the car's figures over HTTP: each frame encoded once, newest only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

BOUNDARY = "frame"
WRITE_TIMEOUT_S = 5.0
"""A viewer that takes no byte for so long is dropped."""

SEND_BUFFER_BYTES = 64 * 1024
"""Of a viewer's connection: a few frames, so that a slow one sees the present, not the past."""

HEADERS = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}


class Broadcast:
    """The newest JPEG, for any number of viewers. Lives in the event loop."""

    def __init__(self) -> None:
        self.viewers = 0
        self.jpeg = b""
        self.number = 0
        self._next: asyncio.Future[None] | None = None

    def publish(self, jpeg: bytes) -> None:
        """Offer a frame to every viewer; one that is still busy with an older one skips it."""
        self.jpeg = jpeg
        self.number += 1
        waiting, self._next = self._next, None
        if waiting is not None:
            waiting.set_result(None)

    async def newer(self, number: int) -> tuple[bytes, int]:
        """Wait for a frame after `number`; return the newest one and its number."""
        while self.number <= number:
            if self._next is None:
                self._next = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._next)
        return self.jpeg, self.number


class StreamServer:
    """Serves `/video.mjpg`, `/snapshot.jpg` and `/status`.

    Args:
        broadcast: where the frames come from.
        snapshot: makes one JPEG now, whether or not anybody watches.
        status: what `/status` says, as JSON.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        snapshot: Callable[[], bytes],
        status: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._broadcast = broadcast
        self._snapshot = snapshot
        self._status = status
        self._viewers: set[asyncio.Task[Any]] = set()
        app = web.Application()
        app.add_routes(
            [
                web.get("/video.mjpg", self._video),
                web.get("/snapshot.jpg", self._picture),
                web.get("/status", self._figures),
            ]
        )
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; `port` 0 takes a free one, found in `self.port`.

        Raises:
            OSError: when the address cannot be used.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = int(self._runner.addresses[0][1])

    async def close(self) -> None:
        for viewer in list(self._viewers):
            viewer.cancel()
        await self._runner.cleanup()

    async def _video(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={**HEADERS, "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"}
        )
        transport = request.transport
        if transport is not None:
            connection = transport.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        await response.prepare(request)
        task = asyncio.current_task()
        if task is not None:
            self._viewers.add(task)
        self._broadcast.viewers += 1
        number = self._broadcast.number
        try:
            while True:
                jpeg, number = await self._broadcast.newer(number)
                part = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await response.write(part.encode() + b"\r\n\r\n" + jpeg + b"\r\n")
        except (OSError, TimeoutError):
            if transport is not None:
                transport.abort()
        finally:
            self._broadcast.viewers -= 1
            if task is not None:
                self._viewers.discard(task)
        return response

    async def _picture(self, _: web.Request) -> web.Response:
        jpeg = await asyncio.to_thread(self._snapshot)
        return web.Response(body=jpeg, content_type="image/jpeg", headers=HEADERS)

    async def _figures(self, _: web.Request) -> web.Response:
        return web.json_response(self._status(), headers=HEADERS)
