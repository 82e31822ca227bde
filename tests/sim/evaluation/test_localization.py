"""Drop-offs and passages, with a pilot that knows the way and detections by geometry."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from car.driving.localization.lane_grid import LaneGrid
from car.driving.localization.sign_model import SignModel
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.camera import Camera
from sim.camera.simulated_detector import DetectorErrors, SimulatedDetector
from sim.evaluation.localization import (
    LocalizationFigures,
    Pilot,
    Senses,
    drop_off,
    pass_nodes,
    random_place,
)
from sim.physics.lockstep import straight_route
from sim.physics.vehicle import BodyMotion


@cache
def sign_model(name: str) -> SignModel:
    return SignModel(LaneGrid(load_city(name)), Camera())


def senses(name: str, errors: DetectorErrors | None = None) -> Senses:
    return Senses(
        SimulatedDetector(load_city(name), Camera(), np.random.default_rng(5), errors=errors)
    )


def test_a_car_finds_itself_and_the_same_seed_gives_the_same_figures() -> None:
    def run(seed: int) -> LocalizationFigures:
        rng = np.random.default_rng(seed)
        return drop_off(sign_model("pixelopolis"), senses("pixelopolis"), rng)

    figures, first = LocalizationFigures(), run(0)
    for each in (first, run(1)):
        figures.add(each)
    shown = figures.document()
    assert (shown["dropoffs"], shown["located_pct"], shown["wrong_pct"]) == (2, 100.0, 0.0)
    assert shown["wrong_edge_pct"] == 0.0
    assert 0.1 <= shown["median_metres_to_located"] <= 3.0
    assert run(0) == first


def test_nodes_are_passed_where_they_are() -> None:
    rng = np.random.default_rng(2)
    shown = pass_nodes(sign_model("pixelopolis"), senses("pixelopolis"), rng, 2).document()
    assert (shown["passages"], shown["passages_right_pct"], shown["given_up"]) == (2, 100.0, 0)
    assert shown["belief_right_pct"] == 100.0


def test_a_car_that_is_told_nonsense_is_not_called_located() -> None:
    """With false detections only, no car localizes itself, and the figures show it."""
    blind = DetectorErrors(recall_large=0.0, recall_small=0.0, imagined=0.0)
    figures = drop_off(sign_model("straight"), senses("straight", blind), np.random.default_rng(1))
    assert figures.located == 0
    assert figures.wedged + figures.wrong == 1
    assert figures.failures


def test_drop_offs_lie_on_lanes_within_their_disturbance() -> None:
    city = load_city("pixelopolis")
    rng = np.random.default_rng(1)
    for _ in range(50):
        place, pose = random_place(city, rng)
        at = city.edges[place.edge].curve.pose_at(place.s_m)
        assert at.distance_m(pose) <= 0.04 + 1e-9
        assert np.cos(at.heading_rad - pose.heading_rad) >= np.cos(np.radians(10)) - 1e-9


def test_the_pilot_steers_back_to_its_curve() -> None:
    city = load_city("pixelopolis")
    place, _ = random_place(city, np.random.default_rng(3))
    way = straight_route(city, place, 2.0)
    assert way.edges[0] == place.edge
    curve = city.edges[place.edge].curve
    pilot = Pilot(curve, 0.1)
    at = curve.pose_at(0.1)
    black = pilot.see(Pose(at.x_m, at.y_m, at.heading_rad + 0.2), BodyMotion())
    steering = pilot.look(black).steering
    assert steering is not None
    assert steering[0] == steering[1] == steering[2] > 0, "it looks too far left: steer right"


def test_no_figures_without_cases() -> None:
    shown = LocalizationFigures().document()
    assert shown["located_pct"] is None
    assert shown["passages_right_pct"] is None
    assert shown["median_metres_to_located"] is None


@pytest.mark.parametrize("name", ["grid:2x2:3"])
def test_a_grid_with_many_signs_of_one_class_is_no_harder_to_drive(name: str) -> None:
    rng = np.random.default_rng(4)
    shown = pass_nodes(sign_model(name), senses(name), rng, 2).document()
    assert (shown["passages_right_pct"], shown["given_up"]) == (100.0, 0)
