"""Checks a folder of annotated pictures: its contents, and what looks wrong."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.errors import DatasetError
from pixelopolis.model_io.crops import DETECTOR_WIDTH_PX, Image
from pixelopolis.model_io.pictures import read_picture
from pixelopolis.model_io.voc.annotation import Annotation, BoxFault, box_fault, read_annotation
from pixelopolis.model_io.voc.dataset import SPLITS, PictureFault, VocDataset
from pixelopolis.model_io.voc.pictures import tile, write_sheets

HEIGHTS_PX: Final = (0, 8, 12, 20, 40)
"""Lower limits of the size classes, in pixels at the detector's input."""
TINY_PX: Final = 4.0
"""Side of a box at the detector's input below which its content is unrecognizable; objects marked
as difficult may be this small."""
DUPLICATE_IOU: Final = 0.9
FAULTS: Final = frozenset(
    (
        "unreadable annotation",
        "missing annotation",
        "damaged picture",
        "wrong picture size",
        "picture without annotation",
        "in two splits",
        "unknown class",
        *PictureFault,
        *BoxFault,
    )
)
"""Kinds that make a dataset faulty; "tiny" and "duplicate" only need a person's look."""


@dataclass(frozen=True, slots=True)
class DataFinding:
    """Something suspicious about a picture, or about one of its objects."""

    kind: str
    name: str
    number: int | None = None
    """Number of the object from 0; None for the whole picture."""
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
    """Counts over all readable objects, and findings."""

    pictures: int = 0
    empty: int = 0
    objects: Counter[str] = field(default_factory=Counter)
    difficult: Counter[str] = field(default_factory=Counter)
    truncated: Counter[str] = field(default_factory=Counter)
    heights: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By class and lower limit of the size class."""
    findings: list[DataFinding] = field(default_factory=list)

    @property
    def faults(self) -> list[DataFinding]:
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
    """Read every picture and annotation of a dataset, or of one split.

    Args:
        dataset: the folder.
        split: as in ImageSets/Main; None for everything.
        progress: called with the number of pictures done.

    Raises:
        DatasetError: there is no such split, or nothing at all.
    """
    names = dataset.names(split)
    report = Report(findings=[*_between_splits(dataset)])
    owners: dict[Path, str] = {}
    for name in names:
        report.findings += _check_picture(dataset, name, report, owners)
        progress(1)
    if split is None:
        report.findings += _without_annotation(dataset, set(owners), set(names))
    return report


def _between_splits(dataset: VocDataset) -> Iterator[DataFinding]:
    members: dict[str, list[str]] = {}
    for split in dataset.splits():
        for name in dataset.names(split):
            members.setdefault(name, []).append(split)
    for name, splits in members.items():
        if len(parts := sorted(set(splits) & set(SPLITS))) > 1:
            yield DataFinding("in two splits", name, detail=", ".join(parts))
        if not dataset.annotation_path(name).is_file():
            yield DataFinding("missing annotation", name, detail=f"listed in {splits[0]}.txt")


def _without_annotation(
    dataset: VocDataset, owned: set[Path], names: set[str]
) -> Iterator[DataFinding]:
    """Yield pictures without annotation, except those already reported as ambiguous."""
    ambiguous = names - {path.stem for path in owned}
    for path in dataset.image_files():
        if path not in owned and path.stem not in ambiguous:
            yield DataFinding("picture without annotation", path.stem, detail=path.name)


def _check_picture(
    dataset: VocDataset, name: str, report: Report, owners: dict[Path, str]
) -> Iterator[DataFinding]:
    """Yield what is wrong with a picture; update the report's counts and the owners."""
    if not dataset.annotation_path(name).is_file():
        return  # already reported, by its split
    report.pictures += 1
    try:
        annotation = read_annotation(dataset.annotation_path(name))
    except DatasetError as error:
        yield DataFinding("unreadable annotation", name, detail=error.message)
        return
    report.empty += not annotation.objects
    found = dataset.look_up(name, annotation.file_name)
    if found.fault is not None:
        yield DataFinding(found.fault, name, detail=found.detail)
    elif found.path is not None:
        if owners.setdefault(found.path, name) != name:
            detail = f"{found.path.name}, as of {owners[found.path]}.xml"
            yield DataFinding(PictureFault.SHARED, name, detail=detail)
        yield from _check_pixels(found.path, annotation, name)
    scale = DETECTOR_WIDTH_PX / max(annotation.width_px, 1)
    for item in annotation.objects:
        report.objects[item.class_name] += 1
        report.difficult[item.class_name] += item.difficult
        report.truncated[item.class_name] += item.truncated
        height_px = item.box_px.height_px * scale
        low = max((edge for edge in HEIGHTS_PX if edge <= height_px), default=HEIGHTS_PX[0])
        report.heights[item.class_name, low] += 1
    for kind, number, detail in _check_objects(annotation, scale):
        yield DataFinding(kind, name, number, detail)


def _check_objects(annotation: Annotation, scale: float) -> Iterator[tuple[str, int, str]]:
    for number, item in enumerate(annotation.objects):
        box = item.box_px
        text = f"{item.class_name} {tuple(round(side, 1) for side in box)}"
        if item.class_name not in SIGN_CLASSES:
            yield "unknown class", number, item.class_name
        fault = box_fault(box, annotation.width_px, annotation.height_px)
        if fault is not None:
            hint = "; VOC counts from 1, `data import --first-pixel 0` reads from 0"
            yield fault, number, text + (hint if fault is BoxFault.FROM_0 else "")
        elif not item.difficult and min(box.width_px, box.height_px) * scale < TINY_PX:
            yield "tiny", number, text
    for (_, one), (number, other) in combinations(enumerate(annotation.objects), 2):
        same = one.class_name == other.class_name
        if same and one.box_px.iou(other.box_px) > DUPLICATE_IOU:
            yield "duplicate", number, other.class_name


def _check_pixels(path: Path, annotation: Annotation, name: str) -> Iterator[DataFinding]:
    try:
        height, width = read_picture(path).shape[:2]
    except DatasetError as error:
        yield DataFinding("damaged picture", name, detail=error.message)
        return
    if (width, height) != (annotation.width_px, annotation.height_px):
        detail = f"{width} x {height}, annotated as {annotation.width_px} x {annotation.height_px}"
        yield DataFinding("wrong picture size", name, detail=detail)


def write_pictures(
    dataset: VocDataset, report: Report, folder: Path, names: Sequence[str], most: int = 96
) -> list[Path]:
    """Write sheets of pictures with their boxes: suspicious ones first, then some of the others.

    Args:
        dataset: the checked folder.
        report: see `check_dataset`.
        folder: output folder.
        names: all checked pictures.
        most: maximum number of pictures on all sheets together.
    """
    by_name: dict[str, list[DataFinding]] = {}
    for finding in sorted(report.findings, key=lambda f: f.kind not in FAULTS):
        by_name.setdefault(finding.name, []).append(finding)
    shown = list(by_name)[: most * 2 // 3]
    others = [name for name in names if name not in by_name]
    step = max(1, len(others) // max(1, most - len(shown)))
    shown += others[::step][: most - len(shown)]
    return write_sheets(folder, [_tile(dataset, name, by_name.get(name, [])) for name in shown])


def _tile(dataset: VocDataset, name: str, findings: Sequence[DataFinding]) -> Image:
    annotation, image = None, None
    with contextlib.suppress(DatasetError):
        annotation = read_annotation(dataset.annotation_path(name))
        image = read_picture(dataset.image_path(name, annotation.file_name))
    marked = [f.number for f in findings if f.number is not None]
    caption = ", ".join([name, *dict.fromkeys(f.kind for f in findings)])
    return tile(image, annotation, caption, marked)
