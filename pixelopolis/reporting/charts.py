"""Charts in one style, as .svg or .png: the same values give the same SVG, byte for byte.

Needs matplotlib (extra `plots`); no global state of it is used, and no display.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pixelopolis.errors import MissingPartError, SettingsError
from pixelopolis.output_file import check_output_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = (".svg", ".png")
WIDTH_IN: Final = 7.5
PNG_DPI: Final = 160
_INK, _GRID, _FAILED = "#24292f", "#dfe3e8", "#c1121f"
_COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""M. Okabe and K. Ito, Color Universal Design, 2008: distinguishable by color-blind readers."""
_STYLE: Final[dict[str, object]] = {
    "svg.hashsalt": "pixelopolis",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "figure.facecolor": "#ffffff",
    "axes.facecolor": "#ffffff",
    "axes.edgecolor": "#8b949e",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _GRID,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
}
"""A white background, so that charts are readable on dark pages."""

Bar = tuple[float, float, float]
"""Mean, lowest, highest."""


@dataclass(frozen=True, slots=True)
class ChartLine:
    """A named series of points (x, y), with the lowest and highest of each if known."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the axes, stacked vertically."""

    y_label: str
    lines: Sequence[ChartLine]
    y_range: tuple[float, float] | None = None
    """By default from 0, or from the lowest value if that is negative."""


def check_chart_file(file: Path, option: str = "--plot") -> None:
    """Check, before the work begins, that a chart can be written.

    Raises:
        SettingsError: another suffix than .svg or .png, or a missing folder.
        MissingPartError: no matplotlib.
    """
    check_output_file(file, SUFFIXES, option)
    _new_figure(1.0)


def line_chart(
    file: Path,
    panels: Sequence[Panel],
    x_label: str,
    *,
    title: str = "",
    log_x: bool = False,
    nominal: float | None = None,
    failed: Collection[float] = (),
    failed_label: str = "failed",
) -> None:
    """Write lines over one x axis.

    Args:
        file: .svg or .png.
        panels: from top to bottom.
        x_label: with its unit.
        title: title of the chart.
        log_x: a logarithmic axis with ticks at the lines' points.
        nominal: the nominal x, marked.
        failed: each x whose points are crossed out.
        failed_label: legend for these.

    Raises:
        SettingsError: a series without points or of unequal lengths, x <= 0 on a logarithmic axis,
            or a file that cannot be written.
        MissingPartError: no matplotlib.
    """
    check_chart_file(file, "chart")
    places = _places(panels, log_x)
    with _style():
        figure = _new_figure(1.2 + 2.2 * len(panels))
        grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)
        colors = cycle(_COLORS)
        for panel, axes in zip(panels, grid[:, 0], strict=True):
            _draw_panel(axes, panel, colors, nominal, failed, failed_label)
        last: Axes = grid[-1, 0]
        last.set_xlabel(x_label)
        if log_x:
            last.set_xscale("log")
            last.set_xticks(places, [f"{x:g}" for x in places], minor=False)
            last.set_xticks([], minor=True)
        _legend(figure)
        _save(figure, file, title)


def bar_chart(
    file: Path,
    title: str,
    y_label: str,
    groups: Sequence[str],
    arms: Mapping[str, Sequence[Bar | None]],
) -> None:
    """Write bars side by side, with whiskers from the lowest to the highest value.

    Args:
        file: .svg or .png.
        title: title of the chart.
        y_label: with its unit.
        groups: names along the x axis.
        arms: for each name of the legend, a bar for each group, None if missing.

    Raises:
        SettingsError: no bars at all, an arm of another length than `groups`, a mean outside its
            whisker, or a file that cannot be written.
        MissingPartError: no matplotlib.
    """
    check_chart_file(file, "chart")
    _check_bars(title, groups, arms)
    with _style():
        figure = _new_figure(3.8)
        axes = figure.subplots()
        width = 0.8 / len(arms)
        for i, (arm, bars) in enumerate(arms.items()):
            drawn = [(k, bar) for k, bar in enumerate(bars) if bar is not None]
            at = [k - 0.4 + width * (i + 0.5) for k, _ in drawn]
            means = [mean for _, (mean, _, _) in drawn]
            below = [mean - low for _, (mean, low, _) in drawn]
            above = [high - mean for _, (mean, _, high) in drawn]
            color = _COLORS[i % len(_COLORS)]
            axes.bar(at, means, 0.9 * width, color=color, label=arm)
            axes.errorbar(at, means, (below, above), fmt="none", ecolor=_INK, capsize=3)
            for x, (_, (mean, _, high)) in zip(at, drawn, strict=True):
                axes.annotate(
                    f"{float(f'{mean:.3g}'):g}",
                    (x, max(high, 0.0)),
                    (0, 3),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8,
                )
        axes.set_xticks(range(len(groups)), groups)
        axes.set_xlim(-0.6, len(groups) - 0.4)
        axes.set_ylabel(y_label)
        axes.grid(visible=False, axis="x")
        axes.margins(y=0.12)
        _legend(figure)
        _save(figure, file, title)


def _places(panels: Sequence[Panel], log_x: bool) -> list[float]:
    """Check the lines and return every x of them."""
    lines = [line for panel in panels for line in panel.lines]
    if not lines:
        raise SettingsError("a chart needs at least one series, got none.", "Give it one.")
    for line in lines:
        sizes = {len(s) for s in (line.x, line.y, line.low, line.high) if s is not None}
        if 0 in sizes or len(sizes) > 1:
            raise SettingsError(
                f"series {line.name!r}: expected a y for each x and at least one, got "
                f"{len(line.x)} x and {len(line.y)} y.",
                "Give it points.",
            )
        if (line.low is None) != (line.high is None):
            raise SettingsError(
                f"series {line.name!r}: expected lowest and highest values, got one of them.",
                "Give both, or none.",
            )
    places = sorted({x for line in lines for x in line.x})
    if log_x and places[0] <= 0:
        raise SettingsError(
            f"a logarithmic axis has no place for {places[0]:g}.", "Leave such values out."
        )
    return places


def _draw_panel(
    axes: Axes,
    panel: Panel,
    colors: Iterator[str],
    nominal: float | None,
    failed: Collection[float],
    failed_label: str,
) -> None:
    crossed: list[tuple[float, float]] = []
    for line, color in zip(panel.lines, colors, strict=False):
        axes.plot(line.x, line.y, marker="o", markersize=4, color=color, label=line.name)
        if line.low is not None and line.high is not None:
            axes.fill_between(line.x, line.low, line.high, color=color, alpha=0.18, linewidth=0)
        crossed += [(x, y) for x, y in zip(line.x, line.y, strict=True) if x in failed]
    if nominal is not None:
        axes.axvline(nominal, color="#8b949e", linestyle="--", linewidth=1.2, label="nominal")
    if crossed:
        axes.plot(
            [x for x, _ in crossed],
            [y for _, y in crossed],
            marker="X",
            markersize=9,
            linestyle="none",
            color=_FAILED,
            zorder=4,
            clip_on=False,
            label=failed_label,
        )
    axes.set_ylabel(panel.y_label)
    if panel.y_range is not None:
        axes.set_ylim(*panel.y_range)
    elif min(y for line in panel.lines for y in (*line.y, *(line.low or ()))) >= 0:
        axes.set_ylim(bottom=0.0)


def _legend(figure: Figure) -> None:
    """Write one legend below all panels, with each name once."""
    named = {
        name: handle
        for axes in figure.axes
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if len(named) > 1:
        columns = min(3, len(named))
        figure.legend(named.values(), named, loc="outside lower center", ncols=columns)


def _check_bars(
    title: str, groups: Sequence[str], arms: Mapping[str, Sequence[Bar | None]]
) -> None:
    if not any(bar for bars in arms.values() for bar in bars):
        raise SettingsError(f"chart {title!r}: expected bars, got none.", "Give it figures.")
    for arm, bars in arms.items():
        if len(bars) != len(groups):
            raise SettingsError(
                f"chart {title!r}, {arm!r}: expected {len(groups)} bars, one for each group, "
                f"got {len(bars)}.",
                "Say None where there is none.",
            )
        for bar in bars:
            if bar is not None and not bar[1] <= bar[0] <= bar[2]:
                raise SettingsError(
                    f"chart {title!r}, {arm!r}: expected lowest <= mean <= highest, got "
                    f"{bar[1]:g}, {bar[0]:g}, {bar[2]:g}.",
                    "Give (mean, lowest, highest).",
                )


@contextmanager
def _style() -> Iterator[None]:
    """Isolate the chart from the user's settings of matplotlib, and leave them unchanged."""
    from matplotlib import style  # noqa: PLC0415  (only needed for drawing)

    with style.context(_STYLE, after_reset=True):
        yield


def _new_figure(height_in: float) -> Figure:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (only needed for drawing)
    except ModuleNotFoundError as missing:
        raise MissingPartError(
            f"charts need the library {missing.name!r}.", "pip install 'pixelopolis[plots]'"
        ) from missing
    return Figure(figsize=(WIDTH_IN, height_in), layout="constrained")


def _save(figure: Figure, file: Path, title: str) -> None:
    """Write a figure; a Figure without pyplot selects its backend by suffix."""
    if title:
        figure.suptitle(title, fontsize=12)
    svg = file.suffix.lower() == ".svg"
    # no date and no version, so that equal pictures are equal files
    metadata = dict.fromkeys(("Date", "Creator") if svg else ("Software",))
    try:
        figure.savefig(file, dpi=PNG_DPI, metadata=metadata)
    except OSError as error:
        raise SettingsError(
            f"chart {str(file)!r} cannot be written: {error.strerror}.",
            "Name a file in a folder that may be written to.",
        ) from error
