"""The whole evaluation of rides with the real renderer is reproducible."""

from __future__ import annotations

from typing import Any

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
