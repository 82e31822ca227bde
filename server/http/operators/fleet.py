"""Operators see and move cars, rides and streets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from pydantic import BaseModel

from pixelopolis.refusals import RequestRefusedError
from pixelopolis.web.request_body import body_of
from server.http.keys import CALLER, DESK, FLEET
from server.http.operations import Handler, Operation
from server.identity.access import Role
from server.operator_desk import CommandOutcome, OperatorDesk
from server.views.models import (
    AuditsView,
    BookingsView,
    CarPlaceRequest,
    FleetView,
    OperatorBookingView,
    OutcomeView,
    WaitsView,
    dump,
)
from server.views.operator_views import (
    audits_view,
    fleet_view,
    operator_booking_view,
    waits_view,
)

MAX_LIST: Final = 200
"""Most bookings or entries of the audit log in one answer."""


def _json(view: BaseModel) -> web.Response:
    return web.json_response(dump(view))


async def get_cars(request: web.Request) -> web.Response:
    fleet = request.app[FLEET]
    return _json(fleet_view(fleet.state_now, fleet.cars(), fleet.bookings, fleet.now_s()))


async def get_bookings(request: web.Request) -> web.Response:
    fleet = request.app[FLEET]
    found = await fleet.newest_bookings(_count(request))
    views = [operator_booking_view(booking, fleet.view(booking)) for booking in found]
    return _json(BookingsView(bookings=views))


async def get_waits(request: web.Request) -> web.Response:
    fleet = request.app[FLEET]
    return _json(waits_view(fleet.state_now, fleet.bookings, fleet.now_s()))


async def get_audit(request: web.Request) -> web.Response:
    entries = await request.app[DESK].audit.newest(_count(request))
    return _json(audits_view(entries))


def _count(request: web.Request) -> int:
    said = request.query.get("count", "50")
    if not (said.isascii() and said.isdigit() and len(said) <= 3 and 1 <= int(said) <= MAX_LIST):
        raise RequestRefusedError(
            400,
            "invalid_count",
            f"count: {said[:20]!r} is not a number from 1 to {MAX_LIST}.",
            "Ask for fewer.",
        )
    return int(said)


Command = Callable[[OperatorDesk, str, str], Awaitable[CommandOutcome]]


def _command(do: Command, parameter: str) -> Handler:
    """Return the handler of a command about the car or street in the path."""

    async def handle(request: web.Request) -> web.Response:
        who = request[CALLER].name
        outcome = await do(request.app[DESK], who, request.match_info[parameter])
        return _json(OutcomeView(confirmed=list(outcome.confirmed)))

    return handle


async def post_place(request: web.Request) -> web.Response:
    body = await body_of(request, CarPlaceRequest)
    who, car = request[CALLER].name, request.match_info["car"]
    outcome = await request.app[DESK].place(who, car, body.edge, body.s_m)
    return _json(OutcomeView(confirmed=list(outcome.confirmed)))


async def post_stop_all(request: web.Request) -> web.Response:
    outcome = await request.app[DESK].stop_all(request[CALLER].name)
    return _json(OutcomeView(confirmed=list(outcome.confirmed)))


async def post_resume_all(request: web.Request) -> web.Response:
    outcome = await request.app[DESK].resume_all(request[CALLER].name)
    return _json(OutcomeView(confirmed=list(outcome.confirmed)))


async def post_end(request: web.Request) -> web.Response:
    desk, fleet = request.app[DESK], request.app[FLEET]
    booking = await desk.end_ride(request[CALLER].name, request.match_info["id"])
    return _json(operator_booking_view(booking, fleet.view(booking)))


def _of_car(word: str, do: Command, summary: str, *refusals: int) -> Operation:
    path, handler = f"/api/operator/cars/{{car}}/{word}", _command(do, "car")
    refused = (404, 409, *refusals)
    return Operation("POST", path, handler, Role.OPERATOR, summary, OutcomeView, refusals=refused)


def _of_street(word: str, do: Command, summary: str) -> Operation:
    path, handler = f"/api/operator/streets/{{edge}}/{word}", _command(do, "edge")
    return Operation(
        "POST", path, handler, Role.OPERATOR, summary, OutcomeView, refusals=(404, 409)
    )


OPERATIONS: Final = (
    Operation(
        "GET",
        "/api/operator/cars",
        get_cars,
        Role.VIEWER,
        "Every car: what it does and why, what it holds, and what operators have told it.",
        FleetView,
    ),
    Operation(
        "GET",
        "/api/operator/bookings",
        get_bookings,
        Role.VIEWER,
        "The newest bookings, active or ended; ?count=1 to 200.",
        BookingsView,
        refusals=(400,),
    ),
    Operation(
        "GET",
        "/api/operator/waits",
        get_waits,
        Role.VIEWER,
        "Who waits and why: cars for streets, visitors for cars.",
        WaitsView,
    ),
    Operation(
        "GET",
        "/api/operator/audit",
        get_audit,
        Role.VIEWER,
        "The newest commands of operators, and how each ended; ?count=1 to 200.",
        AuditsView,
        refusals=(400,),
    ),
    _of_car("pause", OperatorDesk.pause, "Let a car stand until it is resumed.", 504),
    _of_car("stop", OperatorDesk.stop, "Stop a car by its emergency stop; it loses its ride.", 504),
    _of_car("resume", OperatorDesk.resume, "Take a car back into service.", 504),
    _of_car("home", OperatorDesk.send_home, "Send a car to a place where cars start."),
    _of_car("park", OperatorDesk.park, "Take a car out of service and out of the way."),
    _of_car("retire", OperatorDesk.retire, "Give a car no visitors after its ride."),
    _of_car("remove", OperatorDesk.remove, "Take a car off the streets: it was lifted off."),
    Operation(
        "POST",
        "/api/operator/cars/{car}/place",
        post_place,
        Role.OPERATOR,
        "Say where a car stands, and rely on it again.",
        OutcomeView,
        body=CarPlaceRequest,
        refusals=(400, 404, 409),
    ),
    Operation(
        "POST",
        "/api/operator/stop",
        post_stop_all,
        Role.OPERATOR,
        "Stop every car by its emergency stop.",
        OutcomeView,
        refusals=(409, 504),
    ),
    Operation(
        "POST",
        "/api/operator/resume",
        post_resume_all,
        Role.OPERATOR,
        "Let all cars go on that were stopped together.",
        OutcomeView,
        refusals=(409, 504),
    ),
    Operation(
        "POST",
        "/api/operator/bookings/{id}/end",
        post_end,
        Role.OPERATOR,
        "End a ride, or take a visitor out of the line.",
        OperatorBookingView,
        refusals=(404, 409),
    ),
    _of_street("close", OperatorDesk.close_street, "Let no car enter an edge."),
    _of_street("open", OperatorDesk.open_street, "Let cars enter an edge again."),
)
