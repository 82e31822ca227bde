"""Motion JPEG over HTTP, for car and simulator.

One response that does not end, each part a JPEG (`multipart/x-mixed-replace`): browsers show it in
an `<img>`. A frame is encoded once. Whoever has taken the last one gets the newest, so that a slow
viewer sees the present with gaps, and harms nobody.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from pixelopolis.newest import Newest

BOUNDARY: Final = "frame"
CONTENT_TYPE: Final = f"multipart/x-mixed-replace; boundary={BOUNDARY}"

WRITE_TIMEOUT_S: Final = 5.0
"""A viewer that has not taken a frame after so long is dropped."""

LOOK_S: Final = 1.0
"""So often a viewer that waits for a frame is looked after: it may have gone."""

SEND_BUFFER_BYTES: Final = 64 * 1024
"""Of a viewer's connection: a few frames, so that a slow one sees the present, not the past."""

HEADERS: Final = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
"""Of all that car and simulator answer: it is of this moment, and pages of others show it."""


class Broadcast(Newest[bytes]):
    """The newest JPEG and who watches. Lives in the event loop.

    Attributes:
        viewers: open streams; nobody needs to make pictures for none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.viewers = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def stream(
        self, request: web.Request, wanted: Callable[[], None] = lambda: None
    ) -> web.StreamResponse:
        """Answer a request with what is put from now on, until the viewer leaves.

        Args:
            request: GET; to HEAD only the headers are answered.
            wanted: called at least every `LOOK_S` while somebody watches.
        """
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": CONTENT_TYPE})
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        transport, task = request.transport, asyncio.current_task()
        if transport is None or task is None:  # it has left already
            return response
        _keep_little(transport)
        writer = await response.prepare(request)
        assert writer is not None, "nobody has answered yet"
        self._tasks.add(task)
        self.viewers += 1
        seen = self.count
        try:
            while not transport.is_closing():
                wanted()
                try:
                    async with asyncio.timeout(LOOK_S):
                        seen, jpeg = await self.after(seen)
                except TimeoutError:
                    continue
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
                async with asyncio.timeout(WRITE_TIMEOUT_S):
                    await response.write(head.encode() + b"\r\n\r\n" + jpeg + b"\r\n")
                    await writer.drain()
        except (OSError, TimeoutError):
            transport.abort()
        finally:
            self.viewers -= 1
            self._tasks.discard(task)
        return response

    async def close(self, _app: web.Application | None = None) -> None:
        """Let every viewer go."""
        for task in list(self._tasks):
            task.cancel()


def add_video(
    app: web.Application,
    path: str,
    broadcast: Broadcast,
    wanted: Callable[[], None] = lambda: None,
) -> None:
    """Serve a stream under a path, until the application ends."""

    async def video(request: web.Request) -> web.StreamResponse:
        return await broadcast.stream(request, wanted)

    app.router.add_get(path, video)
    app.on_shutdown.append(broadcast.close)


@web.middleware
async def answer_options(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer OPTIONS with the methods that a path has."""
    unhandled = request.match_info.http_exception
    if request.method != "OPTIONS" or not isinstance(unhandled, web.HTTPMethodNotAllowed):
        return await handler(request)
    allowed = ", ".join(sorted({*unhandled.allowed_methods, "OPTIONS"}))
    return web.Response(
        status=204, headers={**HEADERS, "Allow": allowed, "Access-Control-Allow-Methods": allowed}
    )


def _keep_little(transport: asyncio.Transport) -> None:
    """Let a frame wait in the kernel only, and few there: what is sent next is the newest then."""
    transport.set_write_buffer_limits(high=0)
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
