"""The stations' API: JSON over HTTP, and one WebSocket of events per station."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import BaseModel
from pymongo.errors import PyMongoError

from pixelopolis.refusals import RequestRefusedError
from pixelopolis.web.request_body import body_of
from server.booking_service import unknown_booking
from server.fleet_manager import FleetManager
from server.http.cars_text import CarsText
from server.http.guard import bearer_of
from server.http.health import check_leads
from server.http.keys import CALLER, CARS_TEXT, CITY_VIEW, FLEET, IDENTITY, WISHES_OF
from server.http.operations import Operation
from server.http.sockets import EndSocketError, serve_socket
from server.identity.access import ApiAccess
from server.identity.logins import too_many
from server.identity.rate_limit import Rate, RateLimit
from server.views.models import (
    BookingEvent,
    BookingRequest,
    BookingView,
    CarsEvent,
    CityView,
    NewBookingView,
    NewStationView,
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
EVENTS_PROTOCOL: Final = "pixelopolis.events"
"""The subprotocol that pages offer beside their token."""

WISHES: Final = Rate(burst=10, per_s=0.5)
"""Bookings that one station asks for, also those that are refused."""

MAX_SOCKETS: Final = 5
"""Open pages of one station."""

SAID: Final = Rate(burst=10, per_s=0.1)
"""Messages of a station, which are ignored."""

TOKEN_WATCH_S: Final = 60.0


Newest = Callable[[], Awaitable[BookingView | None]]


def _json(view: BaseModel, status: int = 200) -> web.Response:
    return web.json_response(dump(view), status=status)


async def get_city(request: web.Request) -> web.Response:
    answer = _json(request.app[CITY_VIEW])
    answer.enable_compression()
    return answer


async def post_station(request: web.Request) -> web.Response:
    body = await body_of(request, StationRequest)
    stations = request.app[IDENTITY].stations
    token = await stations.register(body.device_id, request.remote or "")
    return _json(NewStationView(device_id=body.device_id, token=token), 201)


async def get_station(request: web.Request) -> web.Response:
    return _json(StationView(device_id=request[CALLER].name))


async def post_booking(request: web.Request) -> web.Response:
    body = await body_of(request, BookingRequest)
    check_is_own(request, "station_device_id", body.station_device_id)
    if wait_s := request.app[WISHES_OF].take(body.station_device_id, time.monotonic()):
        raise too_many("bookings", wait_s)
    fleet = request.app[FLEET]
    booking = await fleet.book(
        body.station_device_id, body.destination_id, body.language, body.request_id
    )
    token = request.app[IDENTITY].secrets.ride_token(booking.id)
    return _json(NewBookingView(**dict(fleet.view(booking)), token=token), 201)


async def get_booking(request: web.Request) -> web.Response:
    return _json(await own_booking(request))


async def delete_booking(request: web.Request) -> web.Response:
    booking, fleet = await own_booking(request), request.app[FLEET]
    return _json(fleet.view(await fleet.cancel(booking.id)))


async def own_booking(request: web.Request) -> BookingView:
    """Return the booking of a path, if the caller's station or ride it is.

    Raises:
        RequestRefusedError: there is none, or it is another's, which nobody shall learn (404).
    """
    id_, caller = request.match_info["id"], request[CALLER]
    booking = await request.app[FLEET].booking(id_)
    if caller.shown is ApiAccess.STATION and booking.station_device_id != caller.name:
        raise unknown_booking(id_)
    return booking


def check_is_own(request: web.Request, field: str, station: str) -> None:
    """Check that a station speaks of itself.

    Raises:
        RequestRefusedError: it names another.
    """
    if station != request[CALLER].name:
        raise RequestRefusedError(
            403,
            "other_station",
            f"{field}: the token is not of station {station!r}.",
            "Send the token of that station.",
        )


async def events(request: web.Request) -> web.WebSocketResponse:
    """Serve `GET /api/events`: the current state at once, then every change."""
    station = request[CALLER].name
    newest = partial(request.app[FLEET].newest_booking, station)
    return await _serve_events(request, station, "", newest, partial(_watch_token, request))


async def ride_events(request: web.Request) -> web.WebSocketResponse:
    """Serve one ride's events to a page that follows it, as a page of the ride's station."""
    ride = await own_booking(request)
    newest = partial(request.app[FLEET].booking, ride.id)
    return await _serve_events(request, ride.station_device_id, ride.id, newest)


async def _serve_events(
    request: web.Request,
    station: str,
    ride: str,
    newest: Newest,
    *more: Callable[[], Coroutine[Any, Any, None]],
) -> web.WebSocketResponse:
    # a ride's pages are counted apart: who photographs its code shuts no station out
    if request.app[FLEET].rides.presence.pages(station, ride) >= MAX_SOCKETS:
        whose = f"ride {ride!r}" if ride else f"station {station!r}"
        raise RequestRefusedError(
            429,
            "too_many_pages",
            f"{whose} has {MAX_SOCKETS} open pages already.",
            "Close one of them.",
            retry_after_s=10,
        )
    socket = web.WebSocketResponse(
        heartbeat=HEARTBEAT_S, max_msg_size=4096, protocols=(EVENTS_PROTOCOL,)
    )
    fleet = request.app[FLEET]
    work = (
        _listen(socket),
        _send_events(socket, fleet, request.app[CARS_TEXT], newest),
        *(work() for work in more),
    )
    # from the check to here nothing waits, so that no more are let in at once
    with fleet.visited(station, ride):
        await socket.prepare(request)
        return await serve_socket(request, socket, f"station {station}", *work)


async def _listen(socket: web.WebSocketResponse) -> None:
    """Wait for the end of the connection; a station has nothing to say here."""
    said = RateLimit(SAID)
    async for frame in socket:
        if frame.type is WSMsgType.ERROR:
            return
        if said.take("", asyncio.get_running_loop().time()):
            raise EndSocketError(WSCloseCode.POLICY_VIOLATION, "too many messages")


async def _watch_token(request: web.Request) -> None:
    """End the socket of a station whose token has ended meanwhile."""
    token, identity = bearer_of(request), request.app[IDENTITY]
    while True:
        await asyncio.sleep(TOKEN_WATCH_S)
        with contextlib.suppress(PyMongoError):
            if await identity.stations.station(token) is None:
                raise EndSocketError(WSCloseCode.POLICY_VIOLATION, "the token has ended")


async def _send_events(
    socket: web.WebSocketResponse, fleet: FleetManager, texts: CarsText, of_ride: Newest
) -> None:
    """Send the newest state, at most EVENTS_HZ times a second; skipped states are not queued."""
    cars = ""
    booking: BookingView | None = None
    last_sent_s = 0.0
    loop = asyncio.get_running_loop()
    while True:
        if (now := texts.of(fleet)) != cars:
            cars = now
            await _send(socket, now)
        newest = await _newest(of_ride)
        if newest is not None and _must_send(booking, newest, loop.time() - last_sent_s):
            booking, last_sent_s = newest, loop.time()
            await _send(socket, json.dumps(dump(BookingEvent(booking=newest))))
        await asyncio.sleep(1 / EVENTS_HZ)
        async with fleet.changed:
            await fleet.changed.wait()


async def _newest(of_ride: Newest) -> BookingView | None:
    """Return the booking to tell; None too while the database does not answer, or forgets it."""
    try:
        return await of_ride()
    except (PyMongoError, RequestRefusedError):
        return None


async def _send(socket: web.WebSocketResponse, event: str) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await socket.send_str(event)


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
        "Register a station by a new device id; the answer has its token.",
        NewStationView,
        201,
        StationRequest,
        (400, 409, 429),
    ),
    Operation(
        "GET",
        "/api/station",
        get_station,
        ApiAccess.STATION,
        "The station of a token.",
        StationView,
    ),
    Operation(
        "POST",
        "/api/bookings",
        post_booking,
        ApiAccess.STATION,
        "Book the free car that reaches the destination soonest.",
        NewBookingView,
        201,
        BookingRequest,
        (400, 404, 409, 429),
    ),
    Operation(
        "GET",
        "/api/bookings/{id}",
        get_booking,
        ApiAccess.RIDE,
        "A booking.",
        BookingView,
        refusals=(404,),
    ),
    Operation(
        "DELETE",
        "/api/bookings/{id}",
        delete_booking,
        ApiAccess.RIDE,
        "Cancel a booking.",
        BookingView,
        refusals=(404, 409),
    ),
    Operation(
        "GET",
        "/api/events",
        events,
        ApiAccess.STATION,
        "Cars and the station's ride, as they change.",
        None,
        says=(CarsEvent, BookingEvent),
    ),
    Operation(
        "GET",
        "/api/bookings/{id}/events",
        ride_events,
        ApiAccess.RIDE,
        "Cars and one ride, as they change: for another page that follows it.",
        None,
        refusals=(404, 429),
        says=(CarsEvent, BookingEvent),
    ),
)
