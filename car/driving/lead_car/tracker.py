"""Tracks the car ahead in the ego lane from detections. Pure.

The gap found by `box_fit` is filtered by a Kalman filter over gap and speed (R. Kalman, A New
Approach to Linear Filtering and Prediction Problems, 1960), so that one wrong box does not stop
the car and one missed detection does not start it.
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
from pixelopolis.city.signs import CAR
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import DETECTOR_WIDTH_PX
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import CAR_FRONT_M, WHEEL_RADIUS_M

SURE_SCORE, NEW_SCORE, KEPT_SCORE = 0.6, 0.4, 0.2
"""Minimum score of a single near detection, of each of two matching ones, and of a detection of a
known car (low scores are reliable where a car is expected: Y. Zhang et al., ByteTrack, 2022). Cars
cut off on two sides of the picture score 0.3 to 0.6."""

TO_FOLLOW: Final = {CAR: KEPT_SCORE}
"""Score thresholds that the detector needs (`load_detector(thresholds=...)`)."""

NEW_IN_LANE, KEPT_IN_LANE = 0.5, 0.1
"""Minimum probability of being in the lane, for a new car and for a known one."""

MAX_EVIDENCE, EVIDENCE_STEP, CUT_EVIDENCE_STEP = 3.0, 0.5, 0.05
"""Limit of the evidence (log odds) for a car in the lane, and how much one detection changes it. A
box cut off by a side of the picture says little: the car may be in the next lane."""

DOUBT_PER_S: Final = 1.0
"""Evidence lost per second while a car that should be in full view is not clearly detected."""

NEAR_GAP_M: Final = 0.25
"""Within this gap one detection is enough; beyond it two must agree."""

LEAP_M: Final = 0.12
"""A box this far from a known car's predicted position needs the score of a new car. So does one of
a car unseen for `PERSIST_S`, and one of a near car in full view (these score 0.7 and more): low
scores keep a track but do not revive it."""

SAME_OVERLAP: Final = 0.5
"""Boxes of two frames with at least this overlap (IoU) are the same car."""

AGREE_S: Final = 0.3
"""Maximum time between two matching detections: the detector may miss two frames."""

PERSIST_S: Final = 1.0
"""A car that should be visible but was not detected for this long is gone."""

HIDDEN_S: Final = 4.0
"""A car beside the picture for this long is doubted: in tight bends a car nearer than 0.5 m leaves
the picture. Creeping up to its last position shows whether it is there."""

FORGOTTEN_S: Final = 20.0
"""After this time it is taken to be gone: creeping takes 4 s, and would have shown it."""

YAW_RAD: Final = 0.12
"""Possible error of the viewing direction (often half of it in bends): a car visible only
within this tolerance is not expected to be detected."""

HIDDEN_PART: Final = 0.6
"""A car with less than this fraction within the picture's sides need not be detected."""

FULL_VIEW_PART: Final = 0.5
"""A near car with at least this fraction within them should be detected reliably."""

SLOWING_S: Final = 2.0
"""An unseen car is assumed to slow down with this time constant."""

LEAD_MPS2: Final = 0.15
"""Standard deviation of a car's acceleration; braking is 0.12."""

NEW_SPEED_MPS: Final = 0.10
"""Standard deviation of a new car's speed."""

CAUTION: Final = 0.5
"""Standard deviations subtracted from the gap estimate."""

SCALE_SIGMA: Final = 0.03
"""Relative gap error from lens and mounting, independent of the box."""

Lane = Callable[[float], FloatArray]
"""Returns the lane as seen from `back_m` behind the car: poses (len(ALONG_M), 3) of cars in it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Track:
    """One car over several frames: (gap, speed) and their covariance at `time_s`."""

    mean: FloatArray
    cov: FloatArray
    time_s: float
    way_m: float
    """Distance driven by the ego car at `time_s`."""
    seen_s: float
    missed_s: float
    """For how long it should have been detected but was not."""
    box: Box
    sure: bool
    evidence: float = EVIDENCE_STEP
    """Log odds that it is in the ego lane."""

    def at(self, time_s: float, way_m: float) -> _Track:
        """Return the track predicted to a later time."""
        dt = max(0.0, time_s - self.time_s)
        step = np.array([[1.0, dt], [0.0, 1.0]])
        noise = LEAD_MPS2 * np.array([dt**2 / 2, dt])
        mean = step @ self.mean - (way_m - self.way_m, 0.0)
        cov = step @ self.cov @ step.T + np.outer(noise, noise)
        return replace(self, mean=mean, cov=cov, time_s=time_s, way_m=way_m)

    def agrees(self, fit: BoxFit, sighting: Sighting, in_full_view: bool) -> bool:
        """Whether a detection may be this car, still in the ego lane."""
        off_m = abs(fit.gap_m - float(self.mean[0]))
        expected = off_m <= LEAP_M and self.time_s - self.seen_s <= PERSIST_S
        if fit.in_lane < KEPT_IN_LANE:
            return False
        if sighting.score < NEW_SCORE and (in_full_view or not expected):
            return False
        return off_m**2 < 9 * (float(self.cov[0, 0]) + _variance_m2(fit))

    def shows(self, sighting: Sighting) -> bool:
        """Whether a detection overlaps this car's last box, and so is the same car."""
        return overlap(self.box, sighting.box) >= SAME_OVERLAP

    def with_evidence(self, fit: BoxFit, sighting: Sighting) -> _Track:
        """Update the evidence for the car being in the lane with a detection of it."""
        odds = max(fit.in_lane, 1e-6) / max(1 - fit.in_lane, 1e-6)
        most = CUT_EVIDENCE_STEP if _is_cut(sighting.box) else EVIDENCE_STEP
        step = min(max(math.log(odds), -most), most)
        return replace(self, box=sighting.box, evidence=min(self.evidence + step, MAX_EVIDENCE))

    def detected(self, fit: BoxFit, sighting: Sighting) -> _Track:
        """Update the track with a detection of the car in the lane, at the track's time."""
        gain = self.cov[:, 0] / (self.cov[0, 0] + _variance_m2(fit))
        cov = self.cov - np.outer(gain, self.cov[0])
        return replace(
            self.with_evidence(fit, sighting),
            mean=self.mean + gain * (fit.gap_m - self.mean[0]),
            cov=(cov + cov.T) / 2,
            seen_s=self.time_s,
            missed_s=0.0,
            sure=self.sure or sighting.score >= NEW_SCORE,
        )

    def is_hidden(self, camera: Camera, lane: FloatArray) -> bool:
        """Whether the car may be so far beside the picture that it need not be detected."""
        least = min(self._shown(camera, lane, yaw) for yaw in (-YAW_RAD, 0.0, YAW_RAD))
        return self.sure and least < HIDDEN_PART

    def is_in_full_view(self, camera: Camera, lane: FloatArray) -> bool:
        """Whether the car is so near and so far within the picture that it must be detected."""
        near = float(self.mean[0]) < NEAR_GAP_M
        return near and self._shown(camera, lane, 0.0) >= FULL_VIEW_PART

    def _shown(self, camera: Camera, lane: FloatArray, yaw_rad: float) -> float:
        return shown_part(camera, lane, float(self.mean[0]), yaw_rad)

    def undetected(self, dt: float, hidden: bool, in_full_view: bool) -> _Track:
        """Update the track without a detection; `dt` since the last opportunity."""
        return replace(
            self,
            mean=self.mean * (1.0, math.exp(-dt / SLOWING_S)),
            missed_s=self.missed_s + (0.0 if hidden else dt),
            evidence=self.evidence - (DOUBT_PER_S * dt if in_full_view else 0.0),
        )

    @property
    def is_gone(self) -> bool:
        unseen_s = self.time_s - self.seen_s
        undetected = self.missed_s > (PERSIST_S if self.sure else AGREE_S)
        return undetected or unseen_s > FORGOTTEN_S or self.evidence < 0.0


def _is_cut(box: Box) -> bool:
    return box[0] < 0.02 or box[2] > 0.98


def _with_caution(fit: BoxFit) -> BoxFit:
    return replace(fit, gap_m=max(fit.gap_m - CAUTION * fit.sigma_m, 0.0))


def _variance_m2(fit: BoxFit) -> float:
    return fit.sigma_m**2 + 0.01**2 + (SCALE_SIGMA * (fit.gap_m + CAR_FRONT_M)) ** 2


class LeadCarTracker:
    """Tracks the cars ahead in the ego lane.

    Args:
        camera: the camera as mounted; its resolution is not used.
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
        """Take in new data; return the nearest car in the lane.

        Args:
            now_s: the current time.
            wheels: the newest wheel angles.
            sightings: the newest detections; the same object is processed only once.
            lane: returns the ego lane; called only for new detections.
        """
        if wheels is not None and (not self._driven or wheels.measured_s > self._driven[-1][0]):
            way_m = (wheels.left_rad + wheels.right_rad) / 2 * WHEEL_RADIUS_M
            self._driven.append((wheels.measured_s, way_m))
        if sightings is not None and sightings is not self._newest:
            self._newest = sightings
            self._take(sightings, lane)
        way_m = self._way_m(now_s)
        # assume that it has stopped: its speed may have changed since
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
        """Return the distance driven by the ego car at a time."""
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
                    tracks[known] = tracks[known].detected(fit, sighting)
            elif same is not None:
                if tracks[same].seen_s < time_s and fit.in_lane < NEW_IN_LANE:
                    tracks[same] = tracks[same].with_evidence(fit, sighting)
            elif fit.in_lane >= NEW_IN_LANE and sighting.score >= NEW_SCORE:
                tracks.append(_new_track(fit, sighting, time_s, way_m))
                hidden.append(False)
                full.append(False)
        tracks = [
            track if track.seen_s == time_s else track.undetected(since_s, hidden[i], full[i])
            for i, track in enumerate(tracks)
        ]
        self._tracks = tuple(track for track in tracks if not track.is_gone)


def _new_track(fit: BoxFit, sighting: Sighting, time_s: float, way_m: float) -> _Track:
    cov = np.diag([_variance_m2(fit), NEW_SPEED_MPS**2])
    mean = np.array([fit.gap_m, 0.0])
    sure = fit.gap_m < NEAR_GAP_M and sighting.score >= SURE_SCORE
    return _Track(mean, cov, time_s, way_m, time_s, 0.0, sighting.box, sure)
