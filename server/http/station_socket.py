"""The stations' API: JSON over HTTP, and one WebSocket of events per station."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import WSMsgType, web
from pydantic import BaseModel
from pymongo.errors import PyMongoError

from pixelopolis.refusals import RequestRefusedError
from pixelopolis.request_body import body_of
from pixelopolis.supervision import trouble_of
from server.fleet_manager import FleetManager
from server.http.keys import CITY_VIEW, FLEET, LEADERSHIP, WORKERS
from server.http.sockets import serve_socket
from server.views.models import (
    BookingEvent,
    BookingRequest,
    BookingView,
    CarsEvent,
    HealthView,
    ReadinessView,
    StationRequest,
    StationView,
    dump,
)

log = logging.getLogger(__name__)

EVENTS_HZ: Final = 5.0
ETA_DRIFT_S: Final = 2.0
"""A smaller change of the arrival time is not sent: pages count down by themselves."""

HEARTBEAT_S: Final = 10.0
SEND_TIMEOUT_S: Final = 5.0
DEVICE_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")


def _json(view: BaseModel, status: int = 200) -> web.Response:
    return web.json_response(dump(view), status=status)


async def get_city(request: web.Request) -> web.Response:
    return _json(request.app[CITY_VIEW])


async def post_station(request: web.Request) -> web.Response:
    body = await body_of(request, StationRequest)
    await request.app[FLEET].register_station(body.device_id)
    return _json(StationView(device_id=body.device_id), 201)


async def post_booking(request: web.Request) -> web.Response:
    body = await body_of(request, BookingRequest)
    fleet = request.app[FLEET]
    booking = await fleet.book(body.station_device_id, body.destination_id, body.language)
    return _json(fleet.view(booking), 201)


async def get_booking(request: web.Request) -> web.Response:
    return _json(await request.app[FLEET].booking(request.match_info["id"]))


async def delete_booking(request: web.Request) -> web.Response:
    fleet = request.app[FLEET]
    return _json(fleet.view(await fleet.cancel(request.match_info["id"])))


async def get_health(request: web.Request) -> web.Response:
    fleet = request.app[FLEET]
    try:
        await fleet.ping()
    except PyMongoError as error:
        raise RequestRefusedError(
            503, "database_down", f"the database does not answer ({error}).", "Start MongoDB."
        ) from error
    workers = request.app[WORKERS]
    if trouble := trouble_of(workers):
        raise RequestRefusedError(
            503, "part_failed", f"{trouble}.", "It restarts by itself; see the server's log."
        )
    online = sum(car.online for car in fleet.cars())
    return _json(HealthView(city=fleet.city.name, cars_online=online))


async def get_readiness(request: web.Request) -> web.Response:
    """Serve `GET /readyz`: 200 at the server that serves the town, 503 at the others."""
    await get_health(request)
    _check_is_leader(request)
    return _json(ReadinessView())


async def events(request: web.Request) -> web.WebSocketResponse:
    """Serve `GET /api/events?station=DEVICE_ID`: the current state at once, then every change."""
    station = request.query.get("station", "")
    if not DEVICE_ID.fullmatch(station):
        raise RequestRefusedError(
            400,
            "invalid_station",
            f"station: {station!r} is not a device id.",
            "Ask for /api/events?station=DEVICE_ID.",
        )
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=4096)
    await socket.prepare(request)
    sender = _send_events(socket, request.app[FLEET], station)
    return await serve_socket(request, socket, f"station {station}", _listen(socket), sender)


async def _listen(socket: web.WebSocketResponse) -> None:
    """Wait for the end of the connection; incoming frames are ignored."""
    async for frame in socket:
        if frame.type is WSMsgType.ERROR:
            return


async def _send_events(socket: web.WebSocketResponse, fleet: FleetManager, station: str) -> None:
    """Send the newest state, at most EVENTS_HZ times a second; skipped states are not queued."""
    cars = None
    booking: BookingView | None = None
    last_sent_s = 0.0
    loop = asyncio.get_running_loop()
    while True:
        now = CarsEvent(cars=fleet.cars())
        if now != cars:
            cars = now
            await _send(socket, now)
        newest = await _newest(fleet, station)
        if newest is not None and _must_send(booking, newest, loop.time() - last_sent_s):
            booking, last_sent_s = newest, loop.time()
            await _send(socket, BookingEvent(booking=newest))
        await asyncio.sleep(1 / EVENTS_HZ)
        async with fleet.changed:
            await fleet.changed.wait()


async def _newest(fleet: FleetManager, station: str) -> BookingView | None:
    """Return a station's newest booking; None too while the database does not answer."""
    try:
        return await fleet.newest_booking(station)
    except PyMongoError:
        return None


async def _send(socket: web.WebSocketResponse, event: BaseModel) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await socket.send_json(dump(event))


def _must_send(sent: BookingView | None, now: BookingView, age_s: float) -> bool:
    """Whether a page that counts down by itself would now show something wrong."""
    if sent is None or sent.model_copy(update={"eta_s": now.eta_s}) != now:
        return True
    if sent.eta_s is None or now.eta_s is None:
        return sent.eta_s != now.eta_s
    return abs(max(0.0, sent.eta_s - age_s) - now.eta_s) > ETA_DRIFT_S


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error as JSON with code, message and next step."""
    try:
        return await handler(request)
    except RequestRefusedError as error:
        return _refusal(error.status, error.word, error.message, error.next_step)
    except PyMongoError as error:
        return _refusal(
            503, "database_down", f"the database does not answer ({error}).", "Try again shortly."
        )
    except web.HTTPException as error:
        if error.status < 400:
            raise
        word = re.sub(r"\W+", "_", error.reason.lower())
        message = f"{request.method} {request.path}: {error.reason}."
        return _refusal(error.status, word, message, "See /api/openapi.json for all endpoints.")
    except Exception as error:  # contained: other requests go on
        request.app[FLEET].peer_faults.report(
            f"{request.method} {request.path[:80]!r}", "cannot be answered: %s", error, error=error
        )
        why = f"{request.method} {request.path}: the server failed ({type(error).__name__})."
        return _refusal(500, "internal_error", why, "Try again; see the server's log for details.")


@web.middleware
async def only_by_leader(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse `/api/` while another server serves the town."""
    if request.path.startswith("/api/"):
        _check_is_leader(request)
    return await handler(request)


def _check_is_leader(request: web.Request) -> None:
    if not request.app[LEADERSHIP].is_leader:
        raise RequestRefusedError(
            503,
            "standby",
            "another server serves this town.",
            "Ask that server, or an address that leads to both.",
        )


def _refusal(status: int, code: str, message: str, next_step: str) -> web.Response:
    error = {"code": code, "message": message, "next_step": next_step}
    return web.json_response({"error": error}, status=status)
