"""What a sweep varies, over which values, and how it changes looks and cities."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from enum import StrEnum
from typing import Final

from pixelopolis.city.model import City
from pixelopolis.city.sources import city_text
from pixelopolis.city.toml_file import parse_city
from sim.looks.look import Look


class Swept(StrEnum):
    """Conditions that can be swept.

    Exposure is a factor, blur in pixels at an image width of 120, pitch in degrees (signed like the
    camera's), latency of the camera in s, lane width in m.
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
"""Labels of a chart's horizontal axis."""

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
"""Values in each direction; the first of all is nominal."""


def swept_look(look: Look, swept: Swept | None, value: float) -> Look:
    """Return a look changed by the sweep."""
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
    """Return a city with the lane width of the sweep.

    Raises:
        CityError: no such city, or its streets are too narrow for such lanes.
    """
    text, source = city_text(name)
    if swept is Swept.LANE_WIDTH:
        text = re.sub(r"(?m)^lane_width_m = .*$", f"lane_width_m = {value}", text)
        text = re.sub(r"(?m)^offset_right_m = .*$", f"offset_right_m = {value / 2}", text)
    return parse_city(text, source)
