"""`pixelopolis car`."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from pixelopolis.extras import needs


@needs("car")
def run(
    config: Annotated[Path, typer.Option(help="The car's settings, a TOML file as below.")],
    verbose: Annotated[bool, typer.Option(help="Log more.")] = False,
) -> None:
    """Run one car: camera, board, live view and the link to the server.

    A car.toml (camera.source may also be a device index or a video file; without start the car
    finds its place by the signs that it sees; detector = {delegate = "edgetpu"} uses a Coral
    accelerator; board may also say mirrored, battery_gain, and kind = "original", see
    docs/motors.md):

    \b
    id = "car1"
    city = "pixelopolis"
    start = {edge = "13", s_m = 0.6}
    camera = {source = "virtual:/run/pixelopolis/car1.camera"}
    board = {port = "/dev/ttyACM0"}
    server = {url = "ws://desk.local:8080"}
    stream = {host = "0.0.0.0", port = 8091, public_host = "car1.local"}
    """  # noqa: D301 (the backspace keeps the lines apart)
    from car.process import run_car
    from car.settings import load_settings

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    asyncio.run(run_car(load_settings(config)))
