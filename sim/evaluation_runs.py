"""Evaluations over many looks, spread over processes; the same figures whatever their number."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from car.driver import DriverSettings
from car.lane import load_lane_model
from pixelopolis.city_file import load_city
from sim.evaluation import LaneFigures, drive_junction, drive_lane, junction_cases
from sim.eye import Eye
from sim.lockstep import random_route, ring_route
from sim.render.renderer import Renderer
from sim.room_looks import room_look

EVALUATION_STREAM = 1_000_000
"""Looks of evaluation are drawn from other seeds than those of training data."""


@dataclass(frozen=True, slots=True)
class LaneRun:
    """What to evaluate; a plain value, so that it can go to another process."""

    city: str
    metres: float
    looks: int
    seed: int
    model: str | None = None
    cruise_mps: float = 0.136
    junctions: bool = False


@dataclass(frozen=True, slots=True)
class LookResult:
    look: int
    figures: LaneFigures
    wall_s: float
    starts: int = 0
    passed: int = 0


def evaluate_lane(
    run: LaneRun, jobs: int, done: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Return the figures of a run, over all looks and by look.

    Raises:
        CityError, ModelError, RenderError: when the town, the model or OpenGL cannot be used.
    """
    city, model = load_city(run.city), load_lane_model(Path(run.model) if run.model else None)
    started = time.perf_counter()
    results = []
    for result in _results(run, jobs):
        results.append(result)
        done()
    wall_s = time.perf_counter() - started
    total = LaneFigures()
    for result in results:
        total.add(result.figures)
    document: dict[str, Any] = {
        "city": city.name,
        "model": model.path.name,
        "routes": "random" if model.has_commands else "straight on",
        "seed": run.seed,
        "looks": run.looks,
        "cruise_mps": run.cruise_mps,
        **_figures(run, total, sum(r.starts for r in results), sum(r.passed for r in results)),
        "speed_up": total.time_s / wall_s,
        "wall_s": wall_s,
        "by_look": [
            {
                "look": r.look,
                **_figures(run, r.figures, r.starts, r.passed),
                "speed_up": r.figures.time_s / r.wall_s,
                "wall_s": r.wall_s,
            }
            for r in results
        ],
    }
    return document


def _figures(run: LaneRun, figures: LaneFigures, starts: int, passed: int) -> dict[str, Any]:
    junctions = {
        "junction_starts": starts,
        "junctions_passed": passed,
        "junctions_passed_pct": 100 * passed / starts if starts else None,
    }
    return {**(junctions if run.junctions else {}), **figures.document()}


def _results(run: LaneRun, jobs: int) -> Iterator[LookResult]:
    if jobs == 1:
        for look in range(run.looks):
            yield _run_look(run, look)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_run_look, [run] * run.looks, range(run.looks))


def _run_look(run: LaneRun, index: int) -> LookResult:
    started = time.perf_counter()
    city = load_city(run.city)
    model = load_lane_model(Path(run.model) if run.model else None)
    look = room_look(EVALUATION_STREAM + run.seed, index)
    drive_rng = np.random.default_rng([run.seed, index, 1])
    sensor_rng = np.random.default_rng([run.seed, index, 2])
    settings = DriverSettings(cruise_mps=run.cruise_mps)
    with Renderer(city, look) as renderer:
        eye = Eye(renderer, look, sensor_rng, part=model.part)
        if not run.junctions:
            metres = run.metres / run.looks
            route = random_route if model.has_commands else ring_route
            figures = drive_lane(city, model, eye, drive_rng, metres, settings, route)
            return LookResult(index, figures, time.perf_counter() - started)
        total, passed = LaneFigures(), 0
        cases = junction_cases(city)
        for case in cases:
            figures = drive_junction(case, city, model, eye, drive_rng, settings)
            passed += not figures.interventions
            total.add(figures)
        return LookResult(index, total, time.perf_counter() - started, len(cases), passed)
