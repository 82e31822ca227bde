"""Finds stripes in a picture: lines of paint or tape of any color, as chains of points. Pure."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import Image

WIDTHS_PX: Final = (2, 4, 7, 11)
"""Widths of stripes that are looked for, in a picture `WORKING_WIDTH_PX` wide."""
WORKING_WIDTH_PX: Final = 160
MIN_CONTRAST: Final = 10.0
"""Out of 255: how much a stripe must differ from both of its sides."""
MAX_STEP_PX: Final = 2.5
"""How far a chain may deviate from its direction, from one row to the next."""
ALONE_PX: Final = 5
"""Beside a stripe, its sides look like stripes of the other kind."""
MIN_ROWS: Final = 14
MOST: Final = 4
"""Of the stripes of a picture, so many of the clearest are used."""
MAX_GAP_ROWS: Final = 2
MIN_CLEAR: Final = 20.0
"""Average contrast of a chain that counts: reflections on a floor are weaker."""
MAX_ROUGH_PX: Final = 0.8
"""How far a chain's points may be from a smooth curve, on average."""


def stripe_response(picture_rgb: Image) -> NDArray[np.float32]:
    """Return how much each pixel (h, w) differs from what is left and right of it, 0..255.

    A stripe is lighter than both sides, or darker, or of more or less of a color; an edge, where
    one side is like the pixel, answers 0.
    """
    lab = cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 1:] *= 1.5
    best = np.zeros(lab.shape[:2], np.float32)
    for width in WIDTHS_PX:
        mean = cv2.blur(lab, (width, 1))
        away = round(1.5 * width) + 1
        left = np.roll(mean, away, axis=1)
        right = np.roll(mean, -away, axis=1)
        over = np.minimum(mean - left, mean - right)
        under = np.minimum(left - mean, right - mean)
        answer = np.maximum(over, under).max(axis=2)
        answer[:, :away] = answer[:, -away:] = 0.0
        np.maximum(best, answer, out=best)
    return best


def chains(picture_rgb: Image, from_row: int = 0) -> list[FloatArray]:
    """Return stripes as points (n, 2) of column and row, one a row, from the bottom up."""
    blurred = cv2.GaussianBlur(stripe_response(picture_rgb), (5, 3), 1.0)
    response = np.asarray(blurred, np.float32)
    growing: list[list[tuple[float, int]]] = []
    done: list[list[tuple[float, int]]] = []
    for row in range(response.shape[0] - 1, from_row - 1, -1):
        free = list(_peaks(response[row]))
        still = []
        for chain in growing:
            ahead = _ahead(chain, row)
            nearest = min(free, key=lambda x: abs(x - ahead), default=None)
            if nearest is not None and abs(nearest - ahead) <= MAX_STEP_PX:
                free.remove(nearest)
                chain.append((nearest, row))
                still.append(chain)
            elif chain[-1][1] - row <= MAX_GAP_ROWS:
                still.append(chain)
            else:
                done.append(chain)
        growing = [*still, *([(x, row)] for x in free)]
    found = [np.array(chain) for chain in (*done, *growing) if len(chain) >= MIN_ROWS]
    lines = [(clear, chain) for chain in found if (clear := _clearness(chain, response)) > 0]
    lines.sort(key=lambda line: -line[0])
    return [chain + 0.5 for _, chain in lines[:MOST]]


def _clearness(chain: FloatArray, response: NDArray[np.float32]) -> float:
    """Return the contrast of a chain, summed over its rows; 0 if it is no clear, smooth line."""
    column, row = chain.T
    contrast = response[row.astype(int), np.round(column).astype(int)]
    if contrast.mean() < MIN_CLEAR:
        return 0.0
    way = (row - row.mean()) / len(row)
    smooth = np.polyval(np.polyfit(way, column, 3), way)
    return float(contrast.sum()) if np.abs(smooth - column).mean() <= MAX_ROUGH_PX else 0.0


def _peaks(line: NDArray[np.float32]) -> FloatArray:
    """Return where a row's response is highest within `ALONE_PX`, between pixels."""
    highest = cv2.dilate(line[None], np.ones((1, 2 * ALONE_PX + 1), np.uint8))[0]
    at = np.flatnonzero((line > MIN_CONTRAST) & (line == highest))
    at = at[(at > 0) & (at < len(line) - 1)]
    before, here, after = (line[at + step].astype(np.float64) for step in (-1, 0, 1))
    bend = np.minimum(before - 2 * here + after, -1e-9)
    return np.asarray(at + np.clip(0.5 * (before - after) / bend, -0.5, 0.5))


def _ahead(chain: list[tuple[float, int]], row: int) -> float:
    """Return where a chain will be in a row, by its last few points."""
    x, at = chain[-1]
    if len(chain) < 4:
        return x
    past_x, past_at = chain[-4]
    return x + (x - past_x) / (past_at - at) * (at - row)
