"""Lane drives over many looks in parallel; the number of processes changes no figure."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from car.driving.driver import DriverSettings
from car.driving.ground import GroundModel
from car.driving.types import LaneModel
from car.perception.ground_motion import GroundView
from car.perception.lane_network import load_lane_model
from pixelopolis.city.model import City
from pixelopolis.city.sources import load_city
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS, MOTOR_MAX_RAD_S
from sim.camera.camera import SimulatedCamera, lane_camera
from sim.evaluation.lane_drive import (
    DriveObserver,
    LaneFigures,
    drive_junction,
    drive_lane,
    junction_cases,
)
from sim.evaluation.rivals import BLIND, WHEELS_AND_MAP, Blind, no_picture, wheels_and_map
from sim.evaluation.swept import Swept, swept_city, swept_look
from sim.looks.look import Look, plain_look
from sim.looks.panoramas import panorama_files
from sim.looks.room_looks import room_look
from sim.looks.surfaces import RoadStyle
from sim.physics.lockstep import CameraSource, random_route, ring_route
from sim.render.renderer import Renderer
from sim.work.workers import run_all

EVALUATION_STREAM: Final = 1_000_000
"""Evaluation draws its looks from other seeds than training data does."""


ACCEPTANCE: Final = (
    "pixelopolis",
    "track:9001",
    "track:9002",
    "track:9003",
    "grid:3x2:9001",
    "grid:2x3:9002",
)
"""The cities of the acceptance figures; models were trained only in the first of them."""


SHARED_M: Final = 50.0
"""Looks of one city share a renderer for about this distance; a new renderer costs as much time as
driving some meters."""


class LaneDriver(StrEnum):
    """Who drives: a model, or a rival that sees nothing."""

    MODEL = "model"
    BLIND = BLIND
    WHEELS_AND_MAP = WHEELS_AND_MAP


@dataclass(frozen=True, slots=True)
class LaneEvaluation:
    """Settings of an evaluation; a plain value that can be sent to other processes.

    Look i drives in city i modulo the number of cities; there are at least as many looks as cities.
    Every look drives an equal share of `metres`.
    """

    cities: tuple[str, ...]
    metres: float
    looks: int
    seed: int
    model: str | None = None
    cruise_mps: float = 0.136
    junctions: bool = False
    straight_on: bool = False
    """Go straight on wherever possible, as models without commands do."""
    follows_map: bool = True
    """Cars know the route's shape; otherwise they follow only the paths seen in frames."""
    panoramas: str | None = None
    """Folder of the user's panoramas, for rooms."""
    plain: bool = False
    """Use the plain look instead of rooms, so that only starts, cars and routes vary."""
    swept: Swept | None = None
    swept_value: float = 0.0
    driver: LaneDriver = LaneDriver.MODEL
    """A rival gets no picture and nothing is drawn for it; its cars and routes are the model's."""

    def city_of(self, look: int) -> str:
        return self.cities[look % len(self.cities)]


@dataclass(frozen=True, slots=True)
class LookResult:
    look: int
    city: str
    figures: LaneFigures
    wall_s: float
    road: RoadStyle
    starts: int = 0
    passed: int = 0


def drive_looks(
    run: LaneEvaluation,
    jobs: int | None,
    done: Callable[[], None] = lambda: None,
    cluster: str | None = None,
) -> list[LookResult]:
    """Drive all looks of a run and return their results in order; `done` is called after each.

    `jobs` and `cluster` as in `run_all`.

    Raises:
        CityError, ModelError, RenderError, DatasetError: a city, the model, OpenGL or the folder
            of panoramas cannot be used.
        MissingPartError, SettingsError, WorkerError: see `run_all`.
    """
    for name in run.cities:
        load_city(name)  # refuse a faulty city before the work begins
    load_lane_model(Path(run.model) if run.model else None)
    results: list[LookResult] = []
    for part in run_all(partial(_run_looks, run), _parts(run), jobs, cluster, _name):
        results += part
        for _ in part:
            done()
    return sorted(results, key=lambda result: result.look)


def look_of(run: LaneEvaluation, index: int) -> Look:
    """Return one of a run's looks, without the sweep."""
    if run.plain:
        return plain_look()
    seed = EVALUATION_STREAM + run.seed
    own = panorama_files(Path(run.panoramas), "evaluation") if run.panoramas else ()
    return room_look(seed, index, panoramas=own)


def _look(run: LaneEvaluation, index: int) -> Look:
    return swept_look(look_of(run, index), run.swept, run.swept_value)


def observe_look(run: LaneEvaluation, index: int, observer: DriveObserver) -> None:
    """Repeat the drive of one look and call `observer` after every camera period."""
    _run_looks(run, [index], observer)


def _parts(run: LaneEvaluation) -> list[range]:
    """Split the looks into groups that share a renderer."""
    together = max(1, int(SHARED_M * run.looks / run.metres))
    towns = len(run.cities)
    return [
        range(first, min(first + together * towns, run.looks), towns)
        for town in range(towns)
        for first in range(town, run.looks, together * towns)
    ]


def _name(looks: Sequence[int]) -> str:
    return f"look {', '.join(map(str, looks))}"


def _run_looks(
    run: LaneEvaluation, looks: Sequence[int], observer: DriveObserver | None = None
) -> list[LookResult]:
    """Drive looks that share a city."""
    city = swept_city(run.city_of(looks[0]), run.swept, run.swept_value)
    if run.driver is not LaneDriver.MODEL:
        return [_run_look(run, index, city, _blind_eyes, observer) for index in looks]
    with Renderer(city, _look(run, looks[0])) as renderer:
        seeing = partial(_seeing_eyes, renderer=renderer)
        return [_run_look(run, index, city, seeing, observer) for index in looks]


@dataclass(frozen=True, slots=True)
class _Eyes:
    """A lane model, the camera that it is shown, and what checks the wheels by its pictures."""

    model: LaneModel
    camera: CameraSource
    ground: GroundModel | None
    has_commands: bool


def _blind_eyes(run: LaneEvaluation, index: int) -> _Eyes:  # noqa: ARG001  sees no look
    model = Blind() if run.driver is LaneDriver.BLIND else wheels_and_map()
    return _Eyes(model, no_picture, ground=None, has_commands=True)


def _seeing_eyes(run: LaneEvaluation, index: int, renderer: Renderer) -> _Eyes:
    model = load_lane_model(Path(run.model) if run.model else None)
    look = _look(run, index)
    renderer.set_look(look)
    rng = np.random.default_rng([run.seed, index, 2])
    view = lane_camera(model.frame_width_px)
    camera = SimulatedCamera(renderer, look, rng, view, part=model.part)
    return _Eyes(model, camera, GroundView(Camera(), model.part), model.has_commands)


def _run_look(
    run: LaneEvaluation,
    index: int,
    city: City,
    open_eyes: Callable[[LaneEvaluation, int], _Eyes],
    observer: DriveObserver | None,
) -> LookResult:
    started = time.perf_counter()
    eyes = open_eyes(run, index)
    road = _look(run, index).road_style(city.road.style)
    frame_delay_s = run.swept_value if run.swept is Swept.LATENCY else 0.0
    drive_rng = np.random.default_rng([run.seed, index, 1])
    settings = DriverSettings(
        cruise_mps=run.cruise_mps,
        keeps_limits=run.cruise_mps <= CRUISE_MPS,
        follows_map=run.follows_map,
    )
    limit_rad_s = max(MOTOR_MAX_RAD_S, 1.01 * run.cruise_mps / WHEEL_RADIUS_M)
    if not run.junctions:
        figures = drive_lane(
            city,
            eyes.model,
            eyes.camera,
            drive_rng,
            run.metres / run.looks,
            settings,
            eyes.ground,
            ring_route if run.straight_on or not eyes.has_commands else random_route,
            limit_rad_s,
            frame_delay_s,
            observer,
        )
        wall_s = time.perf_counter() - started
        return LookResult(index, run.city_of(index), figures, wall_s, road)
    total, passed = LaneFigures(), 0
    cases = junction_cases(city)
    for case in cases:
        figures = drive_junction(
            case,
            city,
            eyes.model,
            eyes.camera,
            drive_rng,
            settings,
            eyes.ground,
            limit_rad_s,
            frame_delay_s,
        )
        passed += not figures.interventions
        total.add(figures)
    wall_s = time.perf_counter() - started
    return LookResult(index, run.city_of(index), total, wall_s, road, len(cases), passed)
