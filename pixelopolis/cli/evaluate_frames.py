"""`pixelopolis evaluate frames`: a lane model's steering on recorded frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pixelopolis.city.model import Turn
from pixelopolis.cli.common import Json, LaneFile, console, print_json, progress_bar
from pixelopolis.cli.tables import number_table
from pixelopolis.extras import needs
from pixelopolis.output_file import check_output_file

if TYPE_CHECKING:
    from car.perception.lane_network import LaneNetwork
    from pixelopolis.model_io.crops import Image
    from training.lane.frames import RecordedFrame

SHEET_PICTURES: Final = 48
SHOWN_FOLDERS: Final = 20


@needs("car", "sim")
def frames(
    data: Annotated[
        Path, typer.Option(help="Folder with images/ and labels/, in our or the original's layout.")
    ],
    model: LaneFile = None,
    command: Annotated[Turn, typer.Option(help="Command given to the model.")] = Turn.STRAIGHT,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Also write an image of frames with both steering angles drawn in."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a lane model's steering with recorded steering.

    Errors are in degrees, where full steering is 48°. Each frame is judged alone, without the
    frames before it.
    """
    from car.perception.lane_network import load_lane_model
    from training.lane.frames import figures, read_frames

    if sheet is not None:
        check_output_file(sheet, (".png", ".jpg"), "--sheet")
    network = load_lane_model(model)
    recorded = read_frames(data, command)
    with progress_bar() as progress:
        task = progress.add_task("frames", total=len(recorded))
        answers = answer_all(network, recorded, command, lambda: progress.update(task, advance=1))
    if sheet is not None:
        _write_sheet(sheet, network, recorded, answers, command)
    document = {
        "model": network.path.name,
        "command": str(command),
        **figures(recorded, answers),
    }
    if as_json:
        print_json(document)
    else:
        _show(document)


def answer_all(
    network: LaneNetwork,
    recorded: Sequence[RecordedFrame],
    command: Turn,
    done: Callable[[], None],
) -> list[float]:
    """Return the steering in [-1, 1] for each frame alone; call `done` after each."""
    from car.driving.lane_keeper import steering_alone
    from training.lane.frames import steer_all

    def steer(picture_rgb: Image) -> float:
        network.reset()
        return steering_alone(network.look(picture_rgb), command)

    return steer_all(recorded, network.part, steer, done)


def _write_sheet(
    sheet: Path,
    network: LaneNetwork,
    recorded: Sequence[RecordedFrame],
    answers: Sequence[float],
    command: Turn,
) -> None:
    from car.driving.lane_keeper import TURNS
    from sim.sheets.frames import AnsweredFrame, write_frame_sheet

    shown = []
    for number in range(0, len(recorded), math.ceil(len(recorded) / SHEET_PICTURES)):
        frame = recorded[number]
        network.reset()
        paths = network.look(frame.picture_rgb(network.part)).paths_left_m
        path = None if paths is None else paths[TURNS.index(command)]
        shown.append(AnsweredFrame(frame.image, frame.steering, answers[number], path))
    write_frame_sheet(sheet, shown)


def _show(document: dict[str, Any]) -> None:
    table = number_table(
        *("source", "frames", "MAE\n°", "bias\n°", "RMSE\n°", "corre-\nlation", "slope"),
        *("MAE of\n0 °", "MAE of\nmedian °"),
    )
    folders = sorted(document["by_folder"], key=lambda row: -row["mae_deg"])
    rows = [("all", document)]
    rows += [(row["camera"], row) for row in document["by_camera"]]
    rows += [(row["folder"], row) for row in folders[:SHOWN_FOLDERS]]
    for name, row in rows:
        table.add_row(
            name,
            str(row["frames"]),
            *(f"{row[key]:.2f}" for key in ("mae_deg", "bias_deg", "rmse_deg")),
            *("-" if row[key] is None else f"{row[key]:.2f}" for key in ("correlation", "slope")),
            *(f"{row[key]:.2f}" for key in ("zero_mae_deg", "median_mae_deg")),
        )
    console.print(table)
    if len(folders) > SHOWN_FOLDERS:
        console.print(f"The worst {SHOWN_FOLDERS} of {len(folders)} folders; --json has all.")
