"""`pixelopolis data`: write datasets from the simulator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from pixelopolis.cli.common import Json, Seed, print_json, progress_bar

app = typer.Typer(no_args_is_help=True, help="Write datasets from the simulator.")

TRAINING_CITIES = (
    "pixelopolis,pixelopolis,pixelopolis,straight,square,curvy,figure-eight,"
    "grid:2x2:101,grid:1x2:102,grid:3x2:103,grid:2x3:104,grid:2x2:105,grid:2x1:106"
)


@app.command()
def lane(
    out: Annotated[Path, typer.Option(help="New folder for the dataset.")],
    cities: Annotated[str, typer.Option(help="Towns, separated by commas.")] = TRAINING_CITIES,
    poses: Annotated[int, typer.Option(help="Frames at independent poses.", min=0)] = 30000,
    driven: Annotated[int, typer.Option(help="Driven frames (three cameras each).", min=0)] = 2000,
    jobs: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Lane data: frames, steering for every command, in the original's layout."""
    from sim.datasets import plan_sessions, write_lane_dataset

    names = [name.strip() for name in cities.split(",") if name.strip()]
    sessions = plan_sessions(names, poses, driven, seed)
    started = time.monotonic()
    with progress_bar() as progress:
        task = progress.add_task("lane frames", total=poses + driven)
        write_lane_dataset(
            out, sessions, jobs, lambda frames: progress.update(task, advance=frames)
        )
    if as_json:
        print_json(
            {
                "out": str(out),
                "frames": poses + driven,
                "images": poses + 3 * driven,
                "sessions": len(sessions),
                "cities": names,
                "seed": seed,
                "seconds": round(time.monotonic() - started, 1),
            }
        )
