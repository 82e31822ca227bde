"""The aiohttp application that serves cars, stations and their pages."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from aiohttp import WSCloseCode, web
from aiohttp.http_exceptions import HttpProcessingError

from pixelopolis.addresses import LOOPBACK, cannot_listen, origin, public_host
from pixelopolis.city.model import City
from pixelopolis.supervision import Worker, keep_working
from pixelopolis.web.connection_limit import IDLE_S, limit_connections, open_more_files
from server.fleet_manager import FleetManager
from server.http import (
    asyncapi,
    enrollment,
    health,
    openapi,
    views,
)
from server.http import car_socket as cars
from server.http import station_socket as stations
from server.http.cars_text import CarsText
from server.http.errors import errors_as_json
from server.http.keys import (
    CAR_SOCKETS,
    CARS_TEXT,
    CITY_VIEW,
    DESK,
    FLEET,
    IDENTITY,
    LEADERSHIP,
    METRICS,
    SOCKETS,
    WISHES_OF,
    WORKERS,
)
from server.http.operations import add_operations
from server.http.operators import fleet as operators
from server.http.operators import login
from server.http.pages import add_pages
from server.http.protection.middleware import add_headers, only_by_rules
from server.http.protection.request_rules import RequestRules
from server.http.sockets import CLOSE_TIMEOUT_S
from server.identity.certificates import TlsFiles, own_files
from server.identity.identity import Identity
from server.identity.rate_limit import RateLimit
from server.leadership import Leadership
from server.operator_desk import OperatorDesk
from server.peer_faults import RateLimitFilter
from server.storage.audit import AuditLog
from server.storage.mongo import DATABASE, Store
from server.storage.reach import own_mongod
from server.storage.retention import keep_forgetting
from server.views.build import city_view

log = logging.getLogger(__name__)

KEEP_DAYS: Final = 90.0
MAX_BODY_BYTES: Final = 16 * 1024
SHUTDOWN_S: Final = 2.0
HANDSHAKE_S: Final = 5.0
MAX_CONNECTIONS: Final = 2000
MAX_OF_ADDRESS: Final = 1000
"""From one address, behind which a proxy may stand."""

OPERATIONS: Final = (
    *stations.OPERATIONS,
    *cars.OPERATIONS,
    *enrollment.OPERATIONS,
    *views.OPERATIONS,
    *login.OPERATIONS,
    *operators.OPERATIONS,
    *health.OPERATIONS,
)
"""Everything that the server answers under `/api/`, and its health."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run a server. Empty `mongodb_uri`: start an embedded mongod in `data_folder`."""

    city: City
    host: str = "127.0.0.1"
    port: int = 8080
    mongodb_uri: str = ""
    data_folder: Path = Path("var/server")
    bird_url: str | None = None
    keep_days: float = KEEP_DAYS
    names: tuple[str, ...] = ()
    tls_port: int | None = None
    tls: TlsFiles | None = None
    """With a `tls_port`: the certificate; by default one of our own authority in `data_folder`."""


def make_app(
    city: City,
    mongodb_uri: str,
    *,
    database: str = DATABASE,
    bird_url: str | None = None,
    station_folder: Path | None = None,
    keep_days: float = KEEP_DAYS,
    names: Iterable[str] = (),
) -> web.Application:
    """Return the application; it opens the database on startup and closes it on cleanup.

    Args:
        city: the town.
        mongodb_uri: a writable database.
        database: the database's name.
        bird_url: address of the simulator's bird's-eye video.
        station_folder: the page's files, served at `/`.
        keep_days: bookings that ended so many days ago are forgotten.
        names: host names by which browsers may reach it (`RequestRules`).
    """
    app = web.Application(
        middlewares=[
            errors_as_json,
            only_by_rules(RequestRules(names)),
            stations.only_by_leader,
        ],
        client_max_size=MAX_BODY_BYTES,
        logger=log,
    )
    app.on_response_prepare.append(add_headers)
    app[CITY_VIEW] = city_view(city, bird_url)
    app[SOCKETS] = set()
    app[CARS_TEXT] = CarsText()
    app[CAR_SOCKETS] = {}
    app[WISHES_OF] = RateLimit(stations.WISHES)
    workers = tuple(map(Worker, ("fleet manager", "lease", "watch of keys", "retention")))
    app[WORKERS] = workers
    _add_document(app, "/api/openapi.json", openapi.document(OPERATIONS))
    _add_document(app, "/api/asyncapi.json", asyncapi.document(OPERATIONS))
    add_operations(app, OPERATIONS)
    if station_folder is not None:
        add_pages(app, station_folder)

    async def run_fleet(app: web.Application) -> AsyncIterator[None]:
        async with Store(mongodb_uri, city.name, database) as store:
            fleet = FleetManager(city, store)
            app[FLEET] = fleet
            app[METRICS] = fleet.metrics
            app[IDENTITY] = await Identity.open(store.database, time.monotonic, time.time)
            app[DESK] = OperatorDesk(fleet, AuditLog(store.database, city.name))
            app[LEADERSHIP] = leadership = Leadership(store)
            if not await leadership.begin(fleet.restore):
                log.info("Another server serves %s; this one is on standby.", city.name)
            lead = partial(leadership.run, fleet.restore, partial(fleet.run, leadership.renew))
            forget = partial(
                keep_forgetting,
                store.database,
                city.name,
                keep_days,
                lambda: leadership.is_leader,
                time.time,
            )
            works: tuple[Callable[[], Awaitable[None]], ...] = (
                lead,
                leadership.keep_renewing,
                partial(cars.end_revoked, app),
                forget,
            )
            tasks = [
                asyncio.create_task(keep_working(worker, work), name=worker.name)
                for worker, work in zip(workers, works, strict=True)
            ]
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await leadership.resign()

    async def close_sockets(app: web.Application) -> None:
        closing = [s.close(code=WSCloseCode.GOING_AWAY) for s in app[SOCKETS]]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await asyncio.gather(*closing, return_exceptions=True)

    app.cleanup_ctx.append(run_fleet)
    app.on_shutdown.append(close_sockets)
    return app


def _add_document(app: web.Application, path: str, document: dict[str, Any]) -> None:
    async def get(_: web.Request) -> web.Response:
        return web.json_response(document)

    app.router.add_get(path, get)


def _http_log() -> logging.Logger:
    """Return a rate-limited logger for clients that do not speak HTTP."""
    http = logging.getLogger("server.http")
    if not http.filters:
        http.addFilter(RateLimitFilter((HttpProcessingError, ConnectionError), time.monotonic))
    return http


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise cannot_listen(f"{host!r}, port {port}", error) from error


async def _listen_with_tls(
    runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext
) -> asyncio.Server:
    """Listen with TLS; a connection that does not shake hands soon ends."""
    assert runner.server is not None, "it is set up"
    try:
        return await asyncio.get_running_loop().create_server(
            runner.server,
            host,
            port,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_S,
            reuse_address=True,
        )
    except OSError as error:
        raise cannot_listen(f"{host!r}, port {port}", error) from error


def _tls_of(settings: Settings) -> ssl.SSLContext:
    if settings.tls is not None:
        return settings.tls.context()
    host = public_host(settings.host)
    names = (host, LOOPBACK, "::1", "localhost", socket.gethostname(), *settings.names)
    folder = settings.data_folder / "tls"
    return own_files(folder, names, datetime.datetime.now(datetime.UTC)).context()


async def serve(settings: Settings) -> None:
    """Run a server until SIGINT or SIGTERM.

    Raises:
        StoreError: there is no database.
        SettingsError: the address cannot be used.
    """
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait(), name="stop")]
        uri = settings.mongodb_uri or os.environ.get("MONGODB_URI", "")
        if not uri:
            mongod = await stack.enter_async_context(own_mongod(settings.data_folder))
            uri = mongod.uri
            waits.append(asyncio.create_task(mongod.keep_running(), name="mongod"))
        folder = stack.enter_context(as_file(files("station")))
        app = make_app(
            settings.city,
            uri,
            bird_url=settings.bird_url,
            station_folder=Path(folder),
            keep_days=settings.keep_days,
            names=settings.names,
        )
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_http_log(),
            shutdown_timeout=SHUTDOWN_S,
            keepalive_timeout=IDLE_S,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        assert runner.server is not None, "it is set up"
        limit_connections(runner.server, open_more_files(MAX_CONNECTIONS), MAX_OF_ADDRESS)
        await _listen(runner, settings.host, settings.port)
        if settings.tls_port is not None:
            context = await asyncio.to_thread(_tls_of, settings)
            listening = await _listen_with_tls(runner, settings.host, settings.tls_port, context)
            stack.callback(listening.close)
        log.info("Open %s/", origin(public_host(settings.host), settings.port))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        log.info("Stopping.")
        for ended in await asyncio.gather(*waits, return_exceptions=True):
            if isinstance(ended, Exception):  # a server without a database must not look alive
                raise ended
