"""Lane datasets on disk, read into memory: pictures as the model sees them, labels, the split.

Layout of a dataset folder (the original's, with our further columns beside it):

    images/<session>/*.jpg           whole portrait frames, or their bottom quarter already
    labels/<session>.csv             no header: center,left,right,steering
    labels/<session>.commands.csv    header: image,straight,left,right,kind,look,...; a row an image

Where a session has a commands file, that is read; else the original's three cameras are, with one
steering for every command.
"""

from __future__ import annotations

import csv
import hashlib
import inspect
import math
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis import vision
from pixelopolis.city import Turn
from pixelopolis.errors import DatasetError
from pixelopolis.vision import LANE_HEIGHT_PX, LANE_WIDTH_PX, Image

COMMANDS = tuple(Turn)
"""The order of the model's outputs and of the columns of every steering array here."""

SIDE_CORRECTION = 0.4
"""Added to the steering for the left camera, taken off for the right one: the original's value."""

BLANK_RANGE = 20.0
"""Of 255; lines give 60 and more, worn and shaded road without them less than 12 (measured)."""

CACHE_NAME = "lane_inputs.npz"
COMMANDS_SUFFIX = ".commands.csv"

Steering = NDArray[np.float32]
Report = Callable[[int, int], None]
"""Told (pictures read, pictures in all)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One picture and its labels."""

    image: Path
    steering: tuple[float, ...]
    """A value in [-1, 1] a command, left negative; NaN where the command does not exist there."""
    group: str
    """What is not to be split between training and validation: the look, or else the session."""
    kind: str = "driven"


@dataclass(frozen=True)
class LaneData:
    """Pictures and labels in memory, row by row."""

    images_yuv: NDArray[np.uint8]
    """(n, 40, 120, 3), values 0..255."""
    steering: Steering
    """(n, 3) in the order of `COMMANDS`, NaN where there is no label."""
    groups: NDArray[np.str_]
    kinds: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.images_yuv)

    def take(self, indices: NDArray[np.intp]) -> LaneData:
        """Return the rows at `indices`, copied."""
        return LaneData(
            self.images_yuv[indices],
            self.steering[indices],
            self.groups[indices],
            self.kinds[indices],
        )


def load(folders: Sequence[Path], *, cache: bool = True, report: Report | None = None) -> LaneData:
    """Read one or more dataset folders.

    Args:
        folders: dataset folders, read in this order.
        cache: keep the decoded pictures in each folder (`CACHE_NAME`) and use them again while
            neither the files nor the preprocessing have changed. Left out where the folder cannot
            be written.
        report: called as pictures are decoded.

    Raises:
        DatasetError: a folder, label or picture that cannot be used, with its place.
    """
    if not folders:
        raise DatasetError("No dataset folder was named.", "Give at least one with --data DIR.")
    tables = [read_rows(folder) for folder in folders]
    pictures = [
        _pictures(folder, rows, cache, report) for folder, rows in zip(folders, tables, strict=True)
    ]
    rows = [row for table in tables for row in table]
    return LaneData(
        np.concatenate(pictures) if len(pictures) > 1 else pictures[0],
        np.array([row.steering for row in rows], dtype=np.float32),
        np.array([row.group for row in rows]),
        np.array([row.kind for row in rows]),
    )


def read_rows(folder: Path) -> list[Row]:
    """Return every picture of a dataset folder with its labels, no pixel read.

    Raises:
        DatasetError: no labels, or a line that cannot be understood (file and line are named).
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
        if _commands(file):
            rows += _command_rows(folder, file)
        elif file.stem not in with_commands:
            rows += _original_rows(folder, file)
    if not rows:
        raise DatasetError(f"The label files in {labels} hold no rows.", "Record the data again.")
    return rows


def split(data: LaneData, fraction: float, seed: int) -> tuple[LaneData, LaneData]:
    """Return (training, validation) data that share no look and no session.

    Whole groups go to validation, in an order that depends on `seed` and their names only, until
    at least `fraction` of all rows is there. Neighbouring frames look alike: a split by frame
    would measure memory.

    Raises:
        DatasetError: fewer than two groups.
    """
    names, counts = np.unique(data.groups, return_counts=True)
    if len(names) < 2:
        raise DatasetError(
            f"All {len(data)} pictures belong to one look or session ({names[0]}), so none can be "
            "kept for validation.",
            "Record at least two, or name several folders with --data.",
        )
    order = sorted(range(len(names)), key=lambda i: _rank(seed, str(names[i])))
    chosen: list[str] = []
    wanted = fraction * len(data)
    rows = 0
    for i in order[:-1]:
        if rows >= wanted and chosen:
            break
        chosen.append(str(names[i]))
        rows += int(counts[i])
    held_out = np.isin(data.groups, chosen)
    return data.take(np.flatnonzero(~held_out)), data.take(np.flatnonzero(held_out))


def has_coloured_lines(images_yuv: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say for each picture (n, 40, 120, 3) whether it shows a red or a blue border line.

    Such a picture must not be mirrored: red stands left of the lane and blue right of it. Yellow
    centre lines and tinted light stay below the limits.
    """
    u, v = images_yuv[..., 1], images_yuv[..., 2]
    strong = (u > 128 + 28) | (v > 128 + 45)
    return np.asarray(strong.mean(axis=(1, 2)) > 0.004)


def is_blank(images_yuv: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say for each picture (n, 40, 120, 3) whether it shows bare road and nothing to steer by.

    Such pictures happen inside wide junctions; whatever a model answers there is a guess. Judged
    by the range of the means of 8 x 8 pixel blocks, so that noise does not count.
    """
    count = len(images_yuv)
    blocks = images_yuv.reshape(count, LANE_HEIGHT_PX // 8, 8, LANE_WIDTH_PX // 8, 8, 3)
    means = blocks.mean(axis=(2, 4), dtype=np.float32)
    return np.asarray(np.ptp(means, axis=(1, 2)).max(axis=1) < BLANK_RANGE)


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


def _commands(file: Path) -> bool:
    return file.name.endswith(COMMANDS_SUFFIX)


def _command_rows(folder: Path, file: Path) -> Iterator[Row]:
    with file.open(newline="", encoding="utf-8") as stream:
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
            steering = tuple(_steering(line[command], place, command) for command in COMMANDS)
            if all(map(math.isnan, steering)):
                raise DatasetError(f"{place}: no command has a steering.", "Remove the row.")
            look = line.get("look") or ""
            group = f"look {look}" if look else f"session {session}"
            kind = line.get("kind") or "driven"
            yield Row(folder / "images" / (line["image"] or ""), steering, group, kind)


def _original_rows(folder: Path, file: Path) -> Iterator[Row]:
    with file.open(newline="", encoding="utf-8") as stream:
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
            centre = _steering(line[3], place, "steering")
            if math.isnan(centre):
                raise DatasetError(f"{place}: steering is empty.", "Fill it in or remove the line.")
            for name, correction in zip(
                line[:3], (0.0, SIDE_CORRECTION, -SIDE_CORRECTION), strict=True
            ):
                if name:
                    steering = min(1.0, max(-1.0, centre + correction))
                    image = folder / "images" / name
                    session = f"session {image.parent.name}"
                    yield Row(image, (steering,) * len(COMMANDS), session)


def _steering(text: str | None, place: str, column: str) -> float:
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


def _pictures(
    folder: Path, rows: Sequence[Row], cache: bool, report: Report | None
) -> NDArray[np.uint8]:
    mark = _fingerprint(rows)
    file = folder / CACHE_NAME
    if cache and (kept := _read_cache(file, mark)) is not None:
        return kept
    images = _decode_all([row.image for row in rows], report)
    if cache:
        _write_cache(file, mark, images)
    return images


def _fingerprint(rows: Sequence[Row]) -> str:
    """Change with any file's name, size or time, and with the preprocessing's source."""
    digest = hashlib.sha256(inspect.getsource(vision).encode())
    for row in rows:
        try:
            status = row.image.stat()
        except OSError as error:
            raise DatasetError(
                f"Picture {row.image}, named in the labels, cannot be read: {error.strerror}.",
                "Copy the missing pictures, or remove their lines from the labels.",
            ) from error
        name = f"{row.image.parent.name}/{row.image.name}"
        digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _read_cache(file: Path, mark: str) -> NDArray[np.uint8] | None:
    try:
        with np.load(file, allow_pickle=False) as kept:
            if str(kept["fingerprint"]) == mark:
                return np.asarray(kept["images_yuv"], dtype=np.uint8)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass
    return None


def _write_cache(file: Path, mark: str, images: NDArray[np.uint8]) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            np.savez(stream, fingerprint=np.array(mark), images_yuv=images)
        part.replace(file)
    except OSError:  # a read-only or full disk: the cache only saves time
        part.unlink(missing_ok=True)


def _decode_all(paths: Sequence[Path], report: Report | None) -> NDArray[np.uint8]:
    """Decode with threads: OpenCV lets go of Python's lock while it works."""
    images = np.empty((len(paths), LANE_HEIGHT_PX, LANE_WIDTH_PX, 3), dtype=np.uint8)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for i, image in enumerate(pool.map(lane_picture, paths, chunksize=32)):
            images[i] = image
            if report and ((i + 1) % 100 == 0 or i + 1 == len(paths)):
                report(i + 1, len(paths))
    return images


def lane_picture(path: Path) -> Image:
    """Read a picture and return the model's input (40, 120, 3) uint8 YUV.

    Takes a whole portrait frame, or its bottom quarter (three times as wide as high).

    Raises:
        DatasetError: not a picture, or of another shape.
    """
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise DatasetError(
            f"{path} is not a picture that can be decoded.",
            "Record it again, or remove its line from the labels.",
        )
    rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    height, width = rgb.shape[:2]
    if height > width:
        rgb = vision.lane_crop(rgb)
    elif width != 3 * height:
        raise DatasetError(
            f"{path} is {width} x {height} px.",
            "Expected a portrait frame, or its bottom quarter, three times as wide as high.",
        )
    return vision.lane_input(rgb)
