"""Messages between physics and the rendering process, over a socket pair."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Final

from pixelopolis.geometry import Pose
from pixelopolis.vehicle.camera import Camera
from sim.physics.vehicle import BodyMotion

SCENE_HEAD: Final = struct.Struct("<d?")
SCENE_CAR: Final = struct.Struct("<ddddd")
MESSAGE: Final = struct.Struct("<II")


class Kind(IntEnum):
    """Kinds of messages from the child."""

    READY = 1
    FAILED = 2
    BIRD = 3
    COUNTS = 4


@dataclass(frozen=True, slots=True)
class RenderTask:
    """The child's task; passed as JSON on its command line."""

    city: str
    camera_paths: dict[str, str]
    camera: Camera
    seed: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RenderTask:
        document = json.loads(text)
        return cls(**document | {"camera": Camera(**document["camera"])})


@dataclass(frozen=True, slots=True)
class LiveScene:
    """Poses and motions of the cars at one time, and whether a bird's-eye image is wanted."""

    time_s: float
    bird: bool
    cars: tuple[tuple[Pose, BodyMotion], ...]

    def encode(self) -> bytes:
        cars = (
            SCENE_CAR.pack(p.x_m, p.y_m, p.heading_rad, m.speed_mps, m.yaw_rad_s)
            for p, m in self.cars
        )
        return SCENE_HEAD.pack(self.time_s, self.bird) + b"".join(cars)

    @classmethod
    def decode(cls, data: bytes) -> LiveScene:
        time_s, bird = SCENE_HEAD.unpack_from(data)
        cars = SCENE_CAR.iter_unpack(data[SCENE_HEAD.size :])
        return cls(time_s, bird, tuple((Pose(*car[:3]), BodyMotion(*car[3:])) for car in cars))

    @staticmethod
    def size(cars: int) -> int:
        """Return the size of a scene in bytes."""
        return SCENE_HEAD.size + cars * SCENE_CAR.size
