"""Other cars of a simulated city, driven by the expert and kept out of the measured car's way.

They drive random routes. They enter road that the measured car needs soon only if they will have
left it in time, so a stop of the measured car for one of them is a false stop: oncoming cars pass
beside it, others cross the junctions ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from car.driving.speed_profile import speed_before_stop_mps, wheel_speeds_rad_s
from pixelopolis.city.model import City
from pixelopolis.city.movement_conflicts import MovementKey, movement_conflicts
from pixelopolis.city.route_path import Leg, RoutePath
from pixelopolis.geometry import Curve, Pose, join
from pixelopolis.vehicle.camera import FRAME_S
from pixelopolis.vehicle.clearances import CLEAR_OF_EDGE_M, CLEAR_OF_JUNCTION_M
from pixelopolis.vehicle.speeds import CRUISE_MPS
from sim.physics.expert import pursue
from sim.physics.lockstep import STEP_S
from sim.physics.vehicle import Vehicle, random_imperfections

STOP_BEFORE_M: Final = 0.10
"""Where others wait, as in the server."""

DECISION_M: Final = 0.25
"""Distance from the end of a street at which others decide whether to go on."""

KEPT_CLEAR_M: Final = 2.2
"""Length of the measured car's path ahead that no other may enter. One that has just entered leaves
it within 12 s (1.25 m at 0.8 of cruise), in which the measured car drives 1.6 m."""

AVOIDED_M: Final = 5.0
"""Nobody turns into a street that the measured car reaches within this distance."""


class ExpertCar:
    """A car that the expert drives along a curve.

    Args:
        curve: to follow.
        s_m: start position on it.
        rng: for its imperfections.
        left_m: lateral offset that it keeps.
    """

    def __init__(
        self, curve: Curve, s_m: float, rng: np.random.Generator, left_m: float = 0.0
    ) -> None:
        self.vehicle = Vehicle(curve.pose_at(s_m).ahead(0.0, left_m), random_imperfections(rng))
        self.left_m = left_m
        self.follow(curve, s_m)

    @property
    def pose(self) -> Pose:
        return self.vehicle.pose

    def follow(self, curve: Curve, s_m: float) -> None:
        """Follow another curve, on which the car is at `s_m`."""
        self.curve, self.s_m = curve, s_m
        self._line = curve.offset(self.left_m) if self.left_m else curve
        # search nearby only: a route may pass the same place again
        self._line_m = self._along_m(self._line, s_m, 0.5)

    def drive(self, speed_mps: float) -> None:
        steering = pursue(self._line, self.vehicle.pose, self._line_m)
        self.vehicle.set_goal(*wheel_speeds_rad_s(steering, speed_mps))
        for _ in range(round(FRAME_S / STEP_S)):
            self.vehicle.step(STEP_S)
        self.s_m = self._along_m(self.curve, self.s_m)
        self._line_m = self._along_m(self._line, self._line_m)

    def _along_m(self, curve: Curve, near_m: float, within_m: float = 0.1) -> float:
        pose = self.vehicle.pose
        return curve.project(pose.x_m, pose.y_m, near_m - within_m, near_m + within_m).s_m


class _BackgroundCar:
    """Another car: on an edge, or on its way over a junction to the next."""

    def __init__(self, city: City, edge: str, rng: np.random.Generator) -> None:
        self.city = city
        self.edge = edge
        self.movement: MovementKey | None = None
        self.cruise_mps = CRUISE_MPS * float(rng.uniform(0.8, 1.0))
        self.wish = int(rng.integers(1 << 30))
        left_m = float(rng.uniform(-0.03, 0.03))
        curve = city.edges[edge].curve
        s_m = float(rng.uniform(0.1, max(0.11, curve.length_m - STOP_BEFORE_M)))
        self.car = ExpertCar(curve, s_m, rng, left_m)

    @property
    def edges(self) -> frozenset[str]:
        """Edges that it occupies or may occupy soon."""
        return frozenset({self.edge, self.movement[1]} if self.movement else {self.edge})

    def enter(self, key: MovementKey) -> None:
        self.movement = key
        curves = (self.city.edges[key[0]], self.city.movements[key], self.city.edges[key[1]])
        self.car.follow(join([part.curve for part in curves]), self.car.s_m)

    def drive(self, rng: np.random.Generator) -> None:
        if self.movement is None:
            stop_m = self.car.curve.length_m - STOP_BEFORE_M
            self.car.drive(speed_before_stop_mps(stop_m - self.car.s_m, self.cruise_mps))
            return
        self.car.drive(self.cruise_mps)
        first, then = self.movement
        behind_m = self.city.edges[first].length_m + self.city.movements[self.movement].length_m
        if self.car.s_m > behind_m + max(CLEAR_OF_JUNCTION_M, CLEAR_OF_EDGE_M):
            self.edge, self.movement = then, None
            self.car.follow(self.city.edges[then].curve, self.car.s_m - behind_m)
            self.wish = int(rng.integers(1 << 30))


class BackgroundTraffic:
    """All other cars of a city.

    Args:
        city: the city.
        path: of the measured car.
        count: largest number of cars; they start more than `AVOIDED_M` from the path.
        rng: for all of them.
    """

    def __init__(self, city: City, path: RoutePath, count: int, rng: np.random.Generator) -> None:
        self.city = city
        self.path = path
        self._rng = rng
        self._conflicts = movement_conflicts(city)
        taken = self._edges_ahead(0.0, AVOIDED_M)
        free = [edge for edge in city.edges if edge not in taken]
        chosen = rng.permutation(len(free))[:count]
        self.all = [_BackgroundCar(city, free[int(i)], rng) for i in chosen]

    @property
    def cars(self) -> tuple[ExpertCar, ...]:
        return tuple(other.car for other in self.all)

    @property
    def poses(self) -> tuple[Pose, ...]:
        return tuple(car.pose for car in self.cars)

    def drive(self, distance_m: float) -> None:
        """Drive for one camera period; the measured car is at `distance_m` on its path."""
        for other in self.all:
            if other.movement is None:
                self._ask(other, distance_m)
            other.drive(self._rng)

    def in_the_way(self, distance_m: float) -> bool:
        """Whether a car occupies road that the measured car needs soon; the drive must then end."""
        ahead = self._edges_ahead(distance_m, KEPT_CLEAR_M)
        return any(other.edges & ahead for other in self.all)

    def _ask(self, other: _BackgroundCar, distance_m: float) -> None:
        exits = self.city.exits[other.edge]
        if not exits or other.car.s_m < other.car.curve.length_m - DECISION_M:
            return
        avoided = self._edges_ahead(distance_m, AVOIDED_M)
        for one in self.all:
            if one is not other:
                avoided |= one.edges
        driven = {one.movement for one in self.all if one.movement is not None}
        legs = self._legs_ahead(distance_m, KEPT_CLEAR_M, CLEAR_OF_JUNCTION_M)
        driven |= {leg.movement for leg in legs if leg.movement is not None}
        for i in range(len(exits)):
            movement = exits[(other.wish + i) % len(exits)]
            key = (movement.from_edge, movement.to_edge)
            if key[1] not in avoided and driven.isdisjoint({key, *self._conflicts[key]}):
                other.enter(key)
                return

    def _edges_ahead(self, distance_m: float, reach_m: float) -> set[str]:
        legs = self._legs_ahead(distance_m, reach_m, CLEAR_OF_EDGE_M)
        return {leg.edge for leg in legs if leg.edge is not None}

    def _legs_ahead(self, distance_m: float, reach_m: float, clear_m: float) -> Iterator[Leg]:
        for leg in self.path.legs:
            if leg.start_m < distance_m + reach_m and leg.end_m > distance_m - clear_m:
                yield leg
