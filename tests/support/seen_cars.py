"""Bounding boxes of cars by the simulator's car model."""

from __future__ import annotations

import math

import numpy as np

from car.driving.lead_car.box_fit import Box
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.vehicle.camera import Camera
from sim.render.meshes.car import car_mesh
from sim.render.view import car_view

MIN_PX = 4.0


def in_lane(along_m: float, curvature_per_m: float, aside_m: float, turned: bool = False) -> Pose:
    """Return a pose `along_m` ahead in a curved lane, `aside_m` to the left of its center."""
    bend = along_m * curvature_per_m
    middle = Pose(along_m, 0.0, 0.0)
    if curvature_per_m:
        middle = Pose(
            math.sin(bend) / curvature_per_m, (1 - math.cos(bend)) / curvature_per_m, bend
        )
    return middle.ahead(0.0, aside_m, math.pi if turned else 0.0)


def box_of_car(pose: Pose, camera: Camera | None = None, eye: Pose | None = None) -> Box | None:
    """Return the box of an ideal detector for a car at `pose`, seen from `eye` (the origin).

    None if hardly anything of it is within the detector's rows.
    """
    camera = camera or Camera()
    points = car_mesh()["at"].reshape(-1, 3)
    cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
    world = np.column_stack(
        [
            pose.x_m + points[:, 0] * cos - points[:, 1] * sin,
            pose.y_m + points[:, 0] * sin + points[:, 1] * cos,
            points[:, 2],
        ]
    )
    places, depth = car_view(camera, eye or Pose(0.0, 0.0, 0.0)).project(world)
    if depth.min() < 0.03:
        return None
    size = np.array([camera.width_px, camera.height_px])
    low = np.array([0.0, camera.height_px * DETECTOR_ROWS[0]])
    high = np.array([camera.width_px, camera.height_px * DETECTOR_ROWS[1]])
    first, last = (np.clip(end, low, high) for end in (places.min(axis=0), places.max(axis=0)))
    if (last - first).min() < MIN_PX:
        return None
    left, top, right, bottom = (float(v) for v in (*(first / size), *(last / size)))
    return left, top, right, bottom
