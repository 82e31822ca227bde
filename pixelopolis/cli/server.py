"""`pixelopolis server`: the server itself, and who may use it."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

import typer

from pixelopolis.cli import server_users
from pixelopolis.cli.common import DATA, CityName, DataFolder, MongodbUri, Verbose
from pixelopolis.cli.service_log import LogFormat, service_handler
from pixelopolis.extras import needs

app = typer.Typer()
app.add_typer(server_users.app, name="users")


@app.callback(invoke_without_command=True)
@needs("server")
def run(
    context: typer.Context,
    city: CityName = "pixelopolis",
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    mongodb: MongodbUri = "",
    data: DataFolder = DATA,
    bird_url: Annotated[
        str | None, typer.Option(help="URL of the simulator's bird's-eye view.")
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="text for people, json for machines; one line a record.")
    ] = LogFormat.TEXT,
    verbose: Verbose = False,
) -> None:
    """Run the server: bookings, dispatch, traffic and web pages; or say who may use it."""
    if context.invoked_subcommand is not None:
        return
    from pixelopolis.city.sources import load_city
    from server.http.app import Settings, serve

    logging.basicConfig(level=logging.INFO, handlers=[service_handler(log_format)])
    logging.getLogger("server").setLevel(logging.DEBUG if verbose else logging.INFO)
    settings = Settings(load_city(city), host, port, mongodb, data, bird_url)
    asyncio.run(serve(settings))
