"""COCO's average precision, by class and by size. No TensorFlow.

Objects flagged difficult (less than half visible, view angle 60 degrees or more, under 8 px) count
neither as missed nor, when found, as false.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX
from training.detector.anchors import Floats
from training.detector.data import Objects

SIZES: Final = {
    "all": (0.0, math.inf),
    "20px": (20.0, math.inf),
    "12px": (12.0, math.inf),
    "8-12": (8.0, 12.0),
    "12-20": (12.0, 20.0),
    "20-40": (20.0, 40.0),
    "40+": (40.0, math.inf),
}
"""Height ranges in pixels of the detector's input; smaller and larger objects, and detections of
them, do not count."""

MAX_DETECTIONS: Final = 100


@dataclass(frozen=True, eq=False)
class Detections:
    """Detections in one image, row by row."""

    boxes: Floats
    """(n, 4): top, left, bottom, right in pixels of the detector's input."""
    classes: NDArray[np.int32]
    scores: Floats

    def __len__(self) -> int:
        return len(self.boxes)

    def in_picture(self) -> Detections:
        """Return them with boxes cut off at the picture's edges, as the car does it."""
        edges_px = (DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX) * 2
        return replace(self, boxes=np.clip(self.boxes, 0.0, edges_px).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Precision:
    """Average precisions; NaN without objects."""

    values: NDArray[np.float64]
    """(2, classes, sizes): at IoU 0.5, and the mean over 0.5:0.95; sizes as `SIZES` orders them."""
    counts: NDArray[np.intp]
    """(classes, sizes) number of objects to find."""

    def mean(self, size: str = "all", strict: bool = False) -> float:
        """Return mAP50 (or mAP50:95 if `strict`) over the classes with objects."""
        column = self.values[int(strict), :, list(SIZES).index(size)]
        known = column[~np.isnan(column)]
        return float(known.mean()) if len(known) else math.nan

    def of(self, sign_class: int, size: str = "all", strict: bool = False) -> float:
        return float(self.values[int(strict), sign_class, list(SIZES).index(size)])


def average_precision(
    truth: Sequence[Objects], found: Sequence[Detections], with_difficult: bool = False
) -> Precision:
    """Return COCO's average precision of detections.

    Args:
        truth: objects of each image.
        found: detections in each image, in the same order.
        with_difficult: count difficult objects like all others, except splinters.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        evaluation = COCOeval(_as_coco(truth, found, with_difficult), iouType="bbox")
        evaluation.cocoDt = evaluation.cocoGt.detections
        limits = [[low, min(high, 1e5) - 1e-6] for low, high in SIZES.values()]
        evaluation.params.areaRng = limits
        evaluation.params.areaRngLbl = list(SIZES)
        evaluation.params.maxDets = [MAX_DETECTIONS]
        evaluation.evaluate()
        evaluation.accumulate()
    curves = evaluation.eval["precision"][:, :, :, :, 0]  # IoU, recall, class, size
    curves = np.where(curves < 0, np.nan, curves)
    values = np.stack([curves[0].mean(axis=0), curves.mean(axis=(0, 1))])
    return Precision(values, _counts(truth, with_difficult))


def _counts(truth: Sequence[Objects], with_difficult: bool) -> NDArray[np.intp]:
    counts = np.zeros((len(SIGN_CLASSES), len(SIZES)), dtype=np.intp)
    for objects in truth:
        height = objects.boxes[:, 2] - objects.boxes[:, 0]
        for column, (low, high) in enumerate(SIZES.values()):
            inside = (height >= low) & (height < high) & _counting(objects, with_difficult)
            counts[:, column] += np.bincount(objects.classes[inside], minlength=len(SIGN_CLASSES))
    return counts


def _counting(objects: Objects, with_difficult: bool) -> NDArray[np.bool_]:
    return ~objects.splinters if with_difficult else ~objects.difficult


def _as_coco(truth: Sequence[Objects], found: Sequence[Detections], with_difficult: bool) -> Any:
    """Convert to COCO's format, with heights as areas and difficult objects as crowds."""
    objects = COCO()
    objects.dataset = {
        "images": [{"id": i} for i in range(len(truth))],
        "categories": [{"id": i} for i in range(len(SIGN_CLASSES))],
        "annotations": [
            {**_row(i, shown.boxes[k], shown.classes[k]), "iscrowd": int(not counts)}
            for i, shown in enumerate(truth)
            for k, counts in enumerate(_counting(shown, with_difficult))
        ],
    }
    detections = COCO()
    detections.dataset = {
        **objects.dataset,
        "annotations": [
            {
                **_row(i, seen.boxes[k], seen.classes[k]),
                "iscrowd": 0,
                "score": float(seen.scores[k]),
            }
            for i, seen in enumerate(found)
            for k in range(len(seen))
        ],
    }
    for part in (objects, detections):
        for number, row in enumerate(part.dataset["annotations"], start=1):
            row["id"] = number
        part.createIndex()
    objects.detections = detections
    return objects


def _row(image: int, box: Floats, sign_class: np.int32) -> dict[str, Any]:
    top, left, bottom, right = map(float, box)
    return {
        "image_id": image,
        "category_id": int(sign_class),
        "bbox": [left, top, right - left, bottom - top],
        "area": bottom - top,
    }


def iou(a: Floats, b: Floats) -> Floats:
    """Return intersection over union (n, m) of boxes (n, 4) and (m, 4)."""
    both = _shared(a, b)
    union = _area(a)[:, None] + _area(b)[None] - both
    return np.asarray(both / np.maximum(union, 1e-9), dtype=np.float32)


def covered(a: Floats, b: Floats) -> Floats:
    """Return the share (n, m) of boxes (n, 4) that lies within boxes (m, 4)."""
    return np.asarray(_shared(a, b) / np.maximum(_area(a)[:, None], 1e-9), dtype=np.float32)


def _shared(a: Floats, b: Floats) -> Floats:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.maximum(high - low, 0).prod(axis=2))


def _area(boxes: Floats) -> Floats:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
