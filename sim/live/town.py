"""The physical side of the real-time city: cars in the world, with boards and motors.

Pure: the time is an argument of each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pixelopolis.city.model import City
from pixelopolis.city.start_places import spawn_places
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.control_table import BoardFault, BoardRegister
from sim.hardware.bus import MotorLine, VirtualBus
from sim.hardware.firmware_program import BoardKind
from sim.physics.lockstep import STEP_S
from sim.physics.vehicle import BodyMotion, Vehicle, random_imperfections
from sim.physics.world import World


@dataclass
class TownCar:
    """A car's body and electronics."""

    vehicle: Vehicle
    bus: MotorLine
    """A `VirtualBus` if the board is simulated too."""
    _goal_rad_s: tuple[float, float] = (0.0, 0.0)

    def step(self, now_s: float) -> None:
        """Run the watchdogs and pass the motors' goals to the wheels."""
        self.bus.observe(self.vehicle.wheel_rad, self.vehicle.wheel_rad_s)
        self.bus.step(now_s)
        goal = self.bus.wheel_goal_rad_s
        if goal != self._goal_rad_s:
            self._goal_rad_s = goal
            self.vehicle.set_goal(*goal)


class LiveTown:
    """Cars car1, car2, ... at their start places.

    Args:
        city: the city.
        count: number of cars.
        seed: for imperfections and lost packets.
        board: kind of the cars' boards; with an external one only the motors are here.

    Raises:
        SettingsError: the city has no room for so many cars.
    """

    def __init__(
        self, city: City, count: int, seed: int = 0, board: BoardKind = BoardKind.DEVICE
    ) -> None:
        self.city = city
        self.world = World(city)
        self.cars: dict[str, TownCar] = {}
        self.time_s = 0.0
        bus = VirtualBus if board is BoardKind.DEVICE else MotorLine
        for index, place in enumerate(spawn_places(city, count)):
            car_id = f"car{index + 1}"
            imperfections = random_imperfections(np.random.default_rng([seed, index]))
            pose = city.edges[place.edge].curve.pose_at(place.s_m)
            vehicle = self.world.add_car(car_id, pose, imperfections)
            self.cars[car_id] = TownCar(vehicle, bus(seed * 1009 + index))

    @property
    def poses(self) -> tuple[Pose, ...]:
        return tuple(car.vehicle.pose for car in self.cars.values())

    @property
    def moving(self) -> tuple[tuple[Pose, BodyMotion], ...]:
        return tuple((car.vehicle.pose, car.vehicle.motion) for car in self.cars.values())

    def step(self, now_s: float) -> None:
        """Advance everything by `STEP_S`; `now_s` is the devices' clock."""
        for car in self.cars.values():
            car.step(now_s)
        self.world.step(STEP_S)
        self.time_s += STEP_S

    def state(self) -> dict[str, Any]:
        """Return the ground truth of every car, as JSON types."""
        return {
            "t_s": round(self.time_s, 3),
            "collisions": self.world.collisions,
            "cars": [_car_state(car_id, car) for car_id, car in self.cars.items()],
        }


def _car_state(car_id: str, car: TownCar) -> dict[str, Any]:
    vehicle = car.vehicle
    return {
        "id": car_id,
        "x_m": round(vehicle.pose.x_m, 5),
        "y_m": round(vehicle.pose.y_m, 5),
        "heading_rad": round(vehicle.pose.heading_rad, 5),
        "v_mps": round(vehicle.speed_mps, 5),
        "wheel_rad_s": [round(speed, 4) for speed in vehicle.wheel_rad_s],
        "torque": [motor.torque for motor in car.bus.motors],
        "motor_power": car.bus.motor_power,
        "board_faults": _board_faults(car.bus),
        "fault": car.bus.fault.kind,
    }


def _board_faults(bus: MotorLine) -> list[str] | None:
    """Return the names of a board's faults; None for an external board."""
    if not isinstance(bus, VirtualBus):
        return None
    faults = bus.board[BoardRegister.FAULT]
    return [flag.name.lower() for flag in BoardFault if flag.name and flag & faults]
