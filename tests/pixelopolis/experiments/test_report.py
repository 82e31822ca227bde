"""From stored results to tables, without running anything."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.errors import SettingsError
from pixelopolis.experiments import charts
from pixelopolis.experiments.article import EXPERIMENTS
from pixelopolis.experiments.charts import write_charts
from pixelopolis.experiments.pages import check_page, fill, write_page
from pixelopolis.experiments.parts import FLOAT, INT8, Arm, Data, Drive, Experiment, Recipe, Scale
from pixelopolis.experiments.report import document, spread
from pixelopolis.experiments.runner import Outcome
from pixelopolis.experiments.tables import setting, table
from tests.support.paths import ROOT

SCALE = Scale(pictures=9000, epochs=7, metres=60.0, looks=12)
RECIPE = Recipe("net", "path", (Data("poses", "square"),))
ROAD = Drive("square", "square", ("--city", "square"))
JUNCTIONS = Drive("junctions", "junctions of a town", ("--city", "grid:2x2:1"), junctions=True)
EXPERIMENT = Experiment(
    "int8",
    "Float and int8",
    (Arm("float", RECIPE, FLOAT), Arm("int8", RECIPE)),
    (ROAD, JUNCTIONS),
    timed=True,
)


def drive(deviation_m: float, wrong: int) -> dict[str, Any]:
    return {
        "mean_abs_deviation_m": deviation_m,
        "autonomy_pct": 100.0,
        "out_of_lane_pct": 0.125,
        "interventions": 0,
        "turns_right": 10 - wrong,
        "turns_wrong": wrong,
        "distance_m": 60.0,
    }


def junctions(passed: int) -> dict[str, Any]:
    return {
        "junction_starts": 20,
        "junctions_passed": passed,
        "junctions_passed_pct": 5.0 * passed,
    }


@pytest.fixture
def outcome() -> Outcome:
    results: dict[str, dict[str, Any]] = {}
    for seed in (1, 2):
        results[f"train-net-{seed}"] = {"data": {"pictures": 9000}, "training_s": 100.0 * seed}
        results[f"export-net-{seed}"] = {"latency_ms": {INT8: 0.2, FLOAT: 0.25 + 0.01 * seed}}
        results[f"evaluate-net-float-square-{seed}"] = drive(0.005 + 0.001 * seed, 0)
        results[f"evaluate-net-square-{seed}"] = drive(0.006, seed)
        results[f"evaluate-net-float-junctions-{seed}"] = junctions(18 + seed)
    results["evaluate-net-junctions-1"] = junctions(20)
    failed = {"evaluate-net-junctions-2": "ended with exit code 1: no OpenGL"}
    return Outcome(results, dict.fromkeys(results, 60.0), failed)


def test_tables_show_mean_and_spread_of_the_seeds(outcome: Outcome) -> None:
    figures = document([EXPERIMENT], (1, 2), SCALE, outcome)
    assert table(EXPERIMENT, figures["experiments"]["int8"]).splitlines() == [
        "| drive | model | deviation, mm | autonomy, % | out of lane, % | junctions passed, % "
        "| wrong turns | ms a picture, one thread |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| square | float | 6.5 (6.0 to 7.0) | 100.0 | 0.12 | - | 0 of 20 | 0.27 (0.26 to 0.27) |",
        "| square | int8 | 6.0 | 100.0 | 0.12 | - | 3 of 20 | 0.20 |",
        "| junctions of a town | float | - | - | - | 97.5 (95.0 to 100.0) | - "
        "| 0.27 (0.26 to 0.27) |",
        "| junctions of a town | int8 | - | - | - | 100.0 | - | 0.20 |",
    ]


def test_a_town_without_choices_has_no_turns(outcome: Outcome) -> None:
    for seed in (1, 2):
        outcome.results[f"evaluate-net-square-{seed}"].update(turns_right=0, turns_wrong=0)
    figures = document([EXPERIMENT], (1, 2), SCALE, outcome)
    row = table(EXPERIMENT, figures["experiments"]["int8"]).splitlines()[3]
    assert row.split("|")[1:3] + row.split("|")[-3:-2] == [" square ", " int8 ", " - "]


def test_what_failed_is_said_and_counted_for_nothing(outcome: Outcome) -> None:
    figures = document([EXPERIMENT], (1, 2), SCALE, outcome)
    int8 = figures["experiments"]["int8"]["arms"]["int8"]
    assert int8["drives"]["junctions"]["junctions_passed_pct"]["values"] == [100.0]
    assert "No result: `evaluate-net-junctions-2`, ended with exit code 1: no OpenGL." in setting(
        figures
    )


def test_nothing_at_all_is_a_table_of_dashes() -> None:
    figures = document([EXPERIMENT], (1, 2), SCALE, Outcome())
    rows = table(EXPERIMENT, figures["experiments"]["int8"]).splitlines()[2:]
    assert len(rows) == 4
    assert all(set(row.split("|")[3:-1]) == {" - "} for row in rows)


def test_figures_go_between_their_markers_only(outcome: Outcome, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    prose = (
        "# Ours\n<!-- experiments:setting -->\nold\n<!-- /experiments:setting -->\nwords\n"
        "<!-- experiments:int8 -->\n<!-- /experiments:int8 -->\nmore words\n"
        "<!-- experiments:other -->\nkept\n<!-- /experiments:other -->\n"
    )
    page.write_text(prose)
    figures = document([EXPERIMENT], (1, 2), SCALE, outcome)
    write_page([EXPERIMENT], figures, tmp_path, page)
    first = page.read_text()
    assert first.startswith("# Ours\n<!-- experiments:setting -->\nSeeds 1 to 2; 9000 pictures")
    assert "old" not in first
    assert "<!-- /experiments:setting -->\nwords\n<!-- experiments:int8 -->\n| drive |" in first
    assert first.endswith("kept\n<!-- /experiments:other -->\n")
    write_page([EXPERIMENT], figures, tmp_path, page)
    assert page.read_text() == first
    assert json.loads((tmp_path / "experiments.json").read_text()) == figures


def test_without_a_page_one_is_made(outcome: Outcome, tmp_path: Path) -> None:
    write_page([EXPERIMENT], document([EXPERIMENT], (1, 2), SCALE, outcome), tmp_path, page=None)
    assert (
        "## Float and int8\n\n<!-- experiments:int8 -->\n| drive"
        in (tmp_path / "experiments.md").read_text()
    )


def test_charts_stand_below_the_table_and_show_its_figures(
    outcome: Outcome, tmp_path: Path
) -> None:
    figures = document([EXPERIMENT], (1, 2), SCALE, outcome)
    write_page([EXPERIMENT], figures, tmp_path, page=None)
    page = (tmp_path / "experiments.md").read_text()
    links = re.findall(r"\n\n!\[Float and int8\]\((\S+)\)", page)
    assert links == [f"images/experiment-int8-{name}.svg" for name in ("deviation", "autonomy")]
    again = write_charts(EXPERIMENT, figures["experiments"]["int8"], tmp_path / "images")
    assert [str(file.relative_to(tmp_path)) for file in again] == links


def test_a_chart_has_a_bar_for_what_was_measured(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(
        charts, "bar_chart", lambda file, *about: drawn.update({file.stem.split("-")[-1]: about})
    )
    figures = document([EXPERIMENT], (1, 2), SCALE, outcome)
    write_charts(EXPERIMENT, figures["experiments"]["int8"], tmp_path)
    title, label, groups, bars = drawn["deviation"]
    assert (title, label, groups) == ("Float and int8", "deviation, mm", ["square"])
    assert bars["float"] == [pytest.approx((6.5, 6.0, 7.0))]
    assert bars["int8"] == [pytest.approx((6.0, 6.0, 6.0))]
    _, label, groups, bars = drawn["autonomy"]
    assert (label, groups) == ("autonomy or passed, %", ["square", "junctions of a town"])
    assert bars["float"] == [(100.0, 100.0, 100.0), (97.5, 95.0, 100.0)]


def test_nothing_measured_is_no_chart(tmp_path: Path) -> None:
    figures = document([EXPERIMENT], (1, 2), SCALE, Outcome())
    assert write_charts(EXPERIMENT, figures["experiments"]["int8"], tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=5))
def test_a_mean_lies_between_lowest_and_highest(values: list[float]) -> None:
    figures = spread(values)
    assert figures["low"] <= figures["mean"] <= figures["high"]


def test_our_page_has_a_place_for_every_experiment(tmp_path: Path) -> None:
    page = ROOT / "docs" / "explanation" / "experiments.md"
    check_page(EXPERIMENTS, page, tmp_path)


@pytest.mark.parametrize(
    "page",
    [
        "nothing",
        "<!-- experiments:int8 -->\n",
        "<!-- /experiments:int8 -->\n<!-- experiments:int8 -->\n",
        "<!-- experiments:int8 -->\n<!-- /experiments:int8 -->\n" * 2,
    ],
)
def test_a_page_without_its_place_is_refused(page: str) -> None:
    with pytest.raises(SettingsError, match="'int8'"):
        fill(page, {"int8": "a table"})


def test_a_page_that_is_not_there_is_named(outcome: Outcome, tmp_path: Path) -> None:
    figures = document([EXPERIMENT], (1, 2), SCALE, outcome)
    with pytest.raises(SettingsError, match=r"missing\.md.*No such file"):
        write_page([EXPERIMENT], figures, tmp_path, tmp_path / "missing.md")
