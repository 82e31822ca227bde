"""Printed tables fit 80 columns, without cut words or raw structures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.cli import data, evaluate_detector, evaluate_frames, evaluation_tables
from pixelopolis.cli.evaluation_tables import JUNCTIONS, LANE, LOCALIZATION, RIDES
from pixelopolis.cli.main import app
from pixelopolis.cli.tables import figure_rows
from pixelopolis.model_io.voc.check import HEIGHTS_PX
from sim.evaluation import stops
from sim.evaluation.encounters import EncounterFigures
from sim.evaluation.free_drives import FreeFigures
from sim.evaluation.lane_drive import LaneFigures
from training.lane.frames import RecordedFrame, figures

DRIVEN = LaneFigures(
    100.0,
    13.6,
    12,
    3.2,
    8.1,
    0.187,
    2000,
    max_at="turn 7 > 9 (left)",
    failures=["edge 7 at 0.41 m"],
)
PLACED = ("located_pct", "wrong_pct", "passages_right_pct", "belief_right_pct")


def assert_readable(said: str, *words: str) -> None:
    lines = said.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert not re.search(r"[{}…]|\['|True|None", said), said
    missing = [word for text in words for word in text.split() if word not in said.split()]
    assert missing == [], said


def test_lane_figures(capsys: pytest.CaptureFixture[str]) -> None:
    look = {"city": "figure-eight", "look": 11, **DRIVEN.document()}
    document: dict[str, Any] = {
        **DRIVEN.document(),
        "worst": {"city": "figure-eight", "look": 11, "place": DRIVEN.max_at},
        "by_city": [look],
        "by_look": [look],
    }
    evaluation_tables.show(document, as_json=False)
    said = capsys.readouterr().err
    assert_readable(said, "turns_by_command.straight.right worst.city figure-eight")
    assert said.count("edge 7 at 0.41 m") == 1
    evaluation_tables.show_lane_table(document)
    headers = "city look distance m autonomy % out of lane mean max wrong turns"
    assert_readable(capsys.readouterr().err, headers, "figure-eight 11 13.6 28.00 12 3.200 187.0")


def test_rivals(capsys: pytest.CaptureFixture[str]) -> None:
    worst = {"interventions_per_km": 9876.5, "junctions_passed_pct": None, **DRIVEN.document()}
    placed = {"median_metres_to_located": None, **dict.fromkeys(PLACED, 100.0), "given_up": 100}
    met = {**EncounterFigures().document(), **FreeFigures().document(), "collisions": 30000}
    for row, columns in (
        (worst, LANE),
        (worst, JUNCTIONS),
        (placed, LOCALIZATION),
        (met, RIDES),
    ):
        name = columns[0].figure
        added = {"against": "wheels_and_map", "model": row}
        added[name] = {"without": row[name], "with": None}
        document = {"rivals": {"wheels_and_map": row}, "sight_adds": added}
        evaluation_tables.show_rivals(document, columns, "50000 of 99999 looks (999999 m)")
        said = capsys.readouterr().err
        assert_readable(said, "driver model wheels and map What sight adds, against", "- with")
        headers = [word for column in columns for word in column.header.split()]
        assert_readable(said, *headers)
        evaluation_tables.show(document, as_json=False)
        assert "rivals" not in capsys.readouterr().err, "they have a table of their own"


def test_without_rivals_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    evaluation_tables.show_rivals({}, LANE, "nothing")
    evaluation_tables.show_lane_rivals({})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [("--no-rivals",), ()])
def test_lane_rivals_stand_below_the_looks(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    line = ["evaluate", "lane", "--city", "straight", "--looks", "1", "--metres", "1", *words]
    shown = CliRunner().invoke(app, line)
    assert shown.exit_code == 0, shown.output
    assert_readable(shown.stderr, "straight all")
    assert ("Rivals, over 1 of 1 looks (1 m)" in shown.stderr) != bool(words)
    assert ("What sight adds, against" in shown.stderr) != bool(words)


def test_detector_figures(capsys: pytest.CaptureFixture[str]) -> None:
    row = dict.fromkeys(("ap50", "ap50_12px", "ap50_20px", "ap50_95_20px"), 0.9123)
    row |= {"threshold": 0.4512, "precision": 0.9912, "recall": 0.8812, "objects": 123}
    row |= {"reach_m": 1.234, "goal_m": 1.0}
    document = {
        "model": "detector.tflite",
        "map50_20px": 0.95,
        "goals_met": {"map50_20px": True},
        "by_size": {"12px": {"map50": 0.9, "map50_95": 0.5, "objects": 12}},
        "by_class": dict.fromkeys(SIGN_CLASSES, row),
    }
    evaluate_detector._print_detector(document)
    said = capsys.readouterr().err
    assert_readable(said, "goals_met.map50_20px yes ap50 95 20px 0.912", *SIGN_CLASSES)
    assert_readable(said, *(name.replace("_", " ") for name in row), "0.451 1.234")


def test_frame_figures(capsys: pytest.CaptureFixture[str]) -> None:
    frames = [RecordedFrame(Path(f"session-2026-03-14/{i}_center.jpg"), 0.1 * i) for i in range(3)]
    document = figures(frames, [0.0, 0.1, 0.3])
    evaluate_frames._show(document)
    assert_readable(capsys.readouterr().err, "source frames RMSE slope session-2026-03-14 2.77")


def test_dataset_report(capsys: pytest.CaptureFixture[str]) -> None:
    heights = {str(low): 12345 for low in HEIGHTS_PX}
    row = {"objects": 54321, "difficult": 12, "truncated": 1, "heights_px": heights}
    report = {"heights_px": heights, "classes": dict.fromkeys(SIGN_CLASSES, row), "findings": []}
    data._print_report({**report, "images": 9, "empty_images": 1, "objects": 123})
    assert_readable(
        capsys.readouterr().err, "class objects from 0 px 8 12 20 40 12345", *SIGN_CLASSES
    )


def test_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    times = dict.fromkeys(("goal_zero", "at_rest", "held_up", "torque_off", "drives_again"), 1.2345)

    async def measure(*_: object) -> dict[str, Any]:
        return {failure.name: stops._row(failure, [times]) for failure in stops.FAILURES}

    monkeypatch.setattr(stops, "measure_stops", measure)
    result = CliRunner().invoke(app, ["bench", "stops", "--board", "device"])
    assert result.exit_code == 0, result.output
    names = [failure.name for failure in stops.FAILURES]
    assert_readable(result.output, "stopped limit goal zero torque off drives again", *names)


def test_nested_figures_are_rows() -> None:
    document = {"a": {"b": {"c": 1.23456}, "d": None}, "e": [1, 2], "f": [{"g": 1}], "h": True}
    assert dict(figure_rows(document)) == {"a.b.c": "1.235", "a.d": "-", "e": "1, 2", "h": "yes"}
