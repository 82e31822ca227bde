"""Figures of any detector on labeled images. No TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.errors import DatasetError
from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_ROWS, DETECTOR_WIDTH_PX, Image
from pixelopolis.model_io.pictures import Report
from pixelopolis.model_io.voc.dataset import VocDataset
from training.detector.data import CAR_NUMBER, DetectorData, Objects, load
from training.detector.evaluation.metrics import (
    SIZES,
    Detections,
    Precision,
    average_precision,
)
from training.detector.evaluation.score_thresholds import operating_points

GOALS: Final = {
    "map50_20px": 0.95,
    "map50_12px": 0.90,
    "map50_95_20px": 0.70,
    "car_ap50_20px": 0.97,
}


class ScoredBox(Protocol):
    """One detection; `box` is (left, top, right, bottom) as shares of the frame."""

    @property
    def class_name(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def box(self) -> tuple[float, float, float, float]: ...


def read(folder: Path, split: str | None, report: Report | None = None) -> DetectorData:
    """Return a split's images; without a name the test split, or else all.

    Raises:
        DatasetError: no images, or an image or annotation cannot be used.
    """
    dataset = VocDataset(folder)
    if split is None and "test" in dataset.splits() and dataset.names("test"):
        split = "test"
    names = dataset.names(split)
    if not names:
        raise DatasetError(
            f"Split {split!r} of {folder} names no picture.", "Choose another --split."
        )
    return load(folder, names, report)


def detect_all(
    images: Iterable[Image],
    detect: Callable[[Image], Sequence[ScoredBox]],
    report: Callable[[int], None] = lambda _done: None,
) -> list[Detections]:
    """Return a detector's detections in images (160, 240, 3), in pixels of these."""
    found = []
    for number, image in enumerate(images, start=1):
        found.append(as_detections(detect(image)))
        report(number)
    return found


def as_detections(seen: Sequence[ScoredBox]) -> Detections:
    """Convert sightings to detections in pixels of the detector's input."""
    top, bottom = DETECTOR_ROWS
    boxes = np.array([s.box for s in seen], dtype=np.float64).reshape(-1, 4)[:, [1, 0, 3, 2]]
    boxes[:, ::2] = (boxes[:, ::2] - top) / (bottom - top) * DETECTOR_HEIGHT_PX
    boxes[:, 1::2] *= DETECTOR_WIDTH_PX
    return Detections(
        boxes.astype(np.float32),
        np.array([SIGN_CLASSES.index(s.class_name) for s in seen], dtype=np.int32),
        np.array([s.score for s in seen], dtype=np.float32),
    )


def figures(
    truth: Sequence[Objects], found: Sequence[Detections], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Return all figures of detections, as `evaluate detector --json` prints them.

    Figures with a size in their name, `by_class` and `by_size` exclude difficult objects; `map50`
    and `map50_95` include them.
    """
    precision = average_precision(truth, found)
    everything = average_precision(truth, found, with_difficult=True)
    points = operating_points(truth, found, thresholds)
    return {
        **headline(precision),
        "map50": _rounded(everything.mean()),
        "map50_95": _rounded(everything.mean(strict=True)),
        "goals_met": {name: _met(precision, name) for name in GOALS},
        "by_size": {size: _by_size(precision, size) for size in SIZES},
        "by_class": {
            name: {**_by_class(precision, number), **points.get(name, {})}
            for number, name in enumerate(SIGN_CLASSES)
        },
        "pictures": len(truth),
    }


def compare(document: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return another model's headline figures, and the first one's minus those."""
    names = [*GOALS, "map50", "map50_95"]
    return {name: other[name] for name in names} | {
        f"minus_{name}": round(document[name] - other[name], 4)
        for name in names
        if document[name] is not None and other[name] is not None
    }


def headline(precision: Precision) -> dict[str, float | None]:
    return {
        "map50_20px": _rounded(precision.mean("20px")),
        "map50_12px": _rounded(precision.mean("12px")),
        "map50_95_20px": _rounded(precision.mean("20px", strict=True)),
        "car_ap50_20px": _rounded(precision.of(CAR_NUMBER, "20px")),
    }


def _met(precision: Precision, name: str) -> bool:
    value = headline(precision)[name]
    return value is not None and value >= GOALS[name]


def _by_size(precision: Precision, size: str) -> dict[str, Any]:
    column = list(SIZES).index(size)
    return {
        "map50": _rounded(precision.mean(size)),
        "map50_95": _rounded(precision.mean(size, strict=True)),
        "objects": int(precision.counts[:, column].sum()),
    }


def _by_class(precision: Precision, number: int) -> dict[str, Any]:
    return {
        f"ap50_{size}" if size != "all" else "ap50": _rounded(precision.of(number, size))
        for size in ("all", "12px", "20px")
    } | {"ap50_95_20px": _rounded(precision.of(number, "20px", strict=True))}


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
