"""Motion JPEG over HTTP, for car and simulator.

One endless response of JPEG parts (`multipart/x-mixed-replace`), shown by browsers in an `<img>`.
Headers of a part may say more of its picture, for pages that read the stream themselves.
A frame is encoded once. A viewer that has taken a frame gets the newest next, so a slow viewer
skips frames and does not delay others.
"""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from pixelopolis.newest import Newest

BOUNDARY: Final = "frame"
CONTENT_TYPE: Final = f"multipart/x-mixed-replace; boundary={BOUNDARY}"

WRITE_TIMEOUT_S: Final = 5.0
"""A viewer that has not taken a frame after this time is dropped."""

LOOK_S: Final = 1.0
"""Interval of checks whether a waiting viewer is still connected."""

SEND_BUFFER_BYTES: Final = 64 * 1024
"""Send buffer of a viewer's connection: a few frames, so that a slow viewer is not far behind."""

HEADERS: Final = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
"""Headers of all responses of car and simulator: never cached, readable by other pages."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG, and what is said of it: headers of its part, in ASCII and without line breaks."""

    jpeg: bytes
    said: Mapping[str, str] = field(default_factory=dict)


class Broadcast(Newest[Picture]):
    """The newest picture and its viewers. Used in one event loop.

    Attributes:
        viewers: number of open streams; without any, no pictures are needed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.viewers = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def stream(
        self,
        request: web.Request,
        wanted: Callable[[], None] = lambda: None,
        longest_s: float = math.inf,
    ) -> web.StreamResponse:
        """Stream new frames as the response to a request until the viewer leaves.

        Args:
            request: GET; HEAD gets only the headers.
            wanted: called at least every `LOOK_S` while there are viewers.
            longest_s: the stream ends after this time.
        """
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": CONTENT_TYPE})
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        transport, task = request.transport, asyncio.current_task()
        if transport is None or task is None:  # it has already left
            return response
        _limit_buffers(transport)
        writer = await response.prepare(request)
        assert writer is not None, "nobody has answered yet"
        self._tasks.add(task)
        self.viewers += 1
        seen, end_s = self.count, time.monotonic() + longest_s
        try:
            while not transport.is_closing() and time.monotonic() < end_s:
                wanted()
                try:
                    async with asyncio.timeout(LOOK_S):
                        seen, picture = await self.after(seen)
                except TimeoutError:
                    continue
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await response.write(_part(picture))
                    await writer.drain()
        except (OSError, TimeoutError):
            transport.abort()
        finally:
            self.viewers -= 1
            self._tasks.discard(task)
        return response

    async def close(self, _app: web.Application | None = None) -> None:
        """Disconnect every viewer."""
        for task in list(self._tasks):
            task.cancel()


def _part(picture: Picture) -> bytes:
    """Return a picture as a part of the stream."""
    said = {
        "Content-Type": "image/jpeg",
        "Content-Length": str(len(picture.jpeg)),
        **picture.said,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"--{BOUNDARY}\r\n{head}\r\n".encode("ascii") + picture.jpeg + b"\r\n"


def add_video(
    app: web.Application,
    path: str,
    broadcast: Broadcast,
    wanted: Callable[[], None] = lambda: None,
    longest_s: float = math.inf,
) -> None:
    """Serve a stream at a path until the application ends."""

    async def video(request: web.Request) -> web.StreamResponse:
        return await broadcast.stream(request, wanted, longest_s)

    app.router.add_get(path, video)
    app.on_shutdown.append(broadcast.close)


@web.middleware
async def answer_options(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer OPTIONS with the methods of a path."""
    unhandled = request.match_info.http_exception
    if request.method != "OPTIONS" or not isinstance(unhandled, web.HTTPMethodNotAllowed):
        return await handler(request)
    allowed = ", ".join(sorted({*unhandled.allowed_methods, "OPTIONS"}))
    return web.Response(
        status=204, headers={**HEADERS, "Allow": allowed, "Access-Control-Allow-Methods": allowed}
    )


def _limit_buffers(transport: asyncio.Transport) -> None:
    """Limit buffering to a few frames in the kernel, so that the next frame sent is the newest."""
    transport.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
