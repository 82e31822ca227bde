"""One thing gets worse step by step, the rest stays: where does lane keeping end?"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pixelopolis.city import City
from pixelopolis.city_file import city_text, parse_city
from pixelopolis.plots import Line, Panel, line_chart
from sim.looks import Look

if TYPE_CHECKING:
    from sim.evaluation_runs import LaneRun

FAILED_PCT: Final = 90.0
"""A direction of a sweep ends with the first value whose autonomy is lower, or ..."""

FAILED_WAY: Final = 0.5
"""... at which less than this part of the way is driven: a car that stands is seldom put back."""


class Swept(StrEnum):
    """What can be swept.

    Exposure is a factor, blur in pixels at 120 across, pitch in degrees (its sign as the
    camera's), latency of the camera in seconds, lane width in metres.
    """

    EXPOSURE = "exposure"
    BLUR = "blur"
    PITCH = "pitch"
    LATENCY = "latency"
    LANE_WIDTH = "lane-width"


AXES: Final[dict[Swept, str]] = {
    Swept.EXPOSURE: "exposure, times that of the look",
    Swept.BLUR: "blur, pixels at 120 across",
    Swept.PITCH: "camera pitch beside that of the look, degrees (down positive)",
    Swept.LATENCY: "age of a frame when it arrives, s",
    Swept.LANE_WIDTH: "lane width, m",
}
"""What a chart says below its horizontal axis."""

DIRECTIONS: Final[dict[Swept, tuple[tuple[float, ...], ...]]] = {
    Swept.EXPOSURE: (
        (1.0, 1.4, 2.0, 4.0, 8.0, 16.0, 32.0),
        (0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.06),
    ),
    Swept.BLUR: ((0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0),),
    Swept.PITCH: (
        (0.0, 2.0, 4.0, 6.0, 8.0, 11.0, 14.0, 18.0),
        (-2.0, -4.0, -6.0, -8.0, -11.0, -14.0),
    ),
    Swept.LATENCY: ((0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6),),
    Swept.LANE_WIDTH: ((0.28, 0.32, 0.36, 0.40, 0.45, 0.5), (0.26, 0.24, 0.22, 0.20, 0.18)),
}
"""Values in either direction, the nominal one first of all."""


def swept_look(look: Look, swept: Swept | None, value: float) -> Look:
    """Return a look with the swept thing added to what it has already."""
    if swept is Swept.EXPOSURE:
        red, green, blue = (gain * value for gain in look.gains)
        return replace(look, gains=(red, green, blue))
    if swept is Swept.BLUR:
        blur_px = math.hypot(look.sensor.blur_px, value)
        return replace(look, sensor=replace(look.sensor, blur_px=blur_px))
    if swept is Swept.PITCH:
        pitch_rad = look.mount.pitch_rad + math.radians(value)
        return replace(look, mount=replace(look.mount, pitch_rad=pitch_rad))
    return look


def swept_city(name: str, swept: Swept | None, value: float) -> City:
    """Return a town, its lanes as wide as the sweep says.

    Raises:
        CityError: when there is no such town, or when it does not bear such lanes.
    """
    text, source = city_text(name)
    if swept is Swept.LANE_WIDTH:
        text = re.sub(r"(?m)^lane_width_m = .*$", f"lane_width_m = {value}", text)
        text = re.sub(r"(?m)^offset_right_m = .*$", f"offset_right_m = {value / 2}", text)
    return parse_city(text, source)


def sweep_lane(
    run: LaneRun,
    swept: Swept,
    values: Sequence[float] | None,
    measure: Callable[[LaneRun], dict[str, Any]],
) -> dict[str, Any]:
    """Return the figures of a run for every value.

    Args:
        run: everything else.
        swept: what changes.
        values: exactly these; by default from the nominal value each way until it fails.
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
    """Write the chart of a sweep: deviation and autonomy by value, failures crossed out.

    Args:
        document: of `sweep_lane`; a point's looks give the band around its mean deviation.
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

    mean = Line(
        "mean, and that of each look", x, mm("mean_abs_deviation_m"), of_looks(min), of_looks(max)
    )
    autonomy = Line("autonomy", x, [p["autonomy_pct"] for p in points])
    in_lane = Line("time in its lane", x, [100 - p["out_of_lane_pct"] for p in points])
    line_chart(
        file,
        [
            Panel("deviation, mm", [mean, Line("largest", x, mm("max_abs_deviation_m"))]),
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
    """Say how points were measured, so that a chart alone can be judged."""
    first = points[0]
    metres = max(p["distance_m"] for p in points)
    towns, looks = len(first["cities"]), first["looks"]
    return (
        f"{metres:.0f} m a value in {towns} town{'s' * (towns > 1)}, "
        f"{looks} look{'s' * (looks > 1)}, {first['cruise_mps']:g} m/s, seed {first['seed']}"
    )
