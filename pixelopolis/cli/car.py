"""`pixelopolis car`."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from pixelopolis.cli.common import Verbose
from pixelopolis.extras import needs


@needs("car")
def run(
    config: Annotated[Path, typer.Option(help="Settings of the car (TOML, see above).")],
    verbose: Verbose = False,
) -> None:
    """Run one car: camera, board, live view, server link.

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
    from car.process import run_car
    from car.settings import load_settings

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    asyncio.run(run_car(load_settings(config)))
