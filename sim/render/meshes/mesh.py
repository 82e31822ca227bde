"""Triangle meshes as NumPy arrays, and the solids that the city is built of.

Triangles share no vertices: every face is flat shaded. Texture coordinates are in meters unless a
builder says otherwise; a `Paint` converts them to texture space.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from pixelopolis.geometry import FloatArray

VERTEX: Final = np.dtype(
    [
        ("at", "<f4", 3),
        ("normal", "<f4", 3),
        ("uv", "<f4", 2),
        ("layer", "<f4"),
        ("colour", "<u1", 4),  # of the plain look; alpha: share of light, 0 for reflectors
        ("slot", "<u2"),
        ("id", "<u2"),
    ]
)
"""One vertex. `slot` numbers the paint slot, so that a look can repaint the city."""

Color = tuple[float, float, float]


def rgb_of(code: str) -> Color:
    """Return the color of "#rrggbb", each channel in 0..1."""
    red, green, blue = (int(code[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Paint:
    """Color times texture: `layer` of the texture array, whose tile measures `tile_m` (w, h)."""

    color: Color = (1.0, 1.0, 1.0)
    layer: int = 0
    tile_m: tuple[float, float] = (1.0, 1.0)
    slot: int = 0


@dataclass(slots=True, eq=False)
class _Batch:
    """Triangles of one paint at one place, as given."""

    corners_m: FloatArray
    uv_m: FloatArray
    ambient: FloatArray
    paint: Paint
    id: int
    place: tuple[float, float, float, float, float]


@dataclass
class MeshBuilder:
    """Collects triangles; `id` and the current pose (x, y, z, heading) apply to new ones."""

    id: int = 0
    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 0.0
    heading_rad: float = 0.0
    _batches: list[_Batch] = field(default_factory=list)

    def place(self, x_m: float, y_m: float, z_m: float = 0.0, heading_rad: float = 0.0) -> None:
        self.x_m, self.y_m, self.z_m, self.heading_rad = x_m, y_m, z_m, heading_rad

    def mesh(self) -> NDArray[np.void]:
        """Return all triangles so far, (3 n,) of `VERTEX`, and start again."""
        batches, self._batches = self._batches, []
        if not batches:
            return np.zeros(0, VERTEX)
        of = np.repeat(np.arange(len(batches)), [len(b.corners_m) for b in batches])
        corners = np.concatenate([b.corners_m for b in batches])
        place = np.array([b.place for b in batches])[of]
        x, y = corners[..., 0], corners[..., 1]
        cos, sin = place[:, 3:4], place[:, 4:5]
        at = np.stack([x * cos - y * sin, x * sin + y * cos, corners[..., 2]], axis=-1)
        normal = np.cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0])
        length = np.linalg.norm(normal, axis=1)
        keep = length > 1e-12
        paints = [b.paint for b in batches]
        part = np.zeros((len(of), 3), VERTEX)
        part["at"] = at + place[:, None, :3]
        part["normal"] = (normal / np.maximum(length, 1e-12)[:, None])[:, None]
        tile = np.array([p.tile_m for p in paints])[of]
        part["uv"] = np.concatenate([b.uv_m for b in batches]) / tile[:, None]
        part["layer"] = np.array([p.layer for p in paints])[of, None]
        color = np.clip(np.array([p.color for p in paints]), 0, 1)[of]
        part["colour"][..., :3] = np.round(color * 255)[:, None]
        part["colour"][..., 3] = np.round(np.concatenate([b.ambient for b in batches]) * 255)
        part["slot"] = np.array([p.slot for p in paints])[of, None]
        part["id"] = np.array([b.id for b in batches])[of, None]
        return np.asarray(part[keep].reshape(-1))

    def triangles(
        self,
        corners_m: FloatArray,
        paint: Paint,
        uv_m: FloatArray | None = None,
        ambient: FloatArray | float = 1.0,
    ) -> None:
        """Add triangles (n, 3, 3), counterclockwise from outside; uv (n, 3, 2); ambient (n, 3)."""
        count = len(corners_m)
        uv = np.zeros((count, 3, 2)) if uv_m is None else uv_m
        light = np.full((count, 3), ambient) if isinstance(ambient, float) else ambient
        cos, sin = math.cos(self.heading_rad), math.sin(self.heading_rad)
        place = (self.x_m, self.y_m, self.z_m, cos, sin)
        self._batches.append(_Batch(corners_m, uv, light, paint, self.id, place))

    def quad(
        self,
        corners_m: Sequence[Sequence[float]] | FloatArray,
        paint: Paint,
        uv_m: Sequence[Sequence[float]] | None = None,
        ambient: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        """Add four corners, counterclockwise from bottom left; ambient is (bottom, top)."""
        a, b, c, d = corners_m
        if uv_m is None:
            across, up = math.dist(a, b), math.dist(a, d)
            uv_m = ((0.0, 0.0), (across, 0.0), (across, up), (0.0, up))
        e, f, g, h = uv_m
        low, high = ambient
        self.triangles(
            np.array(((a, b, c), (a, c, d)), dtype=np.float64),
            paint,
            np.array(((e, f, g), (e, g, h)), dtype=np.float64),
            np.array(((low, low, high), (low, high, high)), dtype=np.float64),
        )

    def wall(
        self,
        outline_m: Sequence[tuple[float, float]] | FloatArray,
        z0_m: float,
        z1_m: float,
        paint: Paint,
        ambient: tuple[float, float] = (1.0, 1.0),
        top_scale: float = 1.0,
    ) -> None:
        """Add a wall along a closed outline (counterclockwise), its top shrunk to the centroid."""
        low = [(float(x), float(y)) for x, y in outline_m]
        x, y = (sum(p[k] for p in low) / len(low) for k in (0, 1))
        high = [(x + (p[0] - x) * top_scale, y + (p[1] - y) * top_scale) for p in low]
        run = 0.0
        for k in range(len(low)):
            j = (k + 1) % len(low)
            width = math.dist(low[k], low[j])
            corners = [(*low[k], z0_m), (*low[j], z0_m), (*high[j], z1_m), (*high[k], z1_m)]
            up = math.hypot(z1_m - z0_m, math.dist(low[k], high[k]))
            uv = ((run, 0.0), (run + width, 0.0), (run + width, up), (run, up))
            self.quad(corners, paint, uv, ambient)
            run += width

    def flat(self, polygon: Polygon, z_m: float, paint: Paint, ambient: float = 1.0) -> None:
        """Add a level polygon that faces up, textured by its own x and y."""
        parts = shapely.get_parts(shapely.constrained_delaunay_triangles(polygon))
        xy = shapely.get_coordinates(parts).reshape(-1, 4, 2)[:, :3]
        ahead, left = xy[:, 1] - xy[:, 0], xy[:, 2] - xy[:, 0]
        clockwise = ahead[:, 0] * left[:, 1] - ahead[:, 1] * left[:, 0] < 0
        xy = np.where(clockwise[:, None, None], xy[:, ::-1], xy)
        corners = np.dstack([xy, np.full(xy.shape[:2], z_m)])
        self.triangles(corners, paint, xy, ambient)

    def box(
        self,
        size_m: tuple[float, float, float],
        paint: Paint,
        top: Paint | None = None,
        at_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
        ambient: tuple[float, float] = (1.0, 1.0),
        bottom: bool = False,
    ) -> None:
        """Add a box; `at_m` is the middle of its bottom face."""
        outline = rectangle(size_m[0], size_m[1], at_m[0], at_m[1])
        z0, z1 = at_m[2], at_m[2] + size_m[2]
        self.wall(outline, z0, z1, paint, ambient)
        self.quad([(*p, z1) for p in outline], top or paint, ambient=(ambient[1], ambient[1]))
        if bottom:
            self.quad([(*p, z0) for p in outline[::-1]], paint, ambient=(0.5, 0.5))

    def cone(
        self,
        radius_m: float,
        z0_m: float,
        z1_m: float,
        paint: Paint,
        top_radius_m: float = 0.0,
        sides: int = 12,
        at_m: tuple[float, float] = (0.0, 0.0),
        ambient: tuple[float, float] = (1.0, 1.0),
        cap: Paint | None = None,
    ) -> None:
        """Add an upright cone or cylinder, with a level cap when `cap` is given."""
        outline = circle(radius_m, sides, at_m)
        self.wall(outline, z0_m, z1_m, paint, ambient, top_scale=top_radius_m / radius_m)
        if cap is not None and top_radius_m > 0:
            rim = circle(top_radius_m, sides, at_m)
            self.fan([(*p, z1_m) for p in rim], (*at_m, z1_m), cap)

    def fan(
        self,
        rim_m: Sequence[tuple[float, float, float]],
        tip_m: tuple[float, float, float],
        paint: Paint,
    ) -> None:
        """Add triangles from each piece of a closed rim to a tip."""
        corners = [(rim_m[k], rim_m[(k + 1) % len(rim_m)], tip_m) for k in range(len(rim_m))]
        self.triangles(np.array(corners), paint)

    def dome(
        self,
        radius_m: float,
        z_m: float,
        paint: Paint,
        height_m: float | None = None,
        at_m: tuple[float, float] = (0.0, 0.0),
        sides: int = 14,
        rings: int = 4,
        whole: bool = False,
    ) -> None:
        """Add half a ball upon `z_m`, or a whole one around it."""
        tall = height_m or radius_m
        angles = np.linspace(-math.pi / 2 if whole else 0.0, math.pi / 2, rings * (1 + whole) + 1)
        for low, high in pairwise(angles.tolist()):
            radius, top = max(radius_m * math.cos(low), 1e-6), radius_m * math.cos(high)
            ends = z_m + tall * math.sin(low), z_m + tall * math.sin(high)
            shade = (0.75 + 0.25 * math.sin(low), 0.75 + 0.25 * math.sin(high))
            self.cone(radius, *ends, paint, max(top, 0.0), sides, at_m, shade)

    def gable(
        self,
        size_m: tuple[float, float, float],
        z_m: float,
        roof: Paint,
        wall: Paint,
        eaves_m: float,
    ) -> None:
        """Add a saddle roof whose ridge runs along x, with the two triangles of wall below it."""
        x, y, rise = size_m[0] / 2, size_m[1] / 2, size_m[2]
        for side in (-1.0, 1.0):
            self.triangles(
                np.array(
                    [
                        [
                            (side * x, -side * y, z_m),
                            (side * x, side * y, z_m),
                            (side * x, 0, z_m + rise),
                        ]
                    ]
                ),
                wall,
            )
        ex, ey = x + eaves_m, y + eaves_m
        drop = z_m - rise * eaves_m / y
        top = z_m + rise + 0.002
        self.quad([(-ex, -ey, drop), (ex, -ey, drop), (ex, 0, top), (-ex, 0, top)], roof)
        self.quad([(ex, ey, drop), (-ex, ey, drop), (-ex, 0, top), (ex, 0, top)], roof)


def rectangle(
    width_m: float, depth_m: float, x_m: float = 0.0, y_m: float = 0.0
) -> list[tuple[float, float]]:
    """Return the corners of a rectangle around (x, y), counterclockwise."""
    x, y = width_m / 2, depth_m / 2
    return [(x_m - x, y_m - y), (x_m + x, y_m - y), (x_m + x, y_m + y), (x_m - x, y_m + y)]


def circle(
    radius_m: float, sides: int, at_m: tuple[float, float] = (0.0, 0.0)
) -> list[tuple[float, float]]:
    """Return points on a circle, counterclockwise."""
    angles = np.linspace(0, 2 * math.pi, sides, endpoint=False).tolist()
    return [(at_m[0] + radius_m * math.cos(a), at_m[1] + radius_m * math.sin(a)) for a in angles]
