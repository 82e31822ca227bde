"""Fits a recording's camera by geometry.

A road's lines keep their distance on the ground, and the ground moves as a whole. Stripes and
tracks are found in many pictures. The right camera explains both best: each pair of stripes with
one distance, and the tracks between two pictures with one motion of the car. No steering is used.
The height above the ground is that with which the road's two lines are as far apart as in our
towns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from pixelopolis.city.model import Road
from pixelopolis.geometry import FloatArray
from sim.photographs.fitting.ground_tracks import GroundTracks
from sim.photographs.fitting.motion_misfit import motion_misfit
from sim.photographs.fitting.stripe_pairs import StripePairs, are_borders, misfit, stripe_pairs
from sim.photographs.lens import LensKind, PhotoCamera

ROAD_WIDTH_M: Final = Road("asphalt").lane_width_m
"""Between the two lines of a lane in our towns."""
MIN_PAIRS: Final = 24
MOST_PAIRS: Final = 600
MIN_AGREEING_PCT: Final = 8.0
PARTS: Final = 4
"""Disjoint parts of a recording that are fitted for themselves, to see how sure a fit is."""
MIN_BORDERS: Final = 12
LOG_WIDTHS: Final = np.log(np.geomspace(0.7, 4.5, 40))
"""Widths of roads, in camera heights."""
HORIZONS: Final = (0.06, 0.11, 0.16, 0.21, 0.26, 0.31, 0.36)
STEPS: Final = {"horizon": 0.01, "log_width": 0.05, "log_focal": 0.1, "roll_rad": 0.015}
UNUSUAL_COST: Final = {
    "roll_rad": (0.01, 0.0, 0.015),
    "log_focal": (0.005, math.log(0.6), 0.25),
    "log_width": (0.005, math.log(1.8), 0.35),
}
"""Misfit of what differs so much from the usual: it decides where the pictures hardly do. Cameras
are mounted about level, somewhat lower than a road is wide, and see wide."""
SMALLEST_STEP: Final = 0.1
LIKELY: Final = {
    "horizon": (-0.1, 0.6),
    "log_width": (math.log(0.6), math.log(5.0)),
    "log_focal": (math.log(0.3), math.log(2.0)),
    "roll_rad": (-0.09, 0.09),
}


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

    @property
    def unusual(self) -> float:
        """Misfit of being unlike most cameras."""
        unlike = [
            cost * ((getattr(self, name) - usual) / away) ** 2
            for name, (cost, usual, away) in UNUSUAL_COST.items()
        ]
        return float(sum(unlike))

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


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a camera must explain."""

    pairs: StripePairs
    tracks: GroundTracks
    size_px: tuple[int, int]

    def misfit(self, guess: _Guess) -> float:
        camera = guess.camera(self.size_px)
        stripes = float(misfit(self.pairs, camera, np.array([guess.log_width]))[0])
        return stripes + motion_misfit(self.tracks, camera) + guess.unusual

    def profiled(self, guess: _Guess) -> tuple[float, _Guess]:
        """Return a guess with the best road width, and its misfit."""
        camera = guess.camera(self.size_px)
        stripes = misfit(self.pairs, camera, LOG_WIDTHS)
        guesses = [replace(guess, log_width=float(width)) for width in LOG_WIDTHS]
        misfits = stripes + np.array([each.unusual for each in guesses])
        best = int(misfits.argmin())
        return float(misfits[best]) + motion_misfit(self.tracks, camera), guesses[best]

    def refined(self, guess: _Guess, steps: Mapping[str, float]) -> tuple[float, _Guess]:
        """Return the best guess near one, and its misfit, by steps that become smaller."""
        least, size = self.misfit(guess), 1.0
        while size > SMALLEST_STEP:
            before = least
            for name, step in steps.items():
                for way in (size, -size):
                    values: dict[str, Any] = {name: getattr(guess, name) + way * step}
                    tried = replace(guess, **values)
                    if tried.is_likely and (found := self.misfit(tried)) < least:
                        least, guess = found, tried
                        break
            if least >= before:
                size /= 2
        return least, guess

    def borders(self, guess: _Guess) -> _Evidence:
        """Return the same with those pairs alone that may be a road's two borders."""
        which = are_borders(self.pairs, guess.camera(self.size_px))
        return replace(self, pairs=self.pairs.chosen(which))

    def part(self, number: int, pictures: int) -> _Evidence:
        """Return the evidence of one of `PARTS` parts of a recording."""
        parts = self.pairs.picture * PARTS // pictures
        return replace(
            self,
            pairs=self.pairs.chosen(parts == number),
            tracks=self.tracks.part(number, PARTS),
        )


def fit_camera(
    by_picture: Sequence[Sequence[FloatArray]],
    tracks: GroundTracks,
    size_px: tuple[int, int],
    known: Known,
) -> CameraFit:
    """Return the camera of a recording.

    Args:
        by_picture: the stripes of pictures all over the recording, in their order.
        tracks: of its ground, from all over the recording, in their order.
        size_px: width and height of the pictures.
        known: what is not to be fitted.
    """
    pairs = stripe_pairs(by_picture)
    if len(pairs) < MIN_PAIRS:
        guess = next(_starts(known, size_px[0]))
        return CameraFit(guess.scaled(size_px, known.height_m), len(pairs), 0.0, None)
    pairs = pairs.chosen(np.arange(0, len(pairs), -(-len(pairs) // MOST_PAIRS)))
    evidence = _Evidence(pairs, tracks, size_px)
    agreeing, best = _fitted(evidence, known)
    parts = [evidence.part(number, len(by_picture)) for number in range(PARTS)]
    cameras = [
        _fitted(part, known)[1].scaled(size_px, known.height_m)
        for part in parts
        if len(part.pairs) >= MIN_PAIRS
    ]
    spread = None
    if len(cameras) > PARTS // 2:
        spread = (
            float(np.std(np.log([each.focal_px for each in cameras]))),
            float(np.std([each.pitch_rad for each in cameras])),
            float(np.std(np.log([each.height_m for each in cameras]))),
        )
    camera = best.scaled(size_px, known.height_m)
    return CameraFit(camera, len(pairs), 100 * agreeing, spread)


def _fitted(evidence: _Evidence, known: Known) -> tuple[float, _Guess]:
    """Return the share of the stripes' points that agree, and the best guess."""
    steps = {name: step for name, step in STEPS.items() if not _is_known(name, known)}
    starts = [evidence.profiled(guess) for guess in _starts(known, evidence.size_px[0])]
    best_starts = [
        min((start for start in starts if start[1].kind is kind), key=_misfit_first)
        for kind in dict.fromkeys(start[1].kind for start in starts)
    ]
    found = [evidence.refined(guess, steps) for _, guess in best_starts]
    # among all lines, the road's borders are those that say most
    borders = evidence.borders(min(found, key=_misfit_first)[1])
    if len(borders.pairs) >= MIN_BORDERS:
        evidence = borders
        found = [borders.refined(borders.profiled(guess)[1], steps) for _, guess in found]
    _, best = min(found, key=_misfit_first)
    width = np.array([best.log_width])
    return 1 - float(misfit(evidence.pairs, best.camera(evidence.size_px), width)[0]), best


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
                width = UNUSUAL_COST["log_width"][1]
                yield _Guess(kind, known.pitch_rad, math.log(focal), horizon, 0.0, width)
