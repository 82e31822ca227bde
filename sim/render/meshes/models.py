"""One model for each class of the detector, and the silhouettes of models.

Model frames: a board faces along x, with its center as the origin; a landmark has the same origin;
a car's origin is the middle of its axle on the ground, x forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.model import Sign
from pixelopolis.city.signs import CAR, LANDMARKS, Light
from pixelopolis.geometry import FloatArray, Pose
from sim.render.meshes.car import BODY, car_mesh
from sim.render.meshes.mesh import MeshBuilder, rgb_of
from sim.render.meshes.signs import build_sign, sign_mesh
from sim.render.view import NEAR_M, View

_SILHOUETTE_PX: Final = 96
"""Resolution for measuring a silhouette's area, to about 2 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Solids:
    """A body as convex solids: all corners (N, 3), and the index of each solid's first corner."""

    corners_m: FloatArray
    first: tuple[int, ...]

    def silhouette_px2(self, view: View) -> float:
        """Return the body's projected area, without occlusion or image borders.

        Corners behind the camera are moved to the plane `NEAR_M` in front of it.
        """
        seen = view.seen_from(self.corners_m)
        places = view.focal_px * seen[:, :2] / np.maximum(seen[:, 2:], NEAR_M)
        if len(self.first) == 1:
            hull = cv2.convexHull(places.astype(np.float32))
            return float(cv2.contourArea(hull))
        low, high = places.min(axis=0), places.max(axis=0)
        scale = _SILHOUETTE_PX / max(float((high - low).max()), 1e-6)
        # 4 fractional bits; half a pixel of rim, as OpenCV fills outlines too
        pixels = np.round(((places - low) * scale + 0.5) * 16).astype(np.int32)
        mask = np.zeros((_SILHOUETTE_PX + 2, _SILHOUETTE_PX + 2), np.uint8)
        for start, end in zip(self.first, (*self.first[1:], len(pixels)), strict=True):
            cv2.fillConvexPoly(mask, cv2.convexHull(pixels[start:end]), 1, shift=4)
        return cv2.countNonZero(mask) / scale**2


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Triangles of `VERTEX` and convex solids in the model's own frame."""

    class_name: str
    mesh: NDArray[np.void]
    solids: Solids

    @property
    def is_board(self) -> bool:
        return self.class_name != CAR and self.class_name not in LANDMARKS


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A model in the world; the columns of `turn` (3, 3) are its x, y and z axes."""

    model: Model
    turn: FloatArray
    at_m: FloatArray

    def solids(self) -> Solids:
        own = self.model.solids
        return Solids(own.corners_m @ self.turn.T + self.at_m, own.first)

    def mesh(self, number: int, color: str | None = None) -> NDArray[np.void]:
        """Return the triangles in the world with an instance id, a car's body in its color."""
        mesh = self.model.mesh.copy()
        mesh["at"] = mesh["at"] @ self.turn.T + self.at_m
        mesh["normal"] = mesh["normal"] @ self.turn.T
        mesh["id"][mesh["id"] > 0] = number
        if color is not None:
            body = mesh["slot"] == BODY
            mesh["colour"][body, :3] = np.round(np.array(rgb_of(color)) * 255)
        return mesh

    def view_angle_deg(self, eye_m: FloatArray) -> float:
        """Return the angle between a board's normal and the line of sight; 0 for all others."""
        if not self.model.is_board:
            return 0.0
        way = eye_m - self.at_m
        cos = float(way @ self.turn[:, 0]) / max(float(np.linalg.norm(way)), 1e-9)
        return float(np.degrees(np.arccos(np.clip(cos, -1, 1))))


def upright(model: Model, pose: Pose, z_m: float = 0.0) -> Body:
    """Return a model standing at a pose, its origin `z_m` above the road."""
    cos, sin = np.cos(pose.heading_rad), np.sin(pose.heading_rad)
    turn = np.array([(cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)])
    return Body(model, turn, np.array([pose.x_m, pose.y_m, z_m]))


@lru_cache(maxsize=128)
def model_of(class_name: str, light: Light = "green", pole_m: float = 0.0) -> Model:
    """Return the model of a class.

    Args:
        class_name: one of `SIGN_CLASSES`.
        light: state of a traffic light.
        pole_m: height of a sign's center above its pole's foot; 0 without pole.
    """
    if class_name == CAR:
        mesh = car_mesh().copy()
        mesh["id"] = 1
        return Model(class_name, mesh, solids_of(mesh))
    b = MeshBuilder(id=1)
    if pole_m > 0:
        mesh = sign_mesh(b, Sign(class_name, "", 0.0, height_m=pole_m), Pose(0, 0, 0), light)
        mesh["at"][:, 2] -= pole_m
    else:
        build_sign(b, class_name, 0.0, light)
        mesh = b.mesh()
    return Model(class_name, mesh, solids_of(mesh[mesh["id"] > 0]))


def solids_of(mesh: NDArray[np.void]) -> Solids:
    """Split a mesh into its connected pieces, which are taken to be convex.

    Pieces within 1 mm of a larger one's bounding box, such as panes and lamps, are left out.
    """
    corners, corner_of = np.unique(np.round(mesh["at"], 6), axis=0, return_inverse=True)
    triangles = corner_of.reshape(-1, 3)
    piece = np.arange(len(corners))
    while True:
        lowest = np.repeat(piece[triangles].min(axis=1), 3)
        before = piece.copy()
        np.minimum.at(piece, triangles.ravel(), lowest)
        if np.array_equal(before, piece):
            break
    found = sorted((corners[piece == k].astype(np.float64) for k in np.unique(piece)), key=_size)
    kept = [
        one
        for k, one in enumerate(found)
        if not any(
            (one.min(axis=0) > other.min(axis=0) - 1e-3).all()
            and (one.max(axis=0) < other.max(axis=0) + 1e-3).all()
            for other in found[k + 1 :]
        )
    ]
    ends = np.cumsum([len(one) for one in kept])
    return Solids(np.concatenate(kept), (0, *ends[:-1].tolist()))


def _size(corners_m: FloatArray) -> float:
    return float(np.prod(np.ptp(corners_m, axis=0) + 1e-3))
