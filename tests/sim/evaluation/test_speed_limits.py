"""Speed limits of a city and of an order, driven in closed loop and kept by the wheels."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import pairwise

import pytest

from car.driving.driver import Driver
from car.driving.speed_profile import DECELERATION_MPS2
from car.driving.types import Mission
from car.orders.executor import OrderExecutor
from pixelopolis.city.model import City
from pixelopolis.city.route import Place, Route, route_time_s
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.sources import load_city
from pixelopolis.city.toml_file import parse_city
from pixelopolis.vda5050.frames import decode_from_server
from pixelopolis.vda5050.order import Order
from pixelopolis.vehicle.camera import FRAME_S
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS
from sim.evaluation.lane_drive import LaneDrive, Moment
from sim.physics.lockstep import LockstepCar
from sim.physics.vehicle import Vehicle
from tests.support.oracle import Oracle
from tests.support.paths import ROOT

CASES = ROOT / "tests" / "vda5050" / "cases"
ROUTE = Route(("15", "14", "6"), 0.2, 0.15)
STEP_MPS = 0.0008
"""Step of the motors' speeds."""


def town(**limits_mps: float) -> City:
    """Return the original's city with limits on some edges: `_14=0.05`."""
    text = (files("pixelopolis.city") / "cities" / "pixelopolis.toml").read_text(encoding="utf-8")
    for name, limit_mps in limits_mps.items():
        edge = f'id = "{name.removeprefix("_")}"\nfrom'
        assert text.count(edge) == 1
        text = text.replace(edge, edge.replace("\n", f"\nspeed_limit_mps = {limit_mps}\n"))
    return parse_city(text, "town")


class Drive:
    """A drive with exact observations; stores true distance, fastest wheel and decisions."""

    def __init__(self, mission: Mission) -> None:
        self.path, self.mission = mission.path, mission
        self.seen: list[tuple[float, float, float]] = []
        oracle = Oracle(self.path.city, self.path)
        vehicle = Vehicle(self.path.pose_at(0.0))
        car = LockstepCar(vehicle, Driver(oracle), oracle.see)
        drive = LaneDrive(self.path, car, observer=self._observe)
        drive.mission = mission
        drive.run(self.path.length_m - 0.01)
        self.time_s = car.time_s

    def _observe(self, drive: LaneDrive, moment: Moment) -> None:
        wheel = max(drive.car.vehicle.wheel_rad_s) * WHEEL_RADIUS_M
        decided = max(moment.decision.left_rad_s, moment.decision.right_rad_s) * WHEEL_RADIUS_M
        self.seen.append((drive.distance_m, wheel, decided))

    def fastest_mps(self, from_m: float, to_m: float) -> float:
        return max(wheel for at_m, wheel, _ in self.seen if from_m <= at_m <= to_m)


def on(path: RoutePath, edge: str) -> tuple[float, float]:
    leg = next(leg for leg in path.legs if leg.edge == edge)
    return leg.start_m, leg.end_m


def test_a_slow_edge_is_slowed_down_for_and_left_again_at_cruise() -> None:
    path = RoutePath(town(_14=0.05), ROUTE)
    drive = Drive(Mission("o", path, path.length_m))
    before, slow = path.legs[0].end_m, on(path, "14")
    assert drive.fastest_mps(before, slow[1]) <= 0.05 + STEP_MPS, "the junction's ways belong to it"
    assert drive.fastest_mps(0.3, before - 0.2) == pytest.approx(CRUISE_MPS, abs=STEP_MPS)
    assert drive.fastest_mps(slow[1] + 0.2, path.length_m) > 0.1
    decided = [speed for at_m, _, speed in drive.seen if at_m < slow[1]]
    slowing = max(first - then for first, then in pairwise(decided)) / FRAME_S
    assert slowing < 2 * DECELERATION_MPS2, "it begins in time"


def test_a_slow_town_is_driven_slowly_everywhere_and_in_the_promised_time() -> None:
    limits = dict.fromkeys(("_15", "_14", "_6"), 0.05)
    city = town(**limits)
    path = RoutePath(city, ROUTE)
    drive = Drive(Mission("o", path, path.length_m))
    assert drive.fastest_mps(0.0, path.length_m) <= 0.05 + STEP_MPS
    assert drive.time_s == pytest.approx(route_time_s(city, ROUTE), rel=0.1)


def test_an_orders_maximum_speed_is_kept_on_its_edge() -> None:
    body = json.loads((CASES / "order_maximum_speed.json").read_text(encoding="utf-8"))
    order = decode_from_server(json.dumps({"topic": "order", "message": body}))
    assert isinstance(order, Order)
    executor = OrderExecutor(load_city("pixelopolis"), "car1", Place("15", 0.6))
    executor.take_order(order)
    assert executor.mission is not None
    drive = Drive(executor.mission)
    _, end_m = on(drive.path, "15")
    assert drive.fastest_mps(0.0, end_m) <= 0.05 + STEP_MPS
    way_m = on(drive.path, "14")
    assert drive.fastest_mps(way_m[0] + 0.1, way_m[1]) > 0.13


def test_the_shipped_town_is_driven_at_cruise() -> None:
    path = RoutePath(load_city("pixelopolis"), ROUTE)
    limits = Mission("o", path, path.length_m).speed_limits
    speeds = {limits.at(i / 100) for i in range(-20, 400)}
    assert speeds == {CRUISE_MPS}
