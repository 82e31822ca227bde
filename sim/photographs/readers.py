"""Reads recordings of other cars: donkeycar tubs, and folders with a label file.

A row that cannot be used is counted, and the first ones are named; pictures are not opened here.

    tub, version 2     manifest.json, catalog_N.catalog (a JSON document a line), images/
    tub, version 1     record_N.json, pictures beside them
    label file         labels.csv: image,steering; as wanted stretch, ms (or timestamp_ms), images/
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pixelopolis.errors import DatasetError
from sim.photographs.recording import Photograph, Recording

LABELS: Final = "labels.csv"
IMAGE_KEY: Final = "cam/image_array"
STEERING_KEYS: Final = ("user/angle", "steering", "angle")
TIME_KEYS: Final = ("_timestamp_ms", "timestamp_ms", "ms", "milliseconds")
GYRO_KEYS: Final = ("imu/gyr_x", "imu/gyr_y", "imu/gyr_z")
FRAME_MS: Final = 50.0
"""From one picture to the next where no times are written down."""


def find_recordings(folder: Path) -> list[Path]:
    """Return the folders at or below one that hold a recording, sorted.

    Raises:
        DatasetError: there is no such folder, or nothing in it is a recording.
    """
    if not folder.is_dir():
        raise DatasetError(f"--data {str(folder)!r} is no folder.", "Name the folder of a tub.")
    places = [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]
    found = [place for place in places if _kind(place)]
    if not found:
        raise DatasetError(
            f"--data {str(folder)!r} holds no recording: no catalog_*.catalog, no record_*.json "
            f"and no {LABELS}.",
            "Name the folder of a donkeycar tub, or write such a file.",
        )
    return found


def read_recording(folder: Path, name: str) -> Recording:
    """Return a recording without opening its pictures.

    Raises:
        DatasetError: its files cannot be read, or no row of them can be used.
    """
    recording = Recording(name)
    rows = {"labels": _label_rows, "tub2": _catalog_rows, "tub1": _record_rows}[_kind(folder)]
    try:
        for number, (place, row) in enumerate(rows(folder, recording)):
            try:
                recording.photographs.append(_photograph(folder, row, number))
            except ValueError as error:
                recording.leave_out(f"{place}: {error}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{folder} cannot be read: {error}.", "Copy it again.") from error
    if not recording.photographs:
        first = f" First: {recording.faults[0]}." if recording.faults else ""
        raise DatasetError(
            f"{folder}: no row can be used; {recording.unusable} are faulty, all others were "
            f"deleted by the driver.{first}",
            "Name another recording, or copy it again.",
        )
    return recording


def _kind(folder: Path) -> str:
    if (folder / LABELS).is_file():
        return "labels"
    if any(folder.glob("catalog_*.catalog")):
        return "tub2"
    return "tub1" if any(folder.glob("record_*.json")) else ""


def _label_rows(folder: Path, _: Recording) -> Iterator[tuple[str, Mapping[str, Any]]]:
    file = folder / LABELS
    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        for row in reader:
            yield f"{file.name}:{reader.line_num}", {**row, IMAGE_KEY: row.get("image")}


def _catalog_rows(folder: Path, recording: Recording) -> Iterator[tuple[str, Mapping[str, Any]]]:
    deleted = _deleted(folder)
    for file in sorted(folder.glob("catalog_*.catalog"), key=_number_of):
        for line, text in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
            place = f"{file.name}:{line}"
            row = _document(text)
            if row is None:
                recording.leave_out(f"{place}: no JSON document")
            elif row.get("_index") not in deleted:
                yield place, {**row, "stretch": row.get("_session_id", "")}


def _record_rows(folder: Path, recording: Recording) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in sorted(folder.glob("record_*.json"), key=_number_of):
        row = _document(file.read_text("utf-8", errors="replace"))
        if row is None:
            recording.leave_out(f"{file.name}: no JSON document")
        else:
            yield file.name, row


def _deleted(folder: Path) -> set[object]:
    """Return the numbers of rows that the driver has deleted, by the manifest's last line."""
    try:
        lines = (folder / "manifest.json").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    last = _document(lines[-1]) if lines else None
    deleted = (last or {}).get("deleted_indexes", [])
    return {i for i in deleted if isinstance(i, int)} if isinstance(deleted, list) else set()


def _document(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _number_of(file: Path) -> int:
    return int(re.sub(r"\D", "", file.stem) or 0)


def _photograph(folder: Path, row: Mapping[str, Any], number: int) -> Photograph:
    name = row.get(IMAGE_KEY)
    if not isinstance(name, str) or not name:
        raise ValueError(f"{IMAGE_KEY} is {name!r}, not the name of a picture")
    image = next((p for p in (folder / "images" / name, folder / name) if p.is_file()), None)
    if image is None:
        raise ValueError(f"picture {name!r} is not there")
    steering = _first(row, STEERING_KEYS)
    if steering is None or not -1.0 <= steering <= 1.0:
        raise ValueError(f"the steering of {name!r} is {steering}, not a number in [-1, 1]")
    time_ms = _first(row, TIME_KEYS)
    gyro = [_first(row, (key,)) for key in GYRO_KEYS]
    x, y, z = gyro
    return Photograph(
        image,
        steering,
        (number * FRAME_MS if time_ms is None else time_ms) / 1000,
        str(row.get("stretch") or ""),
        None if x is None or y is None or z is None else (x, y, z),
    )


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> float | None:
    """Return the first of some values that is a finite number."""
    for key in keys:
        try:
            value = float(row[key])
        except (KeyError, TypeError, ValueError):
            continue
        if math.isfinite(value):
            return value
    return None
