"""The detector's cells with their reference boxes, their targets, and box offsets. NumPy only.

Boxes are (top, left, bottom, right) in pixels of the detector's input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Level:
    """One grid of cells."""

    stride_px: int
    reference_px: float
    """Side of its square reference boxes."""
    sides_px: tuple[float, float]
    """Range of the longer sides of its objects; levels overlap."""


LEVELS: Final = (
    Level(8, 16.0, (0.0, 36.0)),
    Level(16, 44.0, (28.0, 80.0)),
    Level(32, 100.0, (64.0, np.inf)),
)

REACH_STRIDES, MIN_REACH_STRIDES = 1.25, 0.75
"""A cell is responsible for an object that covers the cell's center, if the object's own center is
within the first distance along each axis; for a small object, within the second is enough."""

OFFSET_SCALES: Final = (10.0, 10.0, 5.0, 5.0)
"""For (y, x, height, width), as in TFLite_Detection_PostProcess."""

EMPTY, IGNORED = -1, -2
"""Targets of cells without an object: empty ones should say so, ignored ones have no loss."""


def _grid() -> tuple[Floats, NDArray[np.intp]]:
    rows, levels = [], []
    for number, level in enumerate(LEVELS):
        height = -(-DETECTOR_HEIGHT_PX // level.stride_px)
        width = -(-DETECTOR_WIDTH_PX // level.stride_px)
        y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
        side = np.full(x.size, level.reference_px)
        rows.append(
            np.stack([y.ravel() * level.stride_px, x.ravel() * level.stride_px, side, side], 1)
        )
        levels.append(np.full(x.size, number))
    return np.concatenate(rows).astype(np.float32), np.concatenate(levels)


CELLS, CELL_LEVELS = _grid()
"""(cells, 4): center y, center x, height, width of each reference box in pixels; and its level."""

_STRIDES: Final = np.array([level.stride_px for level in LEVELS], np.float32)[CELL_LEVELS]
_LEAST: Final = np.array([level.sides_px[0] for level in LEVELS], np.float32)[CELL_LEVELS]
_MOST: Final = np.array([level.sides_px[1] for level in LEVELS], np.float32)[CELL_LEVELS]


def encode(boxes: Floats, cells: Floats = CELLS) -> Floats:
    """Return the offsets (n, 4) of boxes (n, 4) from cells (n, 4)."""
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    offsets = np.concatenate(
        [(middle - cells[:, :2]) / cells[:, 2:], np.log(size / cells[:, 2:])], axis=1
    )
    return np.asarray(offsets * OFFSET_SCALES, dtype=np.float32)


def decode(offsets: Floats, cells: Floats = CELLS) -> Floats:
    """Return the boxes (..., n, 4) of offsets (..., n, 4); the inverse of `encode`."""
    part = offsets / np.asarray(OFFSET_SCALES, dtype=np.float32)
    middle = part[..., :2] * cells[:, 2:] + cells[:, :2]
    half = np.exp(part[..., 2:]) * cells[:, 2:] / 2
    return np.concatenate([middle - half, middle + half], axis=-1)


def assign(
    boxes: Floats, classes: NDArray[np.int32], ignored: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], Floats]:
    """Return the target of each cell.

    A cell is responsible for an object of its level's size range that covers its center or is
    small, and whose own center is near; the cell nearest to an object's center always is. Of
    several objects the smallest counts. Cells that only an ignored object covers are ignored.

    Args:
        boxes: (n, 4).
        classes: (n,) of 0..19.
        ignored: (n,) objects to ignore.

    Returns:
        (cells,) class of the object, `EMPTY` or `IGNORED`; (cells, 4) its box.
    """
    targets = np.full(len(CELLS), EMPTY, dtype=np.int32)
    target_boxes = np.zeros((len(CELLS), 4), dtype=np.float32)
    if len(boxes) == 0:
        return targets, target_boxes
    y, x = CELLS[:, 0], CELLS[:, 1]
    sizes = boxes[:, 2:] - boxes[:, :2]
    order = np.argsort(-sizes.prod(axis=1), kind="stable")
    nearest = []
    for i in [*order[ignored[order]], *order[~ignored[order]]]:
        top, left, bottom, right = boxes[i]
        away = np.stack([abs(y - (top + bottom) / 2), abs(x - (left + right) / 2)], axis=1)
        if ignored[i]:
            targets[(away <= sizes[i] / 2).all(axis=1)] = IGNORED
            continue
        fits = (sizes[i].max() >= _LEAST) & (sizes[i].max() < _MOST)
        reach = np.clip(
            sizes[i] / 2, MIN_REACH_STRIDES * _STRIDES[:, None], REACH_STRIDES * _STRIDES[:, None]
        )
        chosen = fits & (away <= reach).all(axis=1)
        targets[chosen], target_boxes[chosen] = classes[i], boxes[i]
        nearest.append((int(np.argmin(np.where(fits, (away.max(axis=1) / _STRIDES), np.inf))), i))
    for cell, i in nearest:
        targets[cell], target_boxes[cell] = classes[i], boxes[i]
    return targets, target_boxes
