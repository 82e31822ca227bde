"""Images and boxes of Pascal VOC folders in memory, as the detector's input.

Images of the detector's size stay as they are. Whole portrait frames (3:4) lose the rows that the
car does not give to the detector. Others are scaled to fit, with gray borders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.signs import CAR, SIGN_CLASSES
from pixelopolis.errors import DatasetError
from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_ROWS, DETECTOR_WIDTH_PX, Image
from pixelopolis.model_io.inputs import detector_input
from pixelopolis.model_io.pictures import Report, read_each, read_picture
from pixelopolis.model_io.voc.annotation import SPLINTER_VISIBLE, LabeledObject
from pixelopolis.model_io.voc.dataset import VocDataset
from training.detector.anchors import Floats

CAR_NUMBER: Final = SIGN_CLASSES.index(CAR)

GRAY: Final = 114
ASPECT_TOLERANCE: Final = 0.02
DIFFICULT_VISIBLE: Final = 0.1
"""Assumed visibility of an object that a person flagged as difficult: too little to train on, but
more than a splinter."""


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects in one image, row by row."""

    boxes: Floats
    """(n, 4): top, left, bottom, right in pixels of the detector's input."""
    classes: NDArray[np.int32]
    visible: Floats
    """0..1; 1 if not measured, or `DIFFICULT_VISIBLE` if flagged difficult."""
    angle_deg: Floats
    difficult: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def splinters(self) -> NDArray[np.bool_]:
        """(n,) whether too little of an object is visible for it to count at all."""
        return np.asarray(self.visible < SPLINTER_VISIBLE)

    def take(self, rows: NDArray[np.bool_]) -> Objects:
        return Objects(
            self.boxes[rows],
            self.classes[rows],
            self.visible[rows],
            self.angle_deg[rows],
            self.difficult[rows],
        )


@dataclass(frozen=True, eq=False)
class DetectorData:
    """Images and their objects in memory."""

    images: NDArray[np.uint8]
    """(n, 160, 240, 3) RGB."""
    objects: tuple[Objects, ...]

    def __len__(self) -> int:
        return len(self.images)

    def without_splinters(self) -> DetectorData:
        kept = tuple(objects.take(~objects.splinters) for objects in self.objects)
        return DetectorData(self.images, kept)


def load(folder: Path, names: Sequence[str], report: Report | None = None) -> DetectorData:
    """Read images of a folder by name.

    Raises:
        DatasetError: an image or annotation cannot be used; the message names it.
    """
    dataset = VocDataset(folder)
    images = np.empty((len(names), DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3), dtype=np.uint8)
    objects = []
    owners: dict[Path, str] = {}
    read = read_each(names, partial(read_labeled, dataset), report)
    for i, (name, (path, image, shown)) in enumerate(zip(names, read, strict=True)):
        if owners.setdefault(path, name) != name:
            raise DatasetError(
                f"Annotations {owners[path]!r} and {name!r} of {folder} are of one picture, "
                f"{path.name}.",
                "Put their objects into one annotation, and remove the other.",
            )
        images[i] = image
        objects.append(shown)
    return DetectorData(images, tuple(objects))


def read_labeled(dataset: VocDataset, name: str) -> tuple[Path, Image, Objects]:
    """Return an image's file, its pixels (160, 240, 3) RGB and its objects.

    Raises:
        DatasetError: a damaged image, another size than in its annotation, an unknown class, or a
            box without area or outside the image.
    """
    annotation = dataset.annotation(name)
    path = dataset.image_path(name, annotation.file_name)
    rgb = read_picture(path)
    place = str(dataset.annotation_path(name))
    height, width = rgb.shape[:2]
    if (width, height) != (annotation.width_px, annotation.height_px):
        raise DatasetError(
            f"{place}: size is {annotation.width_px} x {annotation.height_px}, and {path.name} is "
            f"{width} x {height}.",
            "Label the picture as it is now; one that was turned or scaled has other boxes.",
        )
    return path, *fit(rgb, _objects(annotation.objects, place))


def _objects(labeled: Sequence[LabeledObject], place: str) -> Objects:
    for number, item in enumerate(labeled):
        if item.class_name not in SIGN_CLASSES:
            raise DatasetError(
                f"{place}: object[{number}].name is {item.class_name!r}.",
                f"Known classes: {', '.join(SIGN_CLASSES)}.",
            )
    boxes = [(o.box_px.ymin, o.box_px.xmin, o.box_px.ymax, o.box_px.xmax) for o in labeled]
    unmeasured = [DIFFICULT_VISIBLE if o.difficult else 1.0 for o in labeled]
    return Objects(
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.array([SIGN_CLASSES.index(o.class_name) for o in labeled], dtype=np.int32),
        np.array(
            [
                given if o.visible is None else o.visible
                for o, given in zip(labeled, unmeasured, strict=True)
            ],
            dtype=np.float32,
        ),
        np.array([o.view_angle_deg or 0.0 for o in labeled], dtype=np.float32),
        np.array([o.difficult for o in labeled], dtype=np.bool_),
    )


def fit(rgb: Image, objects: Objects) -> tuple[Image, Objects]:
    """Return an image of any size as the detector's input, with its objects moved accordingly."""
    height, width = rgb.shape[:2]
    size = np.array([DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX], dtype=np.float32)
    if (height, width) == (DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX):
        return rgb, objects
    if abs(height * 3 / (width * 4) - 1) < ASPECT_TOLERANCE:
        top = round(height * DETECTOR_ROWS[0])
        rgb = rgb[top : round(height * DETECTOR_ROWS[1])]
        scale = size / rgb.shape[:2]
        return detector_input(rgb), moved(objects, scale, -top * scale[0] * np.array([1.0, 0.0]))
    factor = float((size / (height, width)).min())
    inner = np.maximum(1, np.round(np.array([height, width]) * factor)).astype(int)
    smaller = cv2.resize(
        rgb,
        (int(inner[1]), int(inner[0])),
        interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR,
    )
    corner = (size.astype(int) - inner) // 2
    picture = np.full((DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3), GRAY, dtype=np.uint8)
    picture[corner[0] : corner[0] + inner[0], corner[1] : corner[1] + inner[1]] = smaller
    return picture, moved(objects, inner / np.array([height, width]), corner)


def moved(objects: Objects, scale: NDArray[np.floating], shift: NDArray[np.floating]) -> Objects:
    """Return objects scaled by (y, x), then shifted by (y, x) pixels, and clipped to the image.

    Clipped parts reduce the visible share; objects of less than a pixel are dropped.
    """
    limits = np.array([DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX] * 2, dtype=np.float32)
    boxes = objects.boxes * np.tile(scale, 2) + np.tile(shift, 2)
    clipped = np.clip(boxes, 0.0, limits)
    whole = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-6)
    sides = clipped[:, 2:] - clipped[:, :2]
    kept = sides.prod(axis=1) / whole
    changed = Objects(
        clipped.astype(np.float32),
        objects.classes,
        (objects.visible * kept).astype(np.float32),
        objects.angle_deg,
        objects.difficult | (objects.visible * kept < 0.5),
    )
    return changed.take(sides.min(axis=1, initial=np.inf) >= 1.0)


def digest(parts: Sequence[DetectorData]) -> str:
    """Return a digest of all pixels and boxes."""
    hasher = hashlib.blake2b(digest_size=8)
    for data in parts:
        hasher.update(data.images.data)
        for objects in data.objects:
            hasher.update(objects.boxes.tobytes())
            hasher.update(objects.classes.tobytes())
    return hasher.hexdigest()
