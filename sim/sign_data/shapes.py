"""Plain solids of any size and color, which are nothing that the detector knows."""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.geometry import FloatArray
from sim.render.meshes.mesh import MeshBuilder, Paint, rgb_of

Shape = Literal["wall", "box", "ball", "cone"]
SOLIDS: Final[tuple[Shape, ...]] = ("box", "ball", "cone")


def turned(axis: FloatArray, angle_rad: float) -> FloatArray:
    """Return the matrix (3, 3) that turns by an angle about an axis."""
    return np.asarray(cv2.Rodrigues(axis * angle_rad)[0], dtype=np.float64)


def shaped(
    shape: Shape, size_m: FloatArray, turn: FloatArray, at_m: FloatArray, color: str
) -> NDArray[np.void]:
    """Return a solid around `at_m`, or a wall that faces along x, scaled and then turned."""
    mesh = _unit_mesh(shape).copy()
    mesh["at"] = (mesh["at"] * size_m) @ turn.T + at_m
    mesh["normal"] = mesh["normal"] @ turn.T
    mesh["colour"][:, :3] = np.round(np.array(rgb_of(color)) * 255)
    return mesh


@cache
def _unit_mesh(shape: Shape) -> NDArray[np.void]:
    """Return a shape of 1 m around the origin."""
    b, white = MeshBuilder(), Paint()
    match shape:
        case "wall":
            wall = [(0.0, -0.5, -0.5), (0.0, 0.5, -0.5), (0.0, 0.5, 0.5), (0.0, -0.5, 0.5)]
            b.quad(wall, white)
            b.quad([wall[1], wall[0], wall[3], wall[2]], white)
        case "box":
            b.box((1.0, 1.0, 1.0), white, at_m=(0.0, 0.0, -0.5), bottom=True)
        case "ball":
            b.dome(0.5, 0.0, white, sides=10, rings=3, whole=True)
        case "cone":
            b.cone(0.5, -0.5, 0.5, white, 0.0, 10)
    return b.mesh()
