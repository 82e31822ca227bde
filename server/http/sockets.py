"""One peer's WebSocket: its tasks, and what they may fail of, end with it and harm nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from aiohttp import WSCloseCode, web

from server.http.keys import DESK, SOCKETS

CLOSE_TIMEOUT_S: Final = 1.0
"""A peer that does not answer a close for so long is hung up on."""

_USUAL: Final = (ConnectionError, TimeoutError, asyncio.CancelledError)
"""What a peer that vanished or does not read makes a task end of."""


async def attend(
    request: web.Request,
    socket: web.WebSocketResponse,
    peer: str,
    *work: Coroutine[Any, Any, object],
) -> web.WebSocketResponse:
    """Do `work` until the first of it ends, then close the prepared socket.

    Nothing that it fails of leaves this: a socket's errors cannot be answered as requests are.

    Args:
        request: that the socket answers.
        socket: prepared.
        peer: its name, for the log.
        work: each becomes a task; what is left when one has ended is cancelled.
    """
    sockets, complaints = request.app[SOCKETS], request.app[DESK].complaints
    sockets.add(socket)
    tasks = [asyncio.create_task(part, name=f"socket of {peer}") for part in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        sockets.discard(socket)
        failed = [r for r in results if isinstance(r, Exception) and not isinstance(r, _USUAL)]
        for error in failed:
            complaints.say(peer, "cannot be served: %s", error, error=error)
        code = WSCloseCode.INTERNAL_ERROR if failed else WSCloseCode.GOING_AWAY
        await close(request, socket, code)
    return socket


async def close(request: web.Request, socket: web.WebSocketResponse, code: int) -> None:
    """Close a socket, and hang up on a peer that lets that wait."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code=code)
    except (*_USUAL, RuntimeError) as error:
        if request.transport is not None:
            request.transport.abort()
        if isinstance(error, asyncio.CancelledError):
            raise
