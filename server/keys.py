"""What the application hands to its request handlers."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.api import CityView
from server.desk import Desk

DESK = web.AppKey("desk", Desk)
CITY_VIEW = web.AppKey("city_view", CityView)
SOCKETS: web.AppKey[set[web.WebSocketResponse]] = web.AppKey("sockets")
"""Every open WebSocket, closed when the server stops."""
STOPPED = web.AppKey("stopped", asyncio.Event)
"""Set when the desk's loop has ended, whatever the reason."""
