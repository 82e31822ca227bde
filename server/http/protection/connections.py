"""Limits on connections, whoever is at the other end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final

from aiohttp import web

log = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 2000
MAX_OF_ADDRESS: Final = 1000
"""From one address, behind which a proxy may stand."""

IDLE_S: Final = 15.0
"""A connection ends after this time without a whole request, at first and between two."""


def limit_connections(
    server: web.Server, most: int = MAX_CONNECTIONS, of_address: int = MAX_OF_ADDRESS
) -> None:
    """Make a server abort connections beyond a number, in all and from one address."""
    admit = server.connection_made

    def check(handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        open_ = Counter(_address(each.transport) for each in server.connections)
        admit(handler, transport)
        if open_.total() >= most or open_[_address(transport)] >= of_address:
            # not at once: the handler's task must have begun before it can end
            asyncio.get_running_loop().call_soon(transport.abort)

    server.connection_made = check  # type: ignore[method-assign]


def _address(transport: asyncio.BaseTransport | None) -> str:
    peer = transport.get_extra_info("peername") if transport is not None else None
    return str(peer[0]) if peer else ""
