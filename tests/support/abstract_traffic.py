"""Simulated cars without physics: they drive what is granted and report it, at random times."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import combinations

from shapely.geometry import Polygon

from pixelopolis.city.model import City
from pixelopolis.city.route import Place
from pixelopolis.city.routing import find_route
from pixelopolis.city.start_places import spawn_places
from pixelopolis.errors import NoRouteError
from pixelopolis.geometry import Pose
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.vehicle.bodies import body_corners
from pixelopolis.vehicle.dimensions import CAR_FRONT_M, CAR_LENGTH_M, CAR_REAR_M
from server.traffic.granting import Wait, advance
from server.traffic.reservations import (
    Ride,
    Traffic,
    base_end_m,
    end_ride,
    freeze,
    observe,
    place_car,
    start_ride,
)
from server.traffic.street_graph import StreetGraph

SILENT = reason(ReasonCode.SILENT)
STOP_BEFORE_M = 0.10
ROUND_S = 0.5


@dataclass
class Driven:
    """A car's true and reported positions on its ride."""

    distance_m: float
    said_m: float
    started_round: int


@dataclass
class Town:
    """A city with simulated traffic."""

    streets: StreetGraph
    rng: random.Random
    traffic: Traffic = field(default_factory=Traffic)
    driven: dict[str, Driven] = field(default_factory=dict)
    waits: dict[str, Wait] = field(default_factory=dict)
    arrived: int = 0
    round: int = 0
    longest_ride: int = 0
    dead: set[str] = field(default_factory=set)

    @classmethod
    def with_cars(cls, city: City, count: int, seed: int) -> Town:
        town = cls(StreetGraph(city), random.Random(seed))
        for i, place in enumerate(spawn_places(city, count), start=1):
            placed = place_car(town.streets, town.traffic, f"car{i}", place)
            assert isinstance(placed, Traffic)
            town.traffic = placed
        return town

    @property
    def now_s(self) -> float:
        return 1000.0 + self.round * ROUND_S

    def idle_cars(self) -> list[str]:
        return [c.id for c in self.traffic.cars.values() if c.ride is None and not c.frozen]

    def book(self, car: str, goal: Place) -> bool:
        start = self.traffic.cars[car].place
        try:
            route = find_route(self.streets.city, start, goal)
        except NoRouteError:
            return False
        order_id = f"{car}-{self.round}"
        ride = Ride(order_id, f"booking-{order_id}", route, sequence=self.now_s)
        self.traffic = start_ride(self.traffic, car, ride)
        return True

    def book_at_random(self, car: str) -> bool:
        edge = self.streets.city.edges[self.rng.choice(sorted(self.streets.city.edges))]
        return self.book(car, Place(edge.id, round(self.rng.uniform(0.1, edge.length_m), 3)))

    def kill(self, car: str) -> None:
        self.dead.add(car)
        self.traffic = freeze(self.traffic, car, SILENT)

    def play_round(self, speed_m: float = 0.3) -> None:
        self.round += 1
        self.traffic, self.waits = advance(self.streets, self.traffic, self.now_s)
        self.check_books()
        for car in self.rng.sample(sorted(self.traffic.cars), len(self.traffic.cars)):
            if car not in self.dead:
                self._drive(car, speed_m)
                self.check_bodies()

    def _drive(self, car: str, speed_m: float) -> None:
        known = self.traffic.cars[car]
        ride = known.ride
        if ride is None:
            return
        if car not in self.driven:
            self.driven[car] = Driven(0.0, 0.0, self.round)
        driven = self.driven[car]
        end_m = base_end_m(self.streets, ride)
        limit_m = end_m if ride.is_whole else max(driven.distance_m, end_m - STOP_BEFORE_M)
        driven.distance_m = min(limit_m, driven.distance_m + self.rng.uniform(0.0, speed_m))
        if self.rng.random() < 0.8:
            driven.said_m = driven.distance_m
        self.traffic = observe(self.streets, self.traffic, car, driven.said_m)
        if ride.is_whole and driven.said_m >= end_m - 1e-9:
            place = Place(ride.route.edges[-1], ride.route.end_s_m)
            self.traffic = end_ride(self.traffic, car, place)
            self.longest_ride = max(self.longest_ride, self.round - driven.started_round)
            del self.driven[car]
            self.arrived += ride.booking_id is not None

    # --- invariants -----------------------------------------------------------------------------

    def pose(self, car: str) -> Pose:
        known = self.traffic.cars[car]
        driven = self.driven.get(car)
        if known.ride is None or driven is None:
            return self.streets.city.edges[known.place.edge].curve.pose_at(known.place.s_m)
        return self.streets.path_of(known.ride.route).pose_at(driven.distance_m)

    def check_bodies(self) -> None:
        poses = {car: self.pose(car) for car in self.traffic.cars}
        for one, other in combinations(poses, 2):
            if poses[one].distance_m(poses[other]) < 2 * CAR_LENGTH_M:
                first, second = (Polygon(body_corners(poses[car])) for car in (one, other))
                assert not first.intersects(second), f"{one} and {other} touch"

    def occupied(self, car: str) -> tuple[set[str], set[tuple[str, str]]]:
        """Edges with any part of the body, and movements with the axle or the tail."""
        known = self.traffic.cars[car]
        driven = self.driven.get(car)
        if known.ride is None or driven is None:
            return {known.place.edge}, set()
        at = driven.distance_m
        edges, movements = set(), set()
        for leg in self.streets.path_of(known.ride.route).legs:
            if leg.edge is not None:
                if leg.start_m < at + CAR_FRONT_M and at - CAR_REAR_M < leg.end_m:
                    edges.add(leg.edge)
            elif (
                leg.movement is not None and leg.start_m + 1e-6 < at and at - CAR_REAR_M < leg.end_m
            ):
                movements.add(leg.movement)
        return edges, movements

    def check_books(self) -> None:
        """No edge has two cars, and no two cars are in crossing movements."""
        seen = {car: self.occupied(car) for car in self.traffic.cars}
        for one, other in combinations(seen, 2):
            assert not seen[one][0] & seen[other][0], f"{one} and {other} on one edge"
            for key in seen[one][1]:
                crossing = {key, *self.streets.conflicts[key]} & seen[other][1]
                assert not crossing, f"{one} in {key} and {other} in {crossing}"

    def check_waits(self) -> None:
        """Every car at the end of its base knows which car it waits for."""
        for car in self.traffic.cars.values():
            ride = car.ride
            if ride is not None and ride.stands_since_s is not None and not ride.ending:
                wait = self.waits[car.id]
                assert wait.reason.words
                assert car.id not in wait.cars
