"""Score thresholds of each class, and the range of reliable detection. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.signs import CAR, SIGN_CLASSES, class_height_m
from pixelopolis.vehicle.camera import Camera
from training.detector.anchors import Floats
from training.detector.data import Objects
from training.detector.evaluation.metrics import Detections, covered, iou

FOUND_IOU: Final = 0.5
"""A detection matches an object from this overlap (IoU) on."""

FIT_PRECISION: Final = 0.995
"""Precision that thresholds are fitted to; above the goal, as other frames differ."""
MIN_THRESHOLD: Final = 0.2

RECALL, PRECISION = 0.95, 0.99
"""Reliable up to a distance: of the objects within it this share is found, and of the detections
within it this share is right."""

SIGN_GOAL_M, CAR_GOAL_M = 0.8, 1.2


@dataclass(frozen=True, eq=False)
class Judged:
    """All counting detections and objects of one class."""

    scores: Floats
    """(n,) of detections, in descending order."""
    right: NDArray[np.bool_]
    """(n,) whether each matches an object that no better one matches."""
    heights: Floats
    """(n,) heights of the detections' boxes."""
    object_heights: Floats
    """(m,) heights of the objects' boxes."""
    object_scores: Floats
    """(m,) score of the matching detection, 0 for none."""


def judge(truth: Sequence[Objects], found: Sequence[Detections], sign_class: int) -> Judged:
    """Match one class's detections with its objects over all images.

    Detections are matched in descending order of score, each object once. Unmatched ones of which
    at least half is within a difficult object of the class do not count, as in COCO.
    """
    rows: list[tuple[float, bool, float]] = []
    objects: list[tuple[float, float]] = []
    for shown, seen in zip(truth, found, strict=True):
        mine, theirs = shown.classes == sign_class, seen.classes == sign_class
        easy = shown.boxes[mine & ~shown.difficult]
        hard = shown.boxes[mine & shown.difficult]
        boxes, scores = seen.boxes[theirs], seen.scores[theirs]
        overlap, within = iou(boxes, easy), covered(boxes, hard)
        found_by = np.zeros(len(easy))
        for k in np.argsort(-scores, kind="stable"):
            free = np.where(found_by > 0, 0.0, overlap[k])
            is_right = len(easy) > 0 and free.max() >= FOUND_IOU
            if is_right:
                found_by[free.argmax()] = scores[k]
            elif len(hard) and within[k].max() >= FOUND_IOU:
                continue
            rows.append((float(scores[k]), bool(is_right), _height(boxes[k])))
        objects += [(_height(box), by) for box, by in zip(easy, found_by.tolist(), strict=True)]
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    table = table[np.argsort(-table[:, 0], kind="stable")]
    other = np.array(objects, dtype=np.float64).reshape(-1, 2)
    return Judged(
        table[:, 0].astype(np.float32),
        table[:, 1] > 0,
        table[:, 2].astype(np.float32),
        other[:, 0].astype(np.float32),
        other[:, 1].astype(np.float32),
    )


def _height(box: Floats) -> float:
    return float(box[2] - box[0])


def threshold_for(judged: Judged, precision: float = FIT_PRECISION) -> float:
    """Return the lowest score above which detections reach the precision.

    If none does, the one that comes nearest; at least `MIN_THRESHOLD`.
    """
    if len(judged.scores) == 0:
        return 1.0
    share = np.cumsum(judged.right) / np.arange(1, len(judged.right) + 1)
    # equal scores share a threshold
    last = np.append(judged.scores[1:] != judged.scores[:-1], True)
    enough = np.flatnonzero(last & (share >= precision))
    row = enough[-1] if len(enough) else int(np.argmax(np.where(last, share, -1.0)))
    return max(MIN_THRESHOLD, float(judged.scores[row]))


def fit_thresholds(truth: Sequence[Objects], found: Sequence[Detections]) -> dict[str, float]:
    """Return a threshold for each class, from frames used for nothing else.

    A class without objects gets 1, so that it is never reported.
    """
    return {
        name: round(threshold_for(judge(truth, found, number)) - 5e-5, 4)
        for number, name in enumerate(SIGN_CLASSES)
    }


def operating_point(judged: Judged, sign_class: int, threshold: float) -> dict[str, Any]:
    """Return precision, recall and range of one class at a threshold.

    `reach_m`: the largest distance within which the share `RECALL` of the objects is found and the
    share `PRECISION` of the detections is right; 0 if there is none. Distances follow from the
    boxes' heights, as the car estimates them.
    """
    believed = judged.scores >= threshold
    right = judged.right[believed]
    found = judged.object_scores >= threshold
    distances = distance_m(judged.object_heights, sign_class)
    order = np.argsort(distances, kind="stable")
    recall = np.cumsum(found[order]) / np.arange(1, len(order) + 1)
    seen_at = distance_m(judged.heights[believed], sign_class)
    by_distance = np.argsort(seen_at, kind="stable")
    upto = np.searchsorted(seen_at[by_distance], distances[order], side="right")
    rights = np.concatenate([[0], np.cumsum(right[by_distance])])
    precise = rights[upto] >= PRECISION * upto
    good = np.flatnonzero((recall >= RECALL) & precise)
    return {
        "threshold": round(threshold, 4),
        "precision": _share(right),
        "recall": _share(found),
        "objects": len(found),
        "reach_m": round(float(distances[order][good[-1]]), 3) if len(good) else 0.0,
        "goal_m": CAR_GOAL_M if SIGN_CLASSES[sign_class] == CAR else SIGN_GOAL_M,
    }


def operating_points(
    truth: Sequence[Objects], found: Sequence[Detections], thresholds: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """Return the operating point of every class with objects."""
    points = {
        name: operating_point(judge(truth, found, number), number, thresholds[name])
        for number, name in enumerate(SIGN_CLASSES)
        if name in thresholds
    }
    return {name: point for name, point in points.items() if point["objects"]}


def distance_m(heights_px: Floats, sign_class: int) -> Floats:
    """Return the distances at which whole objects have these heights in the car's camera."""
    height_m = class_height_m(SIGN_CLASSES[sign_class])
    return np.asarray(Camera().focal_px * height_m / np.maximum(heights_px, 1e-3), np.float32)


def _share(values: NDArray[np.bool_]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None
