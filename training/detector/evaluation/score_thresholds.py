"""From which score on a class is believed, and how far it is then reliably seen. NumPy only."""

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
"""A detection is of an object that it overlaps this much."""

FIT_PRECISION: Final = 0.995
"""What a threshold is fitted to; more than is asked for, as other frames differ."""
MIN_THRESHOLD: Final = 0.2

RECALL, PRECISION = 0.95, 0.99
"""What "seen to a distance" means: of the objects that near so many are found, and of what is
found that near so much is right."""

SIGN_GOAL_M, CAR_GOAL_M = 0.8, 1.2


@dataclass(frozen=True, eq=False)
class Judged:
    """All detections and objects of one class, as far as they count."""

    scores: Floats
    """(n,) of detections, best first."""
    right: NDArray[np.bool_]
    """(n,) whether each is of an object that no better one is of."""
    heights: Floats
    """(n,) of the detections' boxes."""
    object_heights: Floats
    """(m,) of the objects' boxes."""
    object_scores: Floats
    """(m,) score of the detection that finds it, 0 for none."""


def judge(truth: Sequence[Objects], found: Sequence[Detections], sign_class: int) -> Judged:
    """Compare one class's detections with its objects over all pictures.

    Detections go to objects best score first, each object to one. What else lies at least half
    within a difficult object of the class neither counts as right nor as wrong, as COCO has it.
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
    """Return the lowest score from which on so much of what is found is right.

    Where no score reaches it, the one that comes nearest; never less than `MIN_THRESHOLD`.
    """
    if len(judged.scores) == 0:
        return 1.0
    share = np.cumsum(judged.right) / np.arange(1, len(judged.right) + 1)
    # equal scores are believed together
    last = np.append(judged.scores[1:] != judged.scores[:-1], True)
    enough = np.flatnonzero(last & (share >= precision))
    row = enough[-1] if len(enough) else int(np.argmax(np.where(last, share, -1.0)))
    return max(MIN_THRESHOLD, float(judged.scores[row]))


def fit_thresholds(truth: Sequence[Objects], found: Sequence[Detections]) -> dict[str, float]:
    """Return a threshold for each class, from frames that are used for nothing else.

    A class that is not there gets 1: it is never believed.
    """
    return {
        name: round(threshold_for(judge(truth, found, number)) - 5e-5, 4)
        for number, name in enumerate(SIGN_CLASSES)
    }


def operating_point(judged: Judged, sign_class: int, threshold: float) -> dict[str, Any]:
    """Return precision, recall and reach of one class at a threshold.

    `reach_m`: the largest distance for which, of all objects up to there, `RECALL` are found and,
    of all that is found up to there, `PRECISION` is right; 0 where there is none. Distances follow
    from the boxes' heights, as the car estimates them.
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
    """Return every class's operating point; classes without objects are left out."""
    points = {
        name: operating_point(judge(truth, found, number), number, thresholds[name])
        for number, name in enumerate(SIGN_CLASSES)
        if name in thresholds
    }
    return {name: point for name, point in points.items() if point["objects"]}


def distance_m(heights_px: Floats, sign_class: int) -> Floats:
    """Return the distances from which whole objects look so high to the car's camera."""
    height_m = class_height_m(SIGN_CLASSES[sign_class])
    return np.asarray(Camera().focal_px * height_m / np.maximum(heights_px, 1e-3), np.float32)


def _share(values: NDArray[np.bool_]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None
