"""The whole evaluation of localization is reproducible, however it is run."""

from __future__ import annotations

from typing import Any

from sim.evaluation.localization_runs import LocalizationRun, evaluate_localization


def figures(document: dict[str, Any]) -> dict[str, Any]:
    """Drop figures that depend on the computer."""
    return {key: value for key, value in document.items() if key != "wall_s"}


def test_figures_repeat_in_any_number_of_processes() -> None:
    run = LocalizationRun("figure-eight", 2, 2, looks=2, seed=3, detector_kind="geometric")
    done = []
    first = evaluate_localization(run, 1, lambda: done.append(1))
    assert len(done) == 2
    assert figures(first) == figures(evaluate_localization(run, jobs=2))
    assert (first["dropoffs"], first["passages"]) == (2, 2)
    assert (first["wrong_pct"], first["wedged"], first["given_up"]) == (0.0, 0, 0)
    assert {row["look"] for row in first["worst_looks"]} == {0, 1}
    assert first["worst_looks"][0] != first["worst_looks"][1]
