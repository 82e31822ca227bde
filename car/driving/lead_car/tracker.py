"""The car ahead in my lane, from what the detector sees. Pure.

What is found in my lane (`gap`) is tracked from frame to frame by a Kalman filter over gap and
speed (R. Kalman, A New Approach to Linear Filtering and Prediction Problems, 1960), so that one
wrong box stops nobody and one missed car sets nobody going.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from car.driving.lead_car.box_fit import Box, BoxFit, fit_box, overlap, shown_part
from car.driving.types import CarAhead, Sighting, Sightings, WheelReading
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import DETECTOR_WIDTH_PX
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import CAR_FRONT_M, WHEEL_RADIUS_M

CAR: Final = "Car"

SURE_SCORE, NEW_SCORE, KEPT_SCORE = 0.6, 0.4, 0.2
"""Score from which on one sighting near by is a new car, two that agree are one, and a car that is
known is seen again (Y. Zhang et al., ByteTrack, 2022: what is unsure by itself is sure where it is
expected). Cars that the picture cuts off on two sides score 0.3 to 0.6."""

TO_FOLLOW: Final = {CAR: KEPT_SCORE}
"""The threshold that a detector needs to be asked with (`load_detector(thresholds=...)`)."""

NEW_IN_LANE, KEPT_IN_LANE = 0.5, 0.1
"""Probability from which on a car is taken to be in my lane, and to be the one of before."""

MAX_PROOF, PROOF_STEP, CUT_PROOF_STEP = 3.0, 0.5, 0.05
"""How sure one can be of a car (log of the odds), and how much one sighting adds or takes at most.
A box that a side of the picture cuts off says little: that car may be in my lane or beside it."""

DOUBT_PER_S: Final = 1.0
"""And how much is lost while a car that should be in full view is not surely seen."""

NEAR_GAP_M: Final = 0.25
"""So near one sighting is enough; farther away two must agree."""

LEAP_M: Final = 0.12
"""A box that puts a known car so far from where it was expected must be as sure as a new one's, and
so must one of a car that was not seen for longer than `PERSIST_S`: what is unsure keeps a car, but
brings none back. Nor does it keep one that is near and in full view: that scores 0.7 and more."""

SAME_OVERLAP: Final = 0.5
"""Boxes of two frames that share so much are of one car (IoU)."""

AGREE_S: Final = 0.3
"""Within this the second one must come: two of a detector's frames may miss it."""

PERSIST_S: Final = 1.0
"""A car that is not seen for so long, where it would be seen, is not there."""

HIDDEN_S: Final = 4.0
"""One that has been beside the picture for so long is doubted: in a tight bend a car that is nearer
than 0.5 m leaves it. Creeping up to where it was shows whether it is there."""

FORGOTTEN_S: Final = 20.0
"""And after so long it is not there: the creeping has taken 4 s, and then it would be seen."""

YAW_RAD: Final = 0.12
"""How far the car may look beside where it believes to look (in bends it often does by half of it):
what would be within the picture only then need not be seen either."""

HIDDEN_PART: Final = 0.6
"""Of a car that is less than this within the picture's sides nothing need be seen."""

FULL_VIEW_PART: Final = 0.5
"""And of a near one that is so much within them, enough shows to be sure of it."""

SLOWS_S: Final = 2.0
"""Who is not seen is taken to slow down, with this time constant."""

LEAD_MPS2: Final = 0.15
"""How quickly cars change their speed (standard deviation); braking is 0.12."""

NEW_SPEED_MPS: Final = 0.10
"""Standard deviation of the speed of a car that is seen for the first time."""

CAUTION: Final = 0.5
"""Of a gap so many standard deviations are not counted on."""

SCALE_SIGMA: Final = 0.03
"""Error of a gap, in parts of it, that is none of the box: lens and mounting."""

Lane = Callable[[float], FloatArray]
"""Gives the lane from `back_m` behind where the car is now: poses (len(gap.ALONG_M), 3) of cars in
it, in the frame of the car back there."""


@dataclass(frozen=True, slots=True, eq=False)
class _Track:
    """One car over several frames: (gap, speed) and their covariance at `time_s`."""

    mean: FloatArray
    cov: FloatArray
    time_s: float
    way_m: float
    """How far I had driven then."""
    seen_s: float
    missed_s: float
    """For how long it was not seen where it should have been."""
    box: Box
    sure: bool
    proof: float = PROOF_STEP
    """Sum of the log odds that it is in my lane."""

    def at(self, time_s: float, way_m: float) -> _Track:
        """Return the track as it should be at a later time."""
        dt = max(0.0, time_s - self.time_s)
        step = np.array([[1.0, dt], [0.0, 1.0]])
        noise = LEAD_MPS2 * np.array([dt**2 / 2, dt])
        mean = step @ self.mean - (way_m - self.way_m, 0.0)
        cov = step @ self.cov @ step.T + np.outer(noise, noise)
        return replace(self, mean=mean, cov=cov, time_s=time_s, way_m=way_m)

    def agrees(self, fit: BoxFit, sighting: Sighting, in_full_view: bool) -> bool:
        """Whether a sighting may be of this car, in my lane still."""
        off_m = abs(fit.gap_m - float(self.mean[0]))
        expected = off_m <= LEAP_M and self.time_s - self.seen_s <= PERSIST_S
        if fit.in_lane < KEPT_IN_LANE:
            return False
        if sighting.score < NEW_SCORE and (in_full_view or not expected):
            return False
        return off_m**2 < 9 * (float(self.cov[0, 0]) + _variance_m2(fit))

    def shows(self, sighting: Sighting) -> bool:
        """Whether a sighting is about where this car was seen last, and so is of the same car."""
        return overlap(self.box, sighting.box) >= SAME_OVERLAP

    def weighed(self, fit: BoxFit, sighting: Sighting) -> _Track:
        """Take in what a sighting of this car says of whether it is in my lane."""
        odds = max(fit.in_lane, 1e-6) / max(1 - fit.in_lane, 1e-6)
        most = CUT_PROOF_STEP if _is_cut(sighting.box) else PROOF_STEP
        step = min(max(math.log(odds), -most), most)
        return replace(self, box=sighting.box, proof=min(self.proof + step, MAX_PROOF))

    def seen(self, fit: BoxFit, sighting: Sighting) -> _Track:
        """Take in that the car was seen again in my lane, at the track's time."""
        gain = self.cov[:, 0] / (self.cov[0, 0] + _variance_m2(fit))
        cov = self.cov - np.outer(gain, self.cov[0])
        return replace(
            self.weighed(fit, sighting),
            mean=self.mean + gain * (fit.gap_m - self.mean[0]),
            cov=(cov + cov.T) / 2,
            seen_s=self.time_s,
            missed_s=0.0,
            sure=self.sure or sighting.score >= NEW_SCORE,
        )

    def is_hidden(self, camera: Camera, lane: FloatArray) -> bool:
        """Whether the car may be so far beside the picture that it need not be seen."""
        least = min(self._shown(camera, lane, yaw) for yaw in (-YAW_RAD, 0.0, YAW_RAD))
        return self.sure and least < HIDDEN_PART

    def is_in_full_view(self, camera: Camera, lane: FloatArray) -> bool:
        """Whether the car is so near, and so far within the picture, that it is surely seen."""
        near = float(self.mean[0]) < NEAR_GAP_M
        return near and self._shown(camera, lane, 0.0) >= FULL_VIEW_PART

    def _shown(self, camera: Camera, lane: FloatArray, yaw_rad: float) -> float:
        return shown_part(camera, lane, float(self.mean[0]), yaw_rad)

    def missed(self, dt: float, hidden: bool, in_full_view: bool) -> _Track:
        """Take in that the car was not seen; `dt` since it could have been seen before."""
        return replace(
            self,
            mean=self.mean * (1.0, math.exp(-dt / SLOWS_S)),
            missed_s=self.missed_s + (0.0 if hidden else dt),
            proof=self.proof - (DOUBT_PER_S * dt if in_full_view else 0.0),
        )

    @property
    def is_gone(self) -> bool:
        unseen_s = self.time_s - self.seen_s
        missed = self.missed_s > (PERSIST_S if self.sure else AGREE_S)
        return missed or unseen_s > FORGOTTEN_S or self.proof < 0.0


def _is_cut(box: Box) -> bool:
    return box[0] < 0.02 or box[2] > 0.98


def _with_caution(fit: BoxFit) -> BoxFit:
    return replace(fit, gap_m=max(fit.gap_m - CAUTION * fit.sigma_m, 0.0))


def _variance_m2(fit: BoxFit) -> float:
    return fit.sigma_m**2 + 0.01**2 + (SCALE_SIGMA * (fit.gap_m + CAR_FRONT_M)) ** 2


class LeadCarTracker:
    """Keeps track of the cars ahead in my lane.

    Args:
        camera: as it is mounted; its number of pixels does not matter, the detector has its own.
    """

    def __init__(self, camera: Camera) -> None:
        height_px = round(DETECTOR_WIDTH_PX * camera.height_px / camera.width_px)
        self._camera = replace(camera, width_px=DETECTOR_WIDTH_PX, height_px=height_px)
        self._tracks: tuple[_Track, ...] = ()
        self._driven: deque[tuple[float, float]] = deque(maxlen=64)
        self._newest: Sightings | None = None
        self._looked_s = 0.0

    def step(
        self, now_s: float, wheels: WheelReading | None, sightings: Sightings | None, lane: Lane
    ) -> CarAhead | None:
        """Take in what is new; return the nearest car in my lane.

        Args:
            now_s: the time.
            wheels: the newest wheel angles.
            sightings: the newest; the same object as before is not used twice.
            lane: where my lane goes, asked for when a car was seen.
        """
        if wheels is not None and (not self._driven or wheels.measured_s > self._driven[-1][0]):
            way_m = (wheels.left_rad + wheels.right_rad) / 2 * WHEEL_RADIUS_M
            self._driven.append((wheels.measured_s, way_m))
        if sightings is not None and sightings is not self._newest:
            self._newest = sightings
            self._take(sightings, lane)
        way_m = self._way_m(now_s)
        # its own speed is not counted on: it may have stopped since
        near = [
            CarAhead(
                gap_m=float(track.mean[0]) - (way_m - track.way_m),
                speed_mps=float(track.mean[1]),
                box=track.box,
                doubted=now_s - track.seen_s > HIDDEN_S,
            )
            for track in self._tracks
            if track.sure
        ]
        return min(near, key=lambda car: car.gap_m, default=None)

    def _way_m(self, time_s: float) -> float:
        """Return how far the car had driven at a time."""
        before = [way for at, way in self._driven if at <= time_s + 1e-9]
        return before[-1] if before else self._driven[0][1] if self._driven else 0.0

    def _take(self, sightings: Sightings, lane: Lane) -> None:
        time_s = sightings.captured_s
        way_m = self._way_m(time_s)
        tracks = [track.at(time_s, way_m) for track in self._tracks]
        cars = [s for s in sightings.seen if s.class_name == CAR and s.score >= KEPT_SCORE]
        since_s, self._looked_s = time_s - self._looked_s, time_s
        if not cars and not tracks:
            return
        poses = lane(self._driven[-1][1] - way_m if self._driven else 0.0)
        hidden = [track.is_hidden(self._camera, poses) for track in tracks]
        full = [track.is_in_full_view(self._camera, poses) for track in tracks]
        for sighting in sorted(cars, key=lambda s: -s.score):
            fit = _with_caution(fit_box(sighting.box, self._camera, poses))
            known = next(
                (i for i, t in enumerate(tracks) if t.agrees(fit, sighting, full[i])), None
            )
            same = next((i for i, track in enumerate(tracks) if track.shows(sighting)), None)
            if known is not None:
                if tracks[known].seen_s < time_s:
                    tracks[known] = tracks[known].seen(fit, sighting)
            elif same is not None:
                if tracks[same].seen_s < time_s and fit.in_lane < NEW_IN_LANE:
                    tracks[same] = tracks[same].weighed(fit, sighting)
            elif fit.in_lane >= NEW_IN_LANE and sighting.score >= NEW_SCORE:
                tracks.append(_new_track(fit, sighting, time_s, way_m))
                hidden.append(False)
                full.append(False)
        tracks = [
            track if track.seen_s == time_s else track.missed(since_s, hidden[i], full[i])
            for i, track in enumerate(tracks)
        ]
        self._tracks = tuple(track for track in tracks if not track.is_gone)


def _new_track(fit: BoxFit, sighting: Sighting, time_s: float, way_m: float) -> _Track:
    cov = np.diag([_variance_m2(fit), NEW_SPEED_MPS**2])
    mean = np.array([fit.gap_m, 0.0])
    sure = fit.gap_m < NEAR_GAP_M and sighting.score >= SURE_SCORE
    return _Track(mean, cov, time_s, way_m, time_s, 0.0, sighting.box, sure)
