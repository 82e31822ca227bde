"""Maps of the ground, drawn from the road's plan: which paint lies where, and how light arrives.

A map's row 0 is the south edge, as OpenGL has it. The paint map holds weights, not colours
(red: left border, green: right border, blue: divider), so that a look changes colours for
nothing; weights filter exactly as the colours they stand for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString
from shapely.geometry.base import BaseGeometry

from pixelopolis.city import City
from pixelopolis.geometry import FloatArray
from pixelopolis.roads import RoadLayout, dashes, polygons
from sim.looks import Lamp, Light, RoadStyle

TEXEL_M = 0.0025
MAX_PAINT_PX = 8192
SHADE_TEXEL_M = 0.008
MAX_SHADE_PX = 2048
MARGIN_M = 0.05

DASH_M = 0.10
GAP_M = 0.08
GUIDE_DASH_M = 0.035
GUIDE_GAP_M = 0.045

_SHIFT = 4

_SPILL_PX = 0.7
"""How far OpenCV's smooth polygons spill over their edges (measured, any direction, +-0.1)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The rectangle of ground that the maps cover."""

    x_m: float
    y_m: float
    width_m: float
    depth_m: float

    @classmethod
    def around(cls, shape: BaseGeometry) -> Frame:
        x0, y0, x1, y1 = shape.bounds
        return cls(x0 - MARGIN_M, y0 - MARGIN_M, x1 - x0 + 2 * MARGIN_M, y1 - y0 + 2 * MARGIN_M)

    def size_px(self, texel_m: float, most_px: int) -> tuple[int, int]:
        """Return (width, height) of a map with square texels of at least `texel_m`."""
        texel = max(texel_m, max(self.width_m, self.depth_m) / most_px)
        return max(4, round(self.width_m / texel)), max(4, round(self.depth_m / texel))

    def pixels(self, points_m: FloatArray, size_px: tuple[int, int]) -> NDArray[np.int32]:
        """Return points (N, 2) as OpenCV's fixed-point pixel places; texel middles are whole."""
        scale = np.array(size_px) / (self.width_m, self.depth_m)
        places = (points_m - (self.x_m, self.y_m)) * scale - 0.5
        return np.asarray(np.round(places * (1 << _SHIFT)), dtype=np.int32)


def paint_map(city: City, layout: RoadLayout, frame: Frame, style: RoadStyle) -> NDArray[np.uint8]:
    """Return the weights (h, w, 4) uint8 of the lines that a road style paints."""
    size = frame.size_px(TEXEL_M, MAX_PAINT_PX)
    left, right, divider = (np.zeros(size[::-1], np.uint8) for _ in range(3))
    half_m = city.road.line_width_m / 2
    for line in layout.borders:
        _stroke(left if line.side == "left" else right, line.points_m, half_m, frame)
    for points in layout.dividers:
        pieces = dashes(points, DASH_M, GAP_M) if style == "asphalt" else [points]
        for piece in pieces:
            _stroke(divider, piece, half_m, frame)
    for points in layout.guides:
        for piece in dashes(points, GUIDE_DASH_M, GUIDE_GAP_M):
            _stroke(divider, piece, half_m * 0.8, frame)
    # where two lines meet the red one lies on top
    right = np.minimum(right, 255 - left)
    divider = np.minimum(divider, 255 - left - right)
    return np.ascontiguousarray(np.dstack([left, right, divider, np.full_like(left, 255)]))


@dataclass(frozen=True, slots=True, eq=False)
class Shadow:
    """What stands in the light: the corners (N, 3) of a convex solid.

    `foot_m` (K, 2) is where it stands on the ground, None when it hangs above it.
    """

    corners_m: FloatArray
    foot_m: FloatArray | None


def shadow_of(
    outline_m: FloatArray, top_m: float, bottom_m: float = 0.0, top_scale: float = 1.0
) -> Shadow:
    """Return the shadow of an outline (N, 2) raised from `bottom_m` to `top_m`, narrowed there."""
    middle = outline_m.mean(axis=0)
    high = middle + (outline_m - middle) * top_scale
    heights = np.repeat([bottom_m, top_m], len(outline_m))
    corners = np.column_stack([np.vstack([outline_m, high]), heights])
    return Shadow(corners, outline_m if bottom_m < 0.02 else None)


def sky_map(frame: Frame, shadows: Sequence[Shadow]) -> NDArray[np.uint8]:
    """Return how much of the sky's light arrives (h, w) uint8: less beside what stands there."""
    size = frame.size_px(SHADE_TEXEL_M, MAX_SHADE_PX)
    sky = np.full(size[::-1], 255, np.uint8)
    for shadow in shadows:
        if shadow.foot_m is not None:
            _fill(sky, [shadow.foot_m], frame, 90)
    return _lit_edge(cv2.GaussianBlur(sky, (0, 0), 0.035 * size[0] / frame.width_m))


def sun_map(frame: Frame, light: Light, shadows: Sequence[Shadow]) -> NDArray[np.uint8]:
    """Return how much of the sun's light arrives (h, w) uint8."""
    size = frame.size_px(SHADE_TEXEL_M, MAX_SHADE_PX)
    sun = np.full(size[::-1], 255, np.uint8)
    if shadows:
        reach = 1 / math.tan(light.elevation_rad)
        away = -reach * np.array([math.cos(light.azimuth_rad), math.sin(light.azimuth_rad)])
        corners = np.concatenate([shadow.corners_m for shadow in shadows])
        pixels = frame.pixels(corners[:, :2] + away * corners[:, 2:], size)
        ends = np.cumsum([len(shadow.corners_m) for shadow in shadows]).tolist()
        for first, last in zip([0, *ends], ends, strict=False):
            hull = cv2.convexHull(pixels[first:last])
            cv2.fillConvexPoly(sun, hull, 0, lineType=cv2.LINE_AA, shift=_SHIFT)
    soft_px = max(0.7, light.softness_m * size[0] / frame.width_m)
    return _lit_edge(cv2.GaussianBlur(sun, (0, 0), soft_px))


def lamp_place(frame: Frame, lamp: Lamp) -> FloatArray:
    """Return the place (2,) on the ground below a lamp."""
    parts = np.array((lamp.x_part, lamp.y_part))
    return np.array((frame.x_m, frame.y_m)) + parts * (frame.width_m, frame.depth_m)


def lamp_light(frame: Frame, lamp: Lamp, size_px: tuple[int, int]) -> NDArray[np.float32]:
    """Return a lamp's light (h, w) on level ground without shadows, 1 below it.

    It fades with the square of the distance, and with the cosines at lamp and ground.
    """
    at, (width, height) = lamp_place(frame, lamp), size_px
    x = frame.x_m + (np.arange(width) + 0.5) * (frame.width_m / width)
    y = frame.y_m + (np.arange(height) + 0.5) * (frame.depth_m / height)
    away2 = ((x - at[0]) ** 2)[None, :] + ((y - at[1]) ** 2)[:, None]
    return np.asarray(1 / (1 + away2 / lamp.height_m**2) ** 2, dtype=np.float32)


def lamp_map(frame: Frame, lamp: Lamp, shadows: Sequence[Shadow]) -> NDArray[np.uint8]:
    """Return how much of a lamp's light arrives (h, w) uint8; on average 127.5 without shadows.

    Shadows grow away from the lamp.
    """
    size = frame.size_px(SHADE_TEXEL_M, MAX_SHADE_PX)
    at, level = lamp_place(frame, lamp), lamp_light(frame, lamp, size)
    lit = np.full(size[::-1], 255, np.uint8)
    for shadow in shadows:
        # what reaches up to the lamp throws its shadow as if it ended below it
        high = np.minimum(shadow.corners_m[:, 2:], 0.8 * lamp.height_m)
        on_ground = at + (shadow.corners_m[:, :2] - at) / (1 - high / lamp.height_m)
        limit = 4 * max(frame.width_m, frame.depth_m)
        pixels = frame.pixels(np.clip(on_ground, at - limit, at + limit), size)
        cv2.fillConvexPoly(lit, cv2.convexHull(pixels), 0, lineType=cv2.LINE_AA, shift=_SHIFT)
    soft_px = max(0.7, lamp.softness_m * size[0] / frame.width_m)
    lit = _lit_edge(cv2.GaussianBlur(lit, (0, 0), soft_px))
    return np.asarray(np.clip(level * (0.5 / level.mean()) * lit + 0.5, 0, 255), dtype=np.uint8)


def _lit_edge(shade: Any) -> NDArray[np.uint8]:
    """Clear the edge of a map: what lies beyond sees its edge, and no shadow may touch it."""
    shade[[0, -1]] = 255
    shade[:, [0, -1]] = 255
    return np.asarray(shade, dtype=np.uint8)


def noise_map(seed: int, size_px: int = 256) -> NDArray[np.uint8]:
    """Return tileable noise (size, size, 2) uint8: fine grain, and patches of wear."""
    rng = np.random.default_rng(seed)
    grain = rng.normal(0.0, 1.0, (size_px, size_px))
    grain = 0.6 * grain + 2.5 * _tile_blur(rng.normal(0.0, 1.0, grain.shape), 2.5)
    patches = _tile_blur(rng.normal(0.0, 1.0, grain.shape), 5.0)
    patches = patches / patches.std() + 0.5 * rng.normal(0.0, 1.0, grain.shape)
    grain = np.clip(0.5 + 0.13 * grain, 0, 1)
    wear = np.clip(0.45 + 0.5 * patches, 0, 1)
    return np.ascontiguousarray(np.round(np.dstack([grain, wear]) * 255).astype(np.uint8))


def _tile_blur(image: FloatArray, sigma_px: float) -> FloatArray:
    """Blur as if the image were repeated in all directions."""
    f = np.fft.fftfreq(image.shape[0])
    keep = np.exp(-2 * (math.pi * sigma_px) ** 2 * (f[:, None] ** 2 + f[None, :] ** 2))
    return np.asarray(np.fft.ifft2(np.fft.fft2(image) * keep).real, dtype=np.float64)


def _stroke(image: NDArray[np.uint8], points_m: FloatArray, half_m: float, frame: Frame) -> None:
    narrow_m = max(half_m - _SPILL_PX * frame.width_m / image.shape[1], 1e-4)
    shape = LineString(points_m).buffer(narrow_m, cap_style="flat", join_style="round")
    for polygon in polygons(shape, least_m2=0.0):
        rings = [shapely.get_coordinates(r) for r in (polygon.exterior, *polygon.interiors)]
        _fill(image, rings, frame, 255)


def _fill(
    image: NDArray[np.uint8], rings_m: Iterable[FloatArray], frame: Frame, value: int
) -> None:
    size = (image.shape[1], image.shape[0])
    rings = [frame.pixels(np.asarray(ring, dtype=np.float64), size) for ring in rings_m]
    cv2.fillPoly(image, rings, value, lineType=cv2.LINE_AA, shift=_SHIFT)
