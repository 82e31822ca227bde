"""The driver's reaction when belief and mission disagree."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from car.driving.driver import Driver, DriverSettings
from car.driving.localization.belief import Belief
from car.driving.localization.lane_grid import LaneGrid
from car.driving.localization.path_tracker import PathTracker
from car.driving.localization.route_monitor import RouteMonitor
from car.driving.localization.sign_model import SignModel
from car.driving.types import Decision, DriveState, Mission
from pixelopolis.city.route import Place, Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.vehicle.camera import Camera
from sim.camera.simulated_detector import SimulatedDetector
from sim.evaluation.localization import Pilot
from sim.physics.lockstep import LockstepCar
from sim.physics.vehicle import Vehicle

TOWN = load_city("pixelopolis")
PATH = RoutePath(TOWN, find_route(TOWN, Place("7", 0.1), Place("10", 1.1)))
MISSION = Mission("a", PATH, PATH.length_m)


@cache
def sign_model() -> SignModel:
    return SignModel(LaneGrid(TOWN), Camera())


class Car:
    """A car whose true path is one, with a mission on another or none."""

    def __init__(
        self, really: RoutePath, start: Place | None, search: bool = False, at_m: float = 0.0
    ) -> None:
        self.really = really
        self.belief = Belief(sign_model(), start)
        pilot = Pilot(really.curve, at_m + really.route.start_s_m)
        self.driver = Driver(pilot, DriverSettings(search=search), self.belief)
        seer = SimulatedDetector(TOWN, Camera(), np.random.default_rng(3))
        self.car = LockstepCar(Vehicle(really.pose_at(at_m)), self.driver, pilot.see, seer)

    def run(self, mission: Mission | None, ticks: int, *until: DriveState) -> Decision:
        for _ in range(ticks):
            decision = self.car.tick(mission)
            if decision.state in until:
                break
        return decision


def way(*edges: str, start_m: float = 0.1) -> RoutePath:
    return RoutePath(TOWN, Route(edges, start_m, TOWN.edges[edges[-1]].length_m))


def test_on_its_way_it_drives_to_the_end() -> None:
    car = Car(PATH, Place("7", 0.1))
    decision = car.run(MISSION, 1000, DriveState.ARRIVED, DriveState.LOST)
    assert decision.state is DriveState.ARRIVED
    end = PATH.pose_at(PATH.length_m)
    assert car.car.vehicle.pose.distance_m(end) < 0.06


def test_a_wrong_turn_is_noticed_and_the_car_stops() -> None:
    wrong = way("7", "8", "1")
    assert PATH.route.edges[:2] == ("7", "9")
    car = Car(wrong, Place("7", 0.1))
    decision = car.run(MISSION, 600, DriveState.LOST)
    assert decision.state is DriveState.LOST
    assert (decision.left_rad_s, decision.right_rad_s) == (0.0, 0.0)
    assert decision.off_route
    assert decision.located
    assert decision.reason == reason(ReasonCode.OFF_ROUTE, edge="8")
    assert decision.place is not None
    assert decision.place.edge == "8"
    assert TOWN.edges["8"].curve.pose_at(decision.place.s_m).distance_m(car.car.vehicle.pose) < 0.15


def test_put_down_on_another_street_than_it_was_told_it_notices() -> None:
    told = RoutePath(TOWN, find_route(TOWN, Place("1", 0.3), Place("2", 0.2)))
    car = Car(way("9", "10"), Place("1", 0.3))
    decision = car.run(Mission("b", told, told.length_m), 600, DriveState.LOST)
    assert decision.off_route
    assert decision.place is not None
    assert decision.place.edge == "9"


def test_a_tracker_that_is_behind_is_put_where_the_car_is() -> None:
    car = Car(PATH, Place("7", 0.1), at_m=0.40)  # placed 0.4 m farther than its start
    for _ in range(400):
        decision = car.car.tick(MISSION)
        assert decision.state is not DriveState.LOST
        if decision.distance_m > 1.5:
            break
    at = PATH.curve.project(car.car.vehicle.pose.x_m, car.car.vehicle.pose.y_m)
    assert decision.distance_m == pytest.approx(at.s_m - PATH.route.start_s_m, abs=0.08)


def test_beyond_its_grant_is_off_its_route() -> None:
    orientation = RouteMonitor(Belief(sign_model(), Place("9", 0.5)))
    at_m = PATH.legs[2].start_m + 0.5
    granted = Mission("a", PATH, PATH.legs[1].start_m)
    tracker = PathTracker(PATH, at_m)
    assert orientation.compare(MISSION, tracker).elsewhere is None
    finding = orientation.compare(granted, tracker)
    assert finding.elsewhere is not None
    assert finding.elsewhere.edge == "9"


def test_without_a_mission_it_says_where_it_stands_or_that_it_does_not_know() -> None:
    known = Car(PATH, Place("7", 0.1)).run(None, 1)
    assert (known.state, known.located) == (DriveState.IDLE, True)
    assert known.place is not None
    assert known.place.edge == "7"
    unknown = Car(way("2"), None).run(None, 1)
    assert (unknown.state, unknown.located, unknown.place) == (DriveState.LOST, False, None)
    assert unknown.reason == reason(ReasonCode.LOST)
    assert unknown.left_rad_s == 0.0


def test_a_lost_car_searches_only_when_it_may_and_stops_when_it_knows() -> None:
    really = way("8", "1", "2", start_m=0.3)
    assert Car(really, None).run(None, 20).left_rad_s == 0.0
    car = Car(really, None, search=True)
    first = car.run(None, 3)
    assert first.state is DriveState.LOST
    assert first.left_rad_s > 0
    assert not first.located
    found = car.run(None, 1500, DriveState.IDLE)
    assert found.state is DriveState.IDLE
    assert found.located
    assert found.place is not None
    pose = TOWN.edges[found.place.edge].curve.pose_at(found.place.s_m)
    assert pose.distance_m(car.car.vehicle.pose) < 0.15


def test_a_mission_that_contradicts_all_it_sees_ends_in_a_stop() -> None:
    """Moved to a place without sightings for a while, it stops after a short distance."""
    car = Car(way("1", "2", start_m=1.0), Place("13", 0.1))
    mission = Mission("b", way("13", "7"), 3.0)
    decision = car.run(mission, 800, DriveState.LOST, DriveState.ARRIVED)
    assert decision.state is DriveState.LOST
