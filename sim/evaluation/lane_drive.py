"""Closed-loop figures of a lane model.

Terms: *out of lane*: the outer side of a wheel is beyond the inner edge of a lane line of the
route's lane, in junctions too. *Intervention*: the middle of the axle is more than 0.10 m off the
route; the car is put back on it and 6 s are charged (M. Bojarski et al., End to End Learning for
Self-Driving Cars, 2016: autonomy = 1 - 6 s × interventions / time). No solid object is within 0.10
m of a car on its route, so a car that touches one has had an intervention.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from car.driving.driver import Driver, DriverSettings
from car.driving.ground import GroundModel
from car.driving.types import Decision, LaneModel, Mission
from pixelopolis.city.model import City, Movement, Turn
from pixelopolis.city.route import Route
from pixelopolis.city.route_path import Leg, RoutePath
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.camera import FRAME_S
from pixelopolis.vehicle.dimensions import WHEEL_BASE_M, WHEEL_RADIUS_M, WHEEL_WIDTH_M
from pixelopolis.vehicle.speeds import MOTOR_MAX_RAD_S
from sim.physics.lockstep import CameraSource, LockstepCar, random_route
from sim.physics.vehicle import Vehicle, random_imperfections

RouteMaker = Callable[[City, np.random.Generator, float], Route]

INTERVENTION_M: Final = 0.10
INTERVENTION_COST_S: Final = 6.0
JUNCTION_LEAD_M: Final = 0.5
"""Distance of the junction test's start from the junction."""
SEARCH_M: Final = 0.5
"""How far from its last position on the route a car is looked for."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One camera period of a drive."""

    seen_from: Pose
    """Pose when its frame was captured."""
    decision: Decision
    pose: Pose
    """Pose at its end, before any intervention."""
    left_m: float
    """Distance to the left of the route at its end."""


@dataclass
class LaneFigures:
    """Figures of one drive, or the sum of several."""

    time_s: float = 0.0
    distance_m: float = 0.0
    interventions: int = 0
    out_of_lane_s: float = 0.0
    deviation_sum_m: float = 0.0
    max_abs_deviation_m: float = 0.0
    frames: int = 0
    turns: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """Number of turns at junctions by (command, correctly taken)."""
    max_at: str = ""
    """Place of the largest deviation."""
    failures: list[str] = field(default_factory=list)
    """Places of interventions: "edge 7 at 0.41 m" or "turn 7 > 9 (left)"."""

    def add(self, other: LaneFigures) -> None:
        self.time_s += other.time_s
        self.distance_m += other.distance_m
        self.interventions += other.interventions
        self.out_of_lane_s += other.out_of_lane_s
        self.deviation_sum_m += other.deviation_sum_m
        if other.max_abs_deviation_m > self.max_abs_deviation_m:
            self.max_abs_deviation_m, self.max_at = other.max_abs_deviation_m, other.max_at
        self.frames += other.frames
        self.turns += other.turns
        self.failures += other.failures

    @property
    def turns_right(self) -> int:
        return sum(count for (_, rightly), count in self.turns.items() if rightly)

    @property
    def turns_wrong(self) -> int:
        return sum(count for (_, rightly), count in self.turns.items() if not rightly)

    def document(self) -> dict[str, object]:
        time_s = max(self.time_s, 1e-9)
        return {
            "autonomy_pct": 100 * max(0.0, 1 - self.interventions * INTERVENTION_COST_S / time_s),
            "out_of_lane_pct": 100 * self.out_of_lane_s / time_s,
            "interventions": self.interventions,
            "metres_per_intervention": (
                self.distance_m / self.interventions if self.interventions else None
            ),
            "mean_abs_deviation_m": self.deviation_sum_m / max(self.frames, 1),
            "max_abs_deviation_m": self.max_abs_deviation_m,
            "turns_right": self.turns_right,
            "turns_wrong": self.turns_wrong,
            "turns_by_command": {
                str(turn): {
                    "right": self.turns[str(turn), True],
                    "wrong": self.turns[str(turn), False],
                }
                for turn in Turn
            },
            "max_at": self.max_at,
            "distance_m": self.distance_m,
            "time_s": self.time_s,
            "failures": self.failures,
        }


def is_out_of_lane(city: City, left_m: float, heading_error_rad: float) -> bool:
    """Return whether a wheel touches a line of the lane in which the car should be."""
    reach = (WHEEL_BASE_M + WHEEL_WIDTH_M) / 2 * abs(math.cos(heading_error_rad))
    reach += WHEEL_RADIUS_M * abs(math.sin(heading_error_rad))
    return abs(left_m) + reach > (city.road.lane_width_m - city.road.line_width_m) / 2


class LaneDrive:
    """One car on one path; each intervention puts it back on the path.

    `observer` is called at the end of every camera period.
    """

    def __init__(
        self,
        path: RoutePath,
        car: LockstepCar,
        start_m: float = 0.0,
        observer: DriveObserver | None = None,
    ) -> None:
        self.path = path
        self.car = car
        self.observer = observer
        self.figures = LaneFigures()
        self.mission = Mission("drive-0", path, path.length_m, start_m)
        self.distance_m = start_m
        self._failed_leg: Leg | None = None
        self._leg = path.leg_at(start_m)

    def run(self, until_m: float, stop_at_intervention: bool = False) -> LaneFigures:
        """Drive to `until_m` along the path, or until the car makes no progress."""
        limit_s = self.car.time_s + 5 + 3 * (until_m - self.distance_m) / 0.05
        while self.distance_m < until_m and self.car.time_s < limit_s:
            self.tick()
            if stop_at_intervention and self.figures.interventions:
                break
        if self.car.time_s >= limit_s:
            self._intervene("did not get on")
        return self.figures

    def tick(self) -> Decision:
        """Drive for one camera period."""
        seen_from = self.car.vehicle.pose
        decision = self.car.tick(self.mission)
        self._measure(seen_from, decision)
        return decision

    def _measure(self, seen_from: Pose, decision: Decision) -> None:
        pose = self.car.vehicle.pose
        offset = self.path.route.start_s_m
        at = self.path.curve.project(
            pose.x_m,
            pose.y_m,
            self.distance_m + offset - SEARCH_M,
            self.distance_m + offset + SEARCH_M,
        )
        figures = self.figures
        figures.time_s += FRAME_S
        figures.frames += 1
        figures.distance_m += max(0.0, at.s_m - offset - self.distance_m)
        self.distance_m = at.s_m - offset
        heading_error = pose.heading_rad - self.path.pose_at(self.distance_m).heading_rad
        figures.deviation_sum_m += abs(at.left_m)
        if abs(at.left_m) > figures.max_abs_deviation_m:
            figures.max_abs_deviation_m = abs(at.left_m)
            figures.max_at = self._where(self._choice(self.path.leg_at(self.distance_m)))
        if is_out_of_lane(self.path.city, at.left_m, heading_error):
            figures.out_of_lane_s += FRAME_S
        leg = self.path.leg_at(self.distance_m)
        if leg is not self._leg:
            self._count_turn(self._leg)
            self._leg = leg
        if self.observer is not None:
            self.observer(self, Moment(seen_from, decision, pose, at.left_m))
        if abs(at.left_m) > INTERVENTION_M:
            self._intervene(f"{at.left_m * 1000:+.0f} mm")

    def _choice(self, leg: Leg) -> Movement | None:
        """Return the leg's movement if its junction offers others too."""
        if leg.movement is None or len(self.path.city.exits[leg.movement[0]]) < 2:
            return None
        return self.path.city.movements[leg.movement]

    def _count_turn(self, leg: Leg) -> None:
        movement = self._choice(leg)
        if movement and leg is not self._failed_leg:
            self.figures.turns[str(movement.turn), True] += 1

    def _intervene(self, how: str) -> None:
        leg = self.path.leg_at(self.distance_m)
        movement = self._choice(leg)
        pose = self.car.vehicle.pose
        if movement and leg is not self._failed_leg and self._took_another(movement, pose):
            self.figures.turns[str(movement.turn), False] += 1
        self._failed_leg = leg
        self.figures.interventions += 1
        self.figures.failures.append(f"{self._where(movement)}: {how}")
        self.car.put(self.path.pose_at(self.distance_m))
        self.mission = replace(
            self.mission,
            order_id=f"drive-{self.figures.interventions}",
            start_m=self.distance_m,
        )

    def _where(self, movement: Movement | None) -> str:
        if movement:
            return f"turn {movement.from_edge} > {movement.to_edge} ({movement.turn})"
        place = self.path.place_at(self.distance_m)
        return f"edge {place.edge} at {place.s_m:.2f} m"

    def _took_another(self, movement: Movement, pose: Pose) -> bool:
        city = self.path.city
        gaps = {
            other.to_edge: min(
                abs(curve.project(pose.x_m, pose.y_m).left_m)
                for curve in (other.curve, city.edges[other.to_edge].curve)
            )
            for other in city.exits[movement.from_edge]
        }
        return min(gaps, key=gaps.__getitem__) != movement.to_edge


DriveObserver = Callable[[LaneDrive, Moment], None]


def drive_lane(
    city: City,
    model: LaneModel,
    camera: CameraSource,
    rng: np.random.Generator,
    metres: float,
    settings: DriverSettings,
    ground: GroundModel | None,
    route: RouteMaker = random_route,
    limit_rad_s: float = MOTOR_MAX_RAD_S,
    frame_delay_s: float = 0.0,
    observer: DriveObserver | None = None,
) -> LaneFigures:
    """Drive routes of `metres` in total with one car under one look."""
    total = LaneFigures()
    while total.distance_m < metres:
        path = RoutePath(city, route(city, rng, metres - total.distance_m + 0.5))
        vehicle = Vehicle(path.pose_at(0.0), random_imperfections(rng), limit_rad_s)
        driver = Driver(model, settings, ground=ground)
        car = LockstepCar(vehicle, driver, camera, frame_delay_s=frame_delay_s)
        drive = LaneDrive(path, car, observer=observer)
        until_m = min(path.length_m - 0.02, metres - total.distance_m)
        before = total.distance_m
        total.add(drive.run(until_m))
        if total.distance_m - before < 1e-6:
            break
    return total


@dataclass(frozen=True, slots=True)
class JunctionCase:
    """One movement at one junction that has a choice."""

    route: Route
    movement: Movement


def junction_cases(city: City) -> list[JunctionCase]:
    """Return every movement at every junction with a choice, with a short route over it."""
    cases = []
    for movement in city.movements.values():
        if len(city.exits[movement.from_edge]) < 2:
            continue
        before = [m for m in city.movements.values() if m.to_edge == movement.from_edge]
        edges = ([before[0].from_edge] if before else []) + [movement.from_edge, movement.to_edge]
        route = Route(tuple(edges), 0.0, city.edges[movement.to_edge].length_m)
        cases.append(JunctionCase(route, movement))
    return cases


def drive_junction(
    case: JunctionCase,
    city: City,
    model: LaneModel,
    camera: CameraSource,
    rng: np.random.Generator,
    settings: DriverSettings,
    ground: GroundModel | None,
    limit_rad_s: float = MOTOR_MAX_RAD_S,
    frame_delay_s: float = 0.0,
) -> LaneFigures:
    """Drive over one junction from a disturbed pose 0.5 m before it: ±4 cm and ±8 degrees."""
    path = RoutePath(city, case.route)
    leg = next(
        leg for leg in path.legs if leg.movement == (case.movement.from_edge, case.movement.to_edge)
    )
    start_m = max(leg.start_m - JUNCTION_LEAD_M, 0.05)
    pose = path.pose_at(start_m).ahead(
        0.0, float(rng.uniform(-0.04, 0.04)), float(np.radians(rng.uniform(-8, 8)))
    )
    vehicle = Vehicle(pose, random_imperfections(rng), limit_rad_s)
    driver = Driver(model, settings, ground=ground)
    car = LockstepCar(vehicle, driver, camera, frame_delay_s=frame_delay_s)
    drive = LaneDrive(path, car, start_m)
    return drive.run(min(leg.end_m + 0.10, path.length_m - 0.02), stop_at_intervention=True)
