"""Driving with a free lane: how often a car stops for another that is not in its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np

from car.driving.types import Decision, DriveState
from pixelopolis.city.model import City
from pixelopolis.city.route_path import RoutePath
from pixelopolis.reasons import CAR_AHEAD_CODES
from pixelopolis.vehicle.camera import FRAME_S
from sim.evaluation.encounters import STANDS_MPS
from sim.evaluation.lane_drive import LaneDrive
from sim.physics.background_traffic import BackgroundTraffic
from sim.physics.lockstep import random_route

FALSE_STOP_S: Final = 2.0
"""A longer stop counts as a false stop."""

GIVE_UP_S: Final = 10.0
"""A drive ends after a stop of this length."""

OTHERS: Final = 10
ROUTE_M: Final = 12.0
MET_M: Final = 0.6
"""A car this near counts as met; oncoming cars pass at 0.28 m."""

MakeDrive = Callable[[RoutePath, BackgroundTraffic], LaneDrive]


@dataclass
class FreeFigures:
    """Figures of some time of free driving."""

    time_s: float = 0.0
    distance_m: float = 0.0
    false_stops: int = 0
    hindered_s: float = 0.0
    """Time spent slowed or stopped by a car that was not in the way."""
    met: int = 0
    interventions: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, other: FreeFigures) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def document(self) -> dict[str, Any]:
        return {
            "false_stops": self.false_stops,
            "free_minutes": self.time_s / 60,
            "free_m": self.distance_m,
            "cars_met": self.met,
            "hindered_pct": 100 * self.hindered_s / self.time_s if self.time_s else None,
            "free_interventions": self.interventions,
        }


def drive_freely(
    city: City, make_drive: MakeDrive, rng: np.random.Generator, seconds: float
) -> FreeFigures:
    """Drive random routes of a two-way city among other cars.

    Args:
        city: the city.
        make_drive: puts the measured car at the start of a path; it sees the other cars.
        rng: for routes and other cars.
        seconds: total simulated time.
    """
    total = FreeFigures()
    while total.time_s < seconds:
        path = RoutePath(city, random_route(city, rng, ROUTE_M))
        others = BackgroundTraffic(city, path, OTHERS, rng)
        total.add(_drive(make_drive(path, others), others, seconds - total.time_s))
    return total


def _drive(drive: LaneDrive, others: BackgroundTraffic, seconds: float) -> FreeFigures:
    figures = FreeFigures()
    near: set[int] = set()
    stood_s = 0.0
    end_m = drive.path.length_m - 0.3
    while figures.time_s < seconds and drive.distance_m < end_m and stood_s < GIVE_UP_S:
        if others.in_the_way(drive.distance_m):
            break
        decision = drive.tick()
        others.drive(drive.distance_m)
        figures.time_s += FRAME_S
        pose = drive.car.vehicle.pose
        beside = {i for i, at in enumerate(others.poses) if at.distance_m(pose) < MET_M}
        figures.met += len(beside - near)
        near = beside
        if decision.state is DriveState.STOPPED_FOR_CAR or _slowed_by_car(decision):
            figures.hindered_s += FRAME_S
        before_s = stood_s
        stood_s = stood_s + FRAME_S if drive.car.vehicle.speed_mps < STANDS_MPS else 0.0
        if before_s <= FALSE_STOP_S < stood_s:
            figures.false_stops += 1
            place = drive.path.place_at(drive.distance_m)
            where = f"edge {place.edge} at {place.s_m:.2f} m"
            figures.failures.append(f"stopped: {decision.why}, {where}")
    figures.distance_m = drive.figures.distance_m
    figures.interventions = drive.figures.interventions
    return figures


def _slowed_by_car(decision: Decision) -> bool:
    return decision.reason is not None and decision.reason.code in CAR_AHEAD_CODES
