"""Encounters with a stopped or slower car ahead, and their outcomes.

The measured car drives a random route on which an expert-driven car is ahead. An encounter ends
when the car behind has stood for 5 s, followed for 3 m, driven on after the other, or touched it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from shapely import Polygon

from car.driving.types import DriveState
from pixelopolis.city.model import City
from pixelopolis.city.route_path import RoutePath
from pixelopolis.errors import CityError
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.bodies import bodies_touch, body_corners
from pixelopolis.vehicle.camera import FRAME_S
from pixelopolis.vehicle.dimensions import CAR_LENGTH_M
from pixelopolis.vehicle.speeds import CRUISE_MPS
from sim.evaluation.lane_drive import LaneDrive
from sim.physics.background_traffic import ExpertCar
from sim.physics.lockstep import random_route

STANDS_MPS: Final = 0.005
STOOD_S: Final = 5.0
FOLLOWED_M: Final = 3.0
WENT_ON_M: Final = 0.5
LIMIT_S: Final = 150.0
"""Following for 3 m at 30 % of cruise takes 74 s."""

SIDEWAYS_M: Final = 0.03
BEND_PER_M: Final = 1.0
"""Curvature above which a path counts as a bend."""


@dataclass(frozen=True, slots=True)
class LeadCarPlan:
    """Behavior of the car ahead.

    It drives at `speed_mps` (0: stands), stops `stops_after_m` later (None: never), and drives on
    at cruise `waits_s` after the car behind has come to rest (None: never).
    """

    gap_m: float
    left_m: float
    speed_mps: float = 0.0
    stops_after_m: float | None = 0.0
    waits_s: float | None = None

    @property
    def kind(self) -> str:
        if self.stops_after_m is None:
            return "slower"
        first = "slower, then stops" if self.speed_mps else "stands"
        return first if self.waits_s is None else f"{first}, goes on"


def random_plan(rng: np.random.Generator, gap_m: float) -> LeadCarPlan:
    """Half of the cars ahead stand, half are slower; half of those that stand later drive on."""
    left_m = float(rng.uniform(-SIDEWAYS_M, SIDEWAYS_M))
    waits_s = float(rng.uniform(1.0, 4.0)) if rng.random() < 0.5 else None
    if rng.random() < 0.5:
        return LeadCarPlan(gap_m, left_m, waits_s=waits_s)
    speed_mps = CRUISE_MPS * float(rng.uniform(0.3, 0.7))
    stops_after_m = float(rng.uniform(0.3, 1.5)) if rng.random() < 0.5 else None
    return LeadCarPlan(gap_m, left_m, speed_mps, stops_after_m, waits_s if stops_after_m else None)


@dataclass(frozen=True, slots=True, eq=False)
class EncounterScene:
    """A path, the measured car's start on it, and the plan of the car ahead."""

    path: RoutePath
    start_m: float
    plan: LeadCarPlan
    bend: bool
    """Whether a bend hides the other car at first."""

    @property
    def other_m(self) -> float:
        """Initial path position of the other car."""
        return self.start_m + CAR_LENGTH_M + self.plan.gap_m

    def other(self, rng: np.random.Generator) -> ExpertCar:
        """Return the other car; `rng` draws its imperfections."""
        s_m = self.path.route.start_s_m + self.other_m
        return ExpertCar(self.path.curve, s_m, rng, self.plan.left_m)

    @property
    def where(self) -> str:
        place = self.path.place_at(self.other_m)
        return f"edge {place.edge} at {place.s_m:.2f} m"


def random_scene(city: City, rng: np.random.Generator, bend: bool) -> EncounterScene:
    """Return a scene with a straight path, or a bend, up to the other car.

    Raises:
        CityError: the city has no such place.
    """
    for _ in range(200):
        path = RoutePath(city, random_route(city, rng, 7.0))
        at_m = np.arange(0.0, path.length_m, 0.02)
        bent = np.abs([path.curvature_at(float(m)) for m in at_m]) > BEND_PER_M
        # the other's axle is at least 1 m from the start, with enough road left to follow on
        fits = (at_m > 1.1) & (at_m < path.length_m - FOLLOWED_M - 0.6)
        before = np.array([bent[(at_m > m - 1.0) & (at_m <= m + 0.15)].any() for m in at_m])
        just = np.array([bent[(at_m > m - 0.3) & (at_m <= m)].any() for m in at_m])
        places = np.flatnonzero(fits & (just if bend else ~before))
        if len(places):
            other_m = float(at_m[int(rng.choice(places))])
            gap_m = float(rng.uniform(0.55, 0.85))
            start_m = other_m - CAR_LENGTH_M - gap_m
            return EncounterScene(path, start_m, random_plan(rng, gap_m), bend)
    raise CityError(
        f"city {city.name!r} has no {'bend' if bend else 'straight'} with {FOLLOWED_M:.0f} m of "
        "road behind it.",
        "Use a larger town, such as grid:3x2:5.",
    )


@dataclass
class EncounterFigures:
    """Figures of one encounter, or the sum of several."""

    encounters: int = 0
    collisions: int = 0
    interventions: int = 0
    min_gaps_m: list[float] = field(default_factory=list)
    """Smallest distance between the bodies in each encounter."""
    stands: int = 0
    """Encounters in which the car ahead stopped."""
    stopped_safely: int = 0
    """Of these, the ones in which ours stopped behind it without touching."""
    goes_on: int = 0
    resumed: int = 0
    follows: int = 0
    followed: int = 0
    time_s: float = 0.0
    failures: list[str] = field(default_factory=list)

    def add(self, other: EncounterFigures) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def document(self) -> dict[str, Any]:
        gaps_m = np.array(self.min_gaps_m)
        return {
            "encounters": self.encounters,
            "collisions": self.collisions,
            "worst_min_gap_m": float(gaps_m.min()) if len(gaps_m) else None,
            "median_min_gap_m": float(np.median(gaps_m)) if len(gaps_m) else None,
            "stopped_safely": _share(self.stopped_safely, self.stands),
            "resumed": _share(self.resumed, self.goes_on),
            "followed": _share(self.followed, self.follows),
            "other_stands": self.stands,
            "other_goes_on": self.goes_on,
            "other_only_slower": self.follows,
            "interventions": self.interventions,
            "encounters_s": self.time_s,
        }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


class Encounter:
    """Simulates one scene to its end.

    Args:
        scene: path and plan.
        drive: the measured car at the scene's start.
        other: the car ahead at its start.
    """

    def __init__(self, scene: EncounterScene, drive: LaneDrive, other: ExpertCar) -> None:
        self.scene = scene
        self.drive = drive
        self.other = other
        self._begin_m = other.s_m
        self._stood_s = 0.0
        self._gone_from_m: float | None = None
        """Our path position when the other car drove on."""

    def run(self) -> EncounterFigures:
        plan, drive = self.scene.plan, self.drive
        figures = EncounterFigures(encounters=1)
        least_m, outcome = np.inf, ""
        if plan.stops_after_m is None:
            figures.follows = 1
        else:
            figures.stands = 1
            figures.goes_on = int(plan.waits_s is not None)
        while not outcome:
            decision = drive.tick()
            self.other.drive(self._speed_mps())
            least_m = min(least_m, body_gap_m(drive.car.vehicle.pose, self.other.pose))
            stands = drive.car.vehicle.speed_mps < STANDS_MPS
            waits = stands and decision.state is DriveState.STOPPED_FOR_CAR
            self._stood_s = self._stood_s + FRAME_S if waits else 0.0
            outcome = self._outcome()
            figures.time_s += FRAME_S
        figures.interventions = drive.figures.interventions
        figures.min_gaps_m.append(float(least_m))
        figures.collisions = int(outcome == "touched")
        stopped = outcome == "stood" or self._gone_from_m is not None
        figures.stopped_safely = int(bool(figures.stands) and stopped and not figures.collisions)
        figures.resumed = int(outcome == "went on")
        figures.followed = int(outcome == "followed")
        if outcome in ("touched", "late"):
            bend = "around a bend" if self.scene.bend else "straight"
            figures.failures.append(f"{outcome}: {plan.kind}, {bend}, {self.scene.where}")
        return figures

    def _speed_mps(self) -> float:
        """Return the current target speed of the car ahead; note when it drives on."""
        plan, driven_m = self.scene.plan, self.other.s_m - self._begin_m
        if self._gone_from_m is not None:
            return CRUISE_MPS
        if plan.stops_after_m is None or driven_m < plan.stops_after_m - 1e-3:
            return plan.speed_mps
        if plan.waits_s is not None and self._stood_s >= plan.waits_s:
            self._gone_from_m = self.drive.distance_m
            return CRUISE_MPS
        return 0.0

    def _outcome(self) -> str:
        """Return the outcome; empty while undecided."""
        plan, drive = self.scene.plan, self.drive
        if bodies_touch(drive.car.vehicle.pose, self.other.pose):
            return "touched"
        if plan.stops_after_m is None and drive.distance_m - self.scene.start_m >= FOLLOWED_M:
            return "followed"
        if self._gone_from_m is not None:
            if drive.distance_m - self._gone_from_m >= WENT_ON_M:
                return "went on"
        elif plan.waits_s is None and self._stood_s >= STOOD_S:
            return "stood"
        return "late" if drive.car.time_s >= LIMIT_S else ""


def body_gap_m(one: Pose, other: Pose) -> float:
    """Return the distance between two car bodies, 0 if they touch."""
    return float(Polygon(body_corners(one)).distance(Polygon(body_corners(other))))
