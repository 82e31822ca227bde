"""Where the frames of a lane dataset are captured: independent poses and the expert's drives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from pixelopolis.city.model import City
from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import Image
from pixelopolis.vehicle.camera import FRAME_S
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS
from pixelopolis.vehicle.steering import steering_to_wheels
from sim.lane_data.balance import road_places
from sim.lane_data.labels import label_of
from sim.lane_data.traffic import cars_around
from sim.physics.expert import pursue
from sim.physics.lockstep import STEP_S, random_route
from sim.physics.vehicle import BodyMotion, Vehicle, random_imperfections
from sim.render.view import CarBody

OFFSET_SIGMA_M: Final = 0.028
OFFSET_LIMIT_M: Final = 0.07
"""A car's wheels stay in the lane up to 58 mm; a little more teaches the way back."""
HEADING_SIGMA_RAD: Final = np.radians(7.0)
HEADING_LIMIT_RAD: Final = np.radians(18.0)
WIDE_PART: Final = 0.15
WIDE_OFFSET_M: Final = 0.10
FLOOR_OFFSET_M: Final = 0.15
"""On a floor nothing stands beside the road: the car may be on one of its lines."""
WIDE_FLOOR_PART: Final = 0.6
"""People drive anywhere on a road; a car is told to keep to its middle."""
WIDE_HEADING_RAD: Final = np.radians(30.0)
"""Some poses are spread evenly over all headings from which a car must still recover."""
SIDE_CAMERA_M: Final = 0.06
"""Distance of the left and right cameras from the center one."""


@dataclass(frozen=True, slots=True)
class Session:
    """One look in one city, and its number of frames."""

    name: str
    city: str
    kind: str
    """"poses", "driven" (by the expert) or "drive" (by a model)."""
    frames: int
    seed: int
    look: int
    weights: tuple[float, ...] = ()
    """Weight of each kind of road (kinds,) for poses; see `sim.lane_data.balance`."""
    cars: bool = False
    """Whether other cars are around; for poses only."""
    whole: bool = False
    """Write whole portrait frames instead of bottom quarters."""
    model: str = ""
    """File of the driving lane model."""
    model_sha256: str = ""
    panoramas: str = ""
    """Folder of the user's panoramas."""
    plain: bool = False
    """Use the plain look for every look instead of rooms."""
    floor: bool = False
    """Whether the road lies on a floor, without a city around it."""


Cameras = tuple[tuple[str, float], ...]
"""Names, and distances to the left of the center in m."""

CENTER: Final[Cameras] = (("center", 0.0),)
THREE: Final[Cameras] = (("center", 0.0), ("left", SIDE_CAMERA_M), ("right", -SIDE_CAMERA_M))


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Pose, cameras, steering of the center camera, and other cars of a frame."""

    pose: Pose
    cameras: Cameras
    steering: float
    stretch: int | None
    others: tuple[CarBody, ...] = ()
    picture: Image | None = None
    """The center camera's image, if it is already rendered."""
    motion: BodyMotion | None = None
    """Of the driven car; None at an independent pose."""


def pose_samples(city: City, rng: np.random.Generator, session: Session) -> Iterator[Sample]:
    spots = road_places(city)
    for _ in range(session.frames):
        center = spots.draw(session.weights, rng)
        if rng.random() < (WIDE_FLOOR_PART if session.floor else WIDE_PART):
            widest_m = FLOOR_OFFSET_M if session.floor else WIDE_OFFSET_M
            offset = float(rng.uniform(-widest_m, widest_m))
            turn = float(rng.uniform(-WIDE_HEADING_RAD, WIDE_HEADING_RAD))
        else:
            offset = _clipped(rng, OFFSET_SIGMA_M, OFFSET_LIMIT_M)
            turn = _clipped(rng, HEADING_SIGMA_RAD, HEADING_LIMIT_RAD)
        pose = center.ahead(0.0, offset, turn)
        steering = next(s for s in label_of(city, pose).steering.values() if s is not None)
        cars = cars_around(city, pose, rng) if session.cars else ()
        yield Sample(pose, CENTER, steering, None, cars)


def _clipped(rng: np.random.Generator, sigma: float, limit: float) -> float:
    return float(np.clip(rng.normal(0, sigma), -limit, limit))


def driven_samples(city: City, rng: np.random.Generator, session: Session) -> Iterator[Sample]:
    """Drive with pushes: the steering is wrong for a moment, then the expert recovers."""
    ticks, stretch = 0, 0
    path = RoutePath(city, random_route(city, rng, 3.0))
    vehicle = Vehicle(path.pose_at(0.0), random_imperfections(rng))
    push, push_until = 0.0, 0
    s_m = 0.0
    while ticks < session.frames:
        pose = vehicle.pose
        at = path.curve.project(pose.x_m, pose.y_m, s_m - 0.3, s_m + 0.3)
        s_m = at.s_m
        if s_m > path.curve.length_m - 0.3 or abs(at.left_m) > OFFSET_LIMIT_M + 0.02:
            path = RoutePath(city, random_route(city, rng, 3.0))
            vehicle = Vehicle(path.pose_at(0.0), random_imperfections(rng))
            s_m = 0.0
            stretch += 1
            continue
        steering = pursue(path.curve, pose, s_m)
        yield Sample(pose, THREE, steering, stretch, motion=vehicle.motion)
        ticks += 1
        if ticks >= push_until and rng.random() < 0.05:
            push, push_until = float(rng.uniform(-0.5, 0.5)), ticks + int(rng.integers(4, 12))
        driven = steering + (push if ticks < push_until else 0.0)
        vehicle.set_goal(
            *steering_to_wheels(float(np.clip(driven, -1, 1)), CRUISE_MPS / WHEEL_RADIUS_M)
        )
        for _ in range(round(FRAME_S / STEP_S)):
            vehicle.step(STEP_S)
