"""Following predicted paths in closed loop: the true labels with deliberate errors."""

from __future__ import annotations

import numpy as np
import pytest

from car.driving.driver import Driver, DriverSettings
from car.driving.types import LaneView
from pixelopolis.city.model import City, Turn
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import LANE_PART, Image
from pixelopolis.model_io.lane_path import SCALES_M
from pixelopolis.vehicle.speeds import CRUISE_MPS, MOTOR_MAX_RAD_S
from sim.evaluation.lane_drive import LaneDrive, LaneFigures, drive_lane
from sim.lane_data.labels import label_of
from sim.physics.lockstep import LockstepCar, random_route
from sim.physics.vehicle import BodyMotion, Vehicle

ERROR_M = 0.008
LIKE_THE_LAST = 0.8
"""Correlation of the errors of consecutive frames."""
BLACK = np.zeros((40, 120, 3), dtype=np.uint8)
FAR = (0.5,) * 5
"""The path of a command without a way, which must never be driven."""


class WrongPaths:
    """Returns the path of each command with errors like a network's, correlated over frames.

    Args:
        city: the city.
        rng: for the errors.
        blind_part: share of frames with random paths, for which the model is uncertain.
    """

    part = LANE_PART

    def __init__(self, city: City, rng: np.random.Generator, blind_part: float = 0.0) -> None:
        self._city, self._rng, self._blind_part = city, rng, blind_part
        self._error_m = np.zeros((len(Turn), len(SCALES_M)))
        self._pose = Pose(0.0, 0.0, 0.0)

    def see(self, pose: Pose, _motion: BodyMotion) -> Image:
        self._pose = pose
        return BLACK

    def look(self, _picture_rgb: Image) -> LaneView:
        found = label_of(self._city, self._pose).paths_left_m
        paths = np.array([found[turn] or FAR for turn in Turn])
        fresh = self._rng.normal(0.0, ERROR_M, paths.shape)
        self._error_m *= LIKE_THE_LAST
        self._error_m += np.sqrt(1 - LIKE_THE_LAST**2) * fresh
        weights = np.array(SCALES_M) / np.mean(SCALES_M)
        if self._rng.random() < self._blind_part:
            nonsense = self._rng.normal(0.0, 0.05, paths.shape) * weights
            return LaneView(paths_left_m=paths + nonsense, spread_m=np.full(len(Turn), 0.04))
        spread = np.full(len(Turn), 0.8 * ERROR_M)  # mean size of a normal error
        return LaneView(paths_left_m=paths + self._error_m * weights, spread_m=spread)

    def reset(self) -> None:
        pass


def drive(name: str, cruise_mps: float, blind_part: float, metres: float = 8) -> LaneFigures:
    city = load_city(name)
    model = WrongPaths(city, np.random.default_rng(4), blind_part)
    return drive_lane(
        city,
        model,
        model.see,
        np.random.default_rng(3),
        metres,
        DriverSettings(cruise_mps=cruise_mps, keeps_limits=cruise_mps <= CRUISE_MPS),
        ground=None,  # the images are black
        limit_rad_s=2 * MOTOR_MAX_RAD_S,
    )


@pytest.mark.parametrize(
    ("name", "cruise_mps", "most_m", "blind_part"),
    [
        ("pixelopolis", 0.136, 0.005, 0.1),
        ("grid:3x2:5", 0.136, 0.005, 0.0),
        ("track:4", 0.136, 0.005, 0.1),
        ("pixelopolis", 0.272, 0.007, 0.0),
        ("grid:3x2:5", 0.272, 0.007, 0.1),
        ("track:4", 0.272, 0.007, 0.1),
    ],
)
def test_wrong_paths_are_followed_within_millimetres(
    name: str, cruise_mps: float, most_m: float, blind_part: float
) -> None:
    figures = drive(name, cruise_mps, blind_part)
    assert figures.interventions == 0, figures.failures
    assert figures.out_of_lane_s == 0.0
    assert figures.turns_wrong == 0
    assert figures.deviation_sum_m / figures.frames < most_m


@pytest.mark.parametrize(("aside_m", "turned_rad"), [(0.06, 0.2), (-0.06, -0.2), (0.08, -0.3)])
def test_a_car_that_was_pushed_aside_comes_back(aside_m: float, turned_rad: float) -> None:
    city = load_city("pixelopolis")
    model = WrongPaths(city, np.random.default_rng(4))
    path = RoutePath(city, random_route(city, np.random.default_rng(3), 4.0))
    vehicle = Vehicle(path.pose_at(0.0))
    drive = LaneDrive(path, LockstepCar(vehicle, Driver(model), model.see))
    drive.run(1.0)
    vehicle.pose = vehicle.pose.ahead(0.0, aside_m, turned_rad)  # the driver is not informed
    drive.run(2.2)
    before = drive.figures.deviation_sum_m, drive.figures.frames
    drive.run(3.5)
    after = drive.figures.deviation_sum_m, drive.figures.frames
    assert drive.figures.interventions == 0
    assert (after[0] - before[0]) / (after[1] - before[1]) < 0.009
