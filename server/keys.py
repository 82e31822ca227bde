"""What the application hands to its request handlers."""

from __future__ import annotations

from aiohttp import web

from pixelopolis.supervision import Worker
from server.api import CityView
from server.desk import Desk

DESK = web.AppKey("desk", Desk)
CITY_VIEW = web.AppKey("city_view", CityView)
SOCKETS: web.AppKey[set[web.WebSocketResponse]] = web.AppKey("sockets")
"""Every open WebSocket, closed when the server stops."""
WORKERS: web.AppKey[tuple[Worker, ...]] = web.AppKey("workers")
"""The endless tasks of the server; each begins anew when it fails."""
