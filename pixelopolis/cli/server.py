"""`pixelopolis server`."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from pixelopolis.cli.common import CityName, console
from pixelopolis.extras import needs


@needs("server")
def run(
    city: CityName = "pixelopolis",
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    mongodb: Annotated[
        str,
        typer.Option(
            envvar="MONGODB_URI", help="Database to use; none: a mongod of our own in --data."
        ),
    ] = "",
    data: Annotated[Path, typer.Option(help="Folder of our own mongod.")] = Path("var/server"),
    bird_url: Annotated[
        str | None, typer.Option(help="Address of the simulator's bird's-eye view.")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Say more.")] = False,
) -> None:
    """Run the desk: bookings, dispatch, traffic, and the stations' pages."""
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
