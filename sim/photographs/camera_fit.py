"""Fits a recording's camera by geometry: on the ground, the lines of a road keep their distance.

Stripes are found in many pictures. For each pair of them, a camera says where they are on the
ground, and so how their distance varies along the road. The right camera leaves the least of it,
counted in pixels. No steering is used. The height above the ground is that with which the road's
two lines are as far apart as in our towns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.model import Road
from pixelopolis.geometry import FloatArray
from sim.photographs.lens import LensKind, PhotoCamera

ROAD_WIDTH_M: Final = Road("asphalt").lane_width_m
"""Between the two lines of a lane in our towns."""
POINTS: Final = 12
"""Points of a stripe that are compared."""
TOLERANCE_PX: Final = 1.5
MIN_APART_PX: Final = 14.0
MIN_SHARED_ROWS: Final = 8
FARTHEST: Final = 8.0
"""Ground further than this many heights away is not counted on."""
MIN_PAIRS: Final = 24
MOST_PAIRS: Final = 600
BORDER_ROWS: Final = 30.0
MIDDLE: Final = 0.25
"""Of the road's width: a car that is no further from its middle drives between its lines."""
MIN_AGREEING_PCT: Final = 8.0
PARTS: Final = 4
"""Disjoint parts of a recording that are fitted for themselves, to see how sure a fit is."""
MIN_BORDERS: Final = 12
LOG_WIDTHS: Final = np.log(np.geomspace(0.7, 4.5, 40))
"""Widths of roads, in camera heights."""
HORIZONS: Final = (0.06, 0.11, 0.16, 0.21, 0.26, 0.31, 0.36)
STEPS: Final = {"horizon": 0.01, "log_width": 0.05, "log_focal": 0.1, "roll_rad": 0.015}
ROLL_COST: Final = 0.01
"""Misfit of a roll of one step: cameras are mounted about level."""
SMALLEST_STEP: Final = 0.1
LIKELY: Final = {
    "horizon": (-0.1, 0.6),
    "log_width": (math.log(0.6), math.log(5.0)),
    "log_focal": (math.log(0.3), math.log(2.0)),
    "roll_rad": (-0.09, 0.09),
}


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


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a camera, and so is not fitted; focal length and height as in the result."""

    kind: LensKind | None = None
    focal_px: float | None = None
    pitch_rad: float | None = None
    height_m: float | None = None


@dataclass(frozen=True, slots=True)
class CameraFit:
    """A fitted camera, and how sure it is.

    Attributes:
        camera: the camera.
        pairs: number of pairs of stripes that were compared.
        agreeing_pct: share of their points that are as far apart as the road is wide.
        spread: standard deviations of focal length (relative), pitch and height (relative), by
            fits of disjoint parts of the recording; None where there were too few stripes.
    """

    camera: PhotoCamera
    pairs: int
    agreeing_pct: float
    spread: tuple[float, float, float] | None

    @property
    def is_sure(self) -> bool:
        if self.spread is None or self.agreeing_pct < MIN_AGREEING_PCT:
            return False
        focal, pitch_rad, height = self.spread
        return focal < 0.15 and pitch_rad < math.radians(3) and height < 0.15

    def document(self) -> dict[str, object]:
        camera, spread = self.camera, self.spread
        return {
            "lens": str(camera.kind),
            "focal_px": camera.focal_px,
            "width_px": camera.width_px,
            "pitch_deg": math.degrees(camera.pitch_rad),
            "roll_deg": math.degrees(camera.roll_rad),
            "height_m": camera.height_m,
            "is_sure": self.is_sure,
            "spread_focal_pct": None if spread is None else 100 * spread[0],
            "spread_pitch_deg": None if spread is None else math.degrees(spread[1]),
            "spread_height_pct": None if spread is None else 100 * spread[2],
            "stripe_pairs": self.pairs,
            "agreeing_pct": self.agreeing_pct,
        }


@dataclass(frozen=True, slots=True)
class _Guess:
    """A camera whose height is 1, in picture widths: what is searched over."""

    kind: LensKind
    pitch_rad: float | None
    """If it is known; `horizon` then says nothing."""
    log_focal: float
    horizon: float
    """How far above the middle of the picture the horizon is."""
    roll_rad: float
    log_width: float
    """Of the road, in camera heights."""

    @property
    def is_likely(self) -> bool:
        return all(low <= getattr(self, name) <= high for name, (low, high) in LIKELY.items())

    def camera(self, size_px: tuple[int, int], height_m: float = 1.0) -> PhotoCamera:
        focal = math.exp(self.log_focal)
        pitch, angle = self.pitch_rad, self.horizon / focal
        if pitch is None:
            pitch = angle if self.kind is LensKind.EQUIDISTANT else math.atan(angle)
        width, height = size_px
        middle = (width / 2, height / 2)
        return PhotoCamera(
            width, height, middle, self.kind, focal * width, pitch, self.roll_rad, height_m
        )

    def scaled(self, size_px: tuple[int, int], height_m: float | None) -> PhotoCamera:
        return self.camera(size_px, height_m or ROAD_WIDTH_M / math.exp(self.log_width))


def fit_camera(
    by_picture: Sequence[Sequence[FloatArray]], size_px: tuple[int, int], known: Known
) -> CameraFit:
    """Return the camera of a recording.

    Args:
        by_picture: the stripes of pictures all over the recording, in their order.
        size_px: width and height of the pictures.
        known: what is not to be fitted.
    """
    pairs = stripe_pairs(by_picture)
    if len(pairs) < MIN_PAIRS:
        guess = next(_starts(known, size_px[0]))
        return CameraFit(guess.scaled(size_px, known.height_m), len(pairs), 0.0, None)
    pairs = pairs.chosen(np.arange(0, len(pairs), -(-len(pairs) // MOST_PAIRS)))
    misfit_left, best = _fitted(pairs, size_px, known)
    part = pairs.picture * PARTS // len(by_picture)
    parts = [pairs.chosen(part == number) for number in range(PARTS)]
    cameras = [
        _fitted(each, size_px, known)[1].scaled(size_px, known.height_m)
        for each in parts
        if len(each) >= MIN_PAIRS
    ]
    spread = None
    if len(cameras) > PARTS // 2:
        spread = (
            float(np.std(np.log([each.focal_px for each in cameras]))),
            float(np.std([each.pitch_rad for each in cameras])),
            float(np.std(np.log([each.height_m for each in cameras]))),
        )
    camera = best.scaled(size_px, known.height_m)
    return CameraFit(camera, len(pairs), 100 * (1 - misfit_left), spread)


def _fitted(pairs: StripePairs, size_px: tuple[int, int], known: Known) -> tuple[float, _Guess]:
    """Return the best guess for some pairs of stripes, and its misfit."""
    steps = {name: step for name, step in STEPS.items() if not _is_known(name, known)}
    starts = [_profiled(pairs, guess, size_px) for guess in _starts(known, size_px[0])]
    best_starts = [
        min((start for start in starts if start[1].kind is kind), key=_misfit_first)
        for kind in dict.fromkeys(start[1].kind for start in starts)
    ]
    found = [_refined(pairs, guess, size_px, steps) for _, guess in best_starts]
    camera = min(found, key=_misfit_first)[1].camera(size_px)
    # among all lines, the road's borders are those that say most
    borders = pairs.chosen(are_borders(pairs, camera))
    if len(borders) >= MIN_BORDERS:
        profiled = [_profiled(borders, guess, size_px) for _, guess in found]
        found = [_refined(borders, guess, size_px, steps) for _, guess in profiled]
    return min(found, key=_misfit_first)


def _misfit_first(found: tuple[float, _Guess]) -> float:
    return found[0]


def _is_known(name: str, known: Known) -> bool:
    return (name == "log_focal" and known.focal_px is not None) or (
        name == "horizon" and known.pitch_rad is not None
    )


def _starts(known: Known, width_px: int) -> Iterator[_Guess]:
    """Yield guesses all over what cameras may be; the first is a usual one."""
    focals = (0.6, 0.45, 0.8, 1.05) if known.focal_px is None else (known.focal_px / width_px,)
    for focal in focals:
        for horizon in HORIZONS if known.pitch_rad is None else (0.0,):
            for kind in LensKind if known.kind is None else (known.kind,):
                yield _Guess(kind, known.pitch_rad, math.log(focal), horizon, 0.0, math.log(1.8))


def _profiled(pairs: StripePairs, guess: _Guess, size_px: tuple[int, int]) -> tuple[float, _Guess]:
    """Return a guess with the best road width, and its misfit."""
    misfits = misfit(pairs, guess.camera(size_px), LOG_WIDTHS)
    best = int(misfits.argmin())
    return float(misfits[best]), replace(guess, log_width=float(LOG_WIDTHS[best]))


def _refined(
    pairs: StripePairs,
    guess: _Guess,
    size_px: tuple[int, int],
    steps: Mapping[str, float],
) -> tuple[float, _Guess]:
    """Return the best guess near one, and its misfit, by steps that become smaller."""

    def misfit_of(one: _Guess) -> float:
        width = np.array([one.log_width])
        tilt = ROLL_COST * (one.roll_rad / STEPS["roll_rad"]) ** 2
        return float(misfit(pairs, one.camera(size_px), width)[0]) + tilt

    least, size = misfit_of(guess), 1.0
    while size > SMALLEST_STEP:
        before = least
        for name, step in steps.items():
            for way in (size, -size):
                values: dict[str, Any] = {name: getattr(guess, name) + way * step}
                tried = replace(guess, **values)
                if tried.is_likely and (found := misfit_of(tried)) < least:
                    least, guess = found, tried
                    break
        if least >= before:
            size /= 2
    return least, guess
