"""What physics and the rendering process say to each other over their socket pair."""

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
    """What a message from the child holds."""

    READY = 1
    FAILED = 2
    BIRD = 3
    COUNTS = 4


@dataclass(frozen=True, slots=True)
class RenderTask:
    """What the parent asks for; travels as JSON in the command line."""

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
    """Where the cars are at one time and how they move, and whether somebody looks from above."""

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
        """Return how many bytes a scene with so many cars takes."""
        return SCENE_HEAD.size + cars * SCENE_CAR.size
