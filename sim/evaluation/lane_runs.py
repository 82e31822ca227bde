"""Lane evaluations over many looks in parallel; the number of processes changes no figure."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from car.driving.driver import DriverSettings
from car.perception.ground_motion import GroundView
from car.perception.lane_network import load_lane_model
from pixelopolis.city.sources import load_city
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import (
    CRUISE_MPS,
    MOTOR_MAX_RAD_S,
    MOTOR_MAX_UNITS,
    MOTOR_UNIT_RAD_S,
)
from sim.camera.camera import SimulatedCamera, lane_camera
from sim.evaluation.lane_drive import (
    DriveObserver,
    LaneFigures,
    drive_junction,
    drive_lane,
    junction_cases,
)
from sim.evaluation.swept import Swept, swept_city, swept_look
from sim.looks.look import Look, plain_look
from sim.looks.panoramas import panorama_files
from sim.looks.room_looks import room_look
from sim.looks.surfaces import RoadStyle
from sim.physics.lockstep import random_route, ring_route
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


def evaluate_lane(
    run: LaneEvaluation,
    jobs: int | None,
    done: Callable[[], None] = lambda: None,
    cluster: str | None = None,
) -> dict[str, Any]:
    """Return figures in total, by city, by road and by look, and the worst look.

    `jobs` and `cluster` as in `run_all`.

    Raises:
        CityError, ModelError, RenderError, DatasetError: a city, the model, OpenGL or the folder
            of panoramas cannot be used.
        MissingPartError, SettingsError, WorkerError: see `run_all`.
    """
    for name in run.cities:
        load_city(name)  # refuse a faulty city before the work begins
    model = load_lane_model(Path(run.model) if run.model else None)
    started = time.perf_counter()
    results: list[LookResult] = []
    for part in run_all(partial(_run_looks, run), _parts(run), jobs, cluster, _name):
        results += part
        for _ in part:
            done()
    results.sort(key=lambda result: result.look)
    wall_s = time.perf_counter() - started
    total = _sum(results)
    return {
        "cities": list(run.cities),
        "model": model.path.name,
        "routes": "straight on" if run.straight_on or not model.has_commands else "random",
        "seed": run.seed,
        "looks": run.looks,
        "plain": run.plain,
        "cruise_mps": run.cruise_mps,
        "motors": motors_note(run.cruise_mps),
        **_figures(run, results),
        "speed_up": total.time_s / wall_s,
        "wall_s": wall_s,
        "worst": _worst(results),
        "by_city": [
            {"city": name, **_figures(run, [r for r in results if r.city == name])}
            for name in dict.fromkeys(run.cities)
        ],
        "by_road": [
            {"road": road, **_figures(run, [r for r in results if r.road == road])}
            for road in sorted({r.road for r in results})
        ],
        "by_look": [
            {
                "look": r.look,
                "city": r.city,
                "road": r.road,
                **_figures(run, [r]),
                "speed_up": r.figures.time_s / r.wall_s,
                "wall_s": r.wall_s,
            }
            for r in results
        ],
    }


def motors_note(cruise_mps: float) -> str | None:
    """Return which motors a cruise speed needs; None if the XL430-W250 reaches it."""
    units = math.ceil(cruise_mps / WHEEL_RADIUS_M / MOTOR_UNIT_RAD_S)
    if units <= MOTOR_MAX_UNITS:
        return None
    return (
        f"needs faster motors: velocity limit {units} units; an XL430-W250 reaches "
        f"{MOTOR_MAX_UNITS}"
    )


def _sum(results: Sequence[LookResult]) -> LaneFigures:
    total = LaneFigures()
    for result in results:
        total.add(result.figures)
    return total


def _figures(run: LaneEvaluation, results: Sequence[LookResult]) -> dict[str, Any]:
    starts, passed = sum(r.starts for r in results), sum(r.passed for r in results)
    junctions = {
        "junction_starts": starts,
        "junctions_passed": passed,
        "junctions_passed_pct": 100 * passed / starts if starts else None,
    }
    return {**(junctions if run.junctions else {}), **_sum(results).document()}


def _worst(results: Sequence[LookResult]) -> dict[str, Any]:
    """Return the look with the most interventions, then time out of lane, then deviation."""
    worst = max(
        results,
        key=lambda r: (
            r.figures.interventions,
            r.figures.out_of_lane_s,
            r.figures.max_abs_deviation_m,
        ),
    )
    return {
        "city": worst.city,
        "look": worst.look,
        "place": worst.figures.max_at,
        "max_abs_deviation_m": worst.figures.max_abs_deviation_m,
        "interventions": worst.figures.interventions,
    }


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
    with Renderer(city, _look(run, looks[0])) as renderer:
        return [_run_look(run, index, renderer, observer) for index in looks]


def _run_look(
    run: LaneEvaluation, index: int, renderer: Renderer, observer: DriveObserver | None
) -> LookResult:
    started = time.perf_counter()
    city = renderer.city
    model = load_lane_model(Path(run.model) if run.model else None)
    look = _look(run, index)
    renderer.set_look(look)
    road = look.road_style(city.road.style)
    frame_delay_s = run.swept_value if run.swept is Swept.LATENCY else 0.0
    drive_rng = np.random.default_rng([run.seed, index, 1])
    sensor_rng = np.random.default_rng([run.seed, index, 2])
    settings = DriverSettings(
        cruise_mps=run.cruise_mps,
        keeps_limits=run.cruise_mps <= CRUISE_MPS,
        follows_map=run.follows_map,
    )
    ground = GroundView(settings.camera, model.part)
    limit_rad_s = max(MOTOR_MAX_RAD_S, 1.01 * run.cruise_mps / WHEEL_RADIUS_M)
    view = lane_camera(model.frame_width_px)
    camera = SimulatedCamera(renderer, look, sensor_rng, view, part=model.part)
    if not run.junctions:
        metres = run.metres / run.looks
        onward = run.straight_on or not model.has_commands
        route = ring_route if onward else random_route
        figures = drive_lane(
            city,
            model,
            camera,
            drive_rng,
            metres,
            settings,
            ground,
            route,
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
            case, city, model, camera, drive_rng, settings, ground, limit_rad_s, frame_delay_s
        )
        passed += not figures.interventions
        total.add(figures)
    wall_s = time.perf_counter() - started
    return LookResult(index, run.city_of(index), total, wall_s, road, len(cases), passed)
