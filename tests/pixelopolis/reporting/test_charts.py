"""Charts: complete, reproducible, and with clear errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from pixelopolis.errors import MissingPartError, SettingsError
from pixelopolis.reporting.charts import (
    Bar,
    ChartLine,
    Panel,
    bar_chart,
    check_chart_file,
    line_chart,
)

X = (0.5, 1.0, 2.0)
DEVIATION = ChartLine("mean", X, (9.0, 7.0, 12.0), (5.0, 4.0, 6.0), (20.0, 15.0, 40.0))
PANELS = (
    Panel("deviation, mm", (DEVIATION,)),
    Panel("autonomy, %", (ChartLine("autonomy", X, (100.0, 100.0, 60.0)),), (0, 105)),
)
BARS: dict[str, tuple[Bar | None, ...]] = {
    "with looks": ((7.0, 6.0, 9.0), (8.0, 8.0, 8.0)),
    "without": ((30.0, 20.0, 50.0), None),
}


def draw_lines(file: Path, **changed: Any) -> bytes:
    given: dict[str, Any] = {"nominal": 1.0, "failed": {2.0}, "log_x": True, "title": "Exposure"}
    line_chart(file, PANELS, "exposure, factor", **(given | changed))
    return file.read_bytes()


def draw_bars(file: Path) -> bytes:
    bar_chart(file, "Looks", "deviation, mm", ("towns", "rooms"), BARS)
    return file.read_bytes()


def ids(svg: bytes, start: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [e.get("id", "") for e in root.iter() if e.get("id", "").startswith(start)]


def has_color(svg: bytes, color: str) -> bool:
    return color.encode() in svg.lower()


@pytest.mark.parametrize("draw", [draw_lines, draw_bars])
def test_the_same_values_give_the_same_svg_without_date_or_version(
    draw: Any, tmp_path: Path
) -> None:
    first, second = draw(tmp_path / "a.svg"), draw(tmp_path / "b.svg")
    assert first == second
    assert b"date" not in first.lower()
    assert b"v3." not in first


def test_every_panel_has_its_axes_on_a_white_ground(tmp_path: Path) -> None:
    svg = draw_lines(tmp_path / "lines.svg")
    assert ids(svg, "axes_") == ["axes_1", "axes_2"]
    assert has_color(svg, "fill: #ffffff")


def test_failures_are_crossed_out_and_the_nominal_value_is_marked(tmp_path: Path) -> None:
    svg = draw_lines(tmp_path / "lines.svg")
    assert has_color(svg, "#c1121f")
    assert has_color(svg, "#8b949e; stroke-width: 1.2")
    plain = draw_lines(tmp_path / "plain.svg", failed=(), nominal=None)
    assert not has_color(plain, "#c1121f")
    assert not has_color(plain, "#8b949e; stroke-width: 1.2")


def test_bars_stand_where_there_are_figures(tmp_path: Path) -> None:
    svg = draw_bars(tmp_path / "bars.svg")
    # blue: two bars and the legend's; orange: one fewer, as its second bar is missing
    assert svg.lower().count(b"fill: #0072b2") == 3
    assert svg.lower().count(b"fill: #d55e00") == 2


def test_a_png_is_a_picture(tmp_path: Path) -> None:
    draw_bars(tmp_path / "bars.PNG")
    picture = cv2.imread(str(tmp_path / "bars.PNG"))
    assert picture is not None
    assert picture.shape[1] == 1200
    assert (picture[0, 0] == 255).all()
    assert np.unique(picture.reshape(-1, 3), axis=0).shape[0] > 10


def test_settings_of_matplotlib_stay_as_they_were(tmp_path: Path) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 31.0}):
        theirs = draw_lines(tmp_path / "theirs.svg")
        assert mpl.rcParams["font.size"] == 31.0
    assert theirs == draw_lines(tmp_path / "ours.svg")


@pytest.mark.parametrize(
    ("panels", "said"),
    [
        ((), "at least one series"),
        ((Panel("y", ()),), "at least one series"),
        ((Panel("y", (ChartLine("mean", (), ()),)),), "series 'mean'"),
        ((Panel("y", (ChartLine("mean", (1.0, 2.0), (1.0,)),)),), "2 x and 1 y"),
        ((Panel("y", (ChartLine("mean", (1.0,), (1.0,), low=(0.5,)),)),), "lowest and highest"),
        ((Panel("y", (ChartLine("mean", (-1.0, 2.0), (1.0, 1.0)),)),), "no place for -1"),
    ],
)
def test_lines_that_cannot_be_drawn_are_named(
    panels: tuple[Panel, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=said):
        line_chart(tmp_path / "chart.svg", panels, "x", log_x=True)
    assert not (tmp_path / "chart.svg").exists()


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ({}, "expected bars, got none"),
        ({"int8": (None, None)}, "expected bars, got none"),
        ({"int8": ((1.0, 1.0, 1.0),)}, "expected 2 bars"),
        ({"int8": ((1.0, 2.0, 3.0), None)}, "lowest <= mean <= highest"),
    ],
)
def test_bars_that_cannot_be_drawn_are_named(
    arms: dict[str, tuple[Bar | None, ...]], said: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=said):
        bar_chart(tmp_path / "chart.svg", "Looks", "y", ("a", "b"), arms)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--plot .*chart\.pdf.*\.svg or \.png"):
        check_chart_file(tmp_path / "chart.pdf")
    with pytest.raises(SettingsError, match="no folder"):
        check_chart_file(tmp_path / "nowhere" / "chart.svg")
    (tmp_path / "chart.svg").mkdir()
    with pytest.raises(SettingsError, match="is a folder"):
        draw_lines(tmp_path / "chart.svg")


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPartError, match=r"'matplotlib\S*'.*pixelopolis\[plots\]"):
        check_chart_file(tmp_path / "chart.svg")
