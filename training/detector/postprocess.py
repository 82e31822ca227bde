"""Selection of detections from the cells' outputs, as in TFLite_Detection_PostProcess. NumPy."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.detector.anchors import Floats, decode
from training.detector.evaluation.metrics import Detections, iou

MAX_DETECTIONS: Final = 40
MAX_IOU: Final = 0.55
"""Of two boxes with a larger IoU, whatever their classes, the one with the higher score stays."""
MIN_SCORE: Final = 0.02


def scores_of(objectness: Floats, classes: Floats) -> Floats:
    """Return the scores (..., cells, 20) of logits: objectness times class probability."""
    return np.asarray(_sigmoid(objectness) * _sigmoid(classes), dtype=np.float32)


def _sigmoid(x: Floats) -> NDArray[np.floating]:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -60.0, 60.0)))


def select(scores: Floats, offsets: Floats) -> Detections:
    """Return the detections of one image in descending order of score.

    Each cell counts for its best class only ("fast" non-maximum suppression).

    Args:
        scores: (cells, 20).
        offsets: (cells, 4).
    """
    best = scores.max(axis=1)
    order = np.argsort(-best, kind="stable")
    order = order[best[order] >= MIN_SCORE]
    boxes = decode(offsets)[order]
    overlaps = iou(boxes, boxes) > MAX_IOU
    kept: list[int] = []
    open_ = np.ones(len(order), dtype=bool)
    for i in range(len(order)):
        if open_[i]:
            kept.append(i)
            if len(kept) == MAX_DETECTIONS:
                break
            open_ &= ~overlaps[i]
    rows = order[kept]
    return Detections(boxes[kept], scores[rows].argmax(axis=1).astype(np.int32), best[rows])
