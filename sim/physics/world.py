"""All cars of a city, stepped together, with their collisions counted."""

from __future__ import annotations

from itertools import combinations

from pixelopolis.city.model import City
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.bodies import bodies_touch
from sim.physics.vehicle import Imperfections, Vehicle


class World:
    """A city with its cars.

    Attributes:
        collisions: contacts between cars so far; a lasting contact counts once.
    """

    def __init__(self, city: City) -> None:
        self.city = city
        self.cars: dict[str, Vehicle] = {}
        self.collisions = 0
        self._touching: set[tuple[str, str]] = set()

    def add_car(
        self, car_id: str, pose: Pose, imperfections: Imperfections | None = None
    ) -> Vehicle:
        vehicle = Vehicle(pose, imperfections)
        self.cars[car_id] = vehicle
        return vehicle

    def step(self, dt_s: float) -> None:
        for vehicle in self.cars.values():
            vehicle.step(dt_s)
        touching = {
            (a, b)
            for a, b in combinations(self.cars, 2)
            if bodies_touch(self.cars[a].pose, self.cars[b].pose)
        }
        self.collisions += len(touching - self._touching)
        self._touching = touching
