"""Encounters with a car ahead: how outcomes are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import sim.evaluation.encounters
from car.driving.driver import Driver
from car.driving.speed_profile import STOP_GAP_M
from pixelopolis.city.route import Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.sources import load_city
from pixelopolis.errors import CityError
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import CAR_LENGTH_M
from pixelopolis.vehicle.speeds import CRUISE_MPS
from sim.camera.simulated_detector import SimulatedDetector
from sim.evaluation.encounters import (
    BEND_PER_M,
    FOLLOWED_M,
    Encounter,
    EncounterFigures,
    EncounterScene,
    LeadCarPlan,
    body_gap_m,
    random_plan,
    random_scene,
)
from sim.evaluation.lane_drive import LaneDrive
from sim.physics.lockstep import DetectorSource, LockstepCar
from sim.physics.vehicle import Vehicle
from sim.render.view import CarBody
from tests.support.oracle import Oracle

TOWN = load_city("pixelopolis")
PATH = RoutePath(TOWN, Route(("8", "1", "2", "3", "4", "5"), 0.0, 1.5))


def meet(plan: LeadCarPlan, start_m: float = 0.2, blind: bool = False) -> EncounterFigures:
    """Simulate one scene with a perfect lane model and the simulated detector."""
    scene = EncounterScene(PATH, start_m, plan, bend=False)
    rng = np.random.default_rng(7)
    other = scene.other(rng)
    oracle = Oracle(TOWN, PATH)
    oracle.distance_m = start_m
    seer: DetectorSource = SimulatedDetector(
        TOWN, Camera(), rng, lambda: [CarBody("other", other.pose)]
    )
    if blind:
        seer = no_sight
    car = LockstepCar(Vehicle(PATH.pose_at(start_m)), Driver(oracle), oracle.see, seer)
    return Encounter(scene, LaneDrive(PATH, car, start_m), other).run()


def no_sight(_: Pose) -> tuple[()]:
    return ()


def test_behind_a_car_that_stands_it_stops_safely() -> None:
    figures = meet(LeadCarPlan(0.6, 0.02))
    assert (figures.stands, figures.stopped_safely, figures.goes_on) == (1, 1, 0)
    assert figures.min_gaps_m == [pytest.approx(STOP_GAP_M + 0.01, abs=0.03)]
    assert not figures.failures


def test_it_goes_on_when_the_other_does() -> None:
    figures = meet(LeadCarPlan(0.5, -0.03, waits_s=1.0))
    assert (figures.stopped_safely, figures.goes_on, figures.resumed) == (1, 1, 1)


def test_a_slower_car_is_followed() -> None:
    figures = meet(LeadCarPlan(0.5, 0.0, speed_mps=0.6 * CRUISE_MPS, stops_after_m=None))
    assert (figures.follows, figures.followed, figures.stands) == (1, 1, 0)
    assert figures.time_s > FOLLOWED_M / CRUISE_MPS
    assert figures.min_gaps_m[0] > 0.12


def test_a_slower_car_that_stops_is_stopped_behind() -> None:
    figures = meet(LeadCarPlan(0.5, 0.0, speed_mps=0.5 * CRUISE_MPS, stops_after_m=0.4))
    assert (figures.stands, figures.stopped_safely) == (1, 1)


def test_who_sees_nothing_touches_the_other_and_it_is_counted() -> None:
    figures = meet(LeadCarPlan(0.3, 0.0), blind=True)
    assert (figures.collisions, figures.stopped_safely) == (1, 0)
    assert figures.min_gaps_m == [0.0]
    assert figures.failures[0].startswith("touched: stands, straight, edge 8 at 0.7")


def test_figures_add_up() -> None:
    total = EncounterFigures()
    empty = total.document()
    assert (empty["worst_min_gap_m"], empty["stopped_safely"]) == (None, None)
    one = EncounterFigures(1, 1, 0, [0.0], stands=1, failures=["touched"])
    two = EncounterFigures(1, 0, 0, [0.2], stands=1, stopped_safely=1, goes_on=1, resumed=1)
    total.add(one)
    total.add(two)
    total.add(replace(two, min_gaps_m=[0.1]))
    document = total.document()
    assert (document["encounters"], document["collisions"]) == (3, 1)
    assert document["worst_min_gap_m"] == 0.0
    assert document["median_min_gap_m"] == pytest.approx(0.1)
    assert document["stopped_safely"] == pytest.approx(2 / 3)
    assert document["resumed"] == 1.0
    assert document["followed"] is None


@pytest.mark.parametrize("bend", [False, True])
def test_scenes_are_where_they_should_be(bend: bool) -> None:
    rng = np.random.default_rng(3)
    for _ in range(10):
        scene = random_scene(TOWN, rng, bend)
        assert scene.start_m > 0
        assert scene.other_m + FOLLOWED_M < scene.path.length_m
        gap_m = scene.other_m - scene.start_m - CAR_LENGTH_M
        assert gap_m == pytest.approx(scene.plan.gap_m)
        at_m = np.arange(scene.start_m, scene.other_m, 0.02)
        bent = np.abs([scene.path.curvature_at(float(m)) for m in at_m]) > BEND_PER_M
        assert bent.any() == bend
        away = scene.other(rng).pose.distance_m(scene.path.pose_at(scene.other_m))
        assert away == pytest.approx(abs(scene.plan.left_m), abs=1e-3)


def test_a_town_without_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.evaluation.encounters, "FOLLOWED_M", 20.0)
    with pytest.raises(CityError, match="no straight with 20 m"):
        random_scene(TOWN, np.random.default_rng(1), bend=False)


def test_plans_are_of_every_kind() -> None:
    rng = np.random.default_rng(1)
    plans = [random_plan(rng, 0.6) for _ in range(300)]
    kinds = [plan.kind for plan in plans]
    assert set(kinds) == {
        "stands",
        "stands, goes on",
        "slower",
        "slower, then stops",
        "slower, then stops, goes on",
    }
    assert 0.4 < sum(kind.startswith("stands") for kind in kinds) / 300 < 0.6
    for plan in plans:
        assert abs(plan.left_m) <= 0.03
        assert plan.speed_mps == 0 or 0.3 <= plan.speed_mps / CRUISE_MPS <= 0.7


def test_the_gap_is_between_the_bodies() -> None:
    assert body_gap_m(Pose(0, 0, 0), Pose(0.5, 0, 0)) == pytest.approx(0.3)
    assert body_gap_m(Pose(0, 0, 0), Pose(0, 0.28, 3.14159265)) == pytest.approx(0.13)
    assert body_gap_m(Pose(0, 0, 0), Pose(0.19, 0, 0)) == 0.0


def test_the_other_car_keeps_to_a_route_that_comes_by_the_same_place_again() -> None:
    ring = RoutePath(TOWN, Route(("9", "11", "13", "7", "9", "11", "13"), 0.0, 1.2))
    scene = EncounterScene(ring, 0.2, LeadCarPlan(0.6, 0.02), bend=False)
    other = scene.other(np.random.default_rng(1))
    for _ in range(700):
        other.drive(CRUISE_MPS)
        at = ring.curve.project(other.pose.x_m, other.pose.y_m, other.s_m - 0.1, other.s_m + 0.1)
        assert at.left_m == pytest.approx(0.02, abs=0.03)
    assert other.s_m > 5.0
