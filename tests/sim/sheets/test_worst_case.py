"""The worst moment of a drive: stored, drawn, and the same as in the figures."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from car.driving.types import LaneView
from pixelopolis.city.model import Turn
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.cli.main import app
from pixelopolis.errors import SettingsError
from pixelopolis.vehicle.steering import steering_to_curvature
from sim.evaluation.lane_drive import INTERVENTION_M, LaneFigures
from sim.evaluation.lane_runs import LaneEvaluation
from sim.looks.look import plain_look
from sim.sheets.worst_case import (
    DRIVEN,
    KEPT,
    PREDICTED,
    ROUTE,
    STRIP_PX,
    TITLE_PX,
    WORST,
    Case,
    WorstRecorder,
    draw_worst_case,
    way_of,
    worst_page,
)
from tests.support.oracle import oracle_drive


@cache
def recorded(bias: float) -> tuple[Case, LaneFigures]:
    """Return the worst case of a drive by a model that knows the way, with a biased steering."""
    city = load_city("pixelopolis")
    path = RoutePath(city, find_route(city, Place("1", 0.2), Place("7", 0.1)))
    drive, oracle = oracle_drive(city, path)
    oracle.bias = bias
    drive.observer = recorder = WorstRecorder()
    figures = drive.run(path.length_m - 0.02)
    assert recorder.case is not None
    return recorder.case, figures


def test_the_last_shot_is_the_largest_deviation_of_the_drive() -> None:
    case, figures = recorded(0.05)
    assert figures.interventions == 0
    assert abs(case.shots[-1].moment.left_m) == figures.max_abs_deviation_m
    assert 1 < len(case.shots) <= KEPT
    assert case.later
    # contiguous: each frame was captured where the period before ended
    for before, shot in zip(case.shots, case.shots[1:], strict=False):
        assert shot.moment.seen_from == before.moment.pose


def test_what_was_before_a_car_was_put_back_is_not_shown() -> None:
    case, figures = recorded(0.5)
    assert figures.interventions > 1
    assert abs(case.shots[-1].moment.left_m) == figures.max_abs_deviation_m > INTERVENTION_M
    assert case.later == ()
    assert all(abs(shot.moment.left_m) <= INTERVENTION_M for shot in case.shots[:-1])
    for before, shot in zip(case.shots, case.shots[1:], strict=False):
        assert shot.moment.seen_from == before.moment.pose


@given(st.floats(-1.0, 1.0), st.sampled_from(list(Turn)))
def test_the_way_of_a_model_that_steers_is_its_arc(steering: float, turn: Turn) -> None:
    values = [0.9, 0.9, 0.9]
    values[list(Turn).index(turn)] = steering
    way = way_of(LaneView(steering=(values[0], values[1], values[2])), turn)
    curvature_per_m = steering_to_curvature(steering)
    steps = np.hypot(*np.diff(way, axis=0).T)
    assert way[0].tolist() == [0.0, 0.0]
    assert steps.sum() == pytest.approx(0.4, rel=0.01)
    # on a circle through the axle with its center abreast: x^2 + y^2 = 2 y / curvature
    round_m2 = curvature_per_m * (way**2).sum(axis=1)
    assert round_m2 == pytest.approx(2 * way[:, 1], abs=1e-9)


def test_the_way_of_a_model_that_sees_paths_is_that_of_the_command() -> None:
    paths = np.arange(15.0).reshape(3, 5)
    view = LaneView(paths_left_m=paths, spread_m=np.ones(3))
    assert way_of(view, Turn.LEFT)[:, 1].tolist() == [5.0, 6.0, 7.0, 8.0, 9.0]


def has(picture: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(color, np.uint8)).all(axis=-1).any())


@pytest.mark.parametrize("size", [(40, 120), (160, 120)], ids=["quarter", "whole"])
def test_a_page_shows_frames_and_map_with_what_was_driven(size: tuple[int, int]) -> None:
    case, _ = recorded(0.05)
    shots = [replace(s, picture_rgb=np.full((*size, 3), 90, np.uint8)) for s in case.shots]
    page = worst_page(replace(case, shots=tuple(shots)), plain_look(), "a place", 0.136)
    strip, plan = page[TITLE_PX:, :STRIP_PX], page[TITLE_PX:, STRIP_PX:]
    for color in (ROUTE, PREDICTED):
        assert has(strip, color)
        assert has(plan, color)
    assert has(plan, DRIVEN)
    assert has(plan, WORST)
    seen = (strip == 90).all(axis=-1)
    assert seen.any(axis=1).mean() > 0.65  # frames fill the strip from top to bottom


def test_the_command_draws_the_case_that_its_document_names(tmp_path: Path) -> None:
    first, again = tmp_path / "first.png", tmp_path / "again.png"
    lane = [
        "evaluate",
        "lane",
        "--city",
        "straight",
        "--metres",
        "1",
        "--looks",
        "1",
        "--jobs",
        "1",
    ]
    arguments = [*lane, "--seed", "3", "--worst", str(first), "--json"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    worst = json.loads(result.stdout)["worst"]
    assert worst["picture"] == str(first)
    draw_worst_case(LaneEvaluation(("straight",), metres=1.0, looks=1, seed=3), worst, again)
    assert worst["picture"] == str(again)
    pictures = [cv2.imread(str(file)) for file in (first, again)]
    assert pictures[0] is not None
    assert (pictures[0] == pictures[1]).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--worst", "worst.svg"], r"--worst 'worst.svg'.*\.jpg or \.jpeg or \.png"),
        (["--worst", "no/such/worst.png"], "no folder 'no/such'"),
        (["--worst", "worst.png", "--junctions"], "no --sweep or --junctions"),
        (["--worst", "worst.png", "--sweep", "blur"], "no --sweep or --junctions"),
    ],
)
def test_a_picture_that_cannot_be_is_named_before_anything_drives(
    arguments: list[str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        CliRunner().invoke(app, ["evaluate", "lane", *arguments], catch_exceptions=False)
