"""Finds where places of one picture are in the next: tracks, by optical flow. Pure.

Below the middle of a picture, most tracks are of the ground. Along a line nothing says how far a
place moved, so each track has a weight matrix that counts only what its surroundings show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import Image

GROUND_PART: Final = 0.5
"""Of a picture's rows, from the bottom, where tracks begin."""
CELL_PX: Final = 6
"""One place is tracked in each square of this size: its most distinct one."""
WINDOW_PX: Final = 11
LEVELS: Final = 3
MIN_GRADIENT2: Final = 4.0
"""Mean squared change of brightness around a place, in steps of 0..255 a pixel."""
SHARPNESS_PX: Final = 0.7
MAX_THERE_AND_BACK_PX: Final = 0.4
STANDS_PX: Final = 0.25
"""What moves less is the car itself, or a reflection."""
MIN_TRACKS: Final = 20
MOST_TRACKS: Final = 64
"""Of a pair; more make a fit slower and hardly better."""
MIN_MOVED_PX: Final = 0.8
"""Three quarters of tracks move less: the car stood, and the pair says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class GroundTracks:
    """Tracks of many pairs of pictures, in pixels.

    `before_px` and `after_px` are (n, 2): column, row. `weight` (n, 2, 2) is symmetric, with its
    larger eigenvalue 1: an offset e counts e' weight e. `pair` (n,) numbers the pairs from 0.
    """

    before_px: FloatArray
    after_px: FloatArray
    weight: FloatArray
    pair: NDArray[np.int_]

    def __len__(self) -> int:
        return len(self.pair)

    @property
    def pairs(self) -> int:
        return int(self.pair[-1]) + 1 if len(self) else 0

    def part(self, number: int, parts: int) -> GroundTracks:
        """Return the tracks of one of several equal parts of the pairs, numbered from 0 again."""
        which = self.pair * parts // max(self.pairs, 1) == number
        pair = self.pair[which]
        first = pair[0] if len(pair) else 0
        return GroundTracks(
            self.before_px[which], self.after_px[which], self.weight[which], pair - first
        )

    @staticmethod
    def gathered(found: Sequence[GroundTracks]) -> GroundTracks:
        """Return the tracks of several pairs as one."""
        if not found:
            return NO_TRACKS
        return GroundTracks(
            np.concatenate([each.before_px for each in found]),
            np.concatenate([each.after_px for each in found]),
            np.concatenate([each.weight for each in found]),
            np.repeat(np.arange(len(found)), [len(each) for each in found]),
        )


NO_TRACKS: Final = GroundTracks(
    np.empty((0, 2)), np.empty((0, 2)), np.empty((0, 2, 2)), np.empty(0, dtype=int)
)


def ground_tracks(before_rgb: Image, after_rgb: Image) -> GroundTracks | None:
    """Return the tracks from a picture (h, w, 3) to the next; None if too little moved."""
    before, after = _gray(before_rgb), _gray(after_rgb)
    places, weight = _distinct_places(before)
    if len(places) < MIN_TRACKS:
        return None
    there, found_there = _flow(before, after, places)
    back, found_back = _flow(after, before, there)
    moved = there - places
    away = _weighed(back - places, weight)
    good = found_there & found_back & (away < MAX_THERE_AND_BACK_PX)
    good &= np.hypot(*moved.T) > STANDS_PX
    if good.sum() < MIN_TRACKS:
        return None
    if np.percentile(_weighed(moved, weight)[good], 75) < MIN_MOVED_PX:
        return None
    chosen = np.flatnonzero(good)
    chosen = chosen[:: -(-len(chosen) // MOST_TRACKS)]
    number = np.zeros(len(chosen), dtype=int)
    return GroundTracks(places[chosen] + 0.5, there[chosen] + 0.5, weight[chosen], number)


def _gray(picture_rgb: Image) -> NDArray[np.uint8]:
    gray = cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), SHARPNESS_PX), dtype=np.uint8)


def _distinct_places(gray: NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
    """Return places (n, 2) as column and row, and their weights (n, 2, 2)."""
    height, width = gray.shape
    right, down = (cv2.Sobel(gray, cv2.CV_32F, dx, dy) / 8 for dx, dy in ((1, 0), (0, 1)))
    tensor = np.stack(
        [cv2.boxFilter(part, -1, (9, 9)) for part in (right**2, right * down, down**2)], axis=-1
    )
    strength = tensor[..., 0] + tensor[..., 2]
    strength[strength < MIN_GRADIENT2] = 0.0
    top = round((1 - GROUND_PART) * height)
    rows = range(max(top, CELL_PX), height - 2 * CELL_PX + 1, CELL_PX)
    columns = range(CELL_PX, width - 2 * CELL_PX + 1, CELL_PX)
    places = []
    for row in rows:
        for column in columns:
            cell = strength[row : row + CELL_PX, column : column + CELL_PX]
            best = int(cell.argmax())
            if cell.flat[best] > 0:
                places.append((column + best % CELL_PX, row + best // CELL_PX))
    at = np.array(places, dtype=int).reshape(-1, 2)
    xx, xy, yy = tensor[at[:, 1], at[:, 0]].astype(np.float64).T
    matrix = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
    largest = np.linalg.eigvalsh(matrix)[:, 1]
    return at.astype(np.float64), matrix / largest[:, None, None]


def _flow(
    before: NDArray[np.uint8], after: NDArray[np.uint8], places: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return where places (n, 2) went, and which of them were found."""
    at = places.astype(np.float32)[:, None]
    # OpenCV's own threshold would refuse places on a line, which the weight takes care of
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        at,
        np.empty_like(at),
        winSize=(WINDOW_PX, WINDOW_PX),
        maxLevel=LEVELS,
        minEigThreshold=1e-6,
    )
    return there[:, 0].astype(np.float64), found[:, 0] > 0


def _weighed(offset_px: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the lengths (n,) of offsets (n, 2) as far as their surroundings show them."""
    square = np.einsum("ni,nij,nj->n", offset_px, weight, offset_px)
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))
