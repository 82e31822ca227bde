"""Addresses with tokens: of live views, for a short time, and of a ride, also as a QR code."""

from __future__ import annotations

import asyncio
import io
import time
from typing import Final

import segno
from aiohttp import web

from pixelopolis.identity.view_token import VALID_S
from pixelopolis.refusals import RequestRefusedError
from server.booking import ACTIVE
from server.http.keys import CALLER, DESK, FLEET, IDENTITY
from server.http.operations import Operation
from server.http.station_socket import own_booking
from server.identity.access import ApiAccess, Role
from server.views.models import LiveView, RideLinkView, dump


async def post_ride_view(request: web.Request) -> web.Response:
    booking = await own_booking(request)
    if booking.state not in ACTIVE:
        raise RequestRefusedError(
            409, "booking_ended", f"booking {booking.id!r} has ended.", "Make a new booking."
        )
    if booking.car_id is None:
        raise RequestRefusedError(
            404, "no_view", f"booking {booking.id!r} has no car yet.", "Wait for its car."
        )
    return _view_of(request, booking.car_id)


async def post_car_view(request: web.Request) -> web.Response:
    serial = request.match_info["serial"]
    async with request.app[DESK].written_down(request[CALLER].name, "view", serial):
        return _view_of(request, serial)


def _view_of(request: web.Request, car: str) -> web.Response:
    url = request.app[FLEET].video_url(car)
    if url is None:
        raise RequestRefusedError(
            404, "no_view", f"car {car!r} has told no live view.", "Try again when it is connected."
        )
    token = request.app[IDENTITY].secrets.view_token(car, time.time())
    mark = "&" if "?" in url else "?"
    view = LiveView(url=f"{url}{mark}token={token}", ends_in_s=VALID_S)
    return web.json_response(dump(view))


async def get_ride_link(request: web.Request) -> web.Response:
    ride = await own_booking(request)
    token = request.app[IDENTITY].secrets.ride_token(ride.id)
    # after the #, so that no server on the way and no log gets to know the token
    url = f"{request.url.origin()}/#ride={ride.id}.{token}"
    view = RideLinkView(url=url, qr_svg=await asyncio.to_thread(qr_svg, url))
    return web.json_response(dump(view))


def qr_svg(text: str) -> str:
    """Return a QR code that says a text, as an SVG picture with a white border."""
    out = io.BytesIO()
    code = segno.make_qr(text, error="m")
    code.save(out, kind="svg", border=4, light="#fff", omitsize=True, xmldecl=False)
    return out.getvalue().decode("ascii").strip()


OPERATIONS: Final = (
    Operation(
        "GET",
        "/api/bookings/{id}/link",
        get_ride_link,
        ApiAccess.RIDE,
        "Where another page can follow this ride, also as a QR code.",
        RideLinkView,
        refusals=(404,),
    ),
    Operation(
        "POST",
        "/api/bookings/{id}/view",
        post_ride_view,
        ApiAccess.RIDE,
        "Where to see the live view of the ride's car, while the ride goes on.",
        LiveView,
        refusals=(404, 409),
    ),
    Operation(
        "POST",
        "/api/operator/cars/{serial}/view",
        post_car_view,
        Role.VIEWER,
        "Where to see the live view of a car.",
        LiveView,
        refusals=(404,),
    ),
)
