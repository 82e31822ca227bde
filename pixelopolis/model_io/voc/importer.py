"""Converts other layouts of annotated pictures to a Pascal VOC folder.

Input: Pascal VOC, counted from 1 or from 0, in any layout that `VocDataset` accepts, and YOLO
labels: `labels/NAME.txt` beside `images/NAME.jpg`, optionally with folders `train`, `val` and
`test` in both, one object per line: number of the class, center x and y, width and height as
fractions of the picture. `classes.txt` holds the classes' names, one per line, as written by
labelImg.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pixelopolis.errors import DatasetError
from pixelopolis.model_io.pictures import read_picture
from pixelopolis.model_io.voc.annotation import (
    Annotation,
    Box,
    LabeledObject,
    box_faults,
    read_annotation,
    write_annotation,
)
from pixelopolis.model_io.voc.dataset import IMAGE_SUFFIXES, VocDataset
from pixelopolis.output_file import check_output_folder

CLASSES_FILE: Final = "classes.txt"
BORDER_PX: Final = 1.0
"""Tolerance for rounded fractions: a box this far outside the picture is clipped."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A picture to be written; `name` is the annotation's."""

    name: str
    splits: tuple[str, ...]
    picture: Path
    place: Path
    """Where its labels come from, for messages."""
    annotation: Annotation


def import_dataset(
    source: Path, out: Path, first_pixel: int = 1, classes: Path | None = None
) -> dict[str, Any]:
    """Write a folder as Pascal VOC that counts from 1; pictures are copied byte for byte.

    Args:
        source: the folder to read.
        out: a new folder; created with all its contents, or not at all.
        first_pixel: the number of the first column and row in Pascal VOC files of `source`.
        classes: file with class names of YOLO labels; by default `classes.txt` in the folder.

    Returns:
        The counts `images`, `objects` and `splits`.

    Raises:
        DatasetError: `out` exists, or something cannot be read or has an invalid box.
    """
    if out.exists():
        raise DatasetError(f"{out} is there already.", "Name a new folder with --out.")
    check_output_folder(out, "--out")
    yolo = _is_yolo(source)
    entries = [*(_yolo(source, classes) if yolo else _voc(source, first_pixel))]
    _check(entries)
    part = out.with_name(f"{out.name}.part")
    try:
        counts = _write(entries, part)
        part.rename(out)
    except OSError as error:
        raise DatasetError(
            f"{str(out)!r} cannot be written: {error.strerror}.", "Name another folder with --out."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return {"layout": "yolo" if yolo else "voc", **counts}


def _is_yolo(source: Path) -> bool:
    found = any((source / "labels").glob("**/*.txt"))
    return found and not any((source / "labels").glob("**/*.xml"))


def _check(entries: list[_Entry]) -> None:
    places: dict[str, Path] = {}
    for entry in entries:
        faults = [*box_faults(entry.annotation)]
        if faults:
            number, fault = faults[0]
            item = entry.annotation.objects[number]
            raise DatasetError(
                f"{entry.place}: object[{number}] ({item.class_name}): {fault}.",
                "Correct it where it was labeled, or remove it.",
            )
        if (before := places.setdefault(entry.name, entry.place)) != entry.place:
            raise DatasetError(
                f"{before} and {entry.place} are of pictures of one name.",
                "Rename one of them, and its picture.",
            )


def _write(entries: list[_Entry], out: Path) -> dict[str, Any]:
    made = VocDataset(out)
    for folder in ("Annotations", "JPEGImages"):
        (out / folder).mkdir(parents=True)
    splits: dict[str, list[str]] = {}
    for entry in entries:
        path = out / "JPEGImages" / f"{entry.name}{entry.picture.suffix}"
        shutil.copyfile(entry.picture, path)
        write_annotation(
            made.annotation_path(entry.name), replace(entry.annotation, file_name=path.name)
        )
        for split in entry.splits:
            splits.setdefault(split, []).append(entry.name)
    for split, names in splits.items():
        made.write_split(split, names)
    return {
        "images": len(entries),
        "objects": sum(len(entry.annotation.objects) for entry in entries),
        "splits": {split: len(names) for split, names in splits.items()},
    }


def _voc(source: Path, first_pixel: int) -> Iterator[_Entry]:
    dataset = VocDataset(source)
    lists = {split: set(dataset.names(split)) for split in dataset.splits()}
    for name in dataset.names():
        place = dataset.annotation_path(name)
        annotation = read_annotation(place, first_pixel)
        picture = dataset.image_path(name, annotation.file_name)
        splits = tuple(split for split, names in lists.items() if name in names)
        yield _Entry(name, splits, picture, place, annotation)


def _yolo(source: Path, classes: Path | None) -> Iterator[_Entry]:
    known = _class_names(source, classes)
    for place in sorted((source / "labels").glob("**/*.txt")):
        if place.name == CLASSES_FILE:
            continue
        inner = place.parent.relative_to(source / "labels")
        folder = source / "images" / inner
        pictures = [path for s in IMAGE_SUFFIXES if (path := folder / f"{place.stem}{s}").is_file()]
        if not pictures:
            raise DatasetError(
                f"{place}: {folder} has no picture of that name.",
                "Put it there, or remove the file.",
            )
        height, width = read_picture(pictures[0]).shape[:2]
        lines = _text(place).splitlines()
        objects = tuple(
            _yolo_object(line.split(), known, width, height, f"{place}:{number}")
            for number, line in enumerate(lines, start=1)
            if line.strip()
        )
        annotation = Annotation("", width, height, objects)
        yield _Entry(place.stem, inner.parts[:1], pictures[0], place, annotation)


def _class_names(source: Path, classes: Path | None) -> tuple[str, ...]:
    places = (classes,) if classes else (source / CLASSES_FILE, source / "labels" / CLASSES_FILE)
    for place in places:
        if place.is_file():
            return tuple(line.strip() for line in _text(place).splitlines() if line.strip())
    raise DatasetError(
        f"{source} has YOLO labels, and no {CLASSES_FILE} that names their classes.",
        "Write the classes' names into a file, one a line, and name it with --classes.",
    )


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} cannot be read: {error}.", "Save it as UTF-8 text.") from error


def _yolo_object(
    words: list[str], known: tuple[str, ...], width: int, height: int, place: str
) -> LabeledObject:
    try:
        number, x, y, w, h = int(words[0]), *map(float, words[1:])
        name = known[number] if number >= 0 else known[len(known)]
    except (ValueError, IndexError) as error:
        raise DatasetError(
            f"{place}: {' '.join(words)!r} is not a line of YOLO labels for {len(known)} classes.",
            "Expected the number of a class from 0, then middle x and y, width and height.",
        ) from error
    box = Box((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
    inside = Box(
        max(box.xmin, 0.0), max(box.ymin, 0.0), min(box.xmax, width), min(box.ymax, height)
    )
    moved_px = max(abs(a - b) for a, b in zip(box, inside, strict=True))
    return LabeledObject(name, inside if moved_px <= BORDER_PX else box)
