"""Looks: everything that changes an image of a city except the city itself, random by seed.

A look is reproducible from (seed, index), and every aspect has its own random stream, so that
drawing one more number for the sky never changes the light. Colors are (red, green, blue) in 0..1
as displayed; a look holds the colors of both road styles, so that it suits any city.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, Literal

import cv2
import numpy as np

from pixelopolis.vehicle.camera import Camera
from sim.looks.sensor import Sensor

Rgb = tuple[float, float, float]
RoadStyle = Literal["white", "asphalt"]
SkyKind = Literal["hall", "gallery", "day", "evening", "living", "office", "stage"]

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


@dataclass(frozen=True, slots=True)
class Sky:
    """The panorama: `rotation_rad` turns it counterclockwise, `exposure` scales its brightness."""

    kind: SkyKind
    rotation_rad: float = 0.0
    exposure: float = 1.0
    file: str | None = None
    """An equirectangular image to show instead of `kind`."""


@dataclass(frozen=True, slots=True)
class Light:
    """Sun and ambient light, which sum to 1 on level ground: the sun's part is `sun_share`.

    `azimuth_rad` is the sun's direction, counterclockwise from east; `softness_m` blurs its
    shadows.
    """

    azimuth_rad: float
    elevation_rad: float
    sun_share: float
    sun_rgb: Rgb = (1.0, 1.0, 1.0)
    sky_rgb: Rgb = (1.0, 1.0, 1.0)
    softness_m: float = 0.012


MAX_LAMPS: Final = 3


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp so near that its light falls off over the city.

    `x_part`, `y_part` give its position as shares of the city's width and depth, `height_m` its
    height; `share` is its mean part of the light on level ground.
    """

    x_part: float
    y_part: float
    height_m: float
    share: float
    rgb: Rgb = (1.0, 1.0, 1.0)
    softness_m: float = 0.02


@dataclass(frozen=True, slots=True)
class Floor:
    """Surface of the road, apart from its paint; the default is matte, clean and seamless."""

    mirrors: float = 0.0
    """Share of light from straight above that is reflected; 0 is matte."""
    roughness: float = 4.0
    """Mip level of the reflected panorama: each level doubles the blur, 3 is about 2 degrees."""
    lamps: float = 0.0
    """Brightness of lamps and windows above white, in units of white."""
    glare: float = 0.0
    """Brightness of the sun's reflection, in units of white."""
    dirt: float = 0.0
    """Share of surface and lines covered by stains, 0..1."""
    dirt_rgb: Rgb = (0.35, 0.32, 0.28)
    sheet_m: tuple[float, float] | None = None
    """Size of the sheets that form the road; None: one piece."""
    sheet_turn_rad: float = 0.0
    joint_m: float = 0.002
    """Half the width of a joint."""
    joint_dark: float = 0.0
    """Darkness of joints, 0..1."""
    sheets_differ: float = 0.0
    """Variation of brightness between sheets."""
    line_gaps: float = 0.0
    """Share of a line missing at a joint, 0..1."""


@dataclass(frozen=True, slots=True)
class People:
    """People around the city's platform; `seed` picks persons and places."""

    count: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class RoadColors:
    """Paint of one road style: surface, left and right border line, divider of opposite lanes."""

    surface: Rgb
    left: Rgb
    right: Rgb
    divider: Rgb
    grain: float = 0.0
    """Unevenness of the surface, 0..1."""


DASHED_M: Final = (0.10, 0.08)
SOLID_M: Final = (0.10, 0.0)
"""Length of a divider's dashes and gaps; no gap is a solid line."""


@dataclass(frozen=True, slots=True)
class Markings:
    """Which lines a road has; the defaults are the city's own.

    `left`, `right` and `divider` say how much of each line shows, from 0 (there is none) to 1.
    """

    left: float = 1.0
    right: float = 1.0
    divider: float = 1.0
    dash_m: tuple[float, float] | None = None
    """Length of the divider's dashes and gaps, see `SOLID_M`; None: as the road's style has it."""
    in_lane: bool = False
    """The divider runs along the middle of every lane, as on a track of its own."""


@dataclass(frozen=True, slots=True)
class RoadLook:
    """`style` overrides the city's own; `wear` in 0..1 is the share of the lines rubbed off.

    `line_width` scales the width of lines; lanes stay as they are.
    """

    white: RoadColors
    asphalt: RoadColors
    style: RoadStyle | None = None
    wear: float = 0.0
    line_width: float = 1.0
    markings: Markings = Markings()


@dataclass(frozen=True, slots=True)
class GroundColors:
    """Colors of everything except the road."""

    kerb: Rgb
    pavement: Rgb
    lawn: Rgb
    floor: Rgb
    """Around the city's platform."""


@dataclass(frozen=True, slots=True)
class Mount:
    """Deviations of mounting and lens from nominal."""

    height_factor: float = 1.0
    pitch_rad: float = 0.0
    roll_rad: float = 0.0
    across_rad: float = 0.0


@dataclass(frozen=True, slots=True)
class Clutter:
    """Objects beside the road; `seed` picks kinds and places."""

    count: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Patches:
    """Rectangles of another color on a level floor: tiles, tape, crossings, print on a mat.

    They stand on a grid of cells of `every_m`, turned by `turn_rad`; two of three cells have one.
    """

    rgb: Rgb
    size_m: tuple[float, float]
    every_m: tuple[float, float]
    turn_rad: float = 0.0
    on_road: bool = False
    """On the road too, below its lines."""


@dataclass(frozen=True, slots=True)
class Look:
    """One appearance of the city. `gains` are exposure and white balance, per channel."""

    sky: Sky
    light: Light
    gains: Rgb
    road: RoadLook
    ground: GroundColors
    mount: Mount = Mount()
    sensor: Sensor = Sensor()  # noqa: RUF009 - frozen
    clutter: Clutter = Clutter()
    repaint: float = 0.0
    """Variation of the colors of buildings and trees, 0..1."""
    repaint_seed: int = 0
    lamps: tuple[Lamp, ...] = ()
    """At most `MAX_LAMPS`."""
    floor: Floor = Floor()
    beside: Rgb | None = None
    """Color of the level floor that the road's lines lie on, without curbs, buildings and signs;
    None: the road runs through the city."""
    patches: Patches | None = None
    """Only with `beside`."""
    people: People = People()
    lights_seed: int | None = None
    """Picks the lit lamp of each traffic light; None: all are green."""

    @property
    def sky_share(self) -> float:
        """Ambient share of the light on level ground."""
        return 1 - self.light.sun_share - sum(lamp.share for lamp in self.lamps)

    def camera_of(self, camera: Camera) -> Camera:
        """Return the camera as mounted in this look."""
        return replace(
            camera,
            height_m=camera.height_m * self.mount.height_factor,
            pitch_rad=camera.pitch_rad + self.mount.pitch_rad,
            roll_rad=camera.roll_rad + self.mount.roll_rad,
            across_rad=camera.across_rad + self.mount.across_rad,
        )

    def road_style(self, own: RoadStyle) -> RoadStyle:
        """Return the style of the road in a city whose own style is `own`."""
        return self.road.style or own

    def road_colors(self, own: RoadStyle) -> RoadColors:
        return self.road.white if self.road_style(own) == "white" else self.road.asphalt


WHITE_ROAD: Final = RoadColors(
    (0.97, 0.97, 0.96), (0.93, 0.07, 0.09), (0.06, 0.32, 0.93), (0.9, 0.1, 0.1)
)
ASPHALT_ROAD: Final = RoadColors(
    (0.23, 0.235, 0.25), (0.94, 0.94, 0.92), (0.94, 0.94, 0.92), (0.97, 0.78, 0.16), grain=0.35
)
GROUND: Final = GroundColors(
    kerb=(0.80, 0.78, 0.74),
    pavement=(0.91, 0.89, 0.84),
    lawn=(0.53, 0.71, 0.36),
    floor=(0.66, 0.60, 0.54),
)


def plain_look() -> Look:
    """Return the demo's look: a bright exhibition hall, without randomness."""
    return Look(
        sky=Sky("hall", rotation_rad=0.5),
        light=Light(
            azimuth_rad=math.radians(215),
            elevation_rad=math.radians(52),
            sun_share=0.42,
            sun_rgb=(1.06, 1.0, 0.90),
            sky_rgb=(0.96, 1.0, 1.06),
        ),
        gains=(1.0, 1.0, 1.0),
        road=RoadLook(WHITE_ROAD, ASPHALT_ROAD),
        ground=GROUND,
    )


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
