"""`pixelopolis bench`: how fast the parts run on this computer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.progress import Progress, TaskID

from pixelopolis.city.sources import load_city
from pixelopolis.cli.common import (
    CityName,
    Delegate,
    DetectorFile,
    Json,
    Seed,
    console,
    print_json,
    progress_bar,
)
from pixelopolis.cli.tables import number_table
from pixelopolis.errors import BoardError
from pixelopolis.extras import needs
from pixelopolis.vehicle.camera import Camera
from sim.hardware.firmware_program import BoardKind

if TYPE_CHECKING:
    from pixelopolis.model_io.crops import Image

app = typer.Typer(no_args_is_help=True, help="Measure how fast the parts run on this computer.")


@app.command()
@needs("sim")
def render(
    width: Annotated[int, typer.Option(min=16, max=4096, help="Image width in pixels.")] = 320,
    height: Annotated[int, typer.Option(min=16, max=4096, help="Image height in pixels.")] = 240,
    ids: Annotated[bool, typer.Option("--ids", help="Also read instance ids back.")] = False,
    city: CityName = "pixelopolis",
    seconds: Annotated[
        float, typer.Option(min=0.1, max=600, help="Duration of the measurement in s.")
    ] = 3.0,
    json: Json = False,
) -> None:
    """Render and read back camera views, in one process."""
    town = load_city(city)
    from sim.render.speed import measure

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


@app.command()
@needs("car")
def perception(
    original: Annotated[
        Path | None, typer.Option(help="Folder of the original's .tflite files, to compare with.")
    ] = None,
    model: DetectorFile = None,
    delegate: Delegate = None,
    rounds: Annotated[int, typer.Option(max=1_000_000, help="Runs of each model.", min=1)] = 200,
    json: Json = False,
) -> None:
    """Time lane model and detector on whole frames, on one thread."""
    import cv2

    from car.tools.perception_bench import measure, original_pair, our_pair
    from training.common.operators import read_graph

    cv2.setNumThreads(1)
    pairs = {"ours": our_pair(model, delegate)}
    if original is not None:
        pairs["original"] = original_pair(original)
    frames, source = _whole_frames()
    with progress_bar() as progress:
        task = progress.add_task("runs", total=rounds)
        times = measure(pairs, frames, rounds, lambda done: progress.update(task, completed=done))
    document: dict[str, Any] = {"frames": source, "rounds": rounds}
    if original is not None:
        ratio = times["original"]["p50_ms"] / times["ours"]["p50_ms"]
        document["speedup_vs_original"] = round(ratio, 2)
    for name, pair in pairs.items():
        models = {"lane": pair.lane.path, "detector": pair.detector.path}
        contents = {kind: path.read_bytes() for kind, path in models.items()}
        facts = {
            kind: {"bytes": len(content), **read_graph(content).describe()}
            for kind, content in contents.items()
        }
        document[name] = {**times[name], "models": facts}
    if json:
        print_json(document)
        return
    table = number_table("models", "p50 ms", "p99 ms", "lane ms", "detector ms", "MMAC", "bytes")
    for name in pairs:
        row = document[name]
        table.add_row(
            name,
            *(f"{row[key]:.2f}" for key in times[name]),
            f"{sum(m['mmac'] for m in row['models'].values()):.0f}",
            str(sum(m["bytes"] for m in row["models"].values())),
        )
    console.print(table)
    if original is not None:
        console.print(
            f"speed-up over the original: {document['speedup_vs_original']:.1f}", highlight=False
        )


class BusPath(StrEnum):
    """What connects the measuring process to the virtual motors."""

    DIRECT = "direct"
    DEVICE = "device"
    HOST = "host"
    QEMU = "qemu"


@app.command()
@needs("car", "sim")
def bus(
    board: Annotated[
        list[BusPath] | None,
        typer.Option(help="Board in front of the motors; repeatable.", show_default="all"),
    ] = None,
    cycles: Annotated[
        int, typer.Option(max=10_000_000, min=10, help="Control cycles for each board.")
    ] = 2000,
    json: Json = False,
) -> None:
    """Time control cycles: write both motors, then read both.

    The virtual motors run in another process. `direct` has no board, `device` the simulated one;
    `host` and `qemu` run the firmware.
    """
    from car.tools.bus_bench import ORIGINAL_COMMAND_MS, measure_cycles

    paths = board or list(BusPath)
    document: dict[str, Any] = {"original_command_ms": ORIGINAL_COMMAND_MS}
    with progress_bar() as progress:
        for path in paths:
            task = progress.add_task(path, total=cycles)
            with _motors(path) as port:
                document[path] = measure_cycles(
                    port,
                    cycles,
                    board=path is not BusPath.DIRECT,
                    report=partial(_show, progress, task),
                )
    if json:
        print_json(document)
        return
    table = number_table(
        "board", "p50 ms", "p99 ms", "cycles/s", "lost", "speed-up over the original"
    )
    for path in paths:
        row = document[path]
        keys = ("p50_ms", "p99_ms", "cycles_per_s", "lost", "speedup_vs_original")
        table.add_row(path, *(str(row[key]) for key in keys))
    console.print(table)


@app.command()
@needs("car", "sim")
def stops(
    board: Annotated[
        list[BoardKind] | None,
        typer.Option(help="Board to test; repeatable.", show_default="all"),
    ] = None,
    rounds: Annotated[
        int, typer.Option(max=1_000_000, min=1, help="How often to repeat every failure.")
    ] = 3,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Inject failures while a car drives; time until its wheels stop.

    Times are the worst of all rounds. "goal zero" counts from the last sign of life: the host's
    last valid frame, the last image, the server's last message, the motors' last packet. "delay"
    is how long a busy computer kept the benchmark itself from measuring.
    """
    import asyncio

    from sim.evaluation.stops import FAILURES, TOLERANCE_MS, measure_stops

    kinds = board or list(BoardKind)
    document: dict[str, Any] = {"rounds": rounds, "seed": seed, "tolerance_ms": TOLERANCE_MS}
    with progress_bar() as progress:
        for kind in kinds:
            task = progress.add_task(kind, total=rounds * len(FAILURES))
            with tempfile.TemporaryDirectory(prefix="pixelopolis-") as folder:
                document[kind] = asyncio.run(
                    measure_stops(kind, Path(folder), rounds, seed, partial(_show, progress, task))
                )
    if json:
        print_json(document)
        return
    for kind in kinds:
        table = number_table(
            *("failure", "stopped by", "limit", "goal zero", "torque off", "drives again", "delay"),
            words=2,
            title=f"board {kind}, times in ms",
        )
        for name, row in document[kind].items():
            keys = ("promised_ms", "goal_zero_ms", "torque_off_ms", "drives_again_ms", "held_up_ms")
            shown = ["" if row.get(key) is None else f"{row[key]:.0f}" for key in keys]
            table.add_row(name, row["stopped_by"], *shown)
        console.print(table)


def _show(progress: Progress, task: TaskID, done: int) -> None:
    progress.update(task, completed=done)


@contextmanager
def _motors(board: str) -> Iterator[str]:
    """Run a car's motors as a process; yield their port."""
    with tempfile.TemporaryDirectory(prefix="pixelopolis-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "sim.live.motor_process", folder, board],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            if not process.stdout.readline():
                raise BoardError(
                    f"{board}: its motors did not start: {process.stderr.read().strip()}",
                    "Fix that, or leave this board out with --board.",
                )
            yield str(Path(folder) / "car1.bus")
            process.communicate()


def _whole_frames() -> tuple[list[Image], str]:
    """Return rendered views, or noise where the renderer is not installed, as on a car."""
    try:
        from sim.render.speed import pictures
    except ModuleNotFoundError:
        rng = np.random.default_rng(1)
        camera = Camera()
        shape = (8, camera.height_px, camera.width_px, 3)
        return list(rng.integers(0, 256, shape, dtype=np.uint8)), "noise"
    return pictures(load_city("pixelopolis"), 24), "rendered"
