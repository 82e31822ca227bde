"""A lane model that steers by the labels of the car's true pose."""

from __future__ import annotations

import numpy as np

from car.driving.driver import Driver
from car.driving.types import LaneView
from pixelopolis.city.model import City, Turn
from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import LANE_PART, Image
from sim.evaluation.lane_drive import LaneDrive
from sim.lane_data.labels import label_of
from sim.physics.lockstep import LockstepCar
from sim.physics.vehicle import BodyMotion, Imperfections, Vehicle

BLACK = np.zeros((40, 120, 3), dtype=np.uint8)


class Oracle:
    """`see` stands in for the camera and stores the pose; `look` answers for that pose."""

    part = LANE_PART
    has_commands = True

    def __init__(self, city: City, path: RoutePath) -> None:
        self.city = city
        self.path = path
        self.distance_m = 0.0
        self.bias = 0.0
        self._view = LaneView(steering=(0.0, 0.0, 0.0))

    def see(self, pose: Pose, _motion: BodyMotion) -> Image:
        at = self.path.curve.project(
            pose.x_m, pose.y_m, self.distance_m - 0.3, self.distance_m + 0.3
        )
        self.distance_m = at.s_m
        steering = label_of(self.city, pose).steering
        # a command without a way must never be given: full lock would reveal it
        straight, left, right = (1.0 if (v := steering[t]) is None else v + self.bias for t in Turn)
        self._view = LaneView(steering=(straight, left, right))
        return BLACK

    def look(self, _picture_rgb: Image) -> LaneView:
        return self._view

    def reset(self) -> None:
        pass


def oracle_drive(
    city: City, path: RoutePath, imperfections: Imperfections | None = None
) -> tuple[LaneDrive, Oracle]:
    oracle = Oracle(city, path)
    vehicle = Vehicle(path.pose_at(0.0), imperfections)
    return LaneDrive(path, LockstepCar(vehicle, Driver(oracle), oracle.see)), oracle
