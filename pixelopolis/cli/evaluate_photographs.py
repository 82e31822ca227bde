"""`pixelopolis evaluate photographs`: the models on recordings of real cars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import typer

from pixelopolis.cli.common import (
    DetectorFile,
    Json,
    LaneFile,
    Seed,
    console,
    print_json,
    progress_bar,
)
from pixelopolis.cli.tables import number_table
from pixelopolis.errors import DatasetError, ModelError, SettingsError
from pixelopolis.extras import needs
from pixelopolis.output_file import check_output_file
from sim.photographs.lens import LensKind

if TYPE_CHECKING:
    from car.driving.types import LaneModel
    from sim.photographs.film import Film
    from sim.photographs.recording import Recording

SHEET_PICTURES: Final = 48


@needs("car", "sim")
def photographs(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Recording: a donkeycar tub, a folder with labels.csv or one of ours; or a folder "
            "of such. Repeatable."
        ),
    ],
    model: LaneFile = None,
    detector: DetectorFile = None,
    original: Annotated[
        Path | None,
        typer.Option(help="Original project; its lane model is measured too."),
    ] = None,
    lens: Annotated[
        LensKind | None, typer.Option(help="The camera's lens.", show_default="fitted")
    ] = None,
    focal_px: Annotated[
        float | None,
        typer.Option(
            help="The camera's focal length, in pixels.",
            show_default="fitted",
            min=1,
            max=100_000,
        ),
    ] = None,
    pitch_deg: Annotated[
        float | None,
        typer.Option(
            help="How far down the camera looks, in degrees.",
            show_default="fitted",
            min=-45,
            max=89,
        ),
    ] = None,
    height_m: Annotated[
        float | None,
        typer.Option(
            help="The camera's height, in meters of a town whose lanes are 0.28 m wide.",
            show_default="fitted",
            min=0.01,
            max=10,
        ),
    ] = None,
    shows_ours: Annotated[
        bool,
        typer.Option(
            "--shows-ours", help="The recordings show our signs or cars: no sighting is false."
        ),
    ] = False,
    most: Annotated[
        int,
        typer.Option(help="Maximum number of pictures of a recording.", min=10, max=1_000_000),
    ] = 2000,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Also write an image of pictures with all paths drawn in."),
    ] = None,
    seed: Seed = 7,
    as_json: Json = False,
) -> None:
    """Measure the models on photographs of real roads.

    They were not trained on them. The recording's camera is fitted by geometry. Its pictures are
    then shown to the models as our camera would see their ground: as they were taken, moved and
    turned, and in closed loop.
    """
    from car.perception.detector import load_detector
    from sim.photographs.film import develop
    from sim.photographs.fitting.camera_fit import Known
    from sim.photographs.measure import (
        measure_detector,
        measure_lane,
        recording_document,
        summary,
    )

    if sheet is not None:
        check_output_file(sheet, (".png", ".jpg"), "--sheet")
    models = lane_models(model, original)
    eyes = load_detector(detector)
    known = Known(lens, focal_px, None if pitch_deg is None else math.radians(pitch_deg), height_m)
    documents, films = [], []
    recordings, left_out = all_recordings(data)
    with progress_bar() as progress:
        for recording in recordings:
            count = min(most, len(recording.photographs))
            task = progress.add_task(recording.name, total=count * (len(models) + 2))
            done = partial(progress.advance, task)
            try:
                film = develop(recording, most, known, done)
            except DatasetError as error:
                left_out.append(error)
                continue
            lane = {name: measure_lane(film, each, done) for name, each in models.items()}
            sightings = measure_detector(film, eyes, done)
            documents.append(recording_document(film, lane, sightings, shows_ours))
            films.append(film)
    if not documents:
        raise left_out[0]
    if sheet is not None:
        _write_sheet(sheet, films, models, seed)
    document = {
        "models": sorted(models),
        "recordings": documents,
        "left_out": [str(error) for error in left_out],
        "all": summary(documents),
    }
    if as_json:
        print_json(document)
    else:
        _show(document, original)


def all_recordings(folders: Sequence[Path]) -> tuple[list[Recording], list[DatasetError]]:
    """Return the recordings in some folders, and why others cannot be read.

    Each name is there once.

    Raises:
        DatasetError: a folder is none of recordings.
    """
    from sim.photographs.readers import find_recordings, read_recording

    found: list[Recording] = []
    left_out: list[DatasetError] = []
    for folder in folders:
        is_ours = (folder / "images").is_dir() and (folder / "labels").is_dir()
        for place in [folder] if is_ours else find_recordings(folder):
            below = place.resolve().relative_to(folder.resolve())
            name = str(Path(folder.resolve().name) / below)
            try:
                found.append(_ours(place) if is_ours else read_recording(place, name))
            except DatasetError as error:
                left_out.append(error)
    return found, left_out


def _ours(folder: Path) -> Recording:
    from sim.photographs.recording import Photograph, Recording
    from training.lane.frames import read_frames

    frames = [frame for frame in read_frames(folder) if frame.camera == "center"]
    return Recording(
        folder.resolve().name,
        [
            Photograph(frame.image, frame.steering, 0.05 * number, frame.folder)
            for number, frame in enumerate(frames)
        ],
        is_ours=True,
    )


def lane_models(model: Path | None, original: Path | None) -> dict[str, LaneModel]:
    """Return the lane models that stand in one table, ours first.

    Raises:
        ModelError: a file is missing or no such model.
        SettingsError: ours takes whole frames, of which a photograph's ground shows a quarter.
    """
    from car.perception.lane_network import load_lane_model
    from car.tools.perception_bench import ORIGINAL_LANE
    from pixelopolis.model_io.crops import LANE_PART
    from sim.evaluation.rivals import Blind
    from sim.photographs.line_follower import LineFollower
    from sim.photographs.measure import OURS

    ours = load_lane_model(model)
    if ours.part != LANE_PART:
        raise SettingsError(
            f"--model {str(model)!r} takes whole frames; photographs are shown as ground only.",
            "Use a model that takes the bottom quarter.",
        )
    models: dict[str, LaneModel] = {OURS: ours}
    if original is not None:
        file = original / "models" / ORIGINAL_LANE
        if not file.is_file():
            raise ModelError(
                f"--original {str(original)!r} has no models/{ORIGINAL_LANE}.",
                "Name the original's project, or leave --original out.",
            )
        models["original's"] = load_lane_model(file)
    return {**models, "line follower": LineFollower(), "blind": Blind()}


def _write_sheet(
    sheet: Path, films: Sequence[Film], models: Mapping[str, LaneModel], seed: int
) -> None:
    from sim.sheets.photographs import write_photograph_sheet

    rng = np.random.default_rng(seed)
    each = max(1, SHEET_PICTURES // len(films))
    chosen = []
    for film in films:
        places = [(i, j) for i, run in enumerate(film.stretches) for j in range(len(run))]
        numbers = sorted(rng.permutation(len(places))[:each])
        chosen += [(film, *places[number]) for number in numbers]
    write_photograph_sheet(sheet, chosen, models)


def _show(document: dict[str, Any], original: Path | None) -> None:
    rows = document["recordings"]
    _show_cameras(rows)
    _show_models(rows, document["all"])
    _show_sightings(rows)
    for row in rows:
        if row["unusable"]:
            console.print(f"{row['name']}: {row['unusable']} rows or pictures left out, such as:")
            for fault in row["faults"]:
                console.print(f"  {fault}", markup=False, soft_wrap=True)
    for reason in document["left_out"]:
        console.print(f"Left out: {reason}", markup=False, soft_wrap=True)
    if original is None:
        console.print("The original's lane model was left out: name its project with --original.")


def _show_cameras(rows: Sequence[Mapping[str, Any]]) -> None:
    table = number_table(
        *("recording", "lens", "pic-\ntures", "way\nm", "middle\n%", "shown\n%", "focal\npx"),
        *("±\n%", "pitch\n°", "±\n°", "height\nm", "±\n%", "sure"),
        words=2,
        title="Cameras",
    )
    for row in rows:
        camera = row["camera"]
        table.add_row(
            row["name"],
            camera["lens"],
            str(row["pictures"]),
            _text(row["driven_m"], 1),
            _text(row["middle_seen_pct"], 0),
            _text(row["shown_pct"], 0),
            _text(camera["focal_px"], 0),
            _text(camera["spread_focal_pct"], 0),
            _text(camera["pitch_deg"], 1),
            _text(camera["spread_pitch_deg"], 1),
            _text(camera["height_m"], 3),
            _text(camera["spread_height_pct"], 0),
            "yes" if camera["is_sure"] else "no",
        )
    console.print(table)


def _show_models(rows: Sequence[Mapping[str, Any]], together: Mapping[str, Any]) -> None:
    table = number_table(
        *("recording", "model", "side-\nways", "sign\n%", "head-\ning", "sign\n%"),
        *("corre-\nlation", "direc-\ntion %", "auto-\nnomy %", "back\n%", "error\nmm", "said\nmm"),
        words=2,
        title="Lane models (slopes: right is -1)",
    )
    for row in rows:
        name = row["name"]
        for who, figures in (("ours", row), *row["rivals"].items()):
            table.add_row(name, who, *_cells(figures))
            name = ""
        for who, figures in row["trivial_guesses"].items():
            cells = [_text(figures["correlation"], 2), _text(figures["direction_pct"], 0)]
            table.add_row("", who.replace("_", " "), *("",) * 4, *cells)
    table.add_row("all", "ours", *_cells(together))
    console.print(table)


def _cells(figures: Mapping[str, Any]) -> list[str]:
    said = figures.get("calibration", {})
    return [
        _text(figures["equivariance_slope"], 2),
        _text(figures["equivariance_sign_pct"], 0),
        _text(figures["heading_slope"], 2),
        _text(figures["heading_sign_pct"], 0),
        _text(figures.get("correlation"), 2),
        _text(figures["direction_pct"], 0),
        _text(figures["autonomy_pct"], 0),
        _text(figures["recovered_pct"], 0),
        _text(said.get("real_mm"), 0),
        _text(said.get("stated_mm"), 0),
    ]


def _show_sightings(rows: Sequence[Mapping[str, Any]]) -> None:
    table = number_table(
        *("recording", "classes", "shown\n%", "pictures with\nsightings", "of 10,000"),
        words=2,
        title="What the detector sees",
    )
    for row in rows:
        seen = row["sightings"]
        classes = ", ".join(f"{n} {v:.0f}" for n, v in seen["by_class_per_10000"].items())
        table.add_row(
            row["name"],
            classes or "-",
            _text(seen["shown_pct"], 0),
            str(seen["pictures_with_sightings"]),
            _text(seen["per_10000"], 0),
        )
    console.print(table)


def _text(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
