"""The aiohttp application that serves cars, stations and their pages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from aiohttp import WSCloseCode, web
from aiohttp.http_exceptions import HttpProcessingError

from pixelopolis.addresses import cannot_listen, origin, public_host
from pixelopolis.city.model import City
from pixelopolis.folder_lock import lock_folder
from pixelopolis.supervision import Worker, keep_working
from server.fleet_manager import FleetManager
from server.http import car_socket as cars
from server.http import station_socket as stations
from server.http.keys import CITY_VIEW, FLEET, LEADERSHIP, SOCKETS, WORKERS
from server.http.openapi import document
from server.http.pages import add_pages
from server.http.sockets import CLOSE_TIMEOUT_S
from server.leadership import Leadership
from server.peer_faults import RateLimitFilter
from server.storage.embedded_mongod import Mongod
from server.storage.mongo import DATABASE, Store
from server.views.build import city_view

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 16 * 1024
SHUTDOWN_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run a server. Empty `mongodb_uri`: start an embedded mongod in `data_folder`."""

    city: City
    host: str = "127.0.0.1"
    port: int = 8080
    mongodb_uri: str = ""
    data_folder: Path = Path("var/server")
    bird_url: str | None = None


def make_app(
    city: City,
    mongodb_uri: str,
    *,
    database: str = DATABASE,
    bird_url: str | None = None,
    station_folder: Path | None = None,
) -> web.Application:
    """Return the application; it opens the database on startup and closes it on cleanup.

    Args:
        city: the town.
        mongodb_uri: a writable database.
        database: the database's name.
        bird_url: address of the simulator's bird's-eye video.
        station_folder: the page's files, served at `/`.
    """
    app = web.Application(
        middlewares=[stations.errors_as_json, stations.only_by_leader],
        client_max_size=MAX_BODY_BYTES,
        logger=log,
    )
    app[CITY_VIEW] = city_view(city, bird_url)
    app[SOCKETS] = set()
    app[WORKERS] = (worker := Worker("fleet manager"),)
    openapi = document()

    async def get_openapi(_: web.Request) -> web.Response:
        return web.json_response(openapi)

    app.add_routes(
        [
            web.get("/api/city", stations.get_city),
            web.post("/api/stations", stations.post_station),
            web.post("/api/bookings", stations.post_booking),
            web.get("/api/bookings/{id}", stations.get_booking),
            web.delete("/api/bookings/{id}", stations.delete_booking),
            web.get("/api/events", stations.events),
            web.get("/api/cars/{serial}/link", cars.link),
            web.get("/api/openapi.json", get_openapi),
            web.get("/healthz", stations.get_health),
            web.get("/readyz", stations.get_readiness),
        ]
    )
    if station_folder is not None:
        add_pages(app, station_folder)

    async def run_fleet(app: web.Application) -> AsyncIterator[None]:
        async with Store(mongodb_uri, city.name, database) as store:
            fleet = FleetManager(city, store)
            app[FLEET] = fleet
            app[LEADERSHIP] = leadership = Leadership(store)
            if not await leadership.begin(fleet.restore):
                log.info("Another server serves %s; this one is on standby.", city.name)
            lead = partial(leadership.run, fleet.restore, partial(fleet.run, leadership.renew))
            loop = asyncio.create_task(keep_working(worker, lead), name="fleet manager")
            yield
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop
            await leadership.resign()

    async def close_sockets(app: web.Application) -> None:
        closing = [s.close(code=WSCloseCode.GOING_AWAY) for s in app[SOCKETS]]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await asyncio.gather(*closing, return_exceptions=True)

    app.cleanup_ctx.append(run_fleet)
    app.on_shutdown.append(close_sockets)
    return app


def _http_log() -> logging.Logger:
    """Return a rate-limited logger for clients that do not speak HTTP."""
    http = logging.getLogger("server.http")
    if not http.filters:
        http.addFilter(RateLimitFilter((HttpProcessingError, ConnectionError), time.monotonic))
    return http


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
            stack.enter_context(lock_folder(settings.data_folder / "db", "--data"))
            mongod = Mongod(settings.data_folder)
            uri = await stack.enter_async_context(mongod)
            waits.append(asyncio.create_task(mongod.keep_running(), name="mongod"))
        folder = stack.enter_context(as_file(files("station")))
        app = make_app(settings.city, uri, bird_url=settings.bird_url, station_folder=Path(folder))
        runner = web.AppRunner(
            app, access_log=None, logger=_http_log(), shutdown_timeout=SHUTDOWN_S
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            where = f"{settings.host!r}, port {settings.port}"
            raise cannot_listen(where, error) from error
        log.info("Open %s/", origin(public_host(settings.host), settings.port))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        log.info("Stopping.")
        for ended in await asyncio.gather(*waits, return_exceptions=True):
            if isinstance(ended, Exception):  # a server without a database must not look alive
                raise ended
