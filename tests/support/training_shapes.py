"""A tiny Pascal VOC dataset: a colored shape on noise for each class. No city, no renderer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX
from pixelopolis.model_io.voc.annotation import Annotation, Box, LabeledObject, write_annotation
from pixelopolis.model_io.voc.dataset import VocDataset

COLORS = {
    "Stop_sign": (220, 30, 30),
    "Go": (30, 200, 60),
    "Plane": (40, 60, 230),
    "Car": (230, 200, 30),
}


def write_shapes(
    folder: Path, split: str, pictures: int, seed: int, classes: tuple[str, ...] = tuple(COLORS)
) -> Path:
    """Write a split of squares (and wide cars) of 12 to 60 px; other files of the folder stay."""
    rng = np.random.default_rng(seed)
    for part in ("JPEGImages", "Annotations"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    names = [f"{split}_{number:05d}" for number in range(pictures)]
    for name in names:
        image = rng.integers(90, 160, (DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3), dtype=np.uint8)
        objects: list[LabeledObject] = []
        for _ in range(int(rng.integers(1, 5))):
            class_name = str(rng.choice(classes))
            height = int(np.exp(rng.uniform(np.log(12), np.log(60))))
            width = min(DETECTOR_WIDTH_PX - 1, height * (2 if class_name == "Car" else 1))
            x = int(rng.integers(0, DETECTOR_WIDTH_PX - width))
            y = int(rng.integers(0, DETECTOR_HEIGHT_PX - height))
            box = Box(x, y, x + width, y + height)
            if any(box.iou(other.box_px) > 0 for other in objects):
                continue
            image[y : y + height, x : x + width] = COLORS[class_name]
            cv2.rectangle(image, (x, y), (x + width - 1, y + height - 1), (255, 255, 255), 2)
            objects.append(LabeledObject(class_name, box, visible=1.0, view_angle_deg=0.0))
        cv2.imwrite(str(folder / "JPEGImages" / f"{name}.jpg"), image[..., ::-1])
        annotation = Annotation(
            f"{name}.jpg", DETECTOR_WIDTH_PX, DETECTOR_HEIGHT_PX, tuple(objects)
        )
        write_annotation(folder / "Annotations" / f"{name}.xml", annotation)
    VocDataset(folder).write_split(split, names)
    assert set(classes) <= set(SIGN_CLASSES)
    return folder
