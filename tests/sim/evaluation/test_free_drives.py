"""Driving among other cars that keep out of the way, and false stops."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from car.driving.driver import Driver
from car.driving.types import Sighting
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.bodies import bodies_touch
from pixelopolis.vehicle.camera import FRAME_S, Camera
from pixelopolis.vehicle.speeds import CRUISE_MPS
from sim.camera.simulated_detector import SimulatedDetector
from sim.evaluation.free_drives import FreeFigures, drive_freely
from sim.evaluation.lane_drive import LaneDrive
from sim.physics.background_traffic import BackgroundTraffic
from sim.physics.lockstep import DetectorSource, LockstepCar, random_route
from sim.physics.vehicle import Vehicle
from sim.render.view import CarBody
from tests.support.oracle import Oracle

TOWN = load_city("grid:3x2:5")


def test_others_drive_keep_apart_and_never_touch_who_drives_its_way() -> None:
    met = driven = 0
    for seed in range(2):
        rng = np.random.default_rng(seed)
        path = RoutePath(TOWN, random_route(TOWN, rng, 3.0))
        others = BackgroundTraffic(TOWN, path, 12, rng)
        starts, distance_m = others.poses, 0.0
        assert len(starts) == 12
        while distance_m < path.length_m - 0.3 and not others.in_the_way(distance_m):
            others.drive(distance_m)
            distance_m += CRUISE_MPS * FRAME_S
            me = path.pose_at(distance_m)
            assert not any(bodies_touch(me, pose) for pose in others.poses)
            assert not any(bodies_touch(a, b) for a, b in combinations(others.poses, 2))
            met += any(me.distance_m(pose) < 0.4 for pose in others.poses)
        driven += sum(a.distance_m(b) > 0.3 for a, b in zip(starts, others.poses, strict=True))
    assert met > 10, "somebody comes the other way"
    assert driven > 5


def free(seer_of: str, seconds: float, seed: int = 4) -> FreeFigures:
    rng = np.random.default_rng(seed)

    def make_drive(path: RoutePath, others: BackgroundTraffic) -> LaneDrive:
        oracle = Oracle(TOWN, path)
        seer: DetectorSource = SimulatedDetector(
            TOWN, Camera(), rng, lambda: [CarBody("other", pose) for pose in others.poses]
        )
        if seer_of == "ghosts":
            seer = ghost
        car = LockstepCar(Vehicle(path.pose_at(0.0)), Driver(oracle), oracle.see, seer)
        return LaneDrive(path, car)

    return drive_freely(TOWN, make_drive, rng, seconds)


def ghost(_: Pose) -> tuple[Sighting, ...]:
    return (Sighting("Car", 0.9, (0.3, 0.46, 0.7, 0.75)),)


def test_nobody_is_stopped_for_who_drives_beside() -> None:
    figures = free("all", seconds=15, seed=6)
    assert figures.time_s >= 15
    assert figures.met > 0
    assert (figures.false_stops, figures.failures) == (0, [])
    assert figures.distance_m > 0.9 * 15 * CRUISE_MPS
    document = figures.document()
    assert document["false_stops"] == 0
    assert document["hindered_pct"] < 5


def test_a_stop_for_nobody_is_counted_once() -> None:
    figures = free("ghosts", seconds=5)
    assert figures.false_stops == 1
    assert "a car stands ahead" in figures.failures[0]
    assert figures.hindered_s > 3
