"""Images with ground truth and detections side by side."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.model_io.crops import Image
from training.detector.anchors import Floats
from training.detector.data import Objects
from training.detector.evaluation.metrics import Detections

ZOOM: Final = 3
TRUE_RGB, DIFFICULT_RGB, FOUND_RGB = (60, 220, 60), (150, 150, 150), (255, 60, 200)
SHOWN_SCORE: Final = 0.3


def draw_detections(image: Image, truth: Objects, found: Detections) -> Image:
    """Return an image (480, 1440, 3): ground truth on the left, detections on the right.

    Green: objects to find. Gray: difficult ones. Pink: detections, with scores in percent.
    """
    left, right = (np.repeat(np.repeat(image, ZOOM, axis=0), ZOOM, axis=1) for _ in range(2))
    for box, number, difficult in zip(truth.boxes, truth.classes, truth.difficult, strict=True):
        _box(left, box, SIGN_CLASSES[number], DIFFICULT_RGB if difficult else TRUE_RGB)
    for box, number, score in zip(found.boxes, found.classes, found.scores, strict=True):
        if score >= SHOWN_SCORE:
            _box(right, box, f"{SIGN_CLASSES[number]} {100 * score:.0f}", FOUND_RGB)
    return np.concatenate([left, right], axis=1).astype(np.uint8)


def _box(picture: Image, box: Floats, text: str, color: tuple[int, int, int]) -> None:
    top, left, bottom, right = (round(float(v) * ZOOM) for v in box)
    cv2.rectangle(picture, (left, top), (right, bottom), color, 1)
    place = (left, top - 3 if top > 12 else bottom + 12)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, 1, cv2.LINE_AA)
