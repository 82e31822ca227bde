"""How badly a camera explains tracks by the ground and one motion of the car a pair. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.geometry import FloatArray
from sim.photographs.fitting.ground_tracks import GroundTracks
from sim.photographs.fitting.stripe_pairs import FARTHEST
from sim.photographs.lens import PhotoCamera

ComplexArray = NDArray[np.complex128]

TOLERANCE_PX: Final = 0.5
STEPS: Final = 6
"""Gauss-Newton steps; the first ones tolerate more."""
FIRST_FACTOR: Final = 8.0
"""On the tolerance at the begin: the first motions are some pixels off."""
FIRST_WAYS: Final = (0.0, 0.1, 0.25, 0.45, 0.7)
"""In camera heights: where the search for a pair's motion begins."""
FIRST_TURNS_RAD: Final = (-0.15, -0.05, 0.05, 0.15)
LONGEST_STEP: Final = (0.3, 0.3, 0.1)
"""Of the motion ahead and to the left, in camera heights, and of the turn, in rad."""
UNSEEN_PX: Final = 50.0
"""Offset of a place that a camera cannot see."""


def motion_misfit(tracks: GroundTracks, camera: PhotoCamera) -> float:
    """Return the misfit, in 0..1; 0 without any track.

    Each pair of pictures has the motion that explains it best. Tracks count by how many pixels they
    are off, as far as their surroundings show it; those that are far off or above the horizon all
    count the same.
    """
    if not len(tracks):
        return 0.0
    before, after = _ground(camera, tracks.before_px), _ground(camera, tracks.after_px)
    far = FARTHEST * camera.height_m
    near = (np.abs(before) < far) & (np.abs(after) < far)
    if not near.any():
        return 1.0
    fitter = _Fitter(tracks, camera, near, before[near])
    fitter.begin()
    for step in range(STEPS):
        fitter.improve(TOLERANCE_PX * max(1.0, FIRST_FACTOR / 2**step))
    share = _share(fitter.offsets2(fitter.moved()), TOLERANCE_PX)
    return float((share.sum() + (~near).sum()) / len(tracks))


def _ground(camera: PhotoCamera, places_px: FloatArray) -> ComplexArray:
    """Return ground points (n,) as complex numbers; NaN above the horizon."""
    forward, left = camera.ground_points(places_px[:, 0], places_px[:, 1])
    return np.asarray(forward + 1j * left)


def _share(offsets2: FloatArray, tolerance_px: float) -> FloatArray:
    """Return what squared offsets count, 0..1 (Geman and McClure's robust cost)."""
    return np.asarray(1 - 1 / (1 + offsets2 / tolerance_px**2))


class _Fitter:
    """Finds the motion of each pair by Gauss-Newton steps, all pairs at once.

    Ground points are complex numbers, forward + 1j * left, in the car's frame. A motion of the car
    turns them and then shifts them.
    """

    def __init__(
        self,
        tracks: GroundTracks,
        camera: PhotoCamera,
        which: NDArray[np.bool_],
        ground: ComplexArray,
    ) -> None:
        self._camera, self._ground = camera, ground
        self._pair, self._count = tracks.pair[which], tracks.pairs
        self._after_px, self._weight = tracks.after_px[which], tracks.weight[which]
        self._shift = np.zeros(self._count, dtype=complex)
        self._turn = np.zeros(self._count)

    def begin(self) -> None:
        """Take, for each pair, the best of some motions ahead."""
        least = np.full(self._count, np.inf)
        for way in FIRST_WAYS:
            for turn in FIRST_TURNS_RAD:
                shift = -way * self._camera.height_m * np.exp(-1j * turn)
                offsets2 = self.offsets2(self._ground * np.exp(-1j * turn) + shift)
                cost = self._summed(_share(offsets2, FIRST_FACTOR * TOLERANCE_PX))
                better = cost < least
                least = np.where(better, cost, least)
                self._shift[better], self._turn[better] = shift, -turn

    def moved(self) -> ComplexArray:
        """Return where the ground points (n,) are after the motion of their pair."""
        turned = self._ground * np.exp(1j * self._turn[self._pair])
        return np.asarray(turned + self._shift[self._pair])

    def improve(self, tolerance_px: float) -> None:
        moved = self.moved()
        offset = self._offset_px(moved)
        slope = self._slopes(moved)
        weighed = self._weight @ slope
        robust = 1 / (1 + self._squared(offset) / tolerance_px**2) ** 2
        normal = np.einsum("nij,nik,n->njk", slope, weighed, robust)
        pull = np.einsum("nij,ni,n->nj", weighed, offset, robust)
        left = np.stack(
            [np.stack([self._summed(normal[:, j, k]) for k in range(3)], -1) for j in range(3)], -2
        )
        right = np.stack([self._summed(pull[:, j]) for j in range(3)], -1)
        # a pair of few tracks may say nothing of some motion: then it stays
        left += np.eye(3) * (1e-6 * np.trace(left, axis1=1, axis2=2) + 1e-9)[:, None, None]
        step = -np.linalg.solve(left, right[..., None])[..., 0]
        longest = np.array(LONGEST_STEP) * (self._camera.height_m, self._camera.height_m, 1.0)
        step = np.clip(step, -longest, longest)
        self._shift += step[:, 0] + 1j * step[:, 1]
        self._turn += step[:, 2]

    def offsets2(self, moved: ComplexArray) -> FloatArray:
        """Return squared offsets (n,) in pixels of ground points from where they were seen."""
        return self._squared(self._offset_px(moved))

    def _slopes(self, moved: ComplexArray) -> FloatArray:
        """Return the slopes (n, 2, 3) of pixels over a motion ahead, to the left, and a turn."""
        tiny = 1e-3 * self._camera.height_m
        here = self._pixels(moved)
        ahead = (self._pixels(moved + tiny) - here) / tiny
        aside = (self._pixels(moved + 1j * tiny) - here) / tiny
        turned = 1j * (moved - self._shift[self._pair])
        slope = np.stack(
            [ahead, aside, ahead * turned.real[:, None] + aside * turned.imag[:, None]], -1
        )
        return np.where(np.isfinite(slope), slope, 0.0)

    def _pixels(self, ground: ComplexArray) -> FloatArray:
        return np.stack(self._camera.pixels(ground.real, ground.imag), -1)

    def _offset_px(self, moved: ComplexArray) -> FloatArray:
        offset = self._pixels(moved) - self._after_px
        return np.where(np.isfinite(offset), offset, UNSEEN_PX)

    def _squared(self, offset_px: FloatArray) -> FloatArray:
        square = np.einsum("ni,nij,nj->n", offset_px, self._weight, offset_px)
        return np.asarray(np.maximum(square, 0.0))

    def _summed(self, values: FloatArray) -> FloatArray:
        """Return sums (pairs,) of values (n,)."""
        return np.bincount(self._pair, values, self._count).astype(np.float64)
