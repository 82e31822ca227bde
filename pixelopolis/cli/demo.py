"""`pixelopolis demo`: the whole city on this computer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelopolis.addresses import LOOPBACK
from pixelopolis.cli.common import (
    Board,
    CityName,
    Json,
    LaneFile,
    Seed,
    console,
    print_json,
    print_line,
    run_until_signal,
)
from pixelopolis.cli.tables import figure_rows
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs
from pixelopolis.folder_lock import lock_folder
from sim.hardware.firmware_program import BoardKind

if TYPE_CHECKING:
    from pixelopolis.demo.city import DemoCity, DemoSettings


@needs("demo")
def run(
    cars: Annotated[int, typer.Option(max=100, min=1, help="Number of cars.")] = 2,
    city: CityName = "pixelopolis",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the web page; 0: any free one.")
    ] = 8080,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 admits phones on your network.")
    ] = "127.0.0.1",
    seed: Seed = 1,
    board: Board = BoardKind.DEVICE,
    headless: Annotated[
        bool, typer.Option(help="Book --rides without a person, then end.", show_default=False)
    ] = False,
    rides: Annotated[int, typer.Option(max=100_000, min=1, help="Rides of --headless.")] = 6,
    json_: Json = False,
    model: LaneFile = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder for database and logs.", show_default="a temporary one"),
    ] = None,
) -> None:
    """Run database, server, simulator and cars, until Ctrl-C.

    With --headless, the exit code is 0 only if every ride arrived.
    """
    import asyncio

    from pixelopolis.addresses import free_ports
    from pixelopolis.demo.city import DemoSettings

    if model is not None and not model.is_file():
        raise SettingsError(f"--model: there is no file {str(model)!r}.", "Name a .tflite file.")
    port = port or free_ports(host, 1)[0]
    succeeded = False
    with _kept(data) if data else _temporary(lambda: succeeded) as folder:
        settings = DemoSettings(city, cars, port, seed, folder, host, model, board)
        if headless:
            document = asyncio.run(run_until_signal(_drive(settings, rides)))
            succeeded = document is not None and document["arrived"] == rides
            if document is not None:
                (print_json if json_ else _print_summary)(document)
        else:
            asyncio.run(run_until_signal(_show(settings)))
            succeeded = True
    raise typer.Exit(0 if succeeded else 1)


@contextmanager
def _kept(folder: Path) -> Iterator[Path]:
    """Give the user's folder, locked against other commands."""
    with lock_folder(folder, "--data"):
        yield folder.resolve()
        _say(f"Database and logs are kept in {folder}.")


@contextmanager
def _temporary(succeeded: Callable[[], bool]) -> Iterator[Path]:
    """Give a temporary folder; after a failure its logs, if any, are kept."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="pixelopolis-data-"))
    try:
        yield folder
    finally:
        logs = [f for f in (*folder.glob("logs/*"), folder / "mongod.log") if f.is_file()]
        if succeeded() or not any(log.stat().st_size for log in logs):
            shutil.rmtree(folder, ignore_errors=True)
        else:  # hundreds of megabytes
            shutil.rmtree(folder / "db", ignore_errors=True)
            _say(f"Logs are kept in {folder}.")


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


async def _show(settings: DemoSettings) -> None:
    from pixelopolis.demo.city import DemoCity

    _say(f"Starting {settings.city} with {settings.cars} cars ...")
    try:
        async with DemoCity(settings, _say) as city:
            _invite(city)
            await city.failure()
    finally:
        _say("Everything is stopped.")


def _invite(city: DemoCity) -> None:
    console.rule(style="green")
    console.print(f"  Pixelopolis is open:  [bold green]{city.url}/[/]")
    _say("  Open this address in a browser, pick a language and a place, and ride.")
    if (operator := city.operator) is not None:
        login = f"name {operator.name}, password {operator.password}"
        _say(f"  For operators: {city.url}/operator  ({login})")
    if city.settings.host in (LOOPBACK, "::1", "localhost"):
        _say("  For phones on your network: add --host 0.0.0.0")
    _say(f"  The town from above: {city.sim_url}/bird.mjpg")
    _say(f"  Logs: {city.settings.data / 'logs'}.  Ctrl-C ends everything.")
    console.rule(style="green")


async def _drive(settings: DemoSettings, rides: int) -> dict[str, Any]:
    import asyncio
    import time

    from pixelopolis.demo.city import DemoCity
    from pixelopolis.demo.rides import RidePlan, book_rides, summary

    began_s = time.monotonic()
    async with DemoCity(settings, _say) as city:
        ready_s = time.monotonic() - began_s
        # one more station than cars, so that a booking always has to wait for a free car
        plan = RidePlan(rides, stations=settings.cars + 1, seed=settings.seed)
        driving = asyncio.create_task(book_rides(city.url, plan, _say))
        failing = asyncio.create_task(city.failure())
        try:
            await asyncio.wait((driving, failing), return_when=asyncio.FIRST_COMPLETED)
            if failing.done():
                failing.result()
            done = await driving
        finally:
            driving.cancel()
            failing.cancel()
            await asyncio.gather(driving, failing, return_exceptions=True)
        return {
            "city": settings.city,
            "cars": settings.cars,
            "seed": settings.seed,
            "board": settings.board,
            **summary(done),
            **await _figures(city),
            "ready_s": round(ready_s, 2),
            "wall_s": round(time.monotonic() - began_s, 2),
        }


async def _figures(city: DemoCity) -> dict[str, Any]:
    """Return the simulator's ground truth and the cars' metrics, the worst of all cars."""
    truth = await city.get(f"{city.sim_url}/state") or {}
    cars = {name: await city.car_status(name) for name in city.car_urls}
    alive = {name: car for name, car in cars.items() if car}

    def worst(pick: Callable[[Any], float | None]) -> float | None:
        values = [value for car in alive.values() if (value := pick(car)) is not None]
        return round(max(values), 2) if values else None

    return {
        "collisions": truth.get("collisions"),
        "frame_to_command_ms": {
            key: worst(lambda car, k=key: car["frame_to_command_ms"][k])  # type: ignore[misc]
            for key in ("p50", "p99")
        },
        "loop_misses": sum(car["loop_misses"] for car in alive.values()),
        "control_frames": sum(car["frames"] for car in alive.values()),
        "each_car": {
            name: {key: car[key] for key in ("frame_to_command_ms", "loop_misses", "video_fps")}
            for name, car in alive.items()
        },
        "physics": truth.get("physics"),
        "render": truth.get("render"),
        "restarts": city.restarts,
    }


def _print_summary(document: dict[str, Any]) -> None:
    shown = {key: value for key, value in document.items() if key not in ("each", "each_car")}
    for name, value in figure_rows(shown):
        print_line(f"{name}: {value}")
