"""People around the city's platform: dark figures many times higher than its houses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sim.looks.look import People
from sim.render.maps.light import Shadow, shadow_of
from sim.render.meshes.mesh import Color, MeshBuilder, Paint, circle, rgb_of

FLOOR_M: Final = -0.06
"""Height of the floor relative to the city."""

_COATS: Final = (
    "#1d2129",
    "#2b2f3a",
    "#3a2f2a",
    "#22342c",
    "#40414a",
    "#5a2a2a",
    "#27406b",
    "#6b6255",
)
_LEGS: Final = ("#17181c", "#20283a", "#3b3a38", "#2c241e")
_SKIN: Final = ("#e0b394", "#c58f6b", "#8d5f43", "#f0cdb5")


@dataclass(frozen=True, slots=True)
class Person:
    """One person: position, heading, height and width."""

    x_m: float
    y_m: float
    heading_rad: float
    height_m: float
    width_m: float
    coat: Color
    legs: Color
    skin: Color

    def mesh(self) -> NDArray[np.void]:
        """Return two legs, a coat, two arms and a head."""
        b = MeshBuilder()
        b.place(self.x_m, self.y_m, FLOOR_M, self.heading_rad)
        tall, wide = self.height_m, self.width_m
        leg, hip = Paint(self.legs), 0.47 * tall
        for side in (-0.25, 0.25):
            b.box((0.16, 0.15, hip), leg, at_m=(0.0, side * wide, 0.0), ambient=(0.5, 0.8))
        coat = Paint(self.coat)
        b.box((0.22, wide, 0.38 * tall), coat, at_m=(0.0, 0.0, 0.45 * tall), ambient=(0.7, 1.0))
        for side in (-0.62, 0.62):
            at = (0.03, side * wide, 0.42 * tall)
            b.box((0.11, 0.10, 0.4 * tall), coat, at_m=at, ambient=(0.6, 0.95))
        b.dome(0.11, 0.92 * tall, Paint(self.skin), sides=10, rings=4, whole=True)
        return b.mesh()

    def shadows(self) -> tuple[Shadow, ...]:
        """Return the solid that casts a person's shadow, from the platform's height up."""
        outline = np.array(circle(0.5 * self.width_m, 8, (self.x_m, self.y_m)))
        return (shadow_of(outline, self.height_m + FLOOR_M, 0.05, 0.5),)


def crowd_of(people: People, platform: BaseGeometry) -> tuple[Person, ...]:
    """Return people around a platform, 0.25 to 1.5 m beside it and facing it."""
    rng = np.random.default_rng([people.seed, 4])
    middle = platform.centroid
    crowd = []
    for _ in range(people.count):
        rim = platform.envelope.buffer(float(rng.uniform(0.25, 1.5))).boundary
        at = rim.interpolate(float(rng.uniform()), normalized=True)
        to = math.atan2(middle.y - at.y, middle.x - at.x) + rng.normal(0, 0.5)
        coat, legs, skin = (str(rng.choice(colors)) for colors in (_COATS, _LEGS, _SKIN))
        crowd.append(
            Person(
                x_m=at.x,
                y_m=at.y,
                heading_rad=float(to),
                height_m=float(rng.uniform(1.1, 1.9)),
                width_m=float(rng.uniform(0.36, 0.52)),
                coat=rgb_of(coat),
                legs=rgb_of(legs),
                skin=rgb_of(skin),
            )
        )
    return tuple(crowd)
