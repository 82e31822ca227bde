"""How well a car localizes itself: from an unknown pose, and at every node that it passes.

A *drop-off*: a car without any prior drives until it claims a place, which is right if it is within
`RIGHT_M` of the true pose and in its direction. A *passage*: a car on a mission reports a node as
passed, which is right if the car is within `RIGHT_M` of that node.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

import numpy as np

from car.driving.driver import Driver, DriverSettings
from car.driving.localization.belief import Belief
from car.driving.localization.lane_grid import LaneGrid
from car.driving.localization.sign_model import SignModel
from car.driving.types import LaneModel, LaneView, Mission
from car.perception.ground_motion import GroundView
from pixelopolis.city.model import City
from pixelopolis.city.route import Place, Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.geometry import Curve, Pose, wrap_rad
from pixelopolis.model_io.crops import LANE_HEIGHT_PX, LANE_PART, LANE_WIDTH_PX, Image
from sim.physics.expert import pursue
from sim.physics.lockstep import (
    CameraSource,
    DetectorSource,
    LockstepCar,
    random_route,
    straight_route,
)
from sim.physics.vehicle import BodyMotion, Vehicle, random_imperfections

RIGHT_M: Final = 0.15
"""Largest error of a place that counts as right."""

LIMIT_M: Final = 3.0
"""A car should know its place within this distance."""

GIVE_UP_M: Final = 9.0
"""Give up after this distance."""

ROUTE_M: Final = 25.0
"""Length of one mission, about fifteen nodes."""

OFF_LANE_M: Final = 0.12
"""A car farther from its route is put back; lane keeping is measured elsewhere."""


@dataclass
class LocalizationFigures:
    """Figures of drop-offs and passages."""

    dropoffs: int = 0
    located: int = 0
    """Right within `LIMIT_M`, and never wrong before."""
    wrong: int = 0
    """Claimed a place that is not within `RIGHT_M` of the true pose."""
    wrong_edge: int = 0
    """Of these, the ones on another edge than the car's."""
    wedged: int = 0
    metres_to_located: list[float] = field(default_factory=list)
    passages: int = 0
    passages_right: int = 0
    belief_right: int = 0
    """Passages at which the belief over the whole city was right too."""
    given_up: int = 0
    """Missions that the car dropped because it wrongly believed that it had left its route."""
    failures: list[str] = field(default_factory=list)

    def add(self, other: LocalizationFigures) -> None:
        for name in (
            "dropoffs",
            "located",
            "wrong",
            "wrong_edge",
            "wedged",
            "passages",
            "passages_right",
            "belief_right",
            "given_up",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.metres_to_located += other.metres_to_located
        self.failures += other.failures

    def document(self) -> dict[str, Any]:
        return {
            "dropoffs": self.dropoffs,
            "located_pct": _pct(self.located, self.dropoffs),
            "wrong_pct": _pct(self.wrong, self.dropoffs),
            "wrong_edge_pct": _pct(self.wrong_edge, self.dropoffs),
            "wedged": self.wedged,
            "median_metres_to_located": (
                median(self.metres_to_located) if self.metres_to_located else None
            ),
            "passages": self.passages,
            "passages_right_pct": _pct(self.passages_right, self.passages),
            "belief_right_pct": _pct(self.belief_right, self.passages),
            "given_up": self.given_up,
        }


def _pct(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


class Pilot:
    """A lane model without images: it steers along a curve from the car's true pose.

    `see` stands in for the camera and stores the pose; `look` answers for it.
    """

    part = LANE_PART

    def __init__(self, curve: Curve, start_s_m: float) -> None:
        self._curve = curve
        self._s_m = start_s_m
        self._pose = curve.pose_at(start_s_m)
        self._black: Image = np.zeros((LANE_HEIGHT_PX, LANE_WIDTH_PX, 3), dtype=np.uint8)

    def see(self, pose: Pose, _motion: BodyMotion) -> Image:
        self._pose = pose
        return self._black

    def look(self, picture_rgb: Image) -> LaneView:  # noqa: ARG002
        at = self._curve.project(self._pose.x_m, self._pose.y_m, self._s_m - 0.3, self._s_m + 0.3)
        self._s_m = at.s_m
        return LaneView(steering=(pursue(self._curve, self._pose, at.s_m),) * 3)

    def reset(self) -> None:
        """Forget everything except the position on the curve."""


@dataclass(frozen=True)
class Senses:
    """Detector, if any, and lane model with camera; without one a `Pilot` steers, unrendered."""

    detector: DetectorSource | None
    model: LaneModel | None = None
    camera: CameraSource | None = None


def drop_off(
    sign_model: SignModel, senses: Senses, rng: np.random.Generator
) -> LocalizationFigures:
    """Place a car at random and let it localize itself."""
    city = sign_model.grid.city
    place, pose = random_place(city, rng)
    path = RoutePath(city, straight_route(city, place, GIVE_UP_M + 1))
    belief = Belief(sign_model)
    car, driver = _car(senses, path, pose, rng, belief, search=True)
    figures = LocalizationFigures(dropoffs=1)
    where = f"put down on edge {place.edge} at {place.s_m:.2f} m"
    driven_m = 0.0
    limit_s = 5 + GIVE_UP_M / driver.settings.search_mps
    while driven_m < GIVE_UP_M and car.time_s < limit_s:
        decision = car.tick(None)
        driven_m = belief.driven_m
        if decision.located:
            break
    if not decision.located:
        figures.wedged += 1
        figures.failures.append(f"{where}: does not know after {driven_m:.1f} m")
    elif not is_right(belief, car.vehicle.pose):
        best = belief.best.place
        figures.wrong += 1
        figures.wrong_edge += not _on_edge(sign_model.grid, best.edge, car.vehicle.pose)
        figures.failures.append(f"{where}: claims edge {best.edge} at {best.s_m:.2f} m")
    else:
        figures.metres_to_located.append(driven_m)
        figures.located += driven_m <= LIMIT_M
        if driven_m > LIMIT_M:
            figures.failures.append(f"{where}: took {driven_m:.1f} m")
    return figures


def random_place(city: City, rng: np.random.Generator) -> tuple[Place, Pose]:
    """Return a place on any edge and a pose near it: ±4 cm beside the center line, ±10 degrees."""
    edges = list(city.edges.values())
    lengths = np.array([edge.length_m for edge in edges])
    edge = edges[int(rng.choice(len(edges), p=lengths / lengths.sum()))]
    s_m = float(rng.uniform(0.0, edge.length_m))
    pose = edge.curve.pose_at(s_m).ahead(
        0.0, float(rng.uniform(-0.04, 0.04)), math.radians(float(rng.uniform(-10, 10)))
    )
    return Place(edge.id, s_m), pose


def pass_nodes(
    sign_model: SignModel, senses: Senses, rng: np.random.Generator, passages: int
) -> LocalizationFigures:
    """Drive random missions until `passages` nodes are passed."""
    total = LocalizationFigures()
    while total.passages < passages:
        total.add(_mission(sign_model, senses, rng, passages - total.passages))
    return total


def _mission(
    sign_model: SignModel, senses: Senses, rng: np.random.Generator, passages: int
) -> LocalizationFigures:
    city = sign_model.grid.city
    route = random_route(city, rng, ROUTE_M)
    start_m = float(rng.uniform(0.0, city.edges[route.edges[0]].length_m))
    path = RoutePath(city, Route(route.edges, start_m, route.end_s_m))
    belief = Belief(sign_model, Place(route.edges[0], start_m))
    car, _ = _car(senses, path, path.pose_at(0.0), rng, belief)
    mission = Mission("drive", path, path.length_m)
    ends = [(leg.end_m, city.movements[leg.movement].node) for leg in path.legs if leg.movement]
    figures = LocalizationFigures()
    truth_m = 0.0
    limit_s = 10 + 2 * path.length_m / 0.1
    while figures.passages < min(passages, len(ends)) and car.time_s < limit_s:
        decision = car.tick(mission)
        truth_m = _along(path, car, truth_m)
        end_m, node = ends[figures.passages]
        if f"node:{node}" in decision.events:
            figures.passages += 1
            figures.passages_right += abs(truth_m - end_m) <= RIGHT_M
            figures.belief_right += is_right(belief, car.vehicle.pose)
            if abs(truth_m - end_m) > RIGHT_M:
                figures.failures.append(f"node {node}: {truth_m - end_m:+.2f} m beside")
        elif truth_m > end_m + RIGHT_M:
            figures.passages += 1
            figures.failures.append(f"node {node}: passed unnoticed")
        if decision.off_route or not decision.located:
            figures.given_up += 1
            figures.passages += 1
            at = path.place_at(truth_m)
            figures.failures.append(f"edge {at.edge} at {at.s_m:.2f} m: {decision.why}")
            break
    return figures


def _along(path: RoutePath, car: LockstepCar, truth_m: float) -> float:
    """Return the car's position along its path; put it back if it left its lane."""
    pose, offset = car.vehicle.pose, path.route.start_s_m
    at = path.curve.project(pose.x_m, pose.y_m, truth_m + offset - 0.3, truth_m + offset + 0.3)
    if abs(at.left_m) > OFF_LANE_M:
        car.vehicle.pose = path.curve.pose_at(at.s_m)
    return at.s_m - offset


def is_right(belief: Belief, pose: Pose) -> bool:
    """Return whether the belief's best place matches the pose, direction included."""
    best = belief.best.pose
    turned = abs(wrap_rad(best.heading_rad - pose.heading_rad))
    return best.distance_m(pose) <= RIGHT_M and turned < math.pi / 4


def _on_edge(grid: LaneGrid, edge: str, pose: Pose) -> bool:
    """Return whether a pose lies on an edge, or on a movement from or to it."""
    near = grid.near(pose.x_m, pose.y_m, pose.heading_rad, RIGHT_M)
    keys = {grid.lanes[int(lane)].key for lane in grid.lane_of[near]}
    return any(edge == key or (isinstance(key, tuple) and edge in key) for key in keys)


def _car(
    senses: Senses,
    path: RoutePath,
    pose: Pose,
    rng: np.random.Generator,
    belief: Belief,
    search: bool = False,
) -> tuple[LockstepCar, Driver]:
    pilot = Pilot(path.curve, path.route.start_s_m)
    model = senses.model if senses.model is not None else pilot
    settings = DriverSettings(camera=belief.sign_model.camera, search=search)
    driver = Driver(model, settings, belief, GroundView(settings.camera, model.part))
    vehicle = Vehicle(pose, random_imperfections(rng))
    camera = senses.camera if senses.camera is not None else pilot.see
    return LockstepCar(vehicle, driver, camera, senses.detector), driver
