"""The whole evaluation of rides with the real renderer is reproducible."""

from __future__ import annotations

from typing import Any

import pytest

from sim.evaluation import ride_runs
from sim.evaluation.ride_runs import BATCH, DRIVE_MIN, RidesRun, evaluate_rides, parts

TIMES = ("speed_up", "wall_s")


def figures(document: dict[str, Any]) -> dict[str, Any]:
    """Drop figures that depend on the computer."""
    return {key: value for key, value in document.items() if key not in TIMES}


def test_figures_repeat_in_any_number_of_processes() -> None:
    run = RidesRun("figure-eight", encounters=1, minutes=0.05, seed=3, detector_kind="geometric")
    first = evaluate_rides(run, jobs=1)
    second = evaluate_rides(run, jobs=2)
    assert figures(first) == figures(second)
    assert (first["encounters"], first["collisions"], first["false_stops"]) == (1, 0, 0)
    assert first["worst_min_gap_m"] > 0.05
    assert first["free_minutes"] > 0.049


def test_a_run_is_cut_into_parts() -> None:
    run = RidesRun("pixelopolis", BATCH + 1, DRIVE_MIN * 1.5, 1, "geometric")
    assert parts(run) == [("encounters", 0), ("encounters", 1), ("free", 0), ("free", 1)]
    assert parts(RidesRun("pixelopolis", 0, 0.0, 1, "geometric")) == []


def test_a_rival_that_sees_nobody_stands_beside_it() -> None:
    run = RidesRun("figure-eight", encounters=1, minutes=0.05, seed=3, detector_kind="geometric")
    done: list[int] = []
    alone, beside = (
        evaluate_rides(run, 1, lambda: done.append(1), rivals=r) for r in (False, True)
    )
    assert len(done) == 2 + 2 + 2
    assert figures({k: beside[k] for k in alone}) == figures(alone)
    rival = beside["rivals"]["sees_nobody"]
    assert (rival["encounters"], rival["other_stands"]) == (1, beside["other_stands"])
    assert beside["sight_adds"]["collisions"] == {"without": 1, "with": 0}


def test_nothing_is_drawn_or_detected_for_the_rival(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the rival looked")

    names = ("Renderer", "SimulatedCamera", "NetworkDetector", "SimulatedDetector")
    for name in (*names, "load_detector", "load_lane_model", "look_of"):
        monkeypatch.setattr(ride_runs, name, refuse)
    run = RidesRun("figure-eight", 1, 0.05, seed=3, detector_kind="detector")
    met = ride_runs._run_part(run, ride_runs._unseeing_city, ("encounters", 0))
    assert met.collisions == 1
    free = ride_runs._run_part(run, ride_runs._unseeing_city, ("free", 0))
    assert free.distance_m > 0.2
    assert free.false_stops == 0
