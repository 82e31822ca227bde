"""The tracker along one path: the contribution of signs to wheels and bends."""

from __future__ import annotations

import numpy as np
import pytest

from car.driving.localization.bearing_range import SignMeasurement, signs_now
from car.driving.localization.path_tracker import PathTracker
from car.driving.types import Sightings, WheelReading
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from sim.camera.simulated_detector import SimulatedDetector

TOWN = load_city("pixelopolis")
PATH = RoutePath(TOWN, find_route(TOWN, Place("9", 0.05), Place("9", 1.1)))
STEP_M = 0.0068


def drive(tracker: PathTracker, metres: float, scale: float = 1.0, sees: bool = True) -> float:
    """Drive straight on edge 9 with wheels that count `scale` too much; return the true way."""
    seer = SimulatedDetector(TOWN, Camera(), np.random.default_rng(2))
    at_m = 0.0
    while at_m < metres:
        at_m += STEP_M
        angle = at_m * scale / WHEEL_RADIUS_M
        tracker.move(WheelReading(angle, angle, at_m))
        if sees:
            seen = Sightings(at_m, seer(PATH.pose_at(at_m)))
            tracker.see(signs_now(seen, Camera(), 0.0), Camera())
    return at_m


@pytest.mark.parametrize(("start_m", "scale"), [(0.0, 1.03), (0.15, 1.0), (-0.15, 0.97)])
def test_a_sign_tells_how_far_along_a_straight_the_car_is(start_m: float, scale: float) -> None:
    with_signs, without = PathTracker(PATH, start_m), PathTracker(PATH, start_m)
    for tracker in (with_signs, without):
        tracker.put_at(start_m)
    truth_m = drive(with_signs, 1.0, scale)
    drive(without, 1.0, scale, sees=False)
    assert abs(with_signs.distance_m - truth_m) < 0.05
    assert abs(with_signs.distance_m - truth_m) <= abs(without.distance_m - truth_m)
    assert with_signs.sigma_m < without.sigma_m


def test_a_sign_of_another_place_changes_nothing() -> None:
    tracker = PathTracker(PATH, 0.5)
    before = (tracker.distance_m, tracker.sigma_m)
    far = SignMeasurement("Traffic_light", 40.0, 1.2, 0.01, 0.2, 0.01)
    other = SignMeasurement("Museum", 40.0, 0.3, 0.01, 0.4, 0.02)
    tracker.see([far, other], Camera())
    assert (tracker.distance_m, tracker.sigma_m) == before


def test_a_standing_car_does_not_grow_surer_with_every_frame() -> None:
    tracker = PathTracker(PATH, 0.6)
    seer = SimulatedDetector(TOWN, Camera(), np.random.default_rng(2))
    signs = signs_now(Sightings(0.0, seer(PATH.pose_at(0.6))), Camera(), 0.0)
    assert any(s.class_name == "Traffic_light" for s in signs)
    tracker.see(signs, Camera())
    sigma_m = tracker.sigma_m
    for _ in range(50):
        tracker.see(signs, Camera())
    assert tracker.sigma_m == sigma_m
