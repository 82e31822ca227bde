"""Light on the ground from the sky, the sun and up to three lamps, with shadows.

It is computed once for each look, so that a pixel's cost does not depend on the number of lights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.geometry import FloatArray
from sim.looks.look import Lamp, Light, Look
from sim.render.maps.ground import SHIFT, GroundArea, fill

SHADE_TEXEL_M: Final = 0.008
MAX_SHADE_PX: Final = 2048
BRIGHTEST: Final = 2.0
"""Limit of the light below a low lamp, in units of its mean; exposure would clip it too."""


@dataclass(frozen=True, slots=True, eq=False)
class Shadow:
    """An object that casts shadows: the corners (N, 3) of a convex solid.

    `foot_m` (K, 2) is its outline on the ground, None if it hangs above.
    """

    corners_m: FloatArray
    foot_m: FloatArray | None


def shadow_of(
    outline_m: FloatArray, top_m: float, bottom_m: float = 0.0, top_scale: float = 1.0
) -> Shadow:
    """Return a solid from an outline (N, 2), from `bottom_m` up to `top_m`, where it is scaled."""
    middle = outline_m.mean(axis=0)
    high = middle + (outline_m - middle) * top_scale
    heights = np.repeat([bottom_m, top_m], len(outline_m))
    corners = np.column_stack([np.vstack([outline_m, high]), heights])
    return Shadow(corners, outline_m if bottom_m < 0.02 else None)


def light_map(
    frame: GroundArea, look: Look, sky: NDArray[np.uint8], shadows: Sequence[Shadow]
) -> NDArray[np.uint8]:
    """Return the light on level ground (h, w, 4) uint8.

    Args:
        frame: area of the map.
        look: gives sun, sky and lamps.
        sky: the city's `sky_map`.
        shadows: objects that cast shadows.

    Returns:
        Red, green and blue light over `light_scale(look)`; alpha is the visible share of the sun.
    """
    sun = sun_map(frame, look.light, shadows)
    arrives = [
        (look.light.sun_rgb, look.light.sun_share, sun),
        (look.light.sky_rgb, look.sky_share, sky),
    ]
    arrives += [(p.rgb, p.share, lamp_map(frame, p, shadows)) for p in look.lamps]
    parts = np.dstack([map_ for _, _, map_ in arrives])
    gains = np.array([[share * gain for gain in rgb] for rgb, share, _ in arrives])
    gains[2:] *= BRIGHTEST
    light = cv2.transform(parts, gains.T / light_scale(look))
    return np.ascontiguousarray(np.dstack([light, sun]))


def light_scale(look: Look) -> float:
    """Return an upper bound of every channel of a look's light on level ground."""
    light = look.light
    rows = [(light.sun_rgb, light.sun_share), (light.sky_rgb, look.sky_share)]
    rows += [(lamp.rgb, BRIGHTEST * lamp.share) for lamp in look.lamps]
    return max(sum(rgb[channel] * share for rgb, share in rows) for channel in range(3))


def sky_map(frame: GroundArea, shadows: Sequence[Shadow]) -> NDArray[np.uint8]:
    """Return the visible share of the sky (h, w) uint8: less beside objects."""
    sky = _unshaded(frame)
    for shadow in shadows:
        if shadow.foot_m is not None:
            fill(sky, [shadow.foot_m], frame, 90)
    return _softened(sky, frame, 0.035)


def sun_map(frame: GroundArea, light: Light, shadows: Sequence[Shadow]) -> NDArray[np.uint8]:
    """Return the visible share of the sun (h, w) uint8."""
    sun = _unshaded(frame)
    if shadows:
        reach = 1 / math.tan(light.elevation_rad)
        away = -reach * np.array([math.cos(light.azimuth_rad), math.sin(light.azimuth_rad)])
        corners = np.concatenate([shadow.corners_m for shadow in shadows])
        _darken(sun, frame, corners[:, :2] + away * corners[:, 2:], shadows)
    return _softened(sun, frame, light.softness_m)


def lamp_place(frame: GroundArea, lamp: Lamp) -> FloatArray:
    """Return the point (2,) on the ground below a lamp."""
    parts = np.array((lamp.x_part, lamp.y_part))
    return np.array((frame.x_m, frame.y_m)) + parts * (frame.width_m, frame.depth_m)


def lamp_light(frame: GroundArea, lamp: Lamp, size_px: tuple[int, int]) -> NDArray[np.float32]:
    """Return a lamp's light (h, w) on level ground without shadows, 1 below it.

    It falls with the square of the distance and the cosines at lamp and ground.
    """
    at, (width, height) = lamp_place(frame, lamp), size_px
    x = frame.x_m + (np.arange(width) + 0.5) * (frame.width_m / width)
    y = frame.y_m + (np.arange(height) + 0.5) * (frame.depth_m / height)
    away2 = ((x - at[0]) ** 2)[None, :] + ((y - at[1]) ** 2)[:, None]
    return np.asarray(1 / (1 + away2 / lamp.height_m**2) ** 2, dtype=np.float32)


def lamp_map(frame: GroundArea, lamp: Lamp, shadows: Sequence[Shadow]) -> NDArray[np.uint8]:
    """Return a lamp's light with shadows (h, w) uint8, 255 for `BRIGHTEST` times its mean.

    Shadows grow away from the lamp.
    """
    lit = _unshaded(frame)
    if shadows:
        at, limit_m = lamp_place(frame, lamp), 4 * max(frame.width_m, frame.depth_m)
        corners = np.concatenate([shadow.corners_m for shadow in shadows])
        # an object that reaches the lamp's height casts its shadow as if it ended below it
        high = np.minimum(corners[:, 2:], 0.8 * lamp.height_m)
        on_ground = at + (corners[:, :2] - at) / (1 - high / lamp.height_m)
        _darken(lit, frame, np.clip(on_ground, at - limit_m, at + limit_m), shadows)
    lit = _softened(lit, frame, lamp.softness_m)
    level = lamp_light(frame, lamp, (lit.shape[1], lit.shape[0]))
    level *= 1 / (BRIGHTEST * level.mean())
    return np.asarray(np.minimum(level * lit + 0.5, 255), dtype=np.uint8)


def _unshaded(frame: GroundArea) -> NDArray[np.uint8]:
    return np.full(frame.size_px(SHADE_TEXEL_M, MAX_SHADE_PX)[::-1], 255, np.uint8)


def _darken(
    shade: NDArray[np.uint8], frame: GroundArea, on_ground_m: FloatArray, shadows: Sequence[Shadow]
) -> None:
    """Draw the shadows whose corners are projected to the points (N, 2), in order."""
    pixels = frame.pixels(on_ground_m, (shade.shape[1], shade.shape[0]))
    ends = np.cumsum([len(shadow.corners_m) for shadow in shadows]).tolist()
    for first, last in zip([0, *ends], ends, strict=False):
        hull = cv2.convexHull(pixels[first:last])
        cv2.fillConvexPoly(shade, hull, 0, lineType=cv2.LINE_AA, shift=SHIFT)


def _softened(shade: NDArray[np.uint8], frame: GroundArea, softness_m: float) -> NDArray[np.uint8]:
    """Return blurred shadows, and no shadow at a map's edge, which is repeated beyond it."""
    soft_px = max(0.7, softness_m * shade.shape[1] / frame.width_m)
    soft: Any = cv2.GaussianBlur(shade, (0, 0), soft_px)
    soft[[0, -1]] = 255
    soft[:, [0, -1]] = 255
    return np.asarray(soft, dtype=np.uint8)
