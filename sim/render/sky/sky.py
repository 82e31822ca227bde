"""Procedural panoramas: rooms and skies, as seen from the city.

A panorama covers elevations from `LOW_RAD` to the zenith, lowest row first; columns run
counterclockwise from east.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from sim.looks.look import SkyKind
from sim.render.sky.outdoors import day, evening
from sim.render.sky.painting import Field
from sim.render.sky.rooms import gallery, hall, living, office, stage

LOW_RAD: Final = math.radians(-12.0)
HIGH_RAD: Final = math.pi / 2
WIDTH_PX: Final = 1536
HEIGHT_PX: Final = 435
_FINER: Final = 2


@lru_cache(maxsize=7)
def panorama(kind: SkyKind) -> NDArray[np.uint8]:
    """Return a panorama (435, 1536, 3) uint8, bottom row first."""
    width, height = WIDTH_PX * _FINER, HEIGHT_PX * _FINER
    azimuth = (np.arange(width, dtype=np.float32) + 0.5) * (2 * math.pi / width)
    elevation = LOW_RAD + (np.arange(height, dtype=np.float32) + 0.5) * (
        (HIGH_RAD - LOW_RAD) / height
    )
    draw = _DRAWN_BY[kind]
    fine = np.empty((height, width, 3), np.float32)
    for rows in np.array_split(np.arange(height), 8):  # limits the memory
        fine[rows] = draw(azimuth[None, :], elevation[rows][:, None])
    small = cv2.resize(fine, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    image = np.round(np.clip(small, 0, 1) * 255).astype(np.uint8)
    image.setflags(write=False)
    return image


def with_lamps(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the panorama (h, w, 4) with the positions of lamps and windows in alpha.

    Eight bits end at white, so nearly white pixels count as light sources.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    share = np.clip((gray - 0.86) / 0.12, 0, 1)
    return np.ascontiguousarray(np.dstack([image, np.round(255 * share).astype(np.uint8)]))


def sky_dome() -> NDArray[np.float32]:
    """Return triangles (n, 5) of direction and panorama coordinates (u in turns, v in 0..1)."""
    u = np.linspace(0, 1, 25)
    v = np.linspace(0, 1, 10)
    uu, vv = np.meshgrid(u, v)
    elevation = LOW_RAD + vv * (HIGH_RAD - LOW_RAD)
    angle = 2 * math.pi * uu
    grid = np.stack(
        [
            np.cos(angle) * np.cos(elevation),
            np.sin(angle) * np.cos(elevation),
            np.sin(elevation),
            uu,
            vv,
        ],
        axis=-1,
    )
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    triangles = np.stack([a, b, c, a, c, d], axis=2)
    return np.ascontiguousarray(triangles.reshape(-1, 5), dtype=np.float32)


_DRAWN_BY: Final[dict[SkyKind, Callable[[Field, Field], Field]]] = {
    "hall": hall,
    "gallery": gallery,
    "day": day,
    "evening": evening,
    "living": living,
    "office": office,
    "stage": stage,
}
