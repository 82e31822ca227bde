"""Who is where: the cars of a town, moved together, their contacts counted."""

from __future__ import annotations

from itertools import combinations

from pixelopolis.city.model import City
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.dimensions import body_corners
from sim.physics.vehicle import Imperfections, Vehicle

Corners = tuple[tuple[float, float], ...]


def bodies_touch(first: Pose, second: Pose) -> bool:
    """Tell whether two cars' bodies overlap (separating axes of two rectangles)."""
    if first.distance_m(second) > 0.5:
        return False
    a, b = body_corners(first), body_corners(second)
    return not (_separated(a, b) or _separated(b, a))


def _separated(a: Corners, b: Corners) -> bool:
    for i in range(4):
        (x0, y0), (x1, y1) = a[i], a[(i + 1) % 4]
        normal = (y1 - y0, x0 - x1)
        along_a = [x * normal[0] + y * normal[1] for x, y in a]
        along_b = [x * normal[0] + y * normal[1] for x, y in b]
        if max(along_a) < min(along_b) or max(along_b) < min(along_a):
            return True
    return False


class World:
    """The town with its cars.

    Attributes:
        collisions: contacts between cars so far; a contact that lasts counts once.
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
