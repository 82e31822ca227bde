"""Rooms as panoramas: boxes, whose walls and ceiling every direction is traced to.

So their straight edges look straight through a lens. Each function returns the colors
(rows, columns, 3) of directions: azimuths of columns, elevations of rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sim.render.sky.painting import Field, mix, rgb, within


def hall(azimuth: Field, elevation: Field) -> Field:
    """Return an old works hall: brick, tall windows, steel trusses and rows of lamps."""
    return _box(azimuth, elevation, (11.0, 7.0, 5.2), _hall_wall, _hall_ceiling, 0.012)


def _hall_wall(along: Field, up: Field, end: NDArray[np.bool_]) -> Field:
    color = np.empty((len(along), 3), np.float32)
    row = np.floor(up / 0.16)
    shifted = along + 0.2 * np.mod(row, 2)
    shade = 0.06 * np.sin(row * 12.9898 + np.floor(shifted / 0.4) * 78.233)
    color[:] = rgb(0.60, 0.55, 0.48) + shade[:, None]
    mix(color, (0.70, 0.66, 0.60), (np.mod(shifted, 0.4) < 0.02) | (np.mod(up, 0.16) < 0.02))
    mix(color, (0.30, 0.38, 0.36), up < 0.9)
    mix(color, (0.24, 0.30, 0.29), (up >= 0.9) & (up < 1.0))
    across = np.mod(along + 1.1, 2.2)
    mix(color, (0.47, 0.43, 0.38), (across < 0.26) & (up >= 1.0))
    frame = (across > 0.48) & (across < 1.98) & (up > 1.27) & (up < 4.26)
    mix(color, (0.78, 0.75, 0.68), frame)
    pane = (across > 0.55) & (across < 1.91) & (up > 1.35)
    pane &= up < 3.5 + np.sqrt(np.maximum(0.0, 0.68**2 - (across - 1.23) ** 2))
    glow = 0.90 + 0.10 * np.clip((up[pane] - 1.3) / 3, 0, 1)
    color[pane] = glow[:, None] * rgb(0.90, 0.97, 1.02)
    trees = pane & (up < 2.0 + 0.22 * np.sin(along * 5.1) + 0.10 * np.sin(along * 13.7 + 1))
    mix(color, (0.66, 0.76, 0.60), trees)
    bars = (np.mod(across - 0.55, 0.34) < 0.035) | (np.mod(up - 1.35, 0.48) < 0.035)
    mix(color, (0.33, 0.36, 0.36), pane & bars)
    door = end & (np.abs(along) < 1.0) & (up < 2.2)
    mix(color, (0.52, 0.24, 0.16), door)
    mix(color, (0.30, 0.13, 0.09), door & (np.mod(along, 0.5) < 0.05))
    color[end] *= 0.86
    return color


def _hall_ceiling(x: Field, y: Field) -> Field:
    """Return planks, trusses across, two rows of lamps and their glow."""
    color = np.empty((len(x), 3), np.float32)
    color[:] = 0.39 + (0.04 * np.sin(np.floor(x / 0.3) * 7.7))[:, None]
    mix(color, (0.20, 0.27, 0.25), within(x + 0.9, 1.8, 0.0, 0.22))
    mix(color, (0.24, 0.31, 0.29), within(y + 0.06, 2.3, 0.0, 0.12))
    lamp_y = np.abs(np.abs(y) - 2.6)
    lamp_x = np.abs(np.mod(x, 1.8) - 0.9)
    halo = 0.35 * np.exp(-((lamp_y / 0.55) ** 2) - (lamp_x / 0.9) ** 2)
    color += halo[:, None] * rgb(1.0, 0.97, 0.88)
    return mix(color, (1.0, 0.99, 0.94), (lamp_y < 0.11) & (lamp_x < 0.62))


def gallery(azimuth: Field, elevation: Field) -> Field:
    """Return a white exhibition room: pictures on the walls, panels of light above."""
    return _box(azimuth, elevation, (8.0, 6.0, 3.6), _gallery_wall, _gallery_ceiling, 0.010)


def _gallery_wall(along: Field, up: Field, end: NDArray[np.bool_]) -> Field:
    bright = (0.90 + 0.10 * np.clip(up / 3.6, 0, 1)).astype(np.float32)
    color: Field = bright[:, None] * rgb(0.86, 0.85, 0.83)
    mix(color, (0.45, 0.42, 0.40), up < 0.12)
    number = np.floor((along + 20) / 2.4)
    across = np.mod(along + 20, 2.4) - 1.2
    half = 0.42 + 0.22 * np.sin(number * 5.3 + np.where(end, 2.0, 0.0))
    tall = 0.42 + 0.16 * np.sin(number * 9.1 + 1)
    x, y = np.abs(across), np.abs(up - 1.6)
    mix(color, (0.16, 0.14, 0.13), (x < half + 0.05) & (y < tall + 0.05))
    mix(color, (0.95, 0.94, 0.91), (x < half) & (y < tall))
    inside = (x < half - 0.09) & (y < tall - 0.09)
    wave = np.where(up > 1.6 + 0.2 * np.sin(across * 4 + number), 1.3, 0.0)
    phase = (number * 2.399 + wave)[inside]
    color[inside] = np.stack([0.55 + 0.28 * np.sin(phase + k * 2.1) for k in range(3)], axis=-1)
    mix(color, (0.35, 0.38, 0.42), end & (np.abs(along - 3.6) < 0.7) & (up < 2.4))
    return color


def _gallery_ceiling(x: Field, y: Field) -> Field:
    color = np.full((len(x), 3), 0.80, np.float32)
    mix(color, (0.70, 0.70, 0.70), within(x, 1.0, 0, 0.03) | within(y, 1.0, 0, 0.03))
    panel = within(x, 2.0, 0.2, 0.8) & within(y + 0.5, 2.0, 0.1, 0.9)
    return mix(color, (1.0, 1.0, 0.99), panel)


def living(azimuth: Field, elevation: Field) -> Field:
    """Return a living room: two windows, shelves, a sofa, a lamp over the table."""
    return _box(azimuth, elevation, (2.6, 2.1, 1.75), _living_wall, _living_ceiling, 0.0)


def _living_wall(along: Field, up: Field, end: NDArray[np.bool_]) -> Field:
    color = np.empty((len(along), 3), np.float32)
    color[:] = rgb(0.78, 0.72, 0.62)
    mix(color, (0.88, 0.86, 0.82), up < -0.12)
    window = ~end & (np.mod(along + 3.0, 2.0) > 0.5) & (np.mod(along + 3.0, 2.0) < 1.6)
    window &= (up > 0.05) & (up < 1.35)
    mix(color, (0.93, 0.93, 0.9), window)
    pane = window & (np.mod(along + 3.0, 0.55) > 0.05) & (up > 0.12) & (up < 1.28)
    glow = 0.92 + 0.08 * np.clip(up[pane], 0, 1)
    color[pane] = glow[:, None] * rgb(0.95, 1.0, 1.05)
    mix(color, (0.55, 0.66, 0.50), pane & (up < 0.35 + 0.1 * np.sin(along * 7)))
    curtain = ~end & (np.mod(along + 3.0, 2.0) > 1.6) & (np.mod(along + 3.0, 2.0) < 1.85)
    mix(color, (0.46, 0.30, 0.26), curtain & (up < 1.5))
    shelf = end & (np.abs(along - 0.7) < 1.0) & (up < 1.3)
    mix(color, (0.35, 0.24, 0.16), shelf)
    book = shelf & (np.mod(up + 0.06, 0.34) > 0.06) & (np.mod(up + 0.06, 0.34) < 0.29)
    phase = np.floor(along[book] / 0.05) * 2.4 + np.floor(up[book] / 0.34) * 1.7
    color[book] = np.stack([0.42 + 0.3 * np.sin(phase + k * 2.1) for k in range(3)], axis=-1)
    sofa = end & (along < -0.5) & (up < 0.28 + 0.08 * np.cos(along * 3))
    return mix(color, (0.28, 0.36, 0.44), sofa)


def _living_ceiling(x: Field, y: Field) -> Field:
    color = np.full((len(x), 3), 0.80, np.float32) * rgb(1.0, 0.97, 0.92)
    away = np.hypot(x - 0.4, y)
    color += (0.25 * np.exp(-((away / 0.7) ** 2)))[:, None] * rgb(1.0, 0.9, 0.7)
    return mix(color, (1.0, 0.98, 0.9), away < 0.22)


def office(azimuth: Field, elevation: Field) -> Field:
    """Return an office: tubes of light in rows, a window band, gray partitions and screens."""
    return _box(azimuth, elevation, (6.0, 4.0, 1.9), _office_wall, _office_ceiling, 0.012)


def _office_wall(along: Field, up: Field, end: NDArray[np.bool_]) -> Field:
    color = np.empty((len(along), 3), np.float32)
    color[:] = rgb(0.74, 0.75, 0.74)
    band = ~end & (up > 0.2) & (up < 1.4)
    mix(color, (0.86, 0.92, 0.97), band)
    roofs = 0.45 + 0.2 * np.sin(np.floor(along / 0.7) * 5.3)
    mix(color, (0.60, 0.63, 0.67), band & (up < roofs))
    blinds = band & (np.sin(np.floor(along / 1.5) * 3.1) > 0.2) & (np.mod(up, 0.08) < 0.045)
    mix(color, (0.80, 0.81, 0.80), blinds)
    mix(color, (0.45, 0.47, 0.48), band & (np.mod(along, 1.5) < 0.06))
    mix(color, (0.36, 0.41, 0.47), up < 0.12)
    screen = end & (np.mod(along, 1.4) > 0.5) & (np.mod(along, 1.4) < 1.1) & (up > 0) & (up < 0.4)
    mix(color, (0.12, 0.13, 0.15), screen)
    lit = screen & (np.sin(np.floor(along / 1.4) * 9.7) > 0)
    return mix(color, (0.35, 0.55, 0.80), lit & (up > 0.04) & (up < 0.36))


def _office_ceiling(x: Field, y: Field) -> Field:
    color = np.full((len(x), 3), 0.70, np.float32)
    mix(color, (0.60, 0.60, 0.60), within(x, 0.6, 0, 0.015) | within(y, 0.6, 0, 0.015))
    mix(color, (0.84, 0.86, 0.86), within(x, 1.8, 0.3, 1.5) & within(y, 1.2, 0.35, 0.65))
    tube = within(x, 1.8, 0.35, 1.45)
    tube &= within(y, 1.2, 0.40, 0.46) | within(y, 1.2, 0.54, 0.60)
    return mix(color, (0.97, 1.0, 1.0), tube)


def stage(azimuth: Field, elevation: Field) -> Field:
    """Return a dark stage: black curtains, a few spots on a truss, exit signs."""
    return _box(azimuth, elevation, (8.0, 6.0, 4.5), _stage_wall, _stage_ceiling, 0.01)


def _stage_wall(along: Field, up: Field, end: NDArray[np.bool_]) -> Field:
    fold = 0.045 + 0.03 * np.sin(along * 14.0) * np.sin(along * 3.1)
    color: Field = fold.astype(np.float32)[:, None] * rgb(1.0, 0.85, 0.9)
    away = np.hypot(np.mod(along + 1.0, 4.0) - 2.0, (up - 0.2) * 0.7)
    color += (0.16 * np.exp(-((away / 0.9) ** 2)))[:, None] * rgb(0.9, 0.7, 1.0)
    sign = end & (np.abs(along - 3.0) < 0.3) & (np.abs(up - 1.9) < 0.1)
    return mix(color, (0.15, 0.85, 0.35), sign)


def _stage_ceiling(x: Field, y: Field) -> Field:
    color = np.full((len(x), 3), 0.03, np.float32)
    mix(color, (0.10, 0.10, 0.11), within(x + 0.15, 3.0, 0, 0.3))
    spot_x, spot_y = np.mod(x + 1.5, 3.0) - 1.5, np.mod(y + 1.0, 2.6) - 1.3
    away = np.hypot(spot_x, spot_y)
    color += (0.5 * np.exp(-((away / 0.3) ** 2)))[:, None] * rgb(1.0, 0.93, 0.8)
    return mix(color, (1.0, 1.0, 0.97), away < 0.12)


def _box(
    azimuth: Field,
    elevation: Field,
    size_m: tuple[float, float, float],
    wall: Callable[[Field, Field, NDArray[np.bool_]], Field],
    ceiling: Callable[[Field, Field], Field],
    haze_per_m: float,
) -> Field:
    """Trace directions from (0, 0, 0) to the walls of a box and color the points they hit.

    Args:
        azimuth: of columns.
        elevation: of rows.
        size_m: half length, half width and height of the box.
        wall: colors (n, 3) from position along the wall, height, and whether it is an end wall.
        ceiling: colors (n, 3) from x and y.
        haze_per_m: share of brightness lost per meter.
    """
    shape = np.broadcast_shapes(azimuth.shape, elevation.shape)
    dx = np.cos(azimuth) * np.cos(elevation)
    dy = np.sin(azimuth) * np.cos(elevation)
    dz = np.broadcast_to(np.sin(elevation), shape)
    with np.errstate(divide="ignore"):
        to_end, to_side = size_m[0] / np.abs(dx), size_m[1] / np.abs(dy)
        to_top = np.where(dz > 0, size_m[2] / np.maximum(dz, 1e-9), np.inf)
    to_wall = np.minimum(to_end, to_side)
    away = np.minimum(to_wall, to_top).astype(np.float32)
    above = to_top <= to_wall
    x, y = dx * away, dy * away
    color = np.empty((*shape, 3), np.float32)
    color[above] = ceiling(x[above], y[above])
    sides = ~above
    end = (to_end < to_side)[sides]
    along = np.where(end, y[sides], x[sides])
    color[sides] = wall(along, (dz * away)[sides], end)
    color *= (1.0 - haze_per_m * np.minimum(away, 14))[..., None]
    return color
