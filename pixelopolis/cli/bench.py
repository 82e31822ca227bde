"""`pixelopolis bench`: how fast the parts run on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from pixelopolis.city_file import load_city
from pixelopolis.cli.common import CityName, Json, console, print_json
from pixelopolis.errors import MissingPartError

app = typer.Typer(no_args_is_help=True, help="Measure how fast the parts run on this machine.")


@app.callback()
def bench() -> None:
    """Keep `render` a command of its own, however few there are."""


@app.command()
def render(
    width: Annotated[int, typer.Option(min=16, max=4096, help="Of the picture, in pixels.")] = 320,
    height: Annotated[int, typer.Option(min=16, max=4096, help="Of the picture, in pixels.")] = 240,
    ids: Annotated[bool, typer.Option("--ids", help="Read instance ids back as well.")] = False,
    city: CityName = "pixelopolis",
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="How long to measure.")] = 3.0,
    json: Json = False,
) -> None:
    """Render car views through a town, read-back included, in one process."""
    town = load_city(city)
    try:
        from sim.render.speed import measure
    except ModuleNotFoundError as error:
        raise MissingPartError(
            f"rendering needs the library {error.name!r}.", "Install pixelopolis[sim]."
        ) from error
    speed = measure(town, width, height, ids, seconds)
    document = {
        "fps": round(speed.fps, 1),
        "width": width,
        "height": height,
        "ids": ids,
        "city": town.name,
        "frames": speed.frames,
        "driver": speed.driver,
    }
    if json:
        print_json(document)
    else:
        console.print(
            f"{speed.fps:.1f} frames/s at {width}x{height}{' with ids' if ids else ''} "
            f"({speed.frames} frames, {speed.driver})",
            markup=False,
            highlight=False,
        )
