"""Detections of a simulated car: by the real network on rendered frames, or by geometry alone.

The second costs a hundredth of the first and has a detector's errors: noisy boxes, missed small
objects, confused classes and false positives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from car.driving.localization.bearing_range import TALL_PX
from car.driving.types import Sighting, SightModel
from pixelopolis.city.model import City
from pixelopolis.city.signs import BOARD_CLASSES, CAR, sign_solid
from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.model_io.inputs import detector_input
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import (
    CAR_FRONT_M,
    CAR_HEIGHT_M,
    CAR_REAR_M,
    CAR_WIDTH_M,
    MAST_M,
)
from sim.camera.camera import Cars, SimulatedCamera, no_cars
from sim.looks.look import Look
from sim.render.meshes.scenery import scenery_of
from sim.render.renderer import Renderer
from sim.render.view import View, car_view

CAR_ROOF_M: Final = 0.11
"""Height of a car's body; only the camera's mast is higher."""

SEEN_FROM_BEHIND_RAD: Final = math.radians(85)
FAR_M: Final = 2.5
"""Nothing beyond this distance is as high as `DetectorErrors.least_px`."""

STEEP_RAD: Final = math.radians(60)
"""Boards are classified up to this view angle; from here to `SEEN_FROM_BEHIND_RAD` less and less
often."""


class NetworkDetector:
    """The real detector on rendered images.

    Args:
        renderer: of the city, with the look set; it may render other images too.
        model: the detector.
        look: gives mounting and sensor.
        rng: for the sensor's noise.
        cars: the other cars.
    """

    def __init__(
        self,
        renderer: Renderer,
        model: SightModel,
        look: Look,
        rng: np.random.Generator,
        cars: Cars = no_cars,
    ) -> None:
        self._model = model
        self._eye = SimulatedCamera(renderer, look, rng, Camera(), rows=DETECTOR_ROWS, cars=cars)

    def __call__(self, pose: Pose) -> tuple[Sighting, ...]:
        return self._model.detect(detector_input(self._eye(pose)))


@dataclass(frozen=True, slots=True)
class DetectorErrors:
    """Errors of a simulated detector.

    Recall depends on the box's height: `recall_large` from 20 px, `recall_small` at 12 to 20 px,
    and linearly less below, down to 0 at `least_px`.
    """

    box_sigma_px: float = 0.7
    """Standard deviation of each side of a box."""
    recall_large: float = 0.99
    recall_small: float = 0.95
    least_px: float = 7.0
    confused: float = 0.01
    """Share of boards that get a wrong class."""
    imagined: float = 0.02
    """False positives per frame."""
    imagined_cars: float = 0.0
    """Further false positives per frame, of the class Car."""
    least_shown: tuple[float, float] = (0.25, 0.5)
    """Visible share below which nothing is found, and from which on visibility costs no recall."""
    tall_px: float = TALL_PX
    """Excess height of boxes."""


@dataclass(frozen=True, slots=True, eq=False)
class _VisibleObject:
    """A visible object: its corners (N, 3) in the world, and its facing direction."""

    class_name: str
    corners_m: FloatArray
    cover_m: FloatArray
    """Corners of its solid part, which hides what is behind."""
    faces_rad: float | None = None
    """None if it looks the same from all sides."""


class SimulatedDetector:
    """A detector that knows the true positions of all objects.

    Args:
        city: its signs are visible, its buildings hide them.
        camera: as it is mounted.
        rng: for the errors.
        cars: the other cars.
        errors: rates and sizes of its errors.
    """

    def __init__(
        self,
        city: City,
        camera: Camera,
        rng: np.random.Generator,
        cars: Cars = no_cars,
        errors: DetectorErrors | None = None,
    ) -> None:
        self._camera, self._rng, self._cars = camera, rng, cars
        self._errors = errors or DetectorErrors()
        self._signs = tuple(_sign_things(city))
        self._signs_m = np.array([t.corners_m[:, :2].mean(axis=0) for t in self._signs])
        self._walls = _walls(city)

    def __call__(self, pose: Pose) -> tuple[Sighting, ...]:
        view = car_view(self._camera, pose)
        things = [*self._near(pose), *(_car_thing(body.pose) for body in self._cars())]
        seen = [self._sighting(thing, view, covers) for thing, covers in _nearest(things, view)]
        found = [sighting for sighting in seen if sighting is not None]
        found += self._imagined()
        return tuple(sorted(found, key=lambda s: -s.score))

    def _near(self, pose: Pose) -> list[_VisibleObject]:
        if not self._signs:
            return []
        away_m = np.hypot(*(self._signs_m - (pose.x_m, pose.y_m)).T)
        return [self._signs[i] for i in np.flatnonzero(away_m < FAR_M)]

    def _sighting(self, thing: _VisibleObject, view: View, covers: FloatArray) -> Sighting | None:
        rng, errors = self._rng, self._errors
        whole = _box_px(thing.corners_m, view)
        low, high = (part * view.height_px for part in DETECTOR_ROWS)
        box = np.clip(whole, (0, low, 0, low), (view.width_px, high, view.width_px, high))
        if box[2] - box[0] < 2 or box[3] - box[1] < 2:
            return None
        visible = _area(box) / _area(whole)
        visible *= self._uncovered(thing, view, covers)
        chance = self._recall(float(box[3] - box[1])) * _part(visible, *errors.least_shown)
        if thing.faces_rad is not None:
            angle_rad = _seen_at_rad(thing, view)
            chance *= 1 - _part(angle_rad, STEEP_RAD, SEEN_FROM_BEHIND_RAD)
        if rng.random() >= chance:
            return None
        taller = errors.tall_px / 2 * np.array((0, -1, 0, 1))
        box = np.clip(
            box + taller + rng.normal(0.0, errors.box_sigma_px, 4),
            (0, low, 0, low),
            (view.width_px, high, view.width_px, high),
        )
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            return None
        name = thing.class_name
        if name != CAR and rng.random() < errors.confused:
            name = self._any_class()
        return self._as_sighting(name, float(rng.uniform(0.7, 0.99)), box)

    def _recall(self, height_px: float) -> float:
        errors = self._errors
        if height_px >= 20:
            return errors.recall_large
        return errors.recall_small * _part(height_px, errors.least_px, 12.0)

    def _uncovered(self, thing: _VisibleObject, view: View, covers: FloatArray) -> float:
        """Return the share of an object that nearer objects and walls leave visible."""
        across = np.linspace(0.1, 0.9, 5)
        box = _box_px(thing.cover_m, view)
        x = box[0] + (box[2] - box[0]) * across
        y = box[1] + (box[3] - box[1]) * across
        points = np.array([(px, py) for px in x for py in y])
        behind = np.zeros(len(points), dtype=bool)
        for cover in covers:
            inside = (points > cover[:2]).all(axis=1) & (points < cover[2:]).all(axis=1)
            behind |= inside
        middle = thing.corners_m.mean(axis=0)
        right = view.axes[0] * np.ptp(thing.corners_m @ view.axes[0]) / 2
        spread = middle + (2 * across - 1)[:, None] * right
        hidden = _behind_walls(view.eye_m, spread, self._walls)
        return float((~behind).mean() * (~hidden).mean())

    def _imagined(self) -> list[Sighting]:
        rng, errors = self._rng, self._errors
        names = [self._any_class() for _ in range(rng.poisson(errors.imagined))]
        if errors.imagined_cars:
            names += [CAR] * rng.poisson(errors.imagined_cars)
        return [
            self._as_sighting(name, float(rng.uniform(0.5, 0.8)), self._any_box()) for name in names
        ]

    def _any_class(self) -> str:
        return BOARD_CLASSES[int(self._rng.integers(len(BOARD_CLASSES)))]

    def _any_box(self) -> FloatArray:
        low, high = (part * self._camera.height_px for part in DETECTOR_ROWS)
        size = float(self._rng.uniform(8, 40))
        x = float(self._rng.uniform(0, self._camera.width_px - size))
        y = float(self._rng.uniform(low, high - size))
        return np.array([x, y, x + size, y + size])

    def _as_sighting(self, class_name: str, score: float, box_px: FloatArray) -> Sighting:
        width, height = self._camera.width_px, self._camera.height_px
        left, top, right, bottom = box_px / (width, height, width, height)
        return Sighting(class_name, score, (float(left), float(top), float(right), float(bottom)))


def _sign_things(city: City) -> list[_VisibleObject]:
    things = []
    for sign in city.signs:
        solid, pose = sign_solid(sign.sign_class), city.sign_pose(sign)
        low_m = solid.low_m(sign.height_m)
        corners = _block(
            pose,
            (-solid.depth_m / 2, solid.depth_m / 2),
            (-solid.width_m / 2, solid.width_m / 2),
            (low_m, low_m + solid.height_m),
        )
        faces = None if solid.in_the_round else pose.heading_rad
        things.append(_VisibleObject(sign.sign_class, corners, corners, faces))
    return things


def _car_thing(pose: Pose) -> _VisibleObject:
    half = CAR_WIDTH_M / 2
    body = _block(pose, (-CAR_REAR_M, CAR_FRONT_M), (-half, half), (0.0, CAR_ROOF_M))
    mast = _block(pose, *MAST_M, (CAR_ROOF_M, CAR_HEIGHT_M))
    return _VisibleObject(CAR, np.vstack([body, mast]), body)


def _block(
    pose: Pose, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]
) -> FloatArray:
    flat = [pose.ahead(forward, left) for forward in x for left in y]
    return np.array([(p.x_m, p.y_m, up) for p in flat for up in z])


def _nearest(
    things: Sequence[_VisibleObject], view: View
) -> list[tuple[_VisibleObject, FloatArray]]:
    """Return the objects in front of the camera, nearest first, with the boxes before each."""
    before = []
    for thing in things:
        depth = (thing.corners_m - view.eye_m) @ view.axes[2]
        if depth.min() > 0.05:
            before.append((float(depth.mean()), thing))
    before.sort(key=lambda entry: entry[0])
    covers = [_box_px(thing.cover_m, view) for _, thing in before]
    return [(thing, np.array(covers[:i]).reshape(-1, 4)) for i, (_, thing) in enumerate(before)]


def _box_px(corners_m: FloatArray, view: View) -> FloatArray:
    """Return (left, top, right, bottom) in pixels of the whole frame."""
    places, _ = view.project(corners_m)
    return np.concatenate([places.min(axis=0), places.max(axis=0)])


def _area(box: FloatArray) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _seen_at_rad(thing: _VisibleObject, view: View) -> float:
    """Return the angle between a board's normal and the line of sight."""
    assert thing.faces_rad is not None
    to_eye = view.eye_m[:2] - thing.corners_m.mean(axis=0)[:2]
    facing = np.array([math.cos(thing.faces_rad), math.sin(thing.faces_rad)])
    return math.acos(float(np.clip(to_eye @ facing / np.hypot(*to_eye), -1, 1)))


def _part(value: float, low: float, high: float) -> float:
    """Interpolate from 0 at `low` to 1 at `high`."""
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _walls(city: City) -> FloatArray:
    """Return the buildings as (N, 6): x, y, cos, sin of the heading, half width, half depth."""
    rows = [
        (
            b.x_m,
            b.y_m,
            math.cos(b.heading_rad),
            math.sin(b.heading_rad),
            b.width_m / 2,
            b.depth_m / 2,
        )
        for b in scenery_of(city).buildings
    ]
    return np.array(rows, dtype=float).reshape(-1, 6)


def _behind_walls(eye_m: FloatArray, points_m: FloatArray, walls: FloatArray) -> NDArray[np.bool_]:
    """Return which points (N, 3) have a building between them and the eye, seen from above.

    All buildings are higher than signs and camera.
    """
    if not len(walls):
        return np.zeros(len(points_m), dtype=bool)
    cos, sin, half = walls[:, 2], walls[:, 3], walls[:, 4:6]

    def local(xy: FloatArray) -> FloatArray:
        dx, dy = xy[..., 0, None] - walls[:, 0], xy[..., 1, None] - walls[:, 1]
        return np.stack([dx * cos + dy * sin, dy * cos - dx * sin], axis=-1)

    start = local(eye_m[None, :2])
    way = local(points_m[:, :2]) - start
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (-half - start) / way, (half - start) / way
    enter = np.nanmax(np.minimum(a, b), axis=-1)
    leave = np.nanmin(np.maximum(a, b), axis=-1)
    return np.asarray(((enter < leave) & (leave > 0) & (enter < 1)).any(axis=1))
