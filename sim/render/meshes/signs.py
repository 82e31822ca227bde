"""Signs as meshes: boards and landmarks, each on its pole."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.model import Sign
from pixelopolis.city.signs import BOARD, LANDMARKS, LIGHTS, Light, sign_solid
from pixelopolis.geometry import Pose
from sim.render.maps.light import Shadow, shadow_of
from sim.render.meshes import materials as m
from sim.render.meshes.landmarks import build_landmark
from sim.render.meshes.mesh import MeshBuilder, Paint, circle, rgb_of

CURB_M: Final = 0.008
"""Height of the blocks above the road."""


def build_sign(b: MeshBuilder, sign_class: str, z_m: float, light: Light = "green") -> None:
    """Add a board facing along x, or a landmark; its center is `z_m` above the builder's."""
    if sign_class in LANDMARKS:
        build_landmark(b, sign_class, LANDMARKS[sign_class].low_m(z_m))
    else:
        layer = m.sign_layer(sign_class)
        _board(b, layer + (LIGHTS.index(light) if layer == m.FIRST_LIGHT else 0), z_m)


def sign_mesh(b: MeshBuilder, sign: Sign, pose: Pose, light: Light = "green") -> NDArray[np.void]:
    """Return a board or a landmark on its pole; the pole does not carry the id."""
    b.place(pose.x_m, pose.y_m, 0.0, pose.heading_rad)
    build_sign(b, sign.sign_class, sign.height_m, light)
    top_m = sign_solid(sign.sign_class).low_m(sign.height_m)
    if sign.sign_class in LANDMARKS:
        _pole(b, top_m, 0.010)
    else:
        _pole(b, top_m, 0.0045, -BOARD.depth_m / 2)
    return b.mesh()


def _board(b: MeshBuilder, layer: int, z: float) -> None:
    half, thick = BOARD.width_m / 2, BOARD.depth_m / 2
    face = [(thick, -half, z - half), (thick, half, z - half)]
    face += [(thick, half, z + half), (thick, -half, z + half)]
    art = Paint(layer=layer)
    b.quad(face, art, ((0, 0), (1, 0), (1, 1), (0, 1)), ambient=(0.0, 0.0))
    gray = Paint(rgb_of("#8d949c"))
    back = [(-x, y, up) for x, y, up in (face[1], face[0], face[3], face[2])]
    b.quad(back, gray)
    for k in range(4):  # the narrow sides
        j = (k + 1) % 4
        b.quad([face[j], face[k], (-thick, *face[k][1:]), (-thick, *face[j][1:])], gray)


def _pole(b: MeshBuilder, top_m: float, radius_m: float, forward_m: float = 0.0) -> None:
    number, b.id = b.id, 0
    at = (forward_m, 0.0)
    b.cone(radius_m, 0.0, top_m, Paint(rgb_of("#6d747c")), radius_m, 6, at)
    b.cone(0.014, 0.0, CURB_M + 0.004, Paint(rgb_of("#565c63")), 0.010, 8, at)
    b.id = number


def sign_shadow(sign: Sign, pose: Pose) -> Shadow:
    """Return the solid that casts a sign's shadow; the pole is too thin to matter."""
    solid = sign_solid(sign.sign_class)
    low_m = solid.low_m(sign.height_m)
    if solid.in_the_round:
        rim = np.array(circle(0.45 * solid.width_m, 8, (pose.x_m, pose.y_m)))
        return shadow_of(rim, low_m + solid.height_m, low_m, 0.4)
    half = solid.width_m / 2
    ends = [pose.ahead(f, left) for f, left in ((0.003, -half), (0.003, half), (-0.003, half))]
    outline = np.array([(p.x_m, p.y_m) for p in ends])
    return shadow_of(outline, low_m + solid.height_m, low_m)
