"""The car's pure driver and the physics, step by step: deterministic, faster than real time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from car.driver import Driver
from car.observation import Decision, Frame, Mission, Observation, WheelReading
from pixelopolis.city import City
from pixelopolis.geometry import Pose
from pixelopolis.routing import Route
from pixelopolis.vision import Image
from sim.vehicle import Vehicle

FRAME_S = 0.05
"""The camera's period, 20 Hz."""
PHYSICS_S = 0.005

Eye = Callable[[Pose], Image]
"""What the car's camera sees from a pose: the bottom quarter, RGB (h, 3 h, 3) uint8."""


class LockstepCar:
    """One car whose camera, driver and motors share one simulated clock."""

    def __init__(self, vehicle: Vehicle, driver: Driver, eye: Eye) -> None:
        self.vehicle = vehicle
        self.driver = driver
        self.eye = eye
        self.time_s = 0.0

    def tick(self, mission: Mission | None) -> Decision:
        """See, decide, and drive on for one camera period."""
        decision = self.driver.step(
            Observation(
                now_s=self.time_s,
                frame=Frame(self.eye(self.vehicle.pose), self.time_s),
                wheels=WheelReading(*self.vehicle.wheel_rad, measured_s=self.time_s),
                mission=mission,
            )
        )
        self.vehicle.set_goal(decision.left_rad_s, decision.right_rad_s)
        for _ in range(round(FRAME_S / PHYSICS_S)):
            self.vehicle.step(PHYSICS_S)
        self.time_s += FRAME_S
        return decision


def random_route(city: City, rng: np.random.Generator, length_m: float) -> Route:
    """Return a random walk over the town's edges of about `length_m`, shorter at a dead end."""
    edges = [str(rng.choice(list(city.edges)))]
    way_m = city.edges[edges[0]].length_m
    while way_m < length_m and city.exits[edges[-1]]:
        exits = city.exits[edges[-1]]
        movement = exits[int(rng.integers(len(exits)))]
        edges.append(movement.to_edge)
        way_m += movement.length_m + city.edges[movement.to_edge].length_m
    return Route(tuple(edges), 0.0, city.edges[edges[-1]].length_m)
