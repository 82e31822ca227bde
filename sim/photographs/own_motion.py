"""How a recording's car moved between two pictures, from the ground that both show. Pure.

Both are drawn from above, without slow shading. The motion is the one that lays the first on the
second best. Along straight lines a picture says nothing of the way, so a little is added for what
differs from the way before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.model_io.crops import Image
from sim.photographs.lens import PhotoCamera

NEAR_M: Final = 0.12
FAR_M: Final = 0.60
HALF_M: Final = 0.26
"""The piece of ground that is compared: from and to ahead of the axle, and to each side."""
CELL_M: Final = 0.01
FLAT_CELLS: Final = (15, 15)
SMOOTH_CELLS: Final = 1.0
"""Without it, motions of whole cells would fit best, as they blur nothing."""
MIN_CONTRAST: Final = 4.0
MAX_WAY_M: Final = 0.10
WAY_STEP_M: Final = 0.01
MAX_TURN_RAD: Final = math.radians(12)
TURN_STEP_RAD: Final = math.radians(2)
FINE: Final = (0.0025, math.radians(0.4))
AGAINST_CHANGE: Final = 2.0
"""Misfit per meter by which a way differs from the one before."""
FIRST_PAIRS: Final = 20
"""Pairs of a stretch whose ways, unprejudiced, say what is usual at its start."""
MIN_SHARED: Final = 0.2
MIN_GYRO_CORRELATION: Final = 0.5
LINEAR: Final = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
NEAREST: Final = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP


@dataclass(frozen=True, slots=True)
class Motion:
    """An arc of the axle's middle: its length, and the turn over it, anticlockwise."""

    way_m: float
    turn_rad: float

    def after(self, pose: Pose) -> Pose:
        middle = self.turn_rad / 2
        return pose.ahead(
            self.way_m * math.cos(middle), self.way_m * math.sin(middle), self.turn_rad
        )


class GroundRegistration:
    """Finds motions between the photographs of one camera."""

    def __init__(self, camera: PhotoCamera) -> None:
        forward = np.arange(FAR_M, NEAR_M, -CELL_M) - CELL_M / 2
        left = np.arange(HALF_M, -HALF_M, -CELL_M) - CELL_M / 2
        columns, rows = camera.pixels(*np.meshgrid(forward, left, indexing="ij"))
        self._columns, self._rows = (
            np.nan_to_num(places - 0.5, nan=-1e4).astype(np.float32) for places in (columns, rows)
        )
        self._seen = (
            (columns > 0) & (columns < camera.width_px) & (rows > 0) & (rows < camera.height_px)
        ).astype(np.uint8)
        self._standing: NDArray[np.float32] | float = 0.0

    def learn_standing(self, photos_rgb: Sequence[Image]) -> None:
        """Take in what stands in the picture while the car moves: glare of lamps, the car itself.

        It is the mean of photographs from all over the recording, and is left out from then on.
        """
        self._standing = 0.0
        reliefs = [self.relief(photo) for photo in photos_rgb]
        self._standing = np.mean(reliefs, axis=0, dtype=np.float32)

    def relief(self, photo_rgb: Image) -> NDArray[np.float32]:
        """Return the ground from above (rows ahead, columns to the right), shading removed."""
        ground = cv2.remap(photo_rgb, self._columns, self._rows, cv2.INTER_LINEAR)
        level = cv2.cvtColor(ground, cv2.COLOR_RGB2GRAY).astype(np.float32)
        level -= cv2.blur(level, FLAT_CELLS)
        smooth = cv2.GaussianBlur(level, (0, 0), SMOOTH_CELLS)
        scaled = smooth / (float(smooth.std()) + MIN_CONTRAST)
        return np.asarray(scaled - self._standing, np.float32)

    def motion(
        self,
        before: NDArray[np.float32],
        after: NDArray[np.float32],
        usual_m: float | None,
        turn_rad: float | None = None,
    ) -> Motion:
        """Return the motion from one relief to the next.

        Args:
            before: the earlier relief.
            after: the later one.
            usual_m: the way that is expected, if any is.
            turn_rad: the turn, if it is known.
        """
        ways = np.arange(0.0, MAX_WAY_M, WAY_STEP_M)
        turns = np.arange(-MAX_TURN_RAD, MAX_TURN_RAD + 1e-9, TURN_STEP_RAD)
        if turn_rad is not None:
            turns = np.array([turn_rad])

        def misfit(way: float, turn: float) -> float:
            differs = self._difference(before, after, Motion(way, turn))
            return differs + (0.0 if usual_m is None else AGAINST_CHANGE * abs(way - usual_m))

        _, way, turn = min((misfit(w, t), w, t) for w in ways for t in turns)
        step_m, step_rad = WAY_STEP_M / 2, 0.0 if turn_rad is not None else TURN_STEP_RAD / 2
        while step_m >= FINE[0] / 2:
            _, way, turn = min(
                (misfit(w, t), w, t)
                for w in {way - step_m, way, way + step_m}
                for t in {turn - step_rad, turn, turn + step_rad}
            )
            step_m, step_rad = step_m / 2, step_rad / 2
        return Motion(float(way), float(turn))

    def _difference(
        self, before: NDArray[np.float32], after: NDArray[np.float32], motion: Motion
    ) -> float:
        place = motion.after(Pose(0.0, 0.0, 0.0))
        cos, sin = math.cos(place.heading_rad), math.sin(place.heading_rad)
        # from (column, row) of the later picture to the earlier one's: left = HALF - column,
        # forward = FAR - row
        x0, y0 = (HALF_M - CELL_M / 2) / CELL_M, (FAR_M - CELL_M / 2) / CELL_M
        dx, dy = place.y_m / CELL_M, place.x_m / CELL_M
        back = np.array(
            [
                [cos, sin, x0 - cos * x0 - sin * y0 - dx],
                [-sin, cos, y0 + sin * x0 - cos * y0 - dy],
            ]
        )
        size = (before.shape[1], before.shape[0])
        moved = cv2.warpAffine(before, back, size, flags=LINEAR, borderValue=0.0)
        shown = cv2.warpAffine(self._seen, back, size, flags=NEAREST)
        both = (shown > 0) & (self._seen > 0)
        if both.mean() < MIN_SHARED * self._seen.mean():
            return 10.0
        return float(np.minimum(np.abs(moved - after)[both], 2.0).mean())


def motions(
    registration: GroundRegistration,
    photos_rgb: Sequence[Image],
    turns_rad: FloatArray | None = None,
) -> list[Motion]:
    """Return the motions (n - 1) between photographs (n) of one stretch."""
    reliefs = [registration.relief(photo) for photo in photos_rgb]
    pairs = list(pairwise(reliefs))
    tried = pairs[:: max(1, len(pairs) // FIRST_PAIRS)]
    ways = [registration.motion(*pair, None).way_m for pair in tried]
    usual_m = float(np.median(ways)) if ways else 0.0
    found: list[Motion] = []
    for i, (before, after) in enumerate(pairs):
        turn = None if turns_rad is None else float(turns_rad[i])
        motion = registration.motion(before, after, usual_m, turn)
        usual_m += 0.2 * (motion.way_m - usual_m)
        found.append(motion)
    return found


@dataclass(frozen=True, slots=True)
class Gyro:
    """An inertial sensor as a source of turns: its axis, sign and unit are those found to agree."""

    axis: int
    scale: float
    still: float
    """What it says when nothing turns."""
    correlation: float
    """With the turns that pictures show, 0..1."""

    def turns_rad(self, rates: FloatArray, times_s: FloatArray) -> FloatArray:
        """Return the turns (n - 1) from its rates (n, 3) and their times (n,)."""
        rate = rates[:, self.axis] - self.still
        return np.asarray(self.scale * np.diff(times_s) * (rate[1:] + rate[:-1]) / 2)


def calibrated_gyro(
    rates: FloatArray, times_s: FloatArray, seen_turns_rad: FloatArray
) -> Gyro | None:
    """Return an inertial sensor that agrees with the turns that pictures show; None if it does not.

    Args:
        rates: (n, 3) about its three axes, in any unit.
        times_s: (n,).
        seen_turns_rad: (n - 1,) from pictures.
    """
    seen = seen_turns_rad - seen_turns_rad.mean()
    found = []
    for axis in range(3):
        said = Gyro(axis, 1.0, 0.0, 1.0).turns_rad(rates, times_s)
        turns = said - said.mean()
        power, shared = float((turns**2).sum()), float((turns * seen).sum())
        if power > 0 and shared != 0:
            agrees = abs(shared) / math.sqrt(power * float((seen**2).sum()))
            scale = shared / power
            still = said.mean() - seen_turns_rad.mean() / scale
            found.append(Gyro(axis, scale, float(still / np.diff(times_s).mean()), agrees))
    best = max(found, key=lambda gyro: gyro.correlation, default=None)
    return best if best is not None and best.correlation >= MIN_GYRO_CORRELATION else None
