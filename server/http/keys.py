"""Typed keys for what the application passes to its request handlers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from pixelopolis.supervision import Worker
from server.fleet_manager import FleetManager
from server.http.cars_text import CarsText
from server.identity.access import Caller
from server.identity.identity import Identity
from server.identity.rate_limit import RateLimit
from server.leadership import Leadership
from server.metrics import Metrics
from server.operator_desk import OperatorDesk
from server.views.models import CityView


@dataclass(frozen=True, slots=True, eq=False)
class CarSocket:
    """An open link of a car.

    Attributes:
        address: where it comes from.
        key: the key with which the car has shown who it is.
        ending: gets code and words with which to end the link.
    """

    address: str
    key: str
    ending: asyncio.Future[tuple[int, str]]

    def end(self, code: int, why: str) -> None:
        if not self.ending.done():
            self.ending.set_result((code, why))


FLEET: Final = web.AppKey("fleet", FleetManager)
CAR_SOCKETS: Final[web.AppKey[dict[str, CarSocket]]] = web.AppKey("car_sockets")
"""Open links of cars, by serial."""
LEADERSHIP: Final = web.AppKey("leadership", Leadership)
CARS_TEXT: Final = web.AppKey("cars_text", CarsText)
CITY_VIEW: Final = web.AppKey("city_view", CityView)
SOCKETS: Final[web.AppKey[set[web.WebSocketResponse]]] = web.AppKey("sockets")
"""Open WebSockets, closed when the server stops."""
WORKERS: Final[web.AppKey[tuple[Worker, ...]]] = web.AppKey("workers")
"""The server's permanent tasks, restarted when they fail."""
DESK: Final = web.AppKey("desk", OperatorDesk)
METRICS: Final = web.AppKey("metrics", Metrics)
WISHES_OF: Final = web.AppKey("wishes_of", RateLimit)
"""How often each station may ask for a booking."""
IDENTITY: Final = web.AppKey("identity", Identity)
CALLER: Final = web.RequestKey("caller", Caller)
"""Who sends a request; the guard has found out."""
