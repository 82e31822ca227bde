"""The live view and the car's status over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from pixelopolis.identity.view_token import MAX_VIEW_S
from pixelopolis.web.connection_limit import IDLE_S, limit_connections
from pixelopolis.web.mjpeg import HEADERS, Broadcast, add_video, answer_options

MAX_CONNECTIONS: Final = 150
MAX_OF_ADDRESS: Final = 100
"""From one address, behind which a proxy may stand."""


class StreamServer:
    """Serves `/video.mjpg`, `/snapshot.jpg` and `/status` to whoever has a token of the server.

    Args:
        broadcast: source of the frames.
        snapshot: returns a current JPEG, whether or not there are viewers.
        status: returns the content of `/status`, as JSON.
        opens: whether a token opens this car's view now.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        snapshot: Callable[[], bytes],
        status: Callable[[], Mapping[str, Any]],
        opens: Callable[[str], bool],
    ) -> None:
        self._snapshot = snapshot
        self._status = status
        self._opens = opens
        app = web.Application(middlewares=[answer_options, self._only_with_token])
        add_video(app, "/video.mjpg", broadcast, longest_s=MAX_VIEW_S)
        app.router.add_get("/snapshot.jpg", self._picture)
        app.router.add_get("/status", self._figures)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=1.0,
            keepalive_timeout=IDLE_S,
        )
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; `port` 0 takes a free port, stored in `self.port`.

        Raises:
            OSError: the address cannot be used.
        """
        await self._runner.setup()
        assert self._runner.server is not None, "it is set up"
        limit_connections(self._runner.server, MAX_CONNECTIONS, MAX_OF_ADDRESS)
        await web.TCPSite(self._runner, host, port).start()
        self.port = int(self._runner.addresses[0][1])

    async def close(self) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _only_with_token(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is None and not self._opens(
            request.query.get("token", "")
        ):
            error = {
                "code": "unauthenticated",
                "message": f"token: it does not open {request.path} now.",
                "next_step": "Ask the server for a new one: POST /api/bookings/{id}/view.",
            }
            return web.json_response({"error": error}, status=401, headers=HEADERS)
        return await handler(request)

    async def _picture(self, _: web.Request) -> web.Response:
        jpeg = await asyncio.to_thread(self._snapshot)
        return web.Response(body=jpeg, content_type="image/jpeg", headers=HEADERS)

    async def _figures(self, _: web.Request) -> web.Response:
        return web.json_response(self._status(), headers=HEADERS)
