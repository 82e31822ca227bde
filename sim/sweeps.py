"""One thing gets worse step by step, the rest stays: where does lane keeping end?"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pixelopolis.city import City
from pixelopolis.city_file import city_text, parse_city
from sim.looks import Look

if TYPE_CHECKING:
    from sim.evaluation_runs import LaneRun

FAILED_PCT = 90.0
"""A direction of a sweep ends with the first value whose autonomy is lower."""


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


DIRECTIONS: dict[Swept, tuple[tuple[float, ...], ...]] = {
    Swept.EXPOSURE: ((1.0, 1.4, 2.0, 2.8, 4.0, 5.6), (0.7, 0.5, 0.35, 0.25, 0.18, 0.12)),
    Swept.BLUR: ((0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0),),
    Swept.PITCH: ((0.0, 2.0, 4.0, 6.0, 8.0, 10.0), (-2.0, -4.0, -6.0, -8.0, -10.0)),
    Swept.LATENCY: ((0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4),),
    Swept.LANE_WIDTH: ((0.28, 0.30, 0.32, 0.36, 0.40), (0.26, 0.24, 0.22, 0.20)),
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
            points.append({"value": value, **figures})
            if not values and figures["autonomy_pct"] < FAILED_PCT:
                break
    return {"sweep": swept.value, "points": sorted(points, key=lambda point: point["value"])}
