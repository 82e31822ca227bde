"""`pixelopolis car`: one car, and its enrollment."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from pixelopolis.cli.common import Verbose, print_line
from pixelopolis.extras import needs

app = typer.Typer()

Config = Annotated[
    Path | None, typer.Option(help="Settings of the car (TOML, see above). Required.")
]


@app.callback(invoke_without_command=True)
@needs("car")
def run(context: typer.Context, config: Config = None, verbose: Verbose = False) -> None:
    """Run one car, or enroll it first.

    It has a camera, a board, a live view and a link to the server.

    Example of a settings file:

    \b
    id = "car1"
    city = "pixelopolis"
    start = {edge = "13", s_m = 0.6}
    camera = {source = "virtual:/run/pixelopolis/car1.camera"}
    board = {port = "/dev/ttyACM0"}
    server = {url = "ws://desk.local:8080"}
    stream = {host = "0.0.0.0", port = 8091, public_host = "car1.local"}

    camera.source may also be a device index or a video file. Without start, the car localizes
    itself by the signs it sees. detector = {delegate = "edgetpu"} uses a Coral accelerator. board
    also takes mirrored, battery_gain, and kind = "original"; see docs/how-to/set-up-motors.md.
    """  # noqa: D301 (click keeps the line breaks of a paragraph that starts with a backspace)
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise typer.BadParameter("name the car's settings.", context, param_hint="--config")
    from car.process import run_car
    from car.settings import load_settings

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    asyncio.run(run_car(load_settings(config)))


@app.command()
@needs("car")
def enroll(
    code: Annotated[str, typer.Argument(help="Code from `pixelopolis server enroll`.")],
    config: Annotated[Path, typer.Option(help="Settings of the car.")],
) -> None:
    """Make this car's own key and enroll it.

    The settings name the server. The key stays on the car, in a file that only its owner may read.
    """
    from car.identity import enroll as enroll_car
    from car.settings import load_settings

    settings = load_settings(config)
    file = asyncio.run(enroll_car(settings, code))
    print_line(f"{settings.id} is enrolled. Its key is in {file}; keep it on this car.")
