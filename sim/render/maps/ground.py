"""Maps of the ground, drawn from the road's layout: where which paint is.

Row 0 is the south edge, as in OpenGL. The paint map holds weights (red: left border, green: right
border, blue: divider, alpha: the road itself) instead of colors, so that a new look needs no new
map; weights filter exactly as colors do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString
from shapely.geometry.base import BaseGeometry

from pixelopolis.city.model import City
from pixelopolis.city.road_layout import RoadLayout, dashes, polygons
from pixelopolis.geometry import FloatArray
from sim.looks.look import Look
from sim.looks.surfaces import DASHED_M, SOLID_M, RoadStyle

TEXEL_M: Final = 0.0025
MAX_PAINT_PX: Final = 8192
MARGIN_M: Final = 0.05

GUIDE_DASH_M: Final = 0.035
GUIDE_GAP_M: Final = 0.045

SHIFT: Final = 4
"""Fractional bits of the coordinates that OpenCV gets."""

_SPILL_PX: Final = 0.7
"""How far OpenCV's antialiased polygons extend over their edges (measured, in any direction,
±0.1)."""


@dataclass(frozen=True, slots=True)
class GroundArea:
    """The rectangle of ground that the maps cover."""

    x_m: float
    y_m: float
    width_m: float
    depth_m: float

    @classmethod
    def around(cls, shape: BaseGeometry) -> GroundArea:
        x0, y0, x1, y1 = shape.bounds
        return cls(x0 - MARGIN_M, y0 - MARGIN_M, x1 - x0 + 2 * MARGIN_M, y1 - y0 + 2 * MARGIN_M)

    def size_px(self, texel_m: float, most_px: int) -> tuple[int, int]:
        """Return (width, height) of a map with square texels of at least `texel_m`."""
        texel = max(texel_m, max(self.width_m, self.depth_m) / most_px)
        return max(4, round(self.width_m / texel)), max(4, round(self.depth_m / texel))

    def pixels(self, points_m: FloatArray, size_px: tuple[int, int]) -> NDArray[np.int32]:
        """Return points (N, 2) as OpenCV's fixed-point coordinates; pixel centers are integers."""
        scale = np.array(size_px) / (self.width_m, self.depth_m)
        places = (points_m - (self.x_m, self.y_m)) * scale - 0.5
        return np.asarray(np.round(places * (1 << SHIFT)), dtype=np.int32)


@dataclass(frozen=True, slots=True)
class LineStyle:
    """What a paint map depends on, beside its city.

    Attributes:
        dash_m: length of the dividers' dashes and gaps; no gap is a solid line.
        width: scales the width of the city's own lines.
        in_lane: the divider runs along the middle of each lane; opposite lanes are divided by a
            solid border.
    """

    dash_m: tuple[float, float]
    width: float = 1.0
    in_lane: bool = False


def line_style(look: Look, own: RoadStyle) -> LineStyle:
    """Return how a look draws the lines of a city whose own road style is `own`."""
    styled = DASHED_M if look.road_style(own) == "asphalt" else SOLID_M
    markings = look.road.markings
    return LineStyle(markings.dash_m or styled, look.road.line_width, markings.in_lane)


def paint_map(
    city: City, layout: RoadLayout, frame: GroundArea, style: LineStyle
) -> NDArray[np.uint8]:
    """Return the weights (h, w, 4) uint8 of a road's lines."""
    size = frame.size_px(TEXEL_M, MAX_PAINT_PX)
    left, right, divider, road = (np.zeros(size[::-1], np.uint8) for _ in range(4))
    half_m = style.width * city.road.line_width_m / 2
    for line in layout.borders:
        _stroke(left if line.side == "left" else right, line.points_m, half_m, frame)
    for points in layout.dividers:
        if style.in_lane:
            _stroke(left, points, half_m, frame)
        else:
            _stroke_dashes(divider, points, style.dash_m, half_m, frame)
    for points in _lane_middles(city) if style.in_lane else ():
        _stroke_dashes(divider, points, style.dash_m, half_m, frame)
    for points in layout.guides:
        for piece in dashes(points, GUIDE_DASH_M, GUIDE_GAP_M):
            _stroke(divider, piece, half_m * 0.8, frame)
    # where two lines meet, the red one is on top
    right = np.minimum(right, 255 - left)
    divider = np.minimum(divider, 255 - left - right)
    for part in polygons(layout.area):
        fill(road, map(shapely.get_coordinates, (part.exterior, *part.interiors)), frame, 255)
    return np.ascontiguousarray(np.dstack([left, right, divider, road]))


def _lane_middles(city: City) -> Iterator[FloatArray]:
    """Yield the middles of lanes, and of movements that nothing crosses."""
    for edge in city.edges.values():
        yield edge.curve.points_m
    for movement in city.movements.values():
        if len(city.exits[movement.from_edge]) == 1:
            yield movement.curve.points_m


def noise_map(seed: int) -> NDArray[np.uint8]:
    """Return tileable noise (256, 256, 2) uint8: fine grain, and patches of wear."""
    rng = np.random.default_rng(seed)
    grain = rng.normal(0.0, 1.0, (256, 256))
    grain = 0.6 * grain + 2.5 * _tile_blur(rng.normal(0.0, 1.0, grain.shape), 2.5)
    patches = _tile_blur(rng.normal(0.0, 1.0, grain.shape), 5.0)
    patches = patches / patches.std() + 0.5 * rng.normal(0.0, 1.0, grain.shape)
    grain = np.clip(0.5 + 0.13 * grain, 0, 1)
    wear = np.clip(0.45 + 0.5 * patches, 0, 1)
    return np.ascontiguousarray(np.round(np.dstack([grain, wear]) * 255).astype(np.uint8))


def _tile_blur(image: FloatArray, sigma_px: float) -> FloatArray:
    """Blur with periodic boundaries."""
    f = np.fft.fftfreq(image.shape[0])
    keep = np.exp(-2 * (math.pi * sigma_px) ** 2 * (f[:, None] ** 2 + f[None, :] ** 2))
    return np.asarray(np.fft.ifft2(np.fft.fft2(image) * keep).real, dtype=np.float64)


def _stroke_dashes(
    image: NDArray[np.uint8],
    points_m: FloatArray,
    dash_m: tuple[float, float],
    half_m: float,
    frame: GroundArea,
) -> None:
    for piece in dashes(points_m, *dash_m) if dash_m[1] else [points_m]:
        _stroke(image, piece, half_m, frame)


def _stroke(
    image: NDArray[np.uint8], points_m: FloatArray, half_m: float, frame: GroundArea
) -> None:
    narrow_m = max(half_m - _SPILL_PX * frame.width_m / image.shape[1], 1e-4)
    shape = LineString(points_m).buffer(narrow_m, cap_style="flat", join_style="round")
    for polygon in polygons(shape, least_m2=0.0):
        rings = [shapely.get_coordinates(r) for r in (polygon.exterior, *polygon.interiors)]
        fill(image, rings, frame, 255)


def fill(
    image: NDArray[np.uint8], rings_m: Iterable[FloatArray], frame: GroundArea, value: int
) -> None:
    """Draw a polygon with holes into a map."""
    size = (image.shape[1], image.shape[0])
    rings = [frame.pixels(np.asarray(ring, dtype=np.float64), size) for ring in rings_m]
    cv2.fillPoly(image, rings, value, lineType=cv2.LINE_AA, shift=SHIFT)
