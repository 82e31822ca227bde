"""Vary one condition step by step until lane keeping fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pixelopolis.reporting.charts import ChartLine, Panel, line_chart
from sim.evaluation.lane_runs import LaneEvaluation
from sim.evaluation.swept import AXES, DIRECTIONS, Swept

FAILED_PCT: Final = 90.0
"""A direction of a sweep ends at the first value with a lower autonomy, or ..."""

FAILED_WAY: Final = 0.5
"""... with less than this share of the distance driven: a standing car has few interventions."""


def sweep_lane(
    run: LaneEvaluation,
    swept: Swept,
    values: Sequence[float] | None,
    measure: Callable[[LaneEvaluation], dict[str, Any]],
) -> dict[str, Any]:
    """Return the figures of a run for every value.

    Args:
        run: all other settings.
        swept: the condition to vary.
        values: the values; by default from nominal in each direction until failure.
        measure: evaluates one run.
    """
    points = []
    for direction in (tuple(values),) if values else DIRECTIONS[swept]:
        for value in direction:
            figures = measure(replace(run, swept=swept, swept_value=value))
            driven = figures["distance_m"] / run.metres
            failed = figures["autonomy_pct"] < FAILED_PCT or driven < FAILED_WAY
            points.append({"value": value, "failed": failed, **figures})
            if failed and not values:
                break
    return {"sweep": swept.value, "points": sorted(points, key=lambda point: point["value"])}


def sweep_chart(document: dict[str, Any], file: Path) -> None:
    """Write a chart of deviation and autonomy by value; failures are crossed out.

    Args:
        document: as `sweep_lane` returns it; looks give the band around the mean deviation.
        file: .svg or .png.

    Raises:
        SettingsError, MissingPartError: see `line_chart`.
    """
    swept, points = Swept(document["sweep"]), document["points"]
    x = [p["value"] for p in points]

    def mm(figure: str) -> list[float]:
        return [1000 * p[figure] for p in points]

    def of_looks(pick: Callable[[list[float]], float]) -> list[float]:
        return [1000 * pick([r["mean_abs_deviation_m"] for r in p["by_look"]]) for p in points]

    mean = ChartLine(
        "mean, and that of each look", x, mm("mean_abs_deviation_m"), of_looks(min), of_looks(max)
    )
    autonomy = ChartLine("autonomy", x, [p["autonomy_pct"] for p in points])
    in_lane = ChartLine("time in its lane", x, [100 - p["out_of_lane_pct"] for p in points])
    line_chart(
        file,
        [
            Panel("deviation, mm", [mean, ChartLine("largest", x, mm("max_abs_deviation_m"))]),
            Panel("autonomy and time, %", [autonomy, in_lane], (0.0, 105.0)),
        ],
        AXES[swept],
        title=_setting(points),
        log_x=swept is Swept.EXPOSURE,
        nominal=DIRECTIONS[swept][0][0],
        failed=[p["value"] for p in points if p["failed"]],
        failed_label=f"failed: autonomy below {FAILED_PCT:g} %, or no way made",
    )


def _setting(points: Sequence[dict[str, Any]]) -> str:
    """Describe how the points were measured, for the chart's caption."""
    first = points[0]
    metres = max(p["distance_m"] for p in points)
    towns, looks = len(first["cities"]), first["looks"]
    return (
        f"{metres:.0f} m a value in {towns} town{'s' * (towns > 1)}, "
        f"{looks} look{'s' * (looks > 1)}, {first['cruise_mps']:g} m/s, seed {first['seed']}"
    )
