"""Whether this server lives, is well, and serves; and its figures, for those who watch it."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web
from pymongo.errors import PyMongoError

from pixelopolis.refusals import RequestRefusedError
from pixelopolis.supervision import trouble_of
from server.http.keys import FLEET, LEADERSHIP, METRICS, WORKERS
from server.http.operations import Operation
from server.identity.access import ApiAccess
from server.views.models import HealthView, LivenessView, ReadinessView, dump

ANSWER_S: Final = 1.0
"""A database that has not answered for this long is down: whoever asks is not kept waiting."""


async def get_liveness(_: web.Request) -> web.Response:
    """Serve `GET /livez`: 200 as long as this process answers at all."""
    return web.json_response(dump(LivenessView()))


async def check_health(request: web.Request) -> None:
    """Check database and parts.

    Raises:
        RequestRefusedError: one of them is not well; after `ANSWER_S` at most.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            await request.app[FLEET].ping()
    except (PyMongoError, TimeoutError) as error:
        why = str(error) or f"not within {ANSWER_S:.0f} s"
        raise RequestRefusedError(
            503, "database_down", f"the database does not answer ({why}).", "Start MongoDB."
        ) from error
    workers = request.app[WORKERS]
    if trouble := trouble_of(workers):
        raise RequestRefusedError(
            503, "part_failed", f"{trouble}.", "It restarts by itself; see the server's log."
        )


async def get_health(request: web.Request) -> web.Response:
    await check_health(request)
    fleet = request.app[FLEET]
    online = sum(car.online for car in fleet.cars())
    return web.json_response(dump(HealthView(city=fleet.city.name, cars_online=online)))


async def get_readiness(request: web.Request) -> web.Response:
    """Serve `GET /readyz`: 200 at the server that serves the town, 503 at the others."""
    check_leads(request)
    await check_health(request)
    return web.json_response(dump(ReadinessView()))


def check_leads(request: web.Request) -> None:
    """Refuse what only the server may answer that serves the town."""
    if not request.app[LEADERSHIP].is_leader:
        raise RequestRefusedError(
            503,
            "standby",
            "another server serves this town.",
            "Ask that server, or an address that leads to both.",
        )


async def get_metrics(request: web.Request) -> web.Response:
    """Serve `GET /metrics` in the text format of Prometheus."""
    fleet, leads = request.app[FLEET], request.app[LEADERSHIP].is_leader
    text, kind = request.app[METRICS].text(fleet.state_now, fleet.bookings, leads)
    return web.Response(body=text, headers={"Content-Type": kind})


OPERATIONS: Final = (
    Operation(
        "GET",
        "/livez",
        get_liveness,
        ApiAccess.PUBLIC,
        "Whether this server answers at all, at once.",
        LivenessView,
    ),
    Operation(
        "GET",
        "/healthz",
        get_health,
        ApiAccess.PUBLIC,
        "Health of server and database, within 1 s.",
        HealthView,
        refusals=(503,),
    ),
    Operation(
        "GET",
        "/readyz",
        get_readiness,
        ApiAccess.PUBLIC,
        "Whether this server is the one that serves the town, within 1 s.",
        ReadinessView,
        refusals=(503,),
    ),
    Operation(
        "GET",
        "/metrics",
        get_metrics,
        ApiAccess.PUBLIC,
        "Figures of town and server, as text for Prometheus.",
        None,
    ),
)
