"""Typed keys for what the application passes to its request handlers."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from pixelopolis.supervision import Worker
from server.fleet_manager import FleetManager
from server.leadership import Leadership
from server.views.models import CityView

FLEET: Final = web.AppKey("fleet", FleetManager)
LEADERSHIP: Final = web.AppKey("leadership", Leadership)
CITY_VIEW: Final = web.AppKey("city_view", CityView)
SOCKETS: Final[web.AppKey[set[web.WebSocketResponse]]] = web.AppKey("sockets")
"""Open WebSockets, closed when the server stops."""
WORKERS: Final[web.AppKey[tuple[Worker, ...]]] = web.AppKey("workers")
"""The server's permanent tasks, restarted when they fail."""
