"""What a folder of annotated pictures holds, and what in it looks wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pixelopolis.errors import DatasetError
from pixelopolis.signs import SIGN_CLASSES
from pixelopolis.vision import DETECTOR_WIDTH_PX, Image
from pixelopolis.voc import Annotation, VocDataset
from pixelopolis.voc_pictures import tile, write_sheets

SPLITS = ("train", "val", "test")
HEIGHTS_PX = (0, 8, 12, 20, 40)
"""Lower ends of the size classes, in pixels at the detector's input."""
TINY_PX = 4.0
"""Side of a box at the detector's input below which nobody can tell what is in it; objects that
are marked as difficult may be so small."""
DUPLICATE_IOU = 0.9
FAULTS = frozenset(
    (
        "unreadable annotation",
        "missing annotation",
        "missing picture",
        "wrong picture size",
        "picture without annotation",
        "in two splits",
        "unknown class",
        "no area",
        "outside the picture",
    )
)
"""Kinds that no dataset may have; "tiny" and "duplicate" a person should look at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks wrong with a picture, or with one object of it."""

    kind: str
    name: str
    number: int | None = None
    """Of the object, from 0; None for the whole picture."""
    detail: str = ""

    def document(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "object": self.number,
            "detail": self.detail,
        }


@dataclass(slots=True)
class Report:
    """Counts over all objects that could be read, and findings."""

    pictures: int = 0
    empty: int = 0
    objects: Counter[str] = field(default_factory=Counter)
    difficult: Counter[str] = field(default_factory=Counter)
    truncated: Counter[str] = field(default_factory=Counter)
    heights: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By class and lower end of the size class."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def faults(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind in FAULTS]

    def document(self) -> dict[str, Any]:
        known = [*SIGN_CLASSES, *sorted(set(self.objects) - set(SIGN_CLASSES))]
        return {
            "images": self.pictures,
            "empty_images": self.empty,
            "objects": sum(self.objects.values()),
            "classes": {
                name: {
                    "objects": self.objects[name],
                    "difficult": self.difficult[name],
                    "truncated": self.truncated[name],
                    "heights_px": {str(low): self.heights[name, low] for low in HEIGHTS_PX},
                }
                for name in known
            },
            "heights_px": {
                str(low): sum(self.heights[name, low] for name in known) for low in HEIGHTS_PX
            },
            "findings_by_kind": dict(Counter(f.kind for f in self.findings)),
            "findings": [finding.document() for finding in self.findings],
        }


def check_dataset(
    dataset: VocDataset,
    split: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Read every picture and annotation of a dataset, or of one split of it.

    Args:
        dataset: the folder.
        split: as in ImageSets/Main; None for everything.
        progress: gets the number of pictures done.

    Raises:
        DatasetError: when there is no such split, or nothing at all.
    """
    names = dataset.names(split)
    report = Report(findings=[*_between_splits(dataset)])
    if split is None:
        report.findings += _without_annotation(dataset, set(names))
    for name in names:
        report.findings += _check_picture(dataset, name, report)
        progress(1)
    return report


def _between_splits(dataset: VocDataset) -> Iterator[Finding]:
    members: dict[str, list[str]] = {}
    for split in SPLITS:
        try:
            names = dataset.names(split)
        except DatasetError:
            continue
        for name in names:
            members.setdefault(name, []).append(split)
    listed = (dataset.folder / "ImageSets").is_dir()
    for name, splits in members.items():
        if len(set(splits)) > 1:
            yield Finding("in two splits", name, detail=", ".join(splits))
        if listed and not dataset.annotation_path(name).is_file():
            yield Finding("missing annotation", name, detail=f"listed in {splits[0]}.txt")


def _without_annotation(dataset: VocDataset, names: set[str]) -> Iterator[Finding]:
    for path in dataset.image_files():
        if path.stem not in names:
            yield Finding("picture without annotation", path.stem, detail=path.name)


def _check_picture(dataset: VocDataset, name: str, report: Report) -> Iterator[Finding]:
    """Yield what is wrong with a picture and add it to the report's counts."""
    if not dataset.annotation_path(name).is_file():
        return  # told already, by its split
    report.pictures += 1
    try:
        annotation = dataset.annotation(name)
    except DatasetError as error:
        yield Finding("unreadable annotation", name, detail=error.message)
        return
    report.empty += not annotation.objects
    image = _image(dataset, name, annotation)
    said = (annotation.height_px, annotation.width_px)
    if image is None:
        yield Finding("missing picture", name, detail=annotation.file_name)
    elif image.shape[:2] != said:
        height, width = image.shape[:2]
        detail = f"{width} x {height}, annotated as {said[1]} x {said[0]}"
        yield Finding("wrong picture size", name, detail=detail)
    scale = DETECTOR_WIDTH_PX / max(annotation.width_px, 1)
    for item in annotation.objects:
        report.objects[item.class_name] += 1
        report.difficult[item.class_name] += item.difficult
        report.truncated[item.class_name] += item.truncated
        height_px = item.box_px.height_px * scale
        low = max((edge for edge in HEIGHTS_PX if edge <= height_px), default=HEIGHTS_PX[0])
        report.heights[item.class_name, low] += 1
    for kind, number, detail in _check_objects(annotation, scale):
        yield Finding(kind, name, number, detail)


def _check_objects(annotation: Annotation, scale: float) -> Iterator[tuple[str, int, str]]:
    for number, item in enumerate(annotation.objects):
        box = item.box_px
        text = f"{item.class_name} {tuple(round(side, 1) for side in box)}"
        if item.class_name not in SIGN_CLASSES:
            yield "unknown class", number, item.class_name
        if box.width_px <= 0 or box.height_px <= 0:
            yield "no area", number, text
        elif not item.difficult and min(box.width_px, box.height_px) * scale < TINY_PX:
            yield "tiny", number, text
        if (
            min(box.xmin, box.ymin) < 0
            or box.xmax > annotation.width_px
            or box.ymax > annotation.height_px
        ):
            yield "outside the picture", number, text
    for (_, one), (number, other) in combinations(enumerate(annotation.objects), 2):
        same = one.class_name == other.class_name
        if same and one.box_px.iou(other.box_px) > DUPLICATE_IOU:
            yield "duplicate", number, other.class_name


def _image(dataset: VocDataset, name: str, annotation: Annotation | None) -> Image | None:
    """Return the picture as RGB, None when it is missing or cannot be read."""
    try:
        path = dataset.image_path(name, annotation.file_name if annotation else None)
    except DatasetError:
        return None
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return None if bgr is None else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def write_pictures(
    dataset: VocDataset, report: Report, folder: Path, names: Sequence[str], most: int = 96
) -> list[Path]:
    """Write sheets of pictures with their boxes: suspicious ones first, then some of the others.

    Args:
        dataset: the folder that was checked.
        report: see `check_dataset`.
        folder: where the sheets go.
        names: of all pictures that were checked.
        most: pictures on all sheets together.
    """
    by_name: dict[str, list[Finding]] = {}
    for finding in sorted(report.findings, key=lambda f: f.kind not in FAULTS):
        by_name.setdefault(finding.name, []).append(finding)
    shown = list(by_name)[: most * 2 // 3]
    others = [name for name in names if name not in by_name]
    step = max(1, len(others) // max(1, most - len(shown)))
    shown += others[::step][: most - len(shown)]
    return write_sheets(folder, [_tile(dataset, name, by_name.get(name, [])) for name in shown])


def _tile(dataset: VocDataset, name: str, findings: Sequence[Finding]) -> Image:
    try:
        annotation = dataset.annotation(name)
    except DatasetError:
        annotation = None
    marked = [f.number for f in findings if f.number is not None]
    caption = ", ".join([name, *dict.fromkeys(f.kind for f in findings)])
    return tile(_image(dataset, name, annotation), annotation, caption, marked)
