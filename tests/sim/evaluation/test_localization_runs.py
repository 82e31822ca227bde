"""The whole evaluation of localization is reproducible, however it is run."""

from __future__ import annotations

from typing import Any

import pytest

from sim.evaluation import localization_runs
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


def test_a_rival_that_sees_nothing_stands_beside_it() -> None:
    run = LocalizationRun("figure-eight", 1, 1, looks=1, seed=3, detector_kind="geometric")
    done: list[int] = []
    alone, beside = (
        evaluate_localization(run, 1, lambda: done.append(1), rivals=r) for r in (False, True)
    )
    assert len(done) == 1 + 1 + 1
    assert figures({k: beside[k] for k in alone}) == figures(alone)
    rival, model = beside["rivals"]["wheels_and_map"], beside["sight_adds"]["model"]
    assert rival["dropoffs"] == model["dropoffs"] == 1
    assert rival["passages"] == model["passages"] == 1
    assert beside["sight_adds"]["located_pct"] == {"without": 0.0, "with": 100.0}


def test_nothing_is_drawn_or_detected_for_the_rival(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the rival looked")

    names = ("Renderer", "SimulatedCamera", "NetworkDetector", "SimulatedDetector")
    for name in (*names, "load_detector", "load_lane_model", "look_of"):
        monkeypatch.setattr(localization_runs, name, refuse)
    run = LocalizationRun("figure-eight", 0, 1, looks=1, seed=3, detector_kind="detector")
    assert localization_runs._run_unseeing(run, 0).passages == 1
