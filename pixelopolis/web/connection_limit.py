"""Limits on connections, whoever is at the other end."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from typing import Final

from aiohttp import web

SPARE_FILES: Final = 200
"""Of a process's files, so many are for all else than connections."""

IDLE_S: Final = 15.0
"""A connection ends after this time without a whole request, at first and between two."""


def limit_connections(server: web.Server, most: int, of_address: int) -> None:
    """Make a server abort connections beyond a number, in all and from one address.

    With TLS a connection is one once it has shaken hands.
    """
    admit = server.connection_made

    def check(handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        open_ = Counter(_address(each.transport) for each in server.connections)
        admit(handler, transport)
        if open_.total() >= most or open_[_address(transport)] >= of_address:
            # not at once: the handler's task must have begun before it can end
            asyncio.get_running_loop().call_soon(transport.abort)

    server.connection_made = check  # type: ignore[method-assign]


def open_more_files(wanted: int) -> int:
    """Let this process open as many files as it may; return how many connections it can have.

    Args:
        wanted: how many it should have; the result is no more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or soft < hard:
        enough = wanted + SPARE_FILES
        soft = max(soft, enough if hard == resource.RLIM_INFINITY else min(hard, enough))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(wanted, max(soft - SPARE_FILES, soft // 2))


def _address(transport: asyncio.BaseTransport | None) -> str:
    peer = transport.get_extra_info("peername") if transport is not None else None
    return str(peer[0]) if peer else ""
