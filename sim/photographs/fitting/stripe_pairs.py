"""Pairs of stripes of one picture each, and how badly a camera explains them. Pure.

A camera says where stripes are on the ground, and so how their distance varies along the road. The
right one leaves the least of it, counted in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.geometry import FloatArray
from sim.photographs.lens import PhotoCamera

POINTS: Final = 12
"""Points of a stripe that are compared."""
TOLERANCE_PX: Final = 1.5
MIN_APART_PX: Final = 14.0
MIN_SHARED_ROWS: Final = 8
FARTHEST: Final = 8.0
"""Ground further than this many heights away is not counted on."""
BORDER_ROWS: Final = 30.0
MIDDLE: Final = 0.25
"""Of the road's width: a car that is no further from its middle drives between its lines."""


@dataclass(frozen=True, slots=True, eq=False)
class StripePairs:
    """Pairs of stripes of one picture each, in pixels.

    `first` and `second` are (n, POINTS, 2): column, row; `apart_px` (n, POINTS) is how far apart
    they are in the row of each point of the first; `picture` (n,) is the picture's number.
    """

    first: FloatArray
    second: FloatArray
    apart_px: FloatArray
    picture: NDArray[np.int_]

    def __len__(self) -> int:
        return len(self.picture)

    def chosen(self, which: NDArray[Any]) -> StripePairs:
        return StripePairs(
            self.first[which], self.second[which], self.apart_px[which], self.picture[which]
        )


def stripe_pairs(by_picture: Sequence[Sequence[FloatArray]]) -> StripePairs:
    """Return all pairs of stripes that are beside each other, by picture."""
    first, second, apart, number = [], [], [], []
    for picture, stripes in enumerate(by_picture):
        for i, a in enumerate(stripes):
            for b in stripes[i + 1 :]:
                for one, other in ((a, b), (b, a)):
                    rows = np.linspace(one[0, 1], one[-1, 1], POINTS)
                    shared = (rows <= other[0, 1]) & (rows >= other[-1, 1])
                    if not shared.any() or np.ptp(rows[shared]) < MIN_SHARED_ROWS:
                        continue
                    x = np.interp(rows, one[::-1, 1], one[::-1, 0])
                    beside = np.interp(rows, other[::-1, 1], other[::-1, 0])
                    gap = np.abs(x - beside)
                    if gap[shared].max() < MIN_APART_PX:
                        continue
                    again = np.linspace(other[0, 1], other[-1, 1], POINTS)
                    first.append(np.column_stack([x, rows]))
                    second.append(
                        np.column_stack([np.interp(again, other[::-1, 1], other[::-1, 0]), again])
                    )
                    apart.append(np.where(shared, gap, np.nan))
                    number.append(picture)
    shape = (-1, POINTS, 2)
    return StripePairs(
        np.array(first).reshape(shape),
        np.array(second).reshape(shape),
        np.array(apart).reshape(shape[:2]),
        np.array(number, dtype=int),
    )


def ground_distances(pairs: StripePairs, camera: PhotoCamera) -> FloatArray:
    """Return the distance (n, POINTS) of each first stripe's points from its second, on the ground.

    NaN where the second stripe is not beside the point, or the ground is far.
    """
    far = FARTHEST * camera.height_m
    a, b = (
        np.stack(camera.ground_points(stripe[..., 0], stripe[..., 1]), axis=-1)
        for stripe in (pairs.first, pairs.second)
    )
    for points in (a, b):
        points[~(np.hypot(points[..., 0], points[..., 1]) < far)] = np.nan
    start, step = b[:, :-1], np.diff(b, axis=1)
    rel = a[:, :, None] - start[:, None]
    length2 = (step**2).sum(-1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        along = (rel * step[:, None]).sum(-1) / length2
    gap = np.sqrt(((rel - np.clip(along, 0, 1)[..., None] * step[:, None]) ** 2).sum(-1))
    # at an end of the second stripe, nothing says that it goes on
    inside = (along >= 0) & (along <= 1)
    nearest = np.where(np.isnan(gap), np.inf, gap)
    best = nearest.argmin(axis=2)[..., None]
    found = np.take_along_axis(nearest, best, 2)[..., 0]
    is_inside = np.take_along_axis(inside, best, 2)[..., 0]
    at_end = ((best[..., 0] == 0) | (best[..., 0] == POINTS - 2)) & ~is_inside
    return np.where(np.isfinite(found) & ~at_end, found, np.nan)


def misfit(pairs: StripePairs, camera: PhotoCamera, log_widths: FloatArray) -> FloatArray:
    """Return the misfit (widths,) in 0..1 of one road width for all pairs, in camera heights.

    Points count by how many pixels their distance is off; far ones all count the same, as most
    pairs of stripes are not the two lines of the road.
    """
    distance = ground_distances(pairs, camera)
    beside = pairs.apart_px > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        log = np.where(beside & (distance > 0), np.log(distance / camera.height_m), np.inf)
        off = (log[..., None] - log_widths) * np.where(beside, pairs.apart_px, 1.0)[..., None]
    share = 1 - 1 / (1 + (off / TOLERANCE_PX) ** 2)
    share[np.isnan(share)] = 1.0
    return np.asarray((share * beside[..., None]).sum(axis=(0, 1)) / max(beside.sum(), 1))


def are_borders(pairs: StripePairs, camera: PhotoCamera) -> NDArray[np.bool_]:
    """Return which pairs (n,) may be a road's two borders.

    They are long, as dashes are not, and the car drives between them.
    """
    lefts = []
    for stripe in (pairs.first, pairs.second):
        near = stripe[:, 0]
        lefts.append(camera.ground_points(near[:, 0], near[:, 1])[1])
    middle, width = (lefts[0] + lefts[1]) / 2, np.abs(lefts[0] - lefts[1])
    rows = [stripe[:, 0, 1] - stripe[:, -1, 1] for stripe in (pairs.first, pairs.second)]
    return np.asarray((np.abs(middle) < MIDDLE * width) & (np.minimum(*rows) > BORDER_ROWS))
