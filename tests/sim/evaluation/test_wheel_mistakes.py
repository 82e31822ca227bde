"""Drives by the shipped lane model with reversed or swapped motors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from car.driving.driver import Driver
from car.driving.types import Decision, DriveState, Mission
from car.driving.wheel_check import WheelFault, reason_of
from car.perception.ground_motion import GroundView
from car.perception.lane_network import load_lane_model
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from sim.camera.camera import SimulatedCamera, lane_camera
from sim.evaluation.lane_drive import LaneDrive
from sim.looks.look import plain_look
from sim.looks.room_looks import room_look
from sim.physics.lockstep import LockstepCar
from sim.physics.vehicle import Imperfections, Vehicle, random_imperfections
from sim.render.renderer import Renderer

CITY = load_city("pixelopolis")
PATH = RoutePath(CITY, find_route(CITY, Place("13", 0.3), Place("9", 0.4)))
WITHIN_M = 0.2
LOOKS = [None, 2]
"""The demo's look, and rooms."""

WIRING = {
    WheelFault.LEFT_REVERSED: Imperfections(reversed_motors=("left",)),
    WheelFault.RIGHT_REVERSED: Imperfections(reversed_motors=("right",)),
    WheelFault.BOTH_REVERSED: Imperfections(reversed_motors=("left", "right")),
    WheelFault.SWAPPED: Imperfections(swapped_motors=True),
}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer(CITY, plain_look()) as renderer:
        yield renderer


def car_of(renderer: Renderer, room: int | None, wrong: Imperfections) -> LockstepCar:
    rng = np.random.default_rng(8)
    look = plain_look() if room is None else room_look(70_000, room)
    renderer.set_look(look)
    model = load_lane_model(None)
    eye = SimulatedCamera(renderer, look, rng, lane_camera(model.frame_width_px), part=model.part)
    faults = replace(
        random_imperfections(rng),
        reversed_motors=wrong.reversed_motors,
        swapped_motors=wrong.swapped_motors,
    )
    return LockstepCar(
        Vehicle(PATH.pose_at(0.0), faults),
        Driver(model, ground=GroundView(Camera(), model.part)),
        eye,
    )


@pytest.mark.parametrize("room", LOOKS)
@pytest.mark.parametrize("wheel_fault", WIRING)
def test_the_car_stops_and_names_what_is_wrong(
    wheel_fault: WheelFault, room: int | None, renderer: Renderer
) -> None:
    car = car_of(renderer, room, WIRING[wheel_fault])
    mission = Mission("a", PATH, PATH.length_m)

    def said_m() -> float:
        return max(abs(rad) for rad in car.vehicle.wheel_rad) * WHEEL_RADIUS_M

    decisions: list[Decision] = []
    while not decisions or (decisions[-1].state is not DriveState.FAULTY and said_m() < 1.0):
        decisions.append(car.tick(mission))
    assert said_m() < WITHIN_M + 0.03, "it drove on"
    last = decisions[-1]
    one_of = {wheel_fault}
    if wheel_fault in (
        WheelFault.BOTH_REVERSED,
        WheelFault.SWAPPED,
    ):  # alike when straight
        one_of.add(WheelFault.REVERSED_OR_SWAPPED)
    assert car.driver.wheel_fault in one_of
    assert last.reason == reason_of(car.driver.wheel_fault)
    assert not last.drives
    for _ in range(40):
        last = car.tick(mission)
    assert last.state is DriveState.FAULTY, "it stays"
    assert abs(car.vehicle.speed_mps) < 1e-3
    assert not any("arrived" in decision.events for decision in decisions)


@pytest.mark.parametrize("room", LOOKS)
def test_right_wheels_drive_on(room: int | None, renderer: Renderer) -> None:
    drive = LaneDrive(PATH, car_of(renderer, room, Imperfections()))
    figures = drive.run(0.8)
    assert figures.interventions == 0, figures.failures
    assert drive.car.driver.wheel_fault is None
