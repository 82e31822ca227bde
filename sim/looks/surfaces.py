"""What the ground of a look is made of: road, lines, floor.

Colors are (red, green, blue) in 0..1 as displayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Rgb = tuple[float, float, float]

RoadStyle = Literal["white", "asphalt"]


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
class GroundColors:
    """Colors of everything except the road."""

    kerb: Rgb
    pavement: Rgb
    lawn: Rgb
    floor: Rgb
    """Around the city's platform."""


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
