"""Which signs a car should see from every cell of the town, and the likelihood of detections.

A detection comes from an expected sign, possibly with a wrong class, or is false. A clearly
visible sign of the ego lane that is not detected counts mildly against a cell, since a car may
hide it. (S. Thrun, W. Burgard, D. Fox, Probabilistic Robotics, 2005, chapter 6.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from car.driving.localization.bearing_range import SignMeasurement
from car.driving.localization.lane_grid import IntArray, LaneGrid
from pixelopolis.city.model import City
from pixelopolis.city.signs import CAR, SIGN_CLASSES, class_height_m, sign_solid
from pixelopolis.geometry import FloatArray
from pixelopolis.vehicle.camera import Camera

MIN_PX: Final = 6.0
"""Signs lower than this in the picture are not expected."""

STEEPEST_RAD: Final = math.radians(80)
"""Signs seen at a steeper angle are not expected."""

MARGIN_RAD: Final = 0.15
"""Signs this far outside the picture may be inside it: the car's heading is uncertain."""

HEADING_SIGMA_RAD: Final = 0.10
"""Heading of a car relative to its lane: 6 degrees."""

OFFSET_SIGMA_M: Final = 0.03
"""Offset of a car from the center of its lane."""

PLACE_SIGMA_M: Final = 0.02
"""Position error of signs, including the cells' size."""

FALSE_PER_FRAME: Final = 0.05
"""Expected number of false detections per frame."""

_SPACE: Final = len(SIGN_CLASSES) * 1.4 * 1.5
"""Space of false detections: classes, radians of bearing, meters of range."""

MISSED: Final = 0.3
"""Weight of a clearly visible sign that is not detected: otherwise it is hidden."""


class SignModel:
    """The signs of a town as seen from its cells.

    Args:
        grid: the town's lane grid.
        camera: the camera as mounted.

    Attributes (K entries, one per pair of cell and sign):
        cell: (K,) index of the cell.
        sign: (K,) index into `city.signs`.
        bearing_rad, range_m: (K,) from the camera, for a car in the center of its lane.
        chance: (K,) probability that the detector reports it.
    """

    def __init__(self, grid: LaneGrid, camera: Camera) -> None:
        self.grid, self.camera = grid, camera
        rows = [_seen_from(grid, camera, i) for i in range(len(grid.city.signs))]
        self.cell: IntArray = np.concatenate([r[0] for r in rows] or [np.zeros(0, np.intp)])
        self.sign: IntArray = np.repeat(np.arange(len(rows)), [len(r[0]) for r in rows])
        self.bearing_rad, self.range_m, self.chance = (
            np.concatenate([r[k] for r in rows] or [np.zeros(0)]) for k in (1, 2, 3)
        )
        classes = [SIGN_CLASSES.index(sign.sign_class) for sign in grid.city.signs]
        self.class_of: IntArray = np.array(classes, dtype=np.intp)[self.sign]
        lanes = [lane.edge for lane in grid.lanes]
        own = np.array([lanes.index(sign.edge) for sign in grid.city.signs], dtype=np.intp)
        plain = (grid.lane_of[self.cell] == own[self.sign]) & (self.chance > 0.8)
        self._missed: FloatArray = np.where(plain, np.log1p(-MISSED * self.chance), 0.0)
        self._all_missed = self._on_cells(self._missed)

    def log_likelihood(self, sights: Sequence[SignMeasurement]) -> tuple[FloatArray, float]:
        """Return the log likelihood of one frame's signs for each cell (N,), and for none."""
        total = self._all_missed.copy()
        seen = np.zeros(len(self.cell), dtype=bool)
        nowhere = 0.0
        for sight in sights:
            if sight.class_name == CAR:
                continue
            density, matches = self._density(sight)
            unexpected = (FALSE_PER_FRAME + misread(sight.height_px)) / _SPACE
            if sight.range_m is None:
                unexpected *= 1.5
            explained = self._on_cells(density)
            total += np.log(explained + unexpected)
            nowhere += math.log(unexpected)
            seen |= matches
        total -= self._on_cells(np.where(seen, self._missed, 0.0))
        return total, nowhere

    def _density(self, sight: SignMeasurement) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return the density of a detection for each entry, and a mask of the possible ones."""
        spread = np.sqrt(
            sight.bearing_sigma_rad**2
            + HEADING_SIGMA_RAD**2
            + (OFFSET_SIGMA_M / np.maximum(self.range_m, 0.05)) ** 2
        )
        off = (self.bearing_rad - sight.bearing_rad) / spread
        square, norm = off**2, spread * math.sqrt(2 * math.pi)
        if sight.range_m is not None:
            gap, sigma = sight.nearness(self.range_m, math.hypot(PLACE_SIGMA_M, OFFSET_SIGMA_M / 2))
            square = square + (gap / sigma) ** 2
            norm = norm * (sigma * sight.range_m**2 * math.sqrt(2 * math.pi))
        other = misread(sight.height_px)
        same = self.class_of == SIGN_CLASSES.index(sight.class_name)
        named = np.where(same, 1 - other, other / (len(SIGN_CLASSES) - 2))
        return named * np.exp(-square / 2) / norm, square < 9.0

    def _on_cells(self, values: FloatArray) -> FloatArray:
        found: FloatArray = np.bincount(self.cell, values, self.grid.count).astype(float)
        return found


def misread(height_px: float) -> float:
    """Return the probability that a sign of this height in the picture gets a wrong class."""
    return 0.03 if height_px >= 20 else 0.06 if height_px >= 12 else 0.20


def view_of_signs(
    city: City, camera: Camera, poses: FloatArray, sign: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return bearing, range and viewing angle of one sign from car poses (N, 3).

    The range is that of its nearest edge, which determines the box's height. The angle is 0 for
    objects that look the same from all sides.
    """
    board = city.sign_pose(city.signs[sign])
    x, y, heading = poses.T
    dx = board.x_m - (x + camera.forward_m * np.cos(heading))
    dy = board.y_m - (y + camera.forward_m * np.sin(heading))
    away = np.arctan2(dy, dx)
    bearing = np.arctan2(np.sin(away - heading), np.cos(away - heading))
    range_m, facing = np.hypot(dx, dy), np.zeros(len(poses))
    solid = sign_solid(city.signs[sign].sign_class)
    if solid.in_the_round:
        range_m = range_m - solid.depth_m / 2
    else:
        facing = np.arccos(np.clip(-np.cos(away - board.heading_rad), -1, 1))
        range_m = range_m - solid.width_m / 2 * np.sin(facing)
    return bearing, range_m, facing


def _seen_from(
    grid: LaneGrid, camera: Camera, sign: int
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    bearing, range_m, facing = view_of_signs(grid.city, camera, grid.poses, sign)
    tall_m = class_height_m(grid.city.signs[sign].sign_class)
    height_px = camera.focal_px * tall_m / np.maximum(range_m, 0.05)
    half = camera.across_rad / 2
    seen = (height_px >= MIN_PX) & (np.abs(bearing) < half + MARGIN_RAD)
    seen &= (facing < STEEPEST_RAD) & (range_m > 0.05)
    chance = np.select([height_px >= 20, height_px >= 12], [0.90, 0.55], 0.1)
    chance *= np.where(np.abs(bearing) < half - MARGIN_RAD, 1.0, 0.5)
    chance *= np.where(facing < math.radians(60), 1.0, 0.4)
    at = np.flatnonzero(seen)
    return at, bearing[at], range_m[at], chance[at]
