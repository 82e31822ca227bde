"""Rooms with things on their floor and neither signs nor cars: what must not become one.

A miniature car looks up at chairs, tables, bags, bins, boxes, plants and shoes, many of them dark
and on wheels. All are sums of plain solids, in sizes of a room as a car of 13 cm sees it.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.model import City
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.vehicle.camera import Camera
from sim.render.view import View, car_view
from sim.sign_data.shapes import Shape, shaped, turned
from sim.sign_data.streets import random_color

Meshes = list[NDArray[np.void]]
PIECES: Final = (1, 7)
AWAY_M: Final = (0.25, 3.0)
ASIDE: Final = 0.9
"""Largest distance to a side, as a share of that ahead; the view ends at 0.85."""
UP: Final = np.array([0.0, 0.0, 1.0])


class Group:
    """Solids that stand together: a place on the floor, a heading and a size."""

    def __init__(self, x_m: float, y_m: float, heading_rad: float, size: float) -> None:
        self._at, self._size = np.array([x_m, y_m, 0.0]), size
        self._turn = turned(UP, heading_rad)
        self.meshes: Meshes = []

    def add(
        self,
        shape: Shape,
        size_m: tuple[float, float, float],
        middle_m: tuple[float, float, float],
        color: str,
        heading_rad: float = 0.0,
    ) -> None:
        """Add a solid; sizes and places are those at size 1, before the group is turned."""
        at = self._at + self._turn @ (np.array(middle_m) * self._size)
        turn = self._turn @ turned(UP, heading_rad)
        self.meshes.append(shaped(shape, np.array(size_m) * self._size, turn, at, color))


def draw_room(city: City, camera: Camera, rng: np.random.Generator) -> tuple[View, Meshes]:
    """Return a view along a lane, and the furniture in it.

    Args:
        city: gives lanes to look along; its signs are not shown.
        camera: as the look mounts it; it is tilted further, as on cars of other builders.
        rng: for everything.
    """
    edges = list(city.edges.values())
    curve = edges[int(rng.integers(len(edges)))].curve
    lane = curve.pose_at(float(rng.uniform(0, curve.length_m)))
    pose = lane.ahead(0.0, float(rng.uniform(-0.1, 0.1)), float(rng.uniform(-0.6, 0.6)))
    lens = replace(camera, pitch_rad=camera.pitch_rad + math.radians(float(rng.normal(0, 5))))
    meshes: Meshes = []
    for _ in range(int(rng.integers(PIECES[0], PIECES[1] + 1))):
        away_m = math.exp(rng.uniform(*np.log(AWAY_M)))
        at = pose.ahead(away_m, float(rng.uniform(-ASIDE, ASIDE)) * away_m)
        size = math.exp(rng.uniform(math.log(0.25), 0.0))
        group = Group(at.x_m, at.y_m, float(rng.uniform(-math.pi, math.pi)), size)
        FURNITURE[int(rng.integers(len(FURNITURE)))](group, rng)
        meshes += group.meshes
    return car_view(lens, pose, rows=DETECTOR_ROWS), meshes


def _tone(rng: np.random.Generator) -> str:
    """Return a color of furniture: black, gray, wood, or any."""
    kind, shade = rng.random(2).tolist()
    if kind < 0.45:
        tone = 0.02 + 0.22 * shade
        rgb = (tone, tone, tone * 1.05)
    elif kind < 0.65:
        rgb = (shade, shade, shade)
    elif kind < 0.8:
        rgb = colorsys.hsv_to_rgb(0.08 + 0.03 * shade, 0.5, 0.25 + 0.55 * shade)
    else:
        return random_color(rng)
    return "#" + "".join(f"{round(255 * min(c, 1)):02x}" for c in rgb)


def _swivel_chair(group: Group, rng: np.random.Generator) -> None:
    frame, seat = _tone(rng), _tone(rng)
    for spoke in range(5):
        angle = 2 * math.pi * spoke / 5
        x, y = math.cos(angle), math.sin(angle)
        group.add("box", (0.3, 0.05, 0.04), (0.16 * x, 0.16 * y, 0.09), frame, angle)
        group.add("ball", (0.06, 0.06, 0.06), (0.3 * x, 0.3 * y, 0.03), "#101010")
    group.add("box", (0.05, 0.05, 0.35), (0, 0, 0.27), frame)
    group.add("box", (0.48, 0.48, 0.08), (0, 0, 0.48), seat)
    group.add("box", (0.06, 0.42, 0.5), (-0.22, 0, 0.8), seat)


def _table(group: Group, rng: np.random.Generator) -> None:
    legs, top = _tone(rng), _tone(rng)
    long, wide = rng.uniform(0.5, 1.6), rng.uniform(0.4, 0.8)
    thick = float(rng.uniform(0.02, 0.07))
    for x in (-long / 2, long / 2):
        for y in (-wide / 2, wide / 2):
            group.add("box", (thick, thick, 0.7), (x, y, 0.35), legs)
    group.add("box", (long + 0.1, wide + 0.1, 0.04), (0, 0, 0.72), top)


def _bag(group: Group, rng: np.random.Generator) -> None:
    color = _tone(rng)
    wide, deep, tall = rng.uniform((0.2, 0.12, 0.2), (0.4, 0.25, 0.5)).tolist()
    group.add("box", (deep, wide, tall), (0, 0, tall / 2), color)
    group.add("ball", (deep, wide, 0.6 * wide), (0, 0, tall), color)
    group.add("box", (0.05, 0.7 * wide, 0.5 * tall), (deep / 2, 0, 0.35 * tall), _tone(rng))


def _carton(group: Group, rng: np.random.Generator) -> None:
    size = rng.uniform(0.08, 0.5, 3).tolist()
    group.add("box", (size[0], size[1], size[2]), (0, 0, size[2] / 2), _tone(rng))
    group.add("box", (size[0] * 1.01, 0.05, size[2] * 1.01), (0, 0, size[2] / 2), _tone(rng))


def _shoes(group: Group, rng: np.random.Generator) -> None:
    color, sole, trousers = _tone(rng), _tone(rng), _tone(rng)
    for side in (-0.09, 0.09):
        ahead = float(rng.uniform(-0.1, 0.1))
        group.add("box", (0.28, 0.1, 0.025), (ahead, side, 0.0125), sole)
        group.add("ball", (0.28, 0.1, 0.14), (ahead, side, 0.05), color)
        group.add("box", (0.11, 0.11, 0.7), (ahead - 0.07, side, 0.45), trousers)


def _plant(group: Group, rng: np.random.Generator) -> None:
    group.add("box", (0.22, 0.22, 0.22), (0, 0, 0.11), _tone(rng))
    for _ in range(int(rng.integers(3, 9))):
        x, y = rng.uniform(-0.15, 0.15, 2).tolist()
        green = "#" + "".join(f"{int(c):02x}" for c in rng.integers((20, 60, 20), (90, 150, 70)))
        group.add("ball", (0.2, 0.2, 0.3), (x, y, float(rng.uniform(0.3, 0.7))), green)


def _bin(group: Group, rng: np.random.Generator) -> None:
    color = _tone(rng)
    group.add("box", (0.22, 0.22, 0.3), (0, 0, 0.15), color, float(rng.uniform(0, 1.5)))
    group.add("box", (0.25, 0.25, 0.03), (0, 0, 0.3), _tone(rng))


def _machine(group: Group, rng: np.random.Generator) -> None:
    """Add a dark box with lights, as computers, routers and loudspeakers are."""
    wide, deep, tall = rng.uniform((0.12, 0.12, 0.1), (0.3, 0.4, 0.45)).tolist()
    group.add("box", (deep, wide, tall), (0, 0, tall / 2), _tone(rng))
    for _ in range(int(rng.integers(1, 5))):
        y, z = rng.uniform((-0.4 * wide, 0.1 * tall), (0.4 * wide, 0.9 * tall)).tolist()
        spot = float(rng.uniform(0.01, 0.06))
        group.add("box", (0.01, spot, spot), (deep / 2, y, z), random_color(rng))


Furniture = Callable[[Group, np.random.Generator], None]

FURNITURE: Final[tuple[Furniture, ...]] = (
    _swivel_chair, _table, _bag, _carton, _shoes, _plant, _bin, _machine,
)  # fmt: skip
