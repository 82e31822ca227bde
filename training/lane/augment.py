"""Training batches: shuffled, with augmented light, mirrored where harmless. No TensorFlow.

The renderer's looks vary exposure, noise, blur and JPEG; the augmentation here is cheap and makes
each epoch different. Images stay bytes: a lookup table per image costs a tenth of the same change
on float tensors.

Random numbers depend on (seed, epoch, step), so interruptions of a run change no batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.lane.data import Labels, LaneData, has_colored_lines
from training.lane.outputs import Answers
from training.lane.settings import Flip

SHADOW_PART, COVER_PART = 0.4, 0.25
_BYTES: Final = np.arange(256, dtype=np.float32)


def batches(
    data: LaneData,
    items: NDArray[np.intp],
    answers: Answers,
    *,
    batch: int,
    seed: int,
    flip: Flip = Flip.NEVER,
    first_epoch: int = 0,
    augment: bool = True,
) -> Iterator[tuple[NDArray[np.uint8], Labels]]:
    """Yield images and labels endlessly.

    Single images come as (b, h, w, 3) YUV bytes with (b, k) labels, windows as (b, frames, h, w, 3)
    with (b, frames, k). Each epoch is a new permutation of all items in `len(items) // batch` full
    batches. A run that resumes at `first_epoch` gets the same batches as an uninterrupted one.

    Args:
        data: images and labels.
        items: (m, frames) rows of each window, as `training.lane.data.windows` returns them; all
            images of a window are augmented alike.
        answers: kind of labels.
        batch: items per batch.
        seed: for everything random.
        flip: which items may be mirrored, each with probability 0.5.
        first_epoch: where to begin.
        augment: vary the light and hide parts.
    """
    labels = answers.labels(data)
    mirrored = list(answers.mirrored)
    may_flip: NDArray[np.bool_] = np.all(_may_flip(data, flip)[items], axis=1)
    epoch = first_epoch
    while True:
        order = np.random.default_rng([seed, epoch]).permutation(len(items))
        for step in range(len(items) // batch):
            rng = np.random.default_rng([seed, epoch, step])
            chosen = order[step * batch : (step + 1) * batch]
            rows = items[chosen]
            pictures, wanted = data.images_yuv[rows], labels[rows]
            turned = may_flip[chosen] & (rng.random(batch) < 0.5)
            if turned.any():
                pictures[turned] = pictures[turned][:, :, :, ::-1]
                wanted[turned] = -wanted[turned][..., mirrored]
            if augment:
                for window in pictures:
                    _change(window, rng)
            if items.shape[1] == 1:
                yield pictures[:, 0], wanted[:, 0]
            else:
                yield pictures, wanted
        epoch += 1


def _may_flip(data: LaneData, flip: Flip) -> NDArray[np.bool_]:
    if flip is Flip.ALWAYS:
        return np.ones(len(data), dtype=np.bool_)
    if flip is Flip.NEVER:
        return np.zeros(len(data), dtype=np.bool_)
    return ~has_colored_lines(data.images_yuv)


def _change(pictures: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Vary light and color of images (n, h, w, 3) YUV in place, all alike.

    Some get a shaded band and a hidden rectangle.
    """
    count, height, width = pictures.shape[:3]
    gain = np.array([rng.uniform(0.8, 1.2), *[rng.uniform(0.75, 1.25)] * 2])
    shift = rng.uniform(-1.0, 1.0, 3) * (25.0, 5.0, 5.0)
    table = (_BYTES[:, None] - 128.0) * gain + (128.0 + shift)
    tall = pictures.reshape(count * height, width, 3)
    cv2.LUT(tall, np.clip(table, 0, 255).astype(np.uint8)[None], dst=tall)
    if rng.random() < SHADOW_PART:
        shaded = pictures[..., 0] * _shadow(height, width, rng)
        pictures[..., 0] = np.minimum(shaded, 255.0)
    if rng.random() < COVER_PART:
        half = rng.uniform(0.04, 0.125) * np.array([1.5 * height, width])
        top, left = rng.uniform(0, 1, 2) * (height, width) - half
        rows = slice(max(0, round(top)), max(0, round(top + 2 * half[0])))
        columns = slice(max(0, round(left)), max(0, round(left + 2 * half[1])))
        pictures[:, rows, columns] = round(rng.uniform(20.0, 230.0)), 128, 128


def _shadow(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a factor (h, w) on luma: a band of shade or light across the image, 1 outside."""
    across, down = _axes(height, width)
    angle = rng.uniform(0.0, math.pi)
    place = across * math.cos(angle) + down * math.sin(angle) - rng.uniform(-1.0, 1.0)
    inside = np.clip((rng.uniform(0.1, 0.6) - np.abs(place)) * 4.0 + 0.5, 0.0, 1.0)
    factor: NDArray[np.float32] = 1.0 - rng.uniform(-0.25, 0.45) * inside
    return factor


def _axes(height: int, width: int) -> tuple[Any, Any]:
    """Return pixel centers across and down, in [-1, 1]."""
    across = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    return across, np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
