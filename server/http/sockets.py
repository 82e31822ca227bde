"""The life of one peer's WebSocket. Its tasks and failures end with it and affect nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from aiohttp import WSCloseCode, web

from server.http.keys import FLEET, LEADERSHIP, SOCKETS

CLOSE_TIMEOUT_S: Final = 1.0
"""Abort the connection of a peer that has not answered a close after this time."""

_USUAL: Final = (ConnectionError, TimeoutError, asyncio.CancelledError)
"""What a task ends with when its peer vanishes or does not read."""


class EndSocketError(Exception):
    """Ends a peer's socket with a code and words for the peer.

    Args:
        code: of RFC 6455, 7.4, or one of ours from 4000 on.
        why: 123 bytes at most.
    """

    def __init__(self, code: int, why: str) -> None:
        super().__init__(code, why)
        self.code = code
        self.why = why


async def serve_socket(
    request: web.Request,
    socket: web.WebSocketResponse,
    peer: str,
    *work: Coroutine[Any, Any, object],
) -> web.WebSocketResponse:
    """Run `work` until a part or this server's leadership ends, then close the socket.

    Failures of `work` are logged, never raised.

    Args:
        request: the request that opened the socket.
        socket: the prepared socket.
        peer: its name, for the log.
        work: coroutines to run as tasks; the rest are canceled when the first ends.
    """
    sockets, peer_faults = request.app[SOCKETS], request.app[FLEET].peer_faults
    sockets.add(socket)
    parts = (*work, request.app[LEADERSHIP].ended())
    tasks = [asyncio.create_task(part, name=f"socket of {peer}") for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        sockets.discard(socket)
        code, why = int(WSCloseCode.GOING_AWAY), ""
        for error in results:
            if isinstance(error, EndSocketError):
                code, why = error.code, error.why
                peer_faults.report(peer, "is disconnected: %s", why)
            elif isinstance(error, Exception) and not isinstance(error, _USUAL):
                code = WSCloseCode.INTERNAL_ERROR
                peer_faults.report(peer, "cannot be served: %s", error, error=error)
        await close(request, socket, code, why)
    return socket


async def close(
    request: web.Request, socket: web.WebSocketResponse, code: int, why: str = ""
) -> None:
    """Close a socket; abort the connection of a peer that does not answer the close."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code=code, message=why.encode())
    except (*_USUAL, RuntimeError) as error:
        if request.transport is not None:
            request.transport.abort()
        if isinstance(error, asyncio.CancelledError):
            raise
