"""`evaluate lane`: figures of a model, and beside them those of its rivals.

Rivals drive the first looks of the run again: the same cities, routes, cars and pictures. Two see
nothing (`sim.evaluation.rivals`), and one is the model without the map (`--no-map`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from car.perception.lane_network import load_lane_model
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import MOTOR_MAX_UNITS, MOTOR_UNIT_RAD_S
from sim.evaluation.lane_drive import LaneFigures
from sim.evaluation.lane_runs import LaneDriver, LaneEvaluation, LookResult, drive_looks
from sim.evaluation.rivals import BLIND, NO_MAP, WHEELS_AND_MAP, shared_looks, what_sight_adds

HEADLINE: Final = ("interventions_per_km", "mean_abs_deviation_m", "turns_right")
"""What sight adds is said of these, against the better of the drivers that see nothing."""


def evaluate_lane(
    run: LaneEvaluation,
    jobs: int | None,
    done: Callable[[], None] = lambda: None,
    cluster: str | None = None,
    rivals: bool = False,
) -> dict[str, Any]:
    """Return figures in total, by city, by road and by look, the worst look, and the rivals'.

    As `drive_looks`, which raises the same errors. `done` is called after each look of each driver.
    """
    started = time.perf_counter()
    results = drive_looks(run, jobs, done, cluster)
    document = _document(run, results, time.perf_counter() - started)
    if not rivals:
        return document
    return {**document, **_beside_rivals(run, results, jobs, done, cluster)}


def rival_runs(run: LaneEvaluation) -> dict[str, LaneEvaluation]:
    """Return the runs of a run's rivals by name: its first looks, as they are in it.

    Raises:
        ModelError: the model cannot be used.
    """
    model = load_lane_model(Path(run.model) if run.model else None)
    looks = shared_looks(run.looks, len(run.cities))
    share = replace(
        run,
        looks=looks,
        metres=run.metres * looks / run.looks,
        straight_on=run.straight_on or not model.has_commands,
    )
    runs = {
        str(driver): replace(share, driver=driver, follows_map=True)
        for driver in LaneDriver
        if driver is not LaneDriver.MODEL
    }
    if run.follows_map and model.sees_paths:
        runs[NO_MAP] = replace(share, follows_map=False)
    return runs


def _beside_rivals(
    run: LaneEvaluation,
    results: Sequence[LookResult],
    jobs: int | None,
    done: Callable[[], None],
    cluster: str | None,
) -> dict[str, Any]:
    runs = rival_runs(run)
    rivals = {
        name: _compared(one, drive_looks(one, jobs, done, cluster)) for name, one in runs.items()
    }
    looks = next(iter(runs.values())).looks
    against = min((BLIND, WHEELS_AND_MAP), key=lambda name: rivals[name]["interventions_per_km"])
    added = what_sight_adds(_compared(run, results[:looks]), rivals, against, *HEADLINE)
    return {"rivals": rivals, "sight_adds": {"looks": looks, **added}}


def _compared(run: LaneEvaluation, results: Sequence[LookResult]) -> dict[str, Any]:
    """Return the figures that drivers of the same looks are compared by."""
    figures = _figures(run, results)
    return {
        "interventions_per_km": 1000 * figures["interventions"] / max(figures["distance_m"], 1e-9),
        **{name: value for name, value in figures.items() if name not in ("failures", "max_at")},
    }


def _document(run: LaneEvaluation, results: Sequence[LookResult], wall_s: float) -> dict[str, Any]:
    """Return the figures of results in order, driven in `wall_s` seconds."""
    model = load_lane_model(Path(run.model) if run.model else None)
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
    """Return the figures of several looks together."""
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
