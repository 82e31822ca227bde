"""Looks of roads that lie on a floor: tape, paint or a printed mat, and nothing beside them.

A floor look is a room look (light, camera, people) whose road has any colors and markings. Its
ranges follow photographs of other people's miniature tracks; a comment gives each reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Final

import cv2
import numpy as np

from sim.looks.look import Look, Mount
from sim.looks.room_looks import room_look
from sim.looks.sensor import Sensor
from sim.looks.surfaces import DASHED_M, SOLID_M, Floor, Markings, Patches, Rgb, RoadColors

MIN_CONTRAST: Final = 0.18
"""Least difference of a line from what it lies on, in the channel where it is largest."""

DASHES_M: Final = (DASHED_M, (0.06, 0.06), (0.16, 0.20), (0.05, 0.14), SOLID_M)
"""Dashes and gaps; few, as each needs its own map of the city."""

LINE_WIDTHS: Final = (0.7, 1.0, 1.5, 2.2)
"""Of the city's own lines, 15 mm; few for the same reason."""


class _FloorStream(IntEnum):
    """Second key of every random stream, after those of `room_looks`. Only ever append."""

    SURFACE = 201
    LINES = 202
    MARKINGS = 203
    WIDTH = 204
    PATCHES = 205
    GLOSS = 206
    MOUNT = 207
    CAMERA = 208


def floor_look(seed: int, index: int, panoramas: Sequence[str] = ()) -> Look:
    """Return floor look number `index` of a seed; see `sim.looks.room_looks.room_look`."""

    def stream(name: _FloorStream) -> np.random.Generator:
        return np.random.default_rng([seed, index, int(name)])

    room = room_look(seed, index, panoramas=panoramas)
    surface, beside, grain = _surfaces(stream(_FloorStream.SURFACE))
    colors = _lines(stream(_FloorStream.LINES), surface, beside, grain)
    markings = _markings(stream(_FloorStream.MARKINGS))
    return replace(
        room,
        beside=beside,
        patches=_patches(stream(_FloorStream.PATCHES), surface),
        road=replace(
            room.road,
            white=colors,
            asphalt=colors,
            style="asphalt",
            markings=markings,
            line_width=_line_width(stream(_FloorStream.WIDTH)),
        ),
        floor=_gloss(room.floor, stream(_FloorStream.GLOSS)),
        mount=_mount(stream(_FloorStream.MOUNT)),
        sensor=_camera(room.sensor, stream(_FloorStream.CAMERA)),
    )


def _surfaces(rng: np.random.Generator) -> tuple[Rgb, Rgb, float]:
    """Return the colors of road and floor, and the surface's grain."""
    # floors from black mats to white tiles, mostly gray, wood or carpet: low saturation
    road = _color(rng, saturation=0.35 * float(rng.beta(1.0, 2.0)), least=0.06, most=0.95)
    # tape on a floor has the same floor on both sides; printed mats do not
    same = rng.random() < 0.55
    beside = road if same else _color(rng, saturation=float(rng.beta(1.0, 1.3)), least=0.06)
    return road, beside, float(0.9 * rng.beta(1.0, 1.8))


def _color(
    rng: np.random.Generator, saturation: float, least: float = 0.0, most: float = 1.0
) -> Rgb:
    hsv = np.array([[[rng.uniform(0, 360), saturation, rng.uniform(least, most)]]], np.float32)
    red, green, blue = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def _lines(rng: np.random.Generator, road: Rgb, beside: Rgb, grain: float) -> RoadColors:
    # both borders are of one tape in nine of ten towns
    left = _tape(rng, (road, beside))
    right = left if rng.random() < 0.9 else _tape(rng, (road, beside))
    # printed center lines are yellow or white; taped ones of whatever tape there is
    divider = left if rng.random() < 0.25 else _tape(rng, (road,))
    return RoadColors(road, left, right, divider, grain)


def _tape(rng: np.random.Generator, under: Sequence[Rgb]) -> Rgb:
    """Return a color that is seen on all of `under`: white, yellow, black, or any."""
    while True:
        match int(rng.choice(4, p=(0.45, 0.2, 0.1, 0.25))):
            case 0:
                tone = float(rng.uniform(0.75, 1.0))
                color: Rgb = (tone, tone, tone * float(rng.uniform(0.88, 1.0)))
            case 1:
                color = (float(rng.uniform(0.7, 1.0)), float(rng.uniform(0.6, 0.85)), 0.1)
            case 2:
                color = (0.05, 0.05, 0.06)
            case _:
                color = _color(rng, saturation=float(rng.uniform(0.5, 1.0)), least=0.4)
        if all(_contrast(color, surface) >= MIN_CONTRAST for surface in under):
            return color


def _contrast(one: Rgb, other: Rgb) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _markings(rng: np.random.Generator) -> Markings:
    kind, faded, dashes, in_lane = (
        rng.random(),
        rng.random(),
        rng.integers(len(DASHES_M)),
        rng.random(),
    )
    # one border in five is missing or nearly gone, and one divider in seven
    rest = 0.0 if faded < 0.6 else 0.4
    return Markings(
        left=rest if kind < 0.09 else 1.0,
        right=rest if 0.09 <= kind < 0.18 else 1.0,
        divider=rest if 0.18 <= kind < 0.32 else 1.0,
        dash_m=DASHES_M[int(dashes)],
        in_lane=bool(in_lane < 0.35),
    )


def _line_width(rng: np.random.Generator) -> float:
    # tape of 10 to 33 mm: printed borders take up to an eighth of the lane
    return float(rng.choice(LINE_WIDTHS, p=(0.15, 0.25, 0.3, 0.3)))


def _patches(rng: np.random.Generator, road: Rgb) -> Patches | None:
    # a third of floors is plain; on the others tiles, rugs and print lie beside the road, and on
    # one in six tape or crossings on the road too
    kind, length, width, gap, far, turn = rng.random(6).tolist()
    color = _tape(rng, (road,))
    if kind < 0.33:
        return None
    if kind < 0.83:
        size_m = (0.04 + 0.5 * length**2, 0.04 + 0.5 * width**2)
        every_m = (size_m[0] + 0.02 + 0.5 * gap, size_m[1] + 0.02 + 0.5 * far)
        return Patches(color, size_m, every_m, 2 * math.pi * turn)
    # sparse, so that what crosses the road is never taken for it
    size_m = (0.015 + 0.035 * length, 0.05 + 0.35 * width)
    return Patches(color, size_m, (0.5 + 0.7 * gap, 0.6 + 0.7 * far), 2 * math.pi * turn, True)


def _gloss(floor: Floor, rng: np.random.Generator) -> Floor:
    # varnish and tiles under rows of ceiling lamps: up to 0.1 straight on where lamps are near
    shiny, mirrors, roughness = rng.random(3).tolist()
    if shiny >= 0.3:
        return floor
    return replace(
        floor, mirrors=0.04 + 0.06 * mirrors, roughness=float(2 + round(3 * roughness)), lamps=10.0
    )


def _mount(rng: np.random.Generator) -> Mount:
    # other people's cameras are known from a fit: its errors are larger than those of our holders
    height, pitch, roll, across = rng.uniform(-1, 1, 4).tolist()
    return Mount(
        1 + 0.15 * height,
        math.radians(4.0 * pitch),
        math.radians(3.0 * roll),
        math.radians(5.0 * across),
    )


def _camera(sensor: Sensor, rng: np.random.Generator) -> Sensor:
    # 160 pixels across a fisheye of 160 degrees are half of what our view shows; cars ten times as
    # fast as ours smear ten times as far
    # narrower lenses do not show the ground in our nearest corners
    coarse, share, exposure, narrow, left, right = rng.random(6).tolist()
    return replace(
        sensor,
        cut=(0.4 * left, 0.4 * right) if narrow < 0.35 else (0.0, 0.0),
        resolution=0.3 + 0.6 * share if coarse < 0.6 else 1.0,
        exposure_s=math.exp(math.log(1 / 250) + exposure * math.log(250 / 8)),
    )
