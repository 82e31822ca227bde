"""`pixelopolis server`."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from pixelopolis.cli.common import CityName, Verbose, console
from pixelopolis.extras import needs


@needs("server")
def run(
    city: CityName = "pixelopolis",
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    mongodb: Annotated[
        str,
        typer.Option(
            envvar="MONGODB_URI", help="URI of a database; without one, start a mongod in --data."
        ),
    ] = "",
    data: Annotated[Path, typer.Option(help="Data folder of that mongod.")] = Path("var/server"),
    bird_url: Annotated[
        str | None, typer.Option(help="URL of the simulator's bird's-eye view.")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Run the server: bookings, dispatch, traffic and web pages."""
    from rich.logging import RichHandler

    from pixelopolis.city.sources import load_city
    from server.http.app import Settings, serve

    logging.basicConfig(
        level=logging.INFO,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_path=False)],
    )
    logging.getLogger("server").setLevel(logging.DEBUG if verbose else logging.INFO)
    settings = Settings(load_city(city), host, port, mongodb, data, bird_url)
    asyncio.run(serve(settings))
