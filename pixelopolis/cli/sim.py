"""`pixelopolis sim`: the city in real time, with a virtual serial port and camera for each car."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from pixelopolis.cli.common import Board, CityName, Panoramas, Seed, console, progress_bar
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs
from pixelopolis.output_file import check_output_file
from sim.hardware.firmware_program import BoardKind

SUFFIXES: Final = (".png", ".jpg")


@needs("sim")
def run(
    city: CityName = "pixelopolis",
    cars: Annotated[int, typer.Option(max=1000, min=1, help="Number of cars: car1, car2, ...")] = 2,
    directory: Annotated[
        Path,
        typer.Option(
            "--dir", help="Folder for each car's serial port (car1.bus) and camera (car1.camera)."
        ),
    ] = Path("var/sim"),
    http_host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    http_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port of /bird.mjpg, /bird.jpg, /state; 0: any free."),
    ] = 8090,
    seed: Seed = 1,
    board: Board = BoardKind.DEVICE,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Write an image (.png, .jpg) of random looks instead of simulating."),
    ] = None,
    looks: Annotated[int, typer.Option(max=1000, min=1, help="Number of looks on the sheet.")] = 16,
    panoramas: Panoramas = None,
) -> None:
    """Simulate a city and its cars in real time, until Ctrl-C."""
    if sheet is not None:
        _write_sheet(sheet, city, looks, seed, panoramas)
        return
    if panoramas is not None:
        raise SettingsError(
            f"--panoramas {str(panoramas)!r}: the real-time city has no rooms.", "Add --sheet."
        )
    import asyncio
    import logging

    from sim.live.process import RealtimeSettings, run_realtime

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    asyncio.run(
        run_realtime(
            RealtimeSettings(
                city=city,
                cars=cars,
                directory=directory,
                http_host=http_host,
                http_port=http_port,
                seed=seed,
                board=board,
            )
        )
    )


def _write_sheet(path: Path, city: str, looks: int, seed: int, panoramas: Path | None) -> None:
    from pixelopolis.city.sources import load_city
    from sim.looks.panoramas import panorama_files
    from sim.sheets.looks import write_look_sheet

    check_output_file(path, SUFFIXES, "--sheet")
    town = load_city(city)
    own = panorama_files(panoramas, "training") if panoramas else ()
    with progress_bar() as progress:
        task = progress.add_task("looks", total=looks)
        write_look_sheet(
            path,
            town,
            looks,
            seed,
            own,
            progress=lambda done: progress.update(task, completed=done),
        )
    console.print(f"wrote {path}", markup=False, highlight=False)
