"""Evaluation with the shipped model and the real renderer is reproducible."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pixelopolis.errors import ModelError
from sim.evaluation import lane_runs as evaluation_runs
from sim.evaluation.lane_evaluation import evaluate_lane
from sim.evaluation.lane_runs import LaneEvaluation

TIMES = ("speed_up", "wall_s")


def figures(document: dict[str, Any]) -> dict[str, Any]:
    """Drop figures that depend on the computer."""
    looks = [figures(look) for look in document.get("by_look", [])]
    return {k: v for k, v in document.items() if k not in TIMES} | {"by_look": looks}


def test_the_shipped_model_drives_and_figures_repeat_in_any_number_of_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = LaneEvaluation(("curvy", "straight"), metres=0.9, looks=3, seed=3)
    first = evaluate_lane(run, jobs=1)  # one renderer for the looks of a city
    monkeypatch.setattr(evaluation_runs, "SHARED_M", 0.0)
    second = evaluate_lane(run, jobs=2)  # one renderer for each look
    assert figures(first) == figures(second)
    assert first["interventions"] == 0
    assert first["distance_m"] == pytest.approx(0.9, abs=0.1)
    assert first["mean_abs_deviation_m"] < 0.03
    assert [row["look"] for row in first["by_look"]] == [0, 1, 2]
    assert [row["city"] for row in first["by_city"]] == ["curvy", "straight"]
    assert sum(row["distance_m"] for row in first["by_city"]) == pytest.approx(first["distance_m"])
    assert first["worst"]["max_abs_deviation_m"] == first["max_abs_deviation_m"]


def test_a_speed_beyond_the_motors_is_driven_and_said() -> None:
    document = evaluate_lane(LaneEvaluation(("straight",), 0.8, 1, 3, cruise_mps=0.272), 1)
    assert "361 units" in document["motors"]
    assert document["distance_m"] / document["time_s"] > 0.21


def test_junctions_are_tried_with_every_command() -> None:
    run = LaneEvaluation(("figure-eight",), 1.0, looks=1, seed=3, cruise_mps=0.25, junctions=True)
    document = evaluate_lane(run, 1)
    assert document["junction_starts"] == document["junctions_passed"] == 4
    assert all(turns["right"] for turns in document["turns_by_command"].values())


def test_straight_on_is_never_a_turn_and_said() -> None:
    """On the original city's ring, models with and without commands drive the same routes."""
    document = evaluate_lane(LaneEvaluation(("pixelopolis",), 1.5, 1, 3, straight_on=True), 1)
    assert document["routes"] == "straight on"
    turns = document["turns_by_command"]
    assert turns["straight"]["right"] > 0
    assert turns["left"] == turns["right"] == {"right": 0, "wrong": 0}


def test_the_plain_look_drives_the_same_ways_with_other_pictures() -> None:
    run = LaneEvaluation(("straight",), 0.5, looks=1, seed=3)
    room, plain = (evaluate_lane(replace(run, plain=p), 1) for p in (False, True))
    assert (room["plain"], plain["plain"]) == (False, True)
    assert room["distance_m"] == pytest.approx(plain["distance_m"], abs=0.02)
    assert room["mean_abs_deviation_m"] != plain["mean_abs_deviation_m"]


def test_a_file_that_is_no_model_is_named(tmp_path: object) -> None:
    with pytest.raises(ModelError, match=r"nothing\.tflite"):
        evaluate_lane(LaneEvaluation(("pixelopolis",), 1.0, 1, 1, model="nothing.tflite"), 1)
