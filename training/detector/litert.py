"""Exported detectors in LiteRT, and their agreement with the Keras network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX
from pixelopolis.model_io.litert import load_interpreter
from training.common.export import SIGNATURE, Bytes
from training.detector.evaluation.metrics import Detections, iou

CONFIDENT_SCORE: Final = 0.5
"""Minimum score of detections that an export must reproduce."""


def run(content: bytes, images: Bytes) -> list[Detections]:
    """Return an exported detector's detections in images (n, 160, 240, 3)."""
    interpreter = load_interpreter(content)
    taken = interpreter.get_input_details()[0]
    given = interpreter.get_signature_runner(SIGNATURE).get_output_details()
    size = np.array([DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX] * 2, dtype=np.float32)

    def read(name: str) -> Any:
        return interpreter.get_tensor(given[name]["index"])[0]

    found = []
    for image in images:
        interpreter.set_tensor(taken["index"], image[None].astype(taken["dtype"]))
        interpreter.invoke()
        count = int(read("count"))
        found.append(
            Detections(
                read("boxes")[:count] * size,
                read("classes")[:count].astype(np.int32),
                read("scores")[:count],
            ).in_picture()
        )
    return found


def agreement(reference: Sequence[Detections], found: Sequence[Detections]) -> dict[str, float]:
    """Compare detections with the network's confident ones.

    Returns:
        `again`: the share reproduced, with the same class and place (IoU 0.7); of these `largest_`
        and `mean_score_difference` and `mean_iou`.
    """
    total = 0
    differences: list[float] = []
    overlaps: list[float] = []
    for wanted, seen in zip(reference, found, strict=True):
        sure = wanted.scores >= CONFIDENT_SCORE
        total += int(sure.sum())
        for box, number, score in zip(
            wanted.boxes[sure], wanted.classes[sure], wanted.scores[sure], strict=True
        ):
            same = seen.classes == number
            overlap = iou(box[None], seen.boxes[same])[0]
            if len(overlap) and overlap.max() >= 0.7:
                differences.append(abs(float(score - seen.scores[same][overlap.argmax()])))
                overlaps.append(float(overlap.max()))
    return {
        "sure_detections": total,
        "again": round(len(differences) / total, 5) if total else 1.0,
        "largest_score_difference": round(max(differences, default=0.0), 5),
        "mean_score_difference": round(float(np.mean(differences or [0.0])), 5),
        "mean_iou": round(float(np.mean(overlaps or [1.0])), 5),
    }
