"""Looks of towns, random by seed: light, colors, wear, camera, clutter.

A look is reproducible from (seed, index), and every aspect has its own random stream, so that
drawing one more number for the sky never changes the light.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final

import cv2
import numpy as np

from sim.looks.look import Clutter, Light, Look, Mount, Sky, SkyKind
from sim.looks.sensor import Sensor
from sim.looks.surfaces import GroundColors, Rgb, RoadColors, RoadLook, RoadStyle

SKY_KINDS: Final[tuple[SkyKind, ...]] = ("hall", "gallery", "day", "evening")
"""The kinds that `look_of` draws."""


class _Stream(IntEnum):
    """Second key of every random stream. Only ever append."""

    SKY = 1
    LIGHT = 2
    EXPOSURE = 3
    ROAD_STYLE = 4
    WHITE_ROAD = 5
    ASPHALT_ROAD = 6
    WEAR = 7
    GROUND = 8
    CLUTTER = 9
    MOUNT = 10
    SENSOR = 11
    BUILDINGS = 12
    LIGHTS = 13


def look_of(seed: int, index: int, restyle: float = 0.0) -> Look:
    """Return look number `index` of a seed.

    Args:
        seed: of the whole series, >= 0.
        index: of this look, >= 0.
        restyle: share of looks with a road style of their own, evenly one of the two. It changes
            nothing else about the look.
    """

    def stream(name: _Stream) -> np.random.Generator:
        return np.random.default_rng([seed, index, int(name)])

    return Look(
        sky=_random_sky(stream(_Stream.SKY)),
        light=_random_light(stream(_Stream.LIGHT)),
        gains=_random_gains(stream(_Stream.EXPOSURE)),
        road=RoadLook(
            white=_random_white(stream(_Stream.WHITE_ROAD)),
            asphalt=_random_asphalt(stream(_Stream.ASPHALT_ROAD)),
            style=_random_style(stream(_Stream.ROAD_STYLE), restyle),
            wear=float(stream(_Stream.WEAR).beta(1.0, 2.0)) * 0.6,
        ),
        ground=_random_ground(stream(_Stream.GROUND)),
        mount=_random_mount(stream(_Stream.MOUNT)),
        sensor=_random_sensor(stream(_Stream.SENSOR)),
        clutter=_random_clutter(stream(_Stream.CLUTTER)),
        repaint=1.0,
        repaint_seed=int(stream(_Stream.BUILDINGS).integers(2**31)),
        lights_seed=int(stream(_Stream.LIGHTS).integers(2**31)),
    )


def _random_sky(rng: np.random.Generator) -> Sky:
    kind = SKY_KINDS[int(rng.choice(len(SKY_KINDS), p=(0.35, 0.25, 0.25, 0.15)))]
    return Sky(kind, float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.6, 1.35)))


def _random_light(rng: np.random.Generator) -> Light:
    warm = rng.uniform(-0.08, 0.12)
    return Light(
        azimuth_rad=float(rng.uniform(0, 2 * math.pi)),
        elevation_rad=math.radians(rng.uniform(28, 75)),
        sun_share=float(rng.uniform(0.1, 0.55)),
        sun_rgb=(1 + float(warm), 1.0, 1 - float(warm)),
        sky_rgb=(1 - float(warm) / 2, 1.0, 1 + float(warm) / 2),
        softness_m=float(rng.uniform(0.006, 0.05)),
    )


def _random_gains(rng: np.random.Generator) -> Rgb:
    exposure = float(np.exp(rng.uniform(math.log(0.72), math.log(1.3))))
    red, green, blue = (exposure * (1 + rng.uniform(-0.07, 0.07, 3))).tolist()
    return red, green, blue


def _random_style(rng: np.random.Generator, restyle: float) -> RoadStyle | None:
    named = rng.uniform() < restyle
    style: RoadStyle = "white" if rng.uniform() < 0.5 else "asphalt"
    return style if named else None


def _near(rng: np.random.Generator, color: Rgb, hue: float, sat: float, value: float) -> Rgb:
    """Return a color with hue (in turns), saturation and value moved by at most these amounts."""
    pixel = np.array([[color]], dtype=np.float32)
    hsv = cv2.cvtColor(pixel, cv2.COLOR_RGB2HSV)[0, 0]
    moves = rng.uniform(-1, 1, 3)
    moved = np.array(
        [
            (hsv[0] + 360 * hue * moves[0]) % 360,
            np.clip(hsv[1] + sat * moves[1], 0, 1),
            np.clip(hsv[2] + value * moves[2], 0.02, 1),
        ],
        dtype=np.float32,
    )
    red, green, blue = cv2.cvtColor(moved[None, None], cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def _random_white(rng: np.random.Generator) -> RoadColors:
    surface = _near(rng, (0.93, 0.925, 0.91), 0.5, 0.05, 0.07)
    left = _near(rng, (0.88, 0.12, 0.12), 0.03, 0.15, 0.12)
    right = _near(rng, (0.12, 0.34, 0.88), 0.035, 0.15, 0.12)
    return RoadColors(surface, left, right, left, grain=float(rng.uniform(0, 0.3)))


def _random_asphalt(rng: np.random.Generator) -> RoadColors:
    surface = _near(rng, (0.25, 0.255, 0.265), 0.5, 0.06, 0.10)
    border = _near(rng, (0.90, 0.90, 0.87), 0.5, 0.04, 0.10)
    divider = _near(rng, (0.93, 0.74, 0.18), 0.02, 0.2, 0.08)
    return RoadColors(surface, border, border, divider, grain=float(rng.uniform(0.1, 0.8)))


def _random_ground(rng: np.random.Generator) -> GroundColors:
    pavement = _near(rng, (0.72, 0.69, 0.63), 0.5, 0.08, 0.2)
    return GroundColors(
        kerb=_near(rng, pavement, 0.02, 0.03, 0.08),
        pavement=pavement,
        lawn=_near(rng, (0.50, 0.64, 0.36), 0.12, 0.25, 0.2),
        floor=_near(rng, (0.58, 0.54, 0.50), 0.5, 0.25, 0.3),
    )


def _random_mount(rng: np.random.Generator) -> Mount:
    height, pitch, roll, across = rng.uniform(-1, 1, 4).tolist()
    return Mount(
        1 + 0.04 * height,
        math.radians(1.5 * pitch),
        math.radians(1.0 * roll),
        math.radians(3.0 * across),
    )


def _random_sensor(rng: np.random.Generator) -> Sensor:
    return Sensor(float(rng.uniform(0, 7)), float(rng.uniform(0, 0.6)))


def _random_clutter(rng: np.random.Generator) -> Clutter:
    return Clutter(int(rng.integers(0, 25)), int(rng.integers(2**31)))
