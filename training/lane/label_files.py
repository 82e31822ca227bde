"""Label files of lane datasets: one row per image, every column checked; no image is read.

Layout of a dataset folder (the original's, with further files of ours):

    images/<session>/*.jpg           whole portrait frames, or their bottom quarter already
    labels/<session>.csv             no header: center,left,right,steering
    labels/<session>.commands.csv    header: image,straight,left,right,kind,look,...; a row an image

A session's commands file is preferred; otherwise the original's three cameras are used, with the
same steering for every command and no path. Paths have the columns of
`pixelopolis.model_io.lane_path`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pixelopolis.city.model import Turn
from pixelopolis.errors import DatasetError
from pixelopolis.model_io.lane_path import COLUMNS as PATH_COLUMNS

COMMANDS: Final = tuple(Turn)
"""Order of the model's outputs and of the columns of all label arrays."""

CAMERAS: Final = {"center": 0.0, "left": 0.4, "right": -0.4}
"""The original's cameras and what it adds to their steering."""

FILMED: Final = ("driven", "drive")
"""Kinds of sessions with consecutive images."""

COMMANDS_SUFFIX: Final = ".commands.csv"


@dataclass(frozen=True, slots=True)
class Row:
    """One image and its labels."""

    image: Path
    steering: tuple[float, ...]
    """In [-1, 1] for each command, left negative; NaN where the command has no way."""
    group: str
    """Unit of the validation split: the look, or else the session."""
    kind: str = "driven"
    paths_left_m: tuple[float, ...] = (math.nan,) * len(PATH_COLUMNS)
    """Lateral offsets in the order of `PATH_COLUMNS`, NaN where a command has no way or the dataset
    has no paths."""
    film: str = ""
    """Rows of one film are one camera period apart; empty for single images."""


def read_rows(folder: Path) -> list[Row]:
    """Return every image of a dataset folder with its labels; reads no image.

    Raises:
        DatasetError: no labels, or a malformed line; the message names file and line.
    """
    labels = folder / "labels"
    files = sorted(labels.glob("*.csv"))
    if not files:
        raise DatasetError(
            f"{labels} holds no .csv file.",
            "Name a dataset folder with images/ and labels/, as `pixelopolis data lane` writes it.",
        )
    with_commands = {file.name.removesuffix(COMMANDS_SUFFIX) for file in files if _commands(file)}
    rows: list[Row] = []
    for file in files:
        try:
            if _commands(file):
                rows += _command_rows(folder, file)
            elif file.stem not in with_commands:
                rows += _original_rows(folder, file)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DatasetError(
                f"{file} cannot be read: {error}.", "Save it as comma-separated UTF-8 text."
            ) from error
    if not rows:
        raise DatasetError(f"The label files in {labels} hold no rows.", "Record the data again.")
    return rows


def _commands(file: Path) -> bool:
    return file.name.endswith(COMMANDS_SUFFIX)


def _command_rows(folder: Path, file: Path) -> Iterator[Row]:
    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        missing = {"image", *COMMANDS} - set(reader.fieldnames or ())
        if missing:
            raise DatasetError(
                f"{file}:1: column(s) {', '.join(sorted(missing))} missing.",
                "The header is image,straight,left,right,kind,look,...",
            )
        session = file.name.removesuffix(COMMANDS_SUFFIX)
        for line in reader:
            place = f"{file}:{reader.line_num}"
            steering = tuple(_number(line[command], place, command) for command in COMMANDS)
            if all(map(math.isnan, steering)):
                raise DatasetError(f"{place}: no command has a steering.", "Remove the row.")
            paths = tuple(_number(line.get(column), place, column) for column in PATH_COLUMNS)
            look = line.get("look") or ""
            group = f"look {look}" if look else f"session {session}"
            kind = line.get("kind") or "driven"
            image = line["image"]
            if not image:
                raise DatasetError(f"{place}: image is empty.", "Fill it in or remove the line.")
            film = _film(session, image, line.get("stretch") or "", kind)
            yield Row(folder / "images" / image, steering, group, kind, paths, film)


def _film(session: str, image: str, stretch: str, kind: str) -> str:
    """Return a row's film; without `stretch` (older datasets) a session and camera are one."""
    if not stretch and kind not in FILMED:
        return ""
    camera = image.removesuffix(".jpg").rpartition("_")[2]
    return f"{session} {camera} {stretch}"


def _original_rows(folder: Path, file: Path) -> Iterator[Row]:
    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        for line in reader:
            place = f"{file}:{reader.line_num}"
            if not line:
                continue
            if len(line) != 4:
                raise DatasetError(
                    f"{place}: {len(line)} columns instead of center,left,right,steering.",
                    "Correct or remove the line.",
                )
            center = _number(line[3], place, "steering")
            if math.isnan(center):
                raise DatasetError(f"{place}: steering is empty.", "Fill it in or remove the line.")
            for name, (camera, correction) in zip(line[:3], CAMERAS.items(), strict=True):
                if name:
                    steering = min(1.0, max(-1.0, center + correction))
                    image = folder / "images" / name
                    session = f"session {image.parent.name}"
                    film = f"{session} {camera}"
                    yield Row(image, (steering,) * len(COMMANDS), session, film=film)


def _number(text: str | None, place: str, column: str) -> float:
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not -1.0 <= value <= 1.0:
        raise DatasetError(
            f"{place}: {column} is {text!r}, not a number in [-1, 1].",
            "Correct or remove the line.",
        )
    return value
