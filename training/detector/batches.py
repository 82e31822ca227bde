"""Training batches: shuffled, mixed from folders, augmented in position, light and sharpness.

Random numbers depend on (seed, epoch, image), so a batch depends neither on threads nor on
interruptions of the run. Images are never mirrored: arrows and letters would change their meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, Image
from training.detector.anchors import CELLS, Floats, assign
from training.detector.data import CAR_NUMBER, DetectorData, Objects, moved

MIN_VISIBLE, MAX_ANGLE_DEG, MIN_HEIGHT_PX = 0.3, 75.0, 6.0
"""Objects beyond these limits are ignored; the limits of an evaluation (0.5, 60 degrees, 8 px) are
well inside."""

MIN_CUT_OFF_VISIBLE, MIN_CUT_OFF_PX = 0.05, 8.0
"""A car cut off by the image's border counts down to these limits: nothing is nearer than a car
ahead in a bend, most of which is outside the image."""

AHEAD: Final = 4
"""Number of batches prepared in advance."""

NOISE: Final = np.clip(
    np.random.default_rng(2).standard_normal((64, DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3)) * 32,
    -127,
    127,
).astype(np.int8)
"""Drawn once: fresh normal numbers would cost more than all other augmentation."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Input of one training step."""

    images: NDArray[np.uint8]
    """(b, 160, 240, 3) RGB."""
    classes: NDArray[np.int32]
    """(b, cells): class, `EMPTY` or `IGNORED`."""
    boxes: Floats
    """(b, cells, 4)."""


def epoch_order(
    counts: Sequence[int], ratios: Sequence[float], seed: int, epoch: int
) -> list[tuple[int, int]]:
    """Return an epoch's images as (folder, row), shuffled.

    Without ratios every image comes once. With ratios, an epoch is as long and each folder gets its
    share; rows of a small folder repeat, but only after all of them have come.
    """
    rng = np.random.default_rng([seed, epoch, 1])
    total = sum(counts)
    shares = np.array(ratios or counts, dtype=np.float64)
    wanted = np.round(shares / shares.sum() * total).astype(int)
    rows: list[tuple[int, int]] = []
    for folder, (count, number) in enumerate(zip(counts, wanted, strict=True)):
        rounds = -(-number // count) if count else 0
        drawn = [row for _ in range(rounds) for row in rng.permutation(count)]
        rows += [(folder, int(row)) for row in drawn[:number]]
    return [rows[i] for i in rng.permutation(len(rows))]


def epoch_batches(
    parts: Sequence[DetectorData],
    *,
    batch: int,
    seed: int,
    epoch: int,
    ratios: Sequence[float] = (),
    augment: bool = True,
) -> Iterator[Batch]:
    """Yield an epoch's full batches, prepared by threads."""
    order = epoch_order([len(part) for part in parts], ratios, seed, epoch)
    whole = len(order) // batch

    def make(number: int) -> Batch:
        chosen = order[number * batch : (number + 1) * batch]
        images = np.empty((batch, DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3), dtype=np.uint8)
        classes = np.empty((batch, len(CELLS)), dtype=np.int32)
        boxes = np.empty((batch, len(CELLS), 4), dtype=np.float32)
        for i, (folder, row) in enumerate(chosen):
            image, objects = parts[folder].images[row], parts[folder].objects[row]
            if augment:
                rng = np.random.default_rng([seed, epoch, number * batch + i, 2])
                image, objects = change(image, objects, rng)
            images[i] = image
            classes[i], boxes[i] = assign(objects.boxes, objects.classes, ignored(objects))
        return Batch(images, classes, boxes)

    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[Batch]] = []
        try:
            for number in range(whole):
                waiting.append(pool.submit(make, number))
                if len(waiting) > AHEAD:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def ignored(objects: Objects) -> NDArray[np.bool_]:
    """Return which objects (n,) training ignores."""
    height, width = (objects.boxes[:, 2:] - objects.boxes[:, :2]).T
    near_car = (
        (objects.classes == CAR_NUMBER)
        & _cut_off(objects.boxes)
        & (objects.visible >= MIN_CUT_OFF_VISIBLE)
        & (np.minimum(height, width) >= MIN_CUT_OFF_PX)
    )
    return np.asarray(
        ((objects.visible < MIN_VISIBLE) & ~near_car)
        | (objects.angle_deg > MAX_ANGLE_DEG)
        | (height < MIN_HEIGHT_PX)
    )


def _cut_off(boxes: Floats) -> NDArray[np.bool_]:
    limits = (DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX)
    return np.asarray(
        (boxes[:, :2] < 1).any(axis=1) | (boxes[:, 2:] > np.array(limits) - 1).any(axis=1)
    )


def change(image: Image, objects: Objects, rng: np.random.Generator) -> tuple[Image, Objects]:
    """Return a randomly augmented image and its objects."""
    image, objects = _move(image, objects, rng)
    image = _light(image, rng)
    if rng.random() < 0.25:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0)), dtype=np.uint8)
    if rng.random() < 0.5:
        noise = NOISE[rng.integers(len(NOISE))].astype(np.int16)
        strength = int(rng.integers(1, 9))  # standard deviation in gray levels
        image = np.clip(image + (noise * strength >> 5), 0, 255).astype(np.uint8)
    return image, objects


def _move(image: Image, objects: Objects, rng: np.random.Generator) -> tuple[Image, Objects]:
    """Shift by whole pixels, or also scale; the uncovered border gets one color."""
    scale = np.ones(2)
    if rng.random() < 0.5:
        scale *= np.exp(rng.uniform(np.log(0.75), np.log(1.4)))
        scale *= np.exp(rng.uniform(-0.06, 0.06, 2))
    size = np.array([DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX])
    spare = size * (1 - scale)
    low, high = np.minimum(spare, 0) - 12, np.maximum(spare, 0) + 12
    shift = np.round(rng.uniform(low, high))
    matrix = np.array([[scale[1], 0.0, shift[1]], [0.0, scale[0], shift[0]]])
    # OpenCV measures from pixel centers, boxes from pixel edges
    matrix[:, 2] += (scale[::-1] - 1) / 2
    image = np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            (DETECTOR_WIDTH_PX, DETECTOR_HEIGHT_PX),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=rng.integers(0, 256, 3).tolist(),
        ),
        dtype=np.uint8,
    )
    return image, moved(objects, scale, shift)


def _light(image: Image, rng: np.random.Generator) -> Image:
    """Vary gain, contrast, brightness and tint by a lookup table for each channel."""
    gain = rng.uniform(0.75, 1.3) * rng.uniform(0.92, 1.08, 3)
    brightness = rng.uniform(-22.0, 22.0)
    gamma = np.exp(rng.uniform(-0.2, 0.2))
    steps = 255.0 * (np.arange(256) / 255.0) ** gamma
    table = (steps[:, None] - 128.0) * gain + 128.0 + brightness
    table = np.clip(np.round(table), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[None]), dtype=np.uint8)
