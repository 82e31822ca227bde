"""`pixelopolis data`: render datasets, check and import them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pixelopolis.cli.common import (
    Jobs,
    Json,
    Panoramas,
    Plain,
    Seed,
    check_looks,
    console,
    print_json,
    progress_bar,
)
from pixelopolis.cli.tables import number_table
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs
from pixelopolis.output_file import check_output_file, check_output_folder

app = typer.Typer(
    no_args_is_help=True, help="Render datasets in the simulator; check and import them."
)

TRAINING_CITIES: Final = (
    "pixelopolis,pixelopolis,straight,square,curvy,figure-eight,"
    "grid:2x2:101,grid:1x2:102,grid:3x2:103,grid:2x3:104,grid:2x2:105,grid:2x1:106,"
    "track:1,track:2,track:3,track:4,track:5,track:6,track:7,track:8"
)

SHEET_PICTURES: Final = 48


@app.command()
@needs("car", "sim")
def lane(
    out: Annotated[
        Path, typer.Option(help="Folder of the dataset; an interrupted run is resumed.")
    ],
    cities: Annotated[
        str,
        typer.Option(help="Cities, separated by commas.", show_default="the 19 training cities"),
    ] = TRAINING_CITIES,
    poses: Annotated[
        int, typer.Option(max=100_000_000, help="Frames at independent random poses.", min=0)
    ] = 30000,
    driven: Annotated[
        int,
        typer.Option(max=100_000_000, help="Frames along drives, each from three cameras.", min=0),
    ] = 2000,
    drive: Annotated[
        Path | None,
        typer.Option(help="Write only frames (see --frames) of drives by this lane model."),
    ] = None,
    frames: Annotated[
        int, typer.Option(max=100_000_000, help="Number of frames to keep with --drive.", min=1)
    ] = 8000,
    whole: Annotated[
        bool, typer.Option("--whole", help="Write whole frames instead of the bottom quarter.")
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Also write an image of 48 frames with their paths drawn in."),
    ] = None,
    floors: Annotated[
        float,
        typer.Option(
            help="Share of looks whose road is tape or paint on a floor, without a town.",
            min=0.0,
            max=1.0,
        ),
    ] = 0.0,
    plain: Plain = False,
    panoramas: Panoramas = None,
    jobs: Jobs = 2,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Render lane data: frames with steering and paths per command.

    The folder has the original project's layout.
    """
    from sim.lane_data.dataset import write_lane_dataset
    from sim.lane_data.plan import plan_drives, plan_sessions
    from sim.looks.panoramas import panorama_files
    from sim.sheets.lane_data import write_sheet

    check_looks(plain, panoramas)
    if floors and (plain or drive):
        raise SettingsError(
            f"--floors {floors:g} does not go with {'--plain' if plain else '--drive'}, which has "
            "looks of its own.",
            "Leave one of them out.",
        )
    check_output_folder(out, "--out")
    if sheet is not None and out.absolute() not in sheet.absolute().parents:
        check_output_file(sheet, (".png", ".jpg"), "--sheet")
    if panoramas is not None:
        panorama_files(panoramas, "training")  # refuses a bad folder
    names = [name.strip() for name in cities.split(",") if name.strip()]
    sessions = (
        plan_drives(names, drive, frames, seed, whole=whole)
        if drive
        else plan_sessions(names, poses, driven, seed, whole=whole, floors=floors)
    )
    if panoramas is not None:
        sessions = [replace(s, panoramas=str(panoramas.resolve())) for s in sessions]
    sessions = [replace(s, plain=plain) for s in sessions]
    started = time.monotonic()
    with progress_bar() as progress:
        task = progress.add_task("lane frames", total=sum(s.frames for s in sessions))
        document = write_lane_dataset(
            out, sessions, jobs, lambda done: progress.update(task, advance=done)
        )
    if sheet is not None:
        write_sheet(out, sheet, SHEET_PICTURES, seed)
    if as_json:
        seconds = round(time.monotonic() - started, 1)
        print_json({"out": str(out), "seed": seed, **document, "seconds": seconds})
        return
    table = number_table("road", "share of the lanes", "target", "written")
    for road, parts in document["roads"].items():
        table.add_row(road, *(f"{100 * part:.1f} %" for part in parts.values()))
    console.print(table)


class Split(StrEnum):
    """Which looks and cities a dataset shows; no two splits share any.

    Of the user's panoramas, train and val show one part and test the other.
    """

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@app.command()
@needs("sim")
def signs(
    out: Annotated[Path, typer.Option(help="New folder for the dataset.")],
    images: Annotated[int, typer.Option(max=100_000_000, help="Number of images.", min=1)] = 8000,
    split: Annotated[Split, typer.Option(help="Which set of looks and cities.")] = Split.TRAIN,
    scenes: Annotated[
        float | None,
        typer.Option(
            help="Share of images that show many floating objects instead of a street.",
            show_default="0.6 for train, 0.3 for val and test",
            min=0.0,
            max=1.0,
        ),
    ] = None,
    rooms: Annotated[
        float,
        typer.Option(
            help="Share of images that show furniture on a floor and none of our classes.",
            min=0.0,
            max=1.0,
        ),
    ] = 0.0,
    panoramas: Panoramas = None,
    jobs: Jobs = 2,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Render detector data: images with boxes, as Pascal VOC.

    The boxes are of signs, landmarks and cars; labelImg opens them.
    """
    from sim.looks.panoramas import panorama_files
    from sim.sign_data.dataset import PANORAMA_USE, SCENES_PART, plan_chunks, write_sign_dataset

    part = SCENES_PART[split.value] if scenes is None else scenes
    if part + rooms > 1:
        raise SettingsError(
            f"--scenes {part:g} and --rooms {rooms:g} are more than all images.",
            "Choose shares whose sum is at most 1.",
        )
    chunks = plan_chunks(split.value, images, seed, part, rooms)
    command = (
        f"pixelopolis data signs --images {images} --split {split} --scenes {part} --seed {seed}"
    )
    about = {"command": command, "split": str(split), "seed": seed, "scenes_part": part}
    if rooms:
        about = {**about, "command": f"{command} --rooms {rooms:g}", "rooms_part": rooms}
    if panoramas is not None:
        panorama_files(panoramas, PANORAMA_USE[split.value])  # refuses a bad folder
        chunks = [replace(chunk, panoramas=str(panoramas.resolve())) for chunk in chunks]
        about["command"] = f"{about['command']} --panoramas {panoramas}"
    started = time.monotonic()
    with progress_bar() as progress:
        task = progress.add_task("pictures", total=images)
        document = write_sign_dataset(
            out, chunks, jobs, about, lambda done: progress.update(task, advance=done)
        )
    if as_json:
        seconds = time.monotonic() - started
        print_json({"out": str(out), **document, "seconds": round(seconds, 1)})


@app.command()
@needs("sim")
def check(
    folder: Annotated[
        Path,
        typer.Argument(help="Pascal VOC folder, rendered or labeled by hand, or lane dataset."),
    ],
    split: Annotated[str | None, typer.Option(help="Check only this split.")] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder for sheets of images with boxes, suspicious ones first."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Count labels and list faults; exit code 1 if there are any."""
    from training.lane.check import is_lane_dataset

    if pictures is not None:
        check_output_folder(pictures, "--pictures")
    if is_lane_dataset(folder):
        if split or pictures:
            raise SettingsError(
                f"{folder} is a lane dataset: it has no --split and no --pictures.",
                "Leave them out; `pixelopolis data lane --sheet` draws lane pictures.",
            )
        _check_lane(folder, as_json)
        return
    from pixelopolis.model_io.voc.check import check_dataset, write_pictures
    from pixelopolis.model_io.voc.dataset import VocDataset

    dataset = VocDataset(folder)
    with progress_bar() as progress:
        task = progress.add_task("pictures", total=len(dataset.names(split)))
        report = check_dataset(dataset, split, lambda done: progress.update(task, advance=done))
    sheets = write_pictures(dataset, report, pictures, dataset.names(split)) if pictures else []
    if as_json:
        print_json({"folder": str(folder), **report.document(), "sheets": [*map(str, sheets)]})
    else:
        _print_report(report.document())
        for sheet in sheets:
            console.print(f"wrote {sheet}", markup=False, highlight=False)
    if report.faults:
        raise typer.Exit(1)


@app.command("import")
@needs("sim")
def import_(
    folder: Annotated[Path, typer.Argument(help="Pascal VOC or YOLO folder.")],
    out: Annotated[Path, typer.Option(help="New folder for the Pascal VOC dataset.")],
    first_pixel: Annotated[
        int,
        typer.Option(help="Pascal VOC: 0 if its boxes count pixels from 0.", min=0, max=1),
    ] = 1,
    classes: Annotated[
        Path | None,
        typer.Option(
            help="YOLO: file of class names, one a line.", show_default="FOLDER/classes.txt"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Convert YOLO labels, or 0-based Pascal VOC, to Pascal VOC."""
    from pixelopolis.model_io.voc.importer import import_dataset

    document = import_dataset(folder, out, first_pixel, classes)
    if as_json:
        print_json({"out": str(out), **document})
    else:
        console.print(f"{document['images']} pictures, {document['objects']} objects: {out}")


def _check_lane(folder: Path, as_json: bool) -> None:
    from training.lane.check import check_lane

    with progress_bar() as progress:
        task = progress.add_task("pictures")
        document = check_lane(
            folder, lambda done, total: progress.update(task, completed=done, total=total)
        )
    if as_json:
        print_json({"folder": str(folder), **document})
    else:
        table = number_table("command", "labels")
        for command, count in document["commands"].items():
            table.add_row(command, str(count))
        console.print(table)
        kinds = ", ".join(f"{count} {kind}" for kind, count in document["kinds"].items())
        console.print(
            f"{document['images']} pictures ({kinds}); {len(document['findings'])} findings.",
            highlight=False,
        )
        _print_findings(document["findings"])
    if document["faults"]:
        raise typer.Exit(1)


FINDINGS_SHOWN: Final = 30


def _print_report(document: dict[str, Any]) -> None:
    lows = list(document["heights_px"])
    table = number_table(
        *("class", "objects", "diffi-\ncult", "trun-\ncated"), *(f"from\n{low} px" for low in lows)
    )
    for name, counts in document["classes"].items():
        sizes = [str(counts["heights_px"][low]) for low in lows]
        head = (str(counts[key]) for key in ("objects", "difficult", "truncated"))
        table.add_row(name, *head, *sizes)
    console.print(table)
    console.print(
        f"{document['images']} pictures, {document['empty_images']} of them empty; "
        f"{document['objects']} objects; {len(document['findings'])} findings.",
        highlight=False,
    )
    _print_findings(document["findings"])


def _print_findings(findings: Sequence[dict[str, Any]]) -> None:
    for finding in findings[:FINDINGS_SHOWN]:
        where = "" if finding["object"] is None else f" object[{finding['object']}]"
        line = f"{finding['kind']}: {finding['name']}{where}: {finding['detail']}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(findings) > FINDINGS_SHOWN:
        console.print("--json lists all findings.", highlight=False)
