"""The car ahead in my lane, from what the detector sees. Pure.

A box says only left, top, right and bottom. It is compared with the boxes of cars that would stand
on and beside my lane, at a grid of distances and sideways places: where they agree is where the
car is, whatever part of it the picture cuts off and however the lane bends. What is found in the
lane is then tracked from frame to frame (a Kalman filter over gap and speed; R. Kalman, A New
Approach to Linear Filtering and Prediction Problems, 1960), so that one wrong box stops nobody and
one missed car sets nobody going.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from car.observation import CarAhead, Sighting, Sightings, WheelReading
from pixelopolis.camera import Camera
from pixelopolis.geometry import FloatArray
from pixelopolis.routing import RoutePath
from pixelopolis.vehicle import (
    CAR_FRONT_M,
    CAR_HEIGHT_M,
    CAR_REAR_M,
    CAR_WIDTH_M,
    WHEEL_BASE_M,
    WHEEL_RADIUS_M,
    WHEEL_WIDTH_M,
)
from pixelopolis.vision import DETECTOR_ROWS, DETECTOR_WIDTH_PX

CAR = "Car"

HALF_LANE_M = 0.14
"""Who is farther beside my lane's middle than this is in another lane."""

BODY_M = CAR_FRONT_M + CAR_REAR_M
"""From one axle to the next when two cars touch."""

ALONG_M: FloatArray = np.geomspace(BODY_M + 0.01, 1.7, 64)
"""Where along my lane an axle may be, from mine: 3 % from one to the next. Braking from cruise
needs 0.3 m; what is farther than the last is no concern yet."""

ASIDE_M: FloatArray = np.linspace(-0.42, 0.42, 25)
"""Where beside my lane's middle: up to a lane and a half."""

_MIDDLE_SIGMA_M = 0.06
"""Cars keep to the middle of a lane, mine or the one beside it, as well as mine knows its own."""

_STRAYS = 0.05
"""How probable every other place is, the middle of a lane being 1."""

NEW_IN_LANE, KEPT_IN_LANE = 0.5, 0.1
"""Probability from which on a car is taken to be in my lane, and to be the one of before."""

NEAR_GAP_M = 0.25
"""So near one sighting is enough; farther away two must agree."""

AGREE_S = 0.3
"""Within this the second one must come: two of a detector's frames may miss it."""

PERSIST_S = 1.0
"""A car that is not seen for so long, where it would be seen, is not there."""

HIDDEN_S = 6.0
"""Nor is one that has been beside the picture for so long: in a tight bend a car that is nearer
than 0.5 m leaves it, and comes back when I have driven up to it."""

HIDDEN_PART = 0.6
"""Of a car that is less than this within the picture's sides nothing need be seen."""

SLOWS_S = 2.0
"""Who is not seen is taken to slow down, with this time constant."""

LEAD_MPS2 = 0.15
"""How quickly cars change their speed (standard deviation); braking is 0.12."""

NEW_SPEED_MPS = 0.10
"""Standard deviation of the speed of a car that is seen for the first time."""

SCALE_SIGMA = 0.03
"""Error of a gap, in parts of it, that is none of the box: lens and mounting."""

_SIDE_PX, _SIDE_PART = 3.0, 0.03
_HEIGHT_PX, _HEIGHT_PART = 2.5, 0.06
_PITCH_PX = 5.0
"""How unsure box sides (constant, and in parts of the car's size) and rows are. A camera that
looks 1.5 degrees too high or low moves all rows by 4 px."""

_CUT_PX = 3.0
"""A box that comes so near to the lower edge of what the detector is shown is cut off there."""

_NO_CAR_COST = 36.0
"""Squared sigmas, over all sides, from which on a box is of no car that stands on the road. Half a
car behind something else has 18."""

_SILL_M, _BELT_M = 0.018, 0.068

_NO_BOX = (math.nan,) * 4

_NEAREST_M = 0.05
"""Nothing is nearer to the lens: my own bumper is 0.11 m before it."""

Box = tuple[float, float, float, float]
Lane = Callable[[float], FloatArray]
"""Gives the lane from `back_m` behind where the car is now: poses (len(ALONG_M), 3) of cars in it,
in the frame of the car back there."""


def _aside_prior() -> FloatArray:
    off_m = np.abs(ASIDE_M)
    off_m = np.minimum(off_m, np.abs(off_m - 2 * HALF_LANE_M))
    prior = _STRAYS + np.exp(-0.5 * (off_m / _MIDDLE_SIGMA_M) ** 2)
    return np.asarray(prior / prior.sum())


_ASIDE_PRIOR = _aside_prior()


def _outline() -> FloatArray:
    """Return the points (N, 3) that bound a car's box, in its own frame: body, wheels, mast."""
    sides = (-CAR_WIDTH_M / 2, CAR_WIDTH_M / 2)
    body = [
        (x, y, z) for x in (-CAR_REAR_M, CAR_FRONT_M) for y in sides for z in (_SILL_M, _BELT_M)
    ]
    tread_m = (WHEEL_BASE_M + WHEEL_WIDTH_M) / 2
    wheels = [(0.0, y, 0.0) for y in (-tread_m, tread_m)]
    mast = [(x, 0.0, CAR_HEIGHT_M) for x in (0.006, 0.028)]
    return np.array([*body, *wheels, *mast])


_OUTLINE = _outline()


def lane_on_path(path: RoutePath, distance_m: float, heading_error_rad: float) -> FloatArray:
    """Return the poses of cars on a path, `ALONG_M` ahead, as a car at a distance sees them.

    Args:
        path: what is driven.
        distance_m: where on it the car is.
        heading_error_rad: its heading, less the path's.

    Returns:
        (N, 3): forward and left in metres, and heading, in the car's frame.
    """
    curve = path.curve
    here = path.pose_at(distance_m)
    wish_m = distance_m + path.route.start_s_m + ALONG_M
    on_m = np.clip(wish_m, 0.0, curve.length_m)
    heading = np.interp(on_m, curve.s_m, curve.headings_rad)
    x_m, y_m = (np.interp(on_m, curve.s_m, curve.points_m[:, k]) for k in (0, 1))
    x_m = x_m + (wish_m - on_m) * np.cos(heading) - here.x_m
    y_m = y_m + (wish_m - on_m) * np.sin(heading) - here.y_m
    own = here.heading_rad + heading_error_rad
    cos, sin = math.cos(own), math.sin(own)
    return np.column_stack([x_m * cos + y_m * sin, y_m * cos - x_m * sin, heading - own])


def lane_by_curvature(curvature_per_m: float) -> FloatArray:
    """Return the poses of cars in a lane of one curvature (left positive), as `lane_on_path`."""
    bend = ALONG_M * curvature_per_m
    if abs(curvature_per_m) < 1e-6:
        return np.column_stack([ALONG_M, np.zeros_like(ALONG_M), bend])
    return np.column_stack(
        [np.sin(bend) / curvature_per_m, (1 - np.cos(bend)) / curvature_per_m, bend]
    )


def expected_boxes(camera: Camera, poses: FloatArray) -> FloatArray:
    """Return the boxes (N, 4) in pixels of the whole frame, not cut off, of cars at `poses`.

    A car that is not wholly before the camera has no box: nan.
    """
    cos, sin = np.cos(poses[:, 2, None]), np.sin(poses[:, 2, None])
    x, y, z = _OUTLINE.T
    forward = poses[:, 0, None] + x * cos - y * sin - camera.forward_m
    left = poses[:, 1, None] + x * sin + y * cos
    up = z - camera.height_m
    cos_p, sin_p = math.cos(camera.pitch_rad), math.sin(camera.pitch_rad)
    depth = forward * cos_p - up * sin_p
    depth[depth.min(axis=1) < _NEAREST_M] = np.nan
    column = camera.width_px / 2 - camera.focal_px * left / depth
    row = camera.height_px / 2 - camera.focal_px * (forward * sin_p + up * cos_p) / depth
    return np.column_stack([column.min(1), row.min(1), column.max(1), row.max(1)])


def shown_part(camera: Camera, lane: FloatArray, gap_m: float) -> float:
    """Return which part of a car at a gap in my lane is within the sides of the picture, 0..1."""
    at = int(np.searchsorted(ALONG_M, gap_m + BODY_M))
    left, _, right, _ = expected_boxes(camera, lane[at : at + 1])[0] if at < len(lane) else _NO_BOX
    if not right > left:
        return 0.0
    shown_px = min(right, camera.width_px) - max(left, 0.0)
    return max(0.0, float(shown_px / (right - left)))


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a car that was seen may be."""

    in_lane: float
    """Probability that it is in my lane."""
    gap_m: float
    """Bumper to bumper along my lane, if it is in it."""
    sigma_m: float
    """Standard deviation of that."""


_NOWHERE = Fit(0.0, math.inf, 0.0)


def fit_box(box: Box, camera: Camera, lane: FloatArray) -> Fit:
    """Return where a car is that is seen in a box.

    Args:
        box: (left, top, right, bottom) in parts of the whole frame.
        camera: as it is mounted.
        lane: poses (len(ALONG_M), 3) of cars in my lane, in my frame.
    """
    width_px, low_px = float(camera.width_px), camera.height_px * DETECTOR_ROWS[1]
    left, top, right, bottom = np.array(box) * np.tile((width_px, camera.height_px), 2)
    aside = np.stack([-np.sin(lane[:, 2]), np.cos(lane[:, 2]), np.zeros(len(lane))], axis=1)
    poses = lane[:, None, :] + ASIDE_M[:, None] * aside[:, None, :]
    whole = expected_boxes(camera, poses.reshape(-1, 3))
    side = _SIDE_PX + _SIDE_PART * (whole[:, 2] - whole[:, 0])
    cost = ((np.clip(whole[:, 0], 0, width_px) - left) / side) ** 2
    cost += ((np.clip(whole[:, 2], 0, width_px) - right) / side) ** 2
    cost += ((np.minimum(whole[:, 3], low_px) - bottom) / _PITCH_PX) ** 2
    if bottom < low_px - _CUT_PX:
        height = whole[:, 3] - whole[:, 1]
        cost += ((height - (bottom - top)) / (_HEIGHT_PX + _HEIGHT_PART * height)) ** 2
    cost[np.isnan(cost) | (whole[:, 2] <= 0) | (whole[:, 0] >= width_px)] = np.inf
    least = cost.min()
    if not least < _NO_CAR_COST:
        return _NOWHERE
    weight = np.exp(-0.5 * (cost - least)).reshape(len(lane), len(ASIDE_M)) * _ASIDE_PRIOR
    inside = weight[:, np.abs(ASIDE_M) <= HALF_LANE_M].sum(axis=1)
    total = float(inside.sum())
    if total == 0.0:
        return _NOWHERE
    gaps_m = ALONG_M - BODY_M
    gap_m = float(inside @ gaps_m / total)
    spread_m2 = float(inside @ (gaps_m - gap_m) ** 2 / total)
    return Fit(min(total / float(weight.sum()), 1.0), gap_m, math.sqrt(spread_m2))


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

    def at(self, time_s: float, way_m: float) -> _Track:
        """Return the track as it should be at a later time."""
        dt = max(0.0, time_s - self.time_s)
        step = np.array([[1.0, dt], [0.0, 1.0]])
        noise = LEAD_MPS2 * np.array([dt**2 / 2, dt])
        mean = step @ self.mean - (way_m - self.way_m, 0.0)
        cov = step @ self.cov @ step.T + np.outer(noise, noise)
        return replace(self, mean=mean, cov=cov, time_s=time_s, way_m=way_m)

    def agrees(self, fit: Fit) -> bool:
        spread_m2 = float(self.cov[0, 0]) + _variance_m2(fit)
        return (fit.gap_m - float(self.mean[0])) ** 2 < 9 * spread_m2

    def seen(self, fit: Fit, box: Box) -> _Track:
        """Take in that the car was seen again, at the track's time."""
        gain = self.cov[:, 0] / (self.cov[0, 0] + _variance_m2(fit))
        mean = self.mean + gain * (fit.gap_m - self.mean[0])
        cov = self.cov - np.outer(gain, self.cov[0])
        return replace(
            self,
            mean=mean,
            cov=(cov + cov.T) / 2,
            seen_s=self.time_s,
            missed_s=0.0,
            box=box,
            sure=True,
        )

    def missed(self, dt: float, camera: Camera, lane: FloatArray) -> _Track:
        """Take in that the car was not seen; `dt` since it could have been seen before."""
        slower = self.mean * (1.0, math.exp(-dt / SLOWS_S))
        hidden = self.sure and shown_part(camera, lane, float(self.mean[0])) < HIDDEN_PART
        return replace(self, mean=slower, missed_s=self.missed_s + (0.0 if hidden else dt))

    @property
    def is_gone(self) -> bool:
        unseen_s = self.time_s - self.seen_s
        return unseen_s > HIDDEN_S or self.missed_s > (PERSIST_S if self.sure else AGREE_S)


def _variance_m2(fit: Fit) -> float:
    return fit.sigma_m**2 + 0.01**2 + (SCALE_SIGMA * (fit.gap_m + CAR_FRONT_M)) ** 2


class Follower:
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
            CarAhead(float(t.mean[0]) - (way_m - t.way_m), float(t.mean[1]), t.box)
            for t in self._tracks
            if t.sure
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
        cars = [sighting for sighting in sightings.seen if sighting.class_name == CAR]
        since_s, self._looked_s = time_s - self._looked_s, time_s
        if not cars and not tracks:
            return
        poses = lane(self._driven[-1][1] - way_m if self._driven else 0.0)
        for sighting in cars:
            fit = fit_box(sighting.box, self._camera, poses)
            known = [i for i, track in enumerate(tracks) if track.agrees(fit)]
            if known and fit.in_lane >= KEPT_IN_LANE:
                tracks[known[0]] = tracks[known[0]].seen(fit, sighting.box)
            elif not known and fit.in_lane >= NEW_IN_LANE:
                tracks.append(_new_track(fit, sighting, time_s, way_m))
        tracks = [
            track if track.seen_s == time_s else track.missed(since_s, self._camera, poses)
            for track in tracks
        ]
        self._tracks = tuple(track for track in tracks if not track.is_gone)


def _new_track(fit: Fit, sighting: Sighting, time_s: float, way_m: float) -> _Track:
    cov = np.diag([_variance_m2(fit), NEW_SPEED_MPS**2])
    mean = np.array([fit.gap_m, 0.0])
    sure = fit.gap_m < NEAR_GAP_M
    return _Track(mean, cov, time_s, way_m, time_s, 0.0, sighting.box, sure)
