"""Buildings, trees and lamps beside the streets, from the city's file or generated.

A city whose file has buildings keeps exactly those. Otherwise blocks are built up along their
streets, with a landmark beside every destination, always the same for the same city.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import shapely
from shapely import LineString, MultiPolygon, Point, Polygon, STRtree
from shapely.geometry.base import BaseGeometry

from pixelopolis.city.model import Building, City, Destination
from pixelopolis.city.road_layout import RoadLayout, polygons, road_layout
from pixelopolis.geometry import Curve, FloatArray, Pose

SETBACK_M: Final = 0.15
"""From the curb to the nearest wall: the sidewalk with the sign boards."""

LANDMARKS: Final = {
    "museum": ("museum", 0.40, 0.27, 0.20),
    "landmark": ("landmark", 0.24, 0.24, 0.72),
    "planetarium": ("planetarium", 0.30, 0.30, 0.24),
    "town": ("market", 0.44, 0.20, 0.16),
    "wedding": ("wedding", 0.20, 0.32, 0.40),
}
"""Kind of building, width, depth and height in meters, by kind of destination."""

WALLS: Final = (
    "#f4efe4",
    "#fdf9f0",
    "#eab8a0",
    "#f0d8a8",
    "#d98e5f",
    "#c9d8d2",
    "#b9cbe0",
    "#e8c9c2",
    "#f3e3b3",
    "#a9c4a4",
    "#cf6f56",
    "#8fa9c4",
)

_SEED: Final = 20200716


@dataclass(frozen=True, slots=True)
class Plant:
    """A tree or bush; `kind` is "round", "fir" or "bush"."""

    x_m: float
    y_m: float
    radius_m: float
    height_m: float
    kind: str


@dataclass(frozen=True, slots=True)
class StreetLamp:
    """A street lamp; its arm points along `heading_rad`, over the street."""

    x_m: float
    y_m: float
    heading_rad: float


@dataclass(frozen=True, slots=True, eq=False)
class Scenery:
    """All buildings, plants and lamps; the latter two are generated even if buildings are given."""

    buildings: tuple[Building, ...]
    plants: tuple[Plant, ...]
    lamps: tuple[StreetLamp, ...]


def footprint(building: Building, grow_m: float = 0.0) -> Polygon:
    """Return a building's outline on the ground, grown by `grow_m` on every side."""
    x, y = building.width_m / 2 + grow_m, building.depth_m / 2 + grow_m
    at = Pose(building.x_m, building.y_m, building.heading_rad)
    corners = (at.ahead(*c) for c in ((x, y), (-x, y), (-x, -y), (x, -y)))
    return Polygon([(c.x_m, c.y_m) for c in corners])


@lru_cache(maxsize=8)
def scenery_of(city: City) -> Scenery:
    """Return the scenery of a city; the same for the same city."""
    layout = road_layout(city)
    kept_free = shapely.union_all([Point(p.x_m, p.y_m).buffer(0.075) for p in _boards(city)])
    plots = [
        free.difference(kept_free)
        for block in layout.blocks
        for free in (block.buffer(-SETBACK_M, join_style="mitre"),)
    ]
    buildings = list(city.buildings)
    if not buildings:
        buildings = list(_landmarks(city, plots))
        taken = list(buildings)
        for number, plot in enumerate(plots):
            rng = np.random.default_rng([_SEED, number])
            buildings += _terrace(plot, layout, taken, rng)
    solid = shapely.union_all([footprint(b, 0.03) for b in buildings])
    plants = list(_plants(layout, solid, kept_free))
    return Scenery(tuple(buildings), tuple(plants), tuple(_lamps(city, layout, solid, kept_free)))


def _boards(city: City) -> Iterable[Pose]:
    return (city.sign_pose(sign) for sign in city.signs)


def _landmarks(city: City, plots: list[BaseGeometry]) -> Iterator[Building]:
    room = shapely.union_all([p for p in plots if not p.is_empty])
    for destination in city.destinations.values():
        found = _landmark(city, destination, room)
        if found is not None:
            room = room.difference(footprint(found, 0.03))
            yield found


def _landmark(city: City, destination: Destination, room: BaseGeometry) -> Building | None:
    """Return the destination's building on the nearest free ground beside its stop."""
    kind, width, depth, height = LANDMARKS.get(destination.kind, ("shop", 0.28, 0.18, 0.22))
    curve = city.edges[destination.edge].curve
    away = city.road.lane_width_m / 2 + SETBACK_M + depth / 2 + 0.022
    for shift in (0.0, 0.06, -0.06, 0.12, -0.12, 0.2, -0.2, 0.3, -0.3, 0.45, -0.45):
        for scale in (1.0, 0.8):
            for side in (-1.0, 1.0):
                beside = side * (away - depth * (1 - scale) / 2)
                at = curve.pose_at(destination.s_m + shift).ahead(0.0, beside)
                heading = at.heading_rad + (math.pi if side < 0 else 0.0)
                building = Building(
                    at.x_m, at.y_m, width * scale, depth * scale, height, heading, kind
                )
                if room.contains(footprint(building)):
                    return building
    return None


def _terrace(
    plot: BaseGeometry,
    layout: RoadLayout,
    taken: list[Building],
    rng: np.random.Generator,
) -> Iterator[Building]:
    """Yield a row of buildings along every street side of a block."""
    prints = [footprint(b, 0.02) for b in taken]
    for part in polygons(plot):
        room = part.buffer(0.004)
        shapely.prepare(room)
        for ring in (part.exterior, *part.interiors):
            if ring.length < 0.5:
                continue
            line = Curve(shapely.get_coordinates(ring))
            s = float(rng.uniform(0.0, 0.1))
            while s < line.length_m - 0.1:
                frontage = float(rng.uniform(0.13, 0.30))
                building = _at_frontage(line, s, frontage, room, layout, rng)
                if building is None or shapely.intersects(footprint(building), prints).any():
                    s += 0.03
                    continue
                prints.append(footprint(building, 0.008))
                yield building
                s += frontage + float(rng.choice([0.012, 0.015, 0.09], p=[0.5, 0.3, 0.2]))


def _at_frontage(
    line: Curve,
    s: float,
    frontage: float,
    room: Polygon,
    layout: RoadLayout,
    rng: np.random.Generator,
) -> Building | None:
    """Return a building at a plot's edge, facing the street, if there is room."""
    a, b = line.pose_at(s), line.pose_at(min(s + frontage, line.length_m))
    width = a.distance_m(b)
    middle = line.pose_at(s + frontage / 2)
    if (
        width < 0.12
        or abs(math.hypot(middle.x_m - (a.x_m + b.x_m) / 2, middle.y_m - (a.y_m + b.y_m) / 2))
        > 0.012
    ):
        return None
    heading = math.atan2(b.y_m - a.y_m, b.x_m - a.x_m)
    street = Pose((a.x_m + b.x_m) / 2, (a.y_m + b.y_m) / 2, heading)
    if not _faces_street(street, layout):
        return None
    deep = float(rng.uniform(0.11, 0.22))
    for depth in (deep, 0.11):
        for side in (1.0, -1.0):
            at = street.ahead(0.0, side * (depth / 2 + 0.002))
            facing = heading if side > 0 else heading + math.pi
            building = Building(at.x_m, at.y_m, width, depth, 0.2, facing)
            ground = footprint(building)
            if room.contains(ground):
                return _dress(building, ground, layout, rng)
    return None


def _faces_street(street: Pose, layout: RoadLayout) -> bool:
    return bool(layout.area.distance(Point(street.x_m, street.y_m)) < SETBACK_M + 0.05)


def _dress(
    building: Building, ground: Polygon, layout: RoadLayout, rng: np.random.Generator
) -> Building:
    """Choose a building's height, kind and color; it is low where it would hide a street.

    The bird's-eye view looks north.
    """
    north = LineString([(building.x_m, building.y_m), (building.x_m, building.y_m + 2.0)])
    hidden = layout.area.intersection(north)
    clear_m = 2.0
    if not hidden.is_empty:
        clear_m = Point(building.x_m, building.y_m).distance(hidden)
        clear_m -= (ground.bounds[3] - ground.bounds[1]) / 2
    most = min(0.46, max(0.15, 1.15 * clear_m))
    height = float(rng.uniform(0.13, 0.13 + (most - 0.13) * rng.uniform(0.4, 1.0)))
    kinds = ("house", "block", "shop") if height < 0.24 else ("block", "tower", "block")
    kind = kinds[int(rng.integers(3))]
    color = WALLS[int(rng.integers(len(WALLS)))]
    return Building(
        building.x_m,
        building.y_m,
        building.width_m,
        building.depth_m,
        height,
        building.heading_rad,
        kind,
        color,
    )


def _plants(layout: RoadLayout, solid: BaseGeometry, kept_free: BaseGeometry) -> Iterator[Plant]:
    """Yield trees where no building stands, and bushes along the back of the sidewalk."""
    for number, block in enumerate(layout.blocks):
        rng = np.random.default_rng([_SEED + 1, number])
        free = block.buffer(-0.11).difference(solid.buffer(0.02)).difference(kept_free)
        if free.is_empty:
            continue
        inner = block.buffer(-0.19)
        shapely.prepare([free, inner])
        spots: list[Point] = []
        x0, y0, x1, y1 = free.bounds
        tries = min(4000, int(90 * (x1 - x0) * (y1 - y0)) + 20)
        for x, y, size in rng.uniform((x0, y0, 0), (x1, y1, 1), (tries, 3)).tolist():
            spot = Point(x, y)
            apart = 0.075 + 0.05 * size
            if not free.contains(spot) or any(spot.distance(p) < apart for p in spots[-60:]):
                continue
            spots.append(spot)
            deep = inner.contains(spot)
            kind = "bush" if not deep else ("fir" if rng.uniform() < 0.3 else "round")
            radius = 0.022 + 0.012 * size if kind == "bush" else 0.036 + 0.022 * size
            height = radius * (1.3 if kind == "bush" else 3.4)
            yield Plant(x, y, radius, height, kind)


def _lamps(
    city: City, layout: RoadLayout, solid: BaseGeometry, kept_free: BaseGeometry
) -> Iterator[StreetLamp]:
    """Yield a lamp every 0.8 m on the right of each street, 4 cm behind the curb."""
    beside = city.road.lane_width_m / 2 + 0.055
    tree = STRtree([layout.area])
    for edge in city.edges.values():
        count = max(1, round(edge.length_m / 0.8))
        for k in range(count):
            at = edge.curve.pose_at(edge.length_m * (k + 0.5) / count).ahead(0.0, -beside)
            spot = Point(at.x_m, at.y_m)
            if len(tree.query(spot, predicate="dwithin", distance=0.03)):
                continue
            if kept_free.distance(spot) > 0.05 and solid.distance(spot) > 0.02:
                yield StreetLamp(at.x_m, at.y_m, at.heading_rad + math.pi / 2)


def roadside_points(city: City, count: int, rng: np.random.Generator) -> FloatArray:
    """Return points (n, 2), n <= count, on the sidewalks, free of boards and buildings."""
    band = _free_roadside(city)
    x0, y0, x1, y1 = band.bounds
    points = rng.uniform((x0, y0), (x1, y1), (8 * count + 8, 2))
    inside = shapely.contains_xy(band, points[:, 0], points[:, 1])
    return np.asarray(points[inside][:count], dtype=np.float64)


@lru_cache(maxsize=8)
def _free_roadside(city: City) -> MultiPolygon:
    taken = [footprint(b, 0.03) for b in scenery_of(city).buildings]
    taken += [Point(p.x_m, p.y_m).buffer(0.08) for p in _boards(city)]
    blocks = shapely.union_all(list(road_layout(city).blocks))
    band = MultiPolygon(
        polygons(shapely.difference(blocks.buffer(-0.045), shapely.union_all(taken)))
    )
    shapely.prepare(band)
    return band
