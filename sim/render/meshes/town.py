"""The city as meshes: ground beside the road, buildings, sign boards, plants, lamps, clutter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from pixelopolis.city.model import City
from pixelopolis.city.road_layout import RoadLayout, polygons
from pixelopolis.geometry import FloatArray
from sim.looks.look import Clutter
from sim.render.maps.light import Shadow, shadow_of
from sim.render.meshes import architecture
from sim.render.meshes import materials as m
from sim.render.meshes.mesh import VERTEX, MeshBuilder, Paint, circle, rgb_of
from sim.render.meshes.scenery import Plant, Scenery, StreetLamp, footprint, roadside_points
from sim.render.meshes.signs import CURB_M, sign_mesh, sign_shadow

PLATFORM_M: Final = 0.06
"""Height of the city above the floor."""
FLOOR_HALF_M: Final = 40.0
TILE_M: Final = 0.6

CURB, SIDEWALK, LAWN, FLOOR = 1, 2, 3, 4
"""Slots of the ground's mesh; the look gives their colors."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What an instance id stands for; `class_name` is the detector's (sign class or "Car")."""

    kind: Literal["sign", "car", "building"]
    name: str
    class_name: str


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Many small meshes in one array, with bounding boxes for culling."""

    vertices: NDArray[np.void]
    first: NDArray[np.intp]
    count: NDArray[np.intp]
    low_m: FloatArray
    high_m: FloatArray


def pieces_of(meshes: Sequence[NDArray[np.void]]) -> Pieces:
    """Concatenate meshes, none of them empty."""
    count = np.array([len(mesh) for mesh in meshes], dtype=np.intp)
    return Pieces(
        vertices=np.concatenate(meshes) if meshes else np.zeros(0, VERTEX),
        first=np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.intp) if meshes else count,
        count=count,
        low_m=np.array([mesh["at"].min(axis=0) for mesh in meshes], float).reshape(-1, 3),
        high_m=np.array([mesh["at"].max(axis=0) for mesh in meshes], float).reshape(-1, 3),
    )


@dataclass(frozen=True, slots=True, eq=False)
class TownMesh:
    """All static meshes of a city. `slots` is the number of paint slots."""

    ground: Pieces
    objects: Pieces
    instances: dict[int, Instance]
    shadows: tuple[Shadow, ...]
    slots: int


@lru_cache(maxsize=4)
def build_town(city: City, layout: RoadLayout, scenery: Scenery) -> TownMesh:
    """Return a city's meshes, its instance ids (signs first) and its shadows."""
    instances: dict[int, Instance] = {}
    shadows: list[Shadow] = []
    meshes: list[NDArray[np.void]] = []
    b = MeshBuilder()
    for number, sign in enumerate(city.signs, start=1):
        b.id = number
        instances[number] = Instance("sign", f"{sign.sign_class}@{sign.edge}", sign.sign_class)
        meshes.append(sign_mesh(b, sign, city.sign_pose(sign)))
        shadows.append(sign_shadow(sign, city.sign_pose(sign)))
    slot = 1
    for number, building in enumerate(scenery.buildings, start=len(city.signs) + 1):
        b.id = number
        instances[number] = Instance("building", f"{building.kind}{number}", building.kind)
        architecture.build(b, building, slot)
        meshes.append(b.mesh())
        shadows += _building_shadows(building.kind, footprint(building), building.height_m)
        slot += 2
    b.id = 0
    for plant in scenery.plants:
        meshes.append(_plant_mesh(b, plant, slot))
        rim = np.array(circle(plant.radius_m, 8, (plant.x_m, plant.y_m)))
        low = 0.0 if plant.kind == "bush" else 0.3 * plant.height_m
        tip = 0.2 if plant.kind == "fir" else 0.6
        shadows.append(shadow_of(rim, plant.height_m, low, tip))
        slot += 1
    meshes += [_lamp_mesh(b, lamp) for lamp in scenery.lamps]
    return TownMesh(_ground(layout), pieces_of(meshes), instances, tuple(shadows), slot)


def _building_shadows(kind: str, ground: Polygon, height_m: float) -> list[Shadow]:
    outline = shapely.get_coordinates(ground.exterior)[:-1]
    middle = outline.mean(axis=0)

    def part(scale: float, top: float, top_scale: float = 1.0) -> Shadow:
        return shadow_of(middle + (outline - middle) * scale, top * height_m, 0.0, top_scale)

    if kind == "landmark":
        return [part(0.9, 0.6, 0.25), part(0.3, 1.0, 0.1)]
    if kind == "tower":
        return [part(1.0, 0.62), part(0.72, 1.0)]
    if kind == "planetarium":
        return [part(0.85, 0.6), part(0.8, 1.0, 0.4)]
    if kind == "wedding":
        return [part(0.85, 0.5, 0.6), part(0.35, 0.85, 0.3)]
    if kind == "market":
        return [part(0.85, 0.35)]
    return [part(1.0, 1.0 if kind not in ("house", "museum") else 0.86)]


_LEAVES: Final = {"round": "#6ea04a", "fir": "#3f7350", "bush": "#7fae57"}


def _plant_mesh(b: MeshBuilder, plant: Plant, slot: int) -> NDArray[np.void]:
    b.place(plant.x_m, plant.y_m, CURB_M, plant.x_m * 50)
    leaves = Paint(rgb_of(_LEAVES[plant.kind]), m.GRASS, (0.08, 0.08), slot)
    bark = Paint(rgb_of("#7b5a3e"))
    r, h = plant.radius_m, plant.height_m
    if plant.kind == "bush":
        b.dome(r, 0.0, leaves, h, sides=7, rings=2)
    elif plant.kind == "fir":
        b.cone(0.006, 0.0, 0.22 * h, bark, 0.006, 5)
        for low, high, wide in ((0.16, 0.58, 1.0), (0.40, 0.80, 0.78), (0.62, 1.0, 0.52)):
            b.cone(wide * r, low * h, high * h, leaves, 0.0, 8, ambient=(0.7, 1.0))
    else:
        b.cone(0.008, 0.0, 0.45 * h, bark, 0.005, 5)
        b.dome(r, h - 1.05 * r, leaves, 1.05 * r, sides=8, rings=2, whole=True)
    return b.mesh()


def _lamp_mesh(b: MeshBuilder, lamp: StreetLamp) -> NDArray[np.void]:
    b.place(lamp.x_m, lamp.y_m, CURB_M, lamp.heading_rad)
    iron = Paint(rgb_of("#474d55"))
    b.cone(0.007, 0.0, 0.012, iron, 0.005, 6)
    b.cone(0.003, 0.012, 0.25, iron, 0.0025, 5)
    b.box((0.05, 0.005, 0.005), iron, at_m=(0.022, 0.0, 0.248), bottom=True)
    b.box((0.026, 0.012, 0.005), Paint(rgb_of("#fff3cf")), at_m=(0.036, 0.0, 0.243), bottom=True)
    return b.mesh()


def road_mesh(layout: RoadLayout) -> NDArray[np.float32]:
    """Return the triangles (n, 3) of the road's plane, also below the blocks."""
    b = MeshBuilder()
    for part in polygons(layout.platform):
        b.flat(part, 0.0, Paint())
    return np.ascontiguousarray(b.mesh()["at"])


def _ground(layout: RoadLayout) -> Pieces:
    """Return curbs, sidewalks, lawns, the platform's edge and the floor around it, in tiles."""
    b = MeshBuilder()
    kerb, floor = Paint(slot=CURB), Paint(slot=FLOOR, layer=m.FLOOR, tile_m=(1.2, 1.2))
    paving = Paint(slot=SIDEWALK, layer=m.PAVING, tile_m=(0.24, 0.24))
    lawn = Paint(slot=LAWN, layer=m.GRASS, tile_m=(0.35, 0.35))
    for block in layout.blocks:
        paved = block.buffer(-0.012, quad_segs=3).simplify(1e-3)
        green = block.buffer(-0.115, quad_segs=3).simplify(1e-3)
        faces = ((green, lawn), (paved.difference(green), paving), (block.difference(paved), kerb))
        for area, paint in faces:
            for tile in _tiles(area):
                b.flat(tile, CURB_M, paint)
        oriented = shapely.orient_polygons(block)
        for ring in (oriented.exterior, *oriented.interiors):
            points = shapely.get_coordinates(ring.simplify(1e-3))
            b.wall(points[:-1], 0.0, CURB_M, kerb)
    for part in polygons(layout.platform):
        ring = shapely.get_coordinates(shapely.orient_polygons(part).exterior.simplify(1e-3))
        b.wall(ring[:-1], -PLATFORM_M, CURB_M, Paint(slot=CURB), (0.55, 1.0))
    meshes = _by_tile(b.mesh())
    middle = layout.platform.centroid
    side = FLOOR_HALF_M
    square = shapely.box(middle.x - side, middle.y - side, middle.x + side, middle.y + side)
    b.flat(square, -PLATFORM_M, floor)
    return pieces_of([*meshes, b.mesh()])


def _tiles(shape: BaseGeometry) -> Iterator[Polygon]:
    """Cut a shape along a grid, for culling."""
    if shape.is_empty:
        return
    x0, y0, x1, y1 = (int(v // TILE_M) for v in shape.bounds)
    for x in range(x0, x1 + 1):
        low = x * TILE_M
        strip = shapely.clip_by_rect(shape, low, y0 * TILE_M, low + TILE_M, (y1 + 1) * TILE_M)
        for y in range(y0, y1 + 1):
            yield from polygons(
                shapely.clip_by_rect(strip, low, y * TILE_M, low + TILE_M, (y + 1) * TILE_M)
            )


def _by_tile(mesh: NDArray[np.void]) -> list[NDArray[np.void]]:
    """Split a mesh by the tiles of its triangles."""
    triangles = mesh.reshape(-1, 3)
    tiles = np.floor(triangles["at"][..., :2].mean(axis=1) / TILE_M).astype(int)
    _, tile = np.unique(tiles, axis=0, return_inverse=True)
    order = np.argsort(tile, kind="stable")
    cuts = np.flatnonzero(np.diff(tile[order])) + 1
    return [part.reshape(-1) for part in np.split(triangles[order], cuts)]


_TOYS: Final = (
    "#e5484d",
    "#f2b705",
    "#2f80d0",
    "#37a35b",
    "#f2f2f2",
    "#8d5bd0",
    "#22252a",
    "#e98a3a",
)


def clutter_meshes(city: City, clutter: Clutter) -> list[NDArray[np.void]]:
    """Return toys and tools lying on the sidewalks."""
    rng = np.random.default_rng([clutter.seed, 1])
    b = MeshBuilder()
    meshes: list[NDArray[np.void]] = []
    for x, y in roadside_points(city, clutter.count, rng).tolist():
        b.place(x, y, CURB_M, float(rng.uniform(0, 2 * math.pi)))
        color = rgb_of(_TOYS[int(rng.integers(len(_TOYS)))])
        size = float(rng.uniform(0.02, 0.055))
        paint = Paint(color)
        match int(rng.integers(4)):
            case 0:
                b.box((size, size * 0.7, size * 0.8), paint, ambient=(0.75, 1))
            case 1:
                b.dome(size * 0.5, size * 0.5, paint, sides=10, rings=3, whole=True)
            case 2:
                b.cone(size * 0.4, 0, size * 1.2, paint, 0.0, 10, ambient=(0.8, 1))
            case _:
                b.cone(size * 0.3, 0, size * 1.4, paint, size * 0.3, 10, cap=paint)
        meshes.append(b.mesh())
    return meshes
