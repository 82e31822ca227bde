"""`pixelopolis data`: write datasets from the simulator, and check annotated pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from pixelopolis.cli.common import (
    Json,
    Panoramas,
    Plain,
    Seed,
    check_looks,
    console,
    print_json,
    progress_bar,
)
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs
from pixelopolis.output_file import check_output_file, check_output_folder

app = typer.Typer(no_args_is_help=True, help="Write datasets from the simulator, check them.")

TRAINING_CITIES: Final = (
    "pixelopolis,pixelopolis,straight,square,curvy,figure-eight,"
    "grid:2x2:101,grid:1x2:102,grid:3x2:103,grid:2x3:104,grid:2x2:105,grid:2x1:106,"
    "track:1,track:2,track:3,track:4,track:5,track:6,track:7,track:8"
)

SHEET_PICTURES: Final = 48


@app.command()
@needs("car", "sim")
def lane(
    out: Annotated[Path, typer.Option(help="Folder for the dataset; an interrupted run goes on.")],
    cities: Annotated[str, typer.Option(help="Towns, separated by commas.")] = TRAINING_CITIES,
    poses: Annotated[
        int, typer.Option(max=100_000_000, help="Frames at independent poses.", min=0)
    ] = 30000,
    driven: Annotated[
        int, typer.Option(max=100_000_000, help="Driven frames (three cameras each).", min=0)
    ] = 2000,
    drive: Annotated[
        Path | None,
        typer.Option(help="Let this lane model drive, and write its frames (--frames) alone."),
    ] = None,
    frames: Annotated[
        int, typer.Option(max=100_000_000, help="Frames of --drive that are kept.", min=1)
    ] = 8000,
    whole: Annotated[
        bool, typer.Option("--whole", help="Write whole frames, not their bottom quarters.")
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Picture file: 48 of the frames with their paths drawn in."),
    ] = None,
    plain: Plain = False,
    panoramas: Panoramas = None,
    jobs: Annotated[int, typer.Option(max=1024, help="Processes.", min=1)] = 2,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Lane data: frames, and steering and path for every command, in the original's layout."""
    from sim.lane_data.dataset import plan_drives, plan_sessions, write_lane_dataset
    from sim.looks.panoramas import panorama_files
    from sim.sheets.lane_data import write_sheet

    check_looks(plain, panoramas)
    if sheet is not None and out.absolute() not in sheet.absolute().parents:
        check_output_file(sheet, (".png", ".jpg"), "--sheet")
    names = [name.strip() for name in cities.split(",") if name.strip()]
    sessions = (
        plan_drives(names, drive, frames, seed, whole=whole)
        if drive
        else plan_sessions(names, poses, driven, seed, whole=whole)
    )
    if panoramas is not None:
        panorama_files(panoramas, "training")  # a folder with faults is named before the work
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
    table = Table("road", "of the lanes", "wanted", "written")
    for road, parts in document["roads"].items():
        table.add_row(road, *(f"{100 * part:.1f} %" for part in parts.values()))
    console.print(table)


class Split(StrEnum):
    """Which looks and towns a dataset shows; no two splits share any.

    Of a user's own panoramas train and val show one part, test the other.
    """

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@app.command()
@needs("sim")
def signs(
    out: Annotated[Path, typer.Option(help="New folder for the dataset.")],
    images: Annotated[int, typer.Option(max=100_000_000, help="Pictures.", min=1)] = 8000,
    split: Annotated[Split, typer.Option(help="Whose looks and towns.")] = Split.TRAIN,
    scenes: Annotated[
        float | None,
        typer.Option(
            help="Part of the pictures that show many objects afloat instead of a street; "
            "0.6 for train and 0.3 for val and test.",
            min=0.0,
            max=1.0,
        ),
    ] = None,
    panoramas: Panoramas = None,
    jobs: Annotated[int, typer.Option(max=1024, help="Processes.", min=1)] = 2,
    seed: Seed = 1,
    as_json: Json = False,
) -> None:
    """Detector data: signs, landmarks and cars with their boxes, as Pascal VOC (labelImg)."""
    from sim.looks.panoramas import panorama_files
    from sim.sign_data.dataset import SCENES_PART, SKIES, plan_chunks, write_sign_dataset

    part = SCENES_PART[split.value] if scenes is None else scenes
    chunks = plan_chunks(split.value, images, seed, part)
    command = (
        f"pixelopolis data signs --images {images} --split {split} --scenes {part} --seed {seed}"
    )
    about = {"command": command, "split": str(split), "seed": seed, "scenes_part": part}
    if panoramas is not None:
        panorama_files(panoramas, SKIES[split.value])  # faults are named before the work
        chunks = [replace(chunk, panoramas=str(panoramas.resolve())) for chunk in chunks]
        about["command"] = f"{command} --panoramas {panoramas}"
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
        Path, typer.Argument(help="Pascal VOC folder, ours or labelled by hand, or lane dataset.")
    ],
    split: Annotated[str | None, typer.Option(help="One of its splits; all without.")] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder for sheets of pictures with boxes, suspicious ones first."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Count classes and sizes, and list what looks wrong; faults end it with code 1."""
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
        typer.Option(help="Of Pascal VOC: 0 if its boxes count pixels from 0.", min=0, max=1),
    ] = 1,
    classes: Annotated[
        Path | None,
        typer.Option(help="Of YOLO labels: names, one a line; classes.txt there by default."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write YOLO labels, or Pascal VOC that counts from 0, anew as Pascal VOC."""
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
        table = Table("command", "labels")
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
    table = Table(
        "class", "objects", "difficult", "truncated", *(f"{low} px and up" for low in lows)
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
        console.print("More with --json.", highlight=False)
