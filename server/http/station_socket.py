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
from server.fleet_manager import FleetManager
from server.http.health import check_leads
from server.http.keys import CITY_VIEW, FLEET
from server.http.operations import Operation
from server.http.sockets import serve_socket
from server.identity.access import ApiAccess
from server.views.models import (
    BookingEvent,
    BookingRequest,
    BookingView,
    CarsEvent,
    CityView,
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
    fleet = request.app[FLEET]
    sender = _send_events(socket, fleet, station)
    with fleet.visited(station):
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
    times = {"eta_s": now.eta_s, "expected_wait_s": now.expected_wait_s}
    if sent is None or sent.model_copy(update=times) != now:
        return True
    pairs = ((sent.eta_s, now.eta_s), (sent.expected_wait_s, now.expected_wait_s))
    return any(_drifts(before_s, now_s, age_s) for before_s, now_s in pairs)


def _drifts(before_s: float | None, now_s: float | None, age_s: float) -> bool:
    if before_s is None or now_s is None:
        return before_s != now_s
    return abs(max(0.0, before_s - age_s) - now_s) > ETA_DRIFT_S


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def only_by_leader(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse `/api/` while another server serves the town."""
    if request.path.startswith("/api/"):
        check_leads(request)
    return await handler(request)


OPERATIONS: Final = (
    Operation(
        "GET",
        "/api/city",
        get_city,
        ApiAccess.PUBLIC,
        "The town, as a page needs it to draw a map.",
        CityView,
    ),
    Operation(
        "POST",
        "/api/stations",
        post_station,
        ApiAccess.PUBLIC,
        "Register a station by its device id; repeating it is harmless.",
        StationView,
        201,
        StationRequest,
        (400,),
    ),
    Operation(
        "POST",
        "/api/bookings",
        post_booking,
        ApiAccess.PUBLIC,
        "Book the free car that reaches the destination soonest.",
        BookingView,
        201,
        BookingRequest,
        (400, 404, 409),
    ),
    Operation(
        "GET",
        "/api/bookings/{id}",
        get_booking,
        ApiAccess.PUBLIC,
        "A booking.",
        BookingView,
        refusals=(404,),
    ),
    Operation(
        "DELETE",
        "/api/bookings/{id}",
        delete_booking,
        ApiAccess.PUBLIC,
        "Cancel a booking.",
        BookingView,
        refusals=(404, 409),
    ),
    Operation(
        "GET",
        "/api/events",
        events,
        ApiAccess.PUBLIC,
        "Cars and the station's ride, as they change.",
        None,
        refusals=(400,),
        is_socket=True,
    ),
)
