"""The road surface: its area, border lines and the blocks between, from a city's curves.

Shared by the renderer and `city draw`. Needs shapely (extra `sim`). Lengths in meters, frame x
east, y north.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, MultiPolygon, Point, Polygon, STRtree
from shapely.geometry.base import BaseGeometry

from pixelopolis.city.model import City
from pixelopolis.geometry import Curve, FloatArray

Side = Literal["left", "right"]

VERGE_M: Final = 0.62
"""How far the ground extends beyond the outermost street: room for one row of buildings."""

GUTTER_M: Final = 0.006
"""Between the outer edge of a border line and the curb."""

_TIE_M: Final = 0.004
"""Curves whose distances from a border differ by less count as equally near."""

_STEP_M: Final = 0.01

_SMOOTH_M: Final = 4e-4
"""Tolerance of the curbs from the exact curve, not visible in pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneLine:
    """A painted line as a polyline (N, 2); `side` is its side of the lane."""

    points_m: FloatArray
    side: Side


@dataclass(frozen=True, slots=True, eq=False)
class RoadLayout:
    """The layout of a town's streets.

    `area` is the union of all lanes and movements, each one lane wide. `borders` run along its
    boundary, centered on it. `dividers` separate opposite lanes of a street, once each. `guides`
    continue dividers through junctions, one for each movement, like turning guide lines in real
    streets: without them a camera that sees only the near road sees bare asphalt in the middle of a
    crossing. `blocks` is the ground between and around the streets, up to the curb; `platform` is
    all of it, streets included.
    """

    area: MultiPolygon
    borders: tuple[LaneLine, ...]
    dividers: tuple[FloatArray, ...]
    guides: tuple[FloatArray, ...]
    blocks: tuple[Polygon, ...]
    platform: MultiPolygon


@lru_cache(maxsize=16)
def road_layout(city: City) -> RoadLayout:
    """Return the layout of a town's streets; cached per town."""
    half_m = city.road.lane_width_m / 2
    edges = [_line_string(edge.curve) for edge in city.edges.values()]
    lanes = edges + [_line_string(m.curve) for m in city.movements.values()]
    area = shapely.union_all([shapely.buffer(lane, half_m, cap_style="flat") for lane in lanes])
    area = area.buffer(1e-3, join_style="mitre").buffer(-1e-3, join_style="mitre")
    solid = MultiPolygon([Polygon(part.exterior) for part in polygons(area)])
    platform = solid.buffer(VERGE_M, quad_segs=24).simplify(_SMOOTH_M)
    dividers = tuple(_dividers(city, half_m))
    curb = area.buffer(city.road.line_width_m / 2 + GUTTER_M, quad_segs=8).simplify(_SMOOTH_M)
    return RoadLayout(
        area=_multi(area),
        borders=tuple(_borders(area, lanes, half_m)),
        dividers=dividers,
        guides=tuple(_guides(city, dividers, half_m)),
        blocks=tuple(polygons(platform.difference(curb))),
        platform=_multi(platform),
    )


def polygons(shape: BaseGeometry, least_m2: float = 1e-4) -> list[Polygon]:
    """Return the polygons of a geometry, without slivers."""
    parts = shapely.get_parts(shape)
    return [p for p in parts.tolist() if isinstance(p, Polygon) and p.area > least_m2]


def dashes(points_m: FloatArray, dash_m: float, gap_m: float) -> list[FloatArray]:
    """Return evenly spaced dashes along a polyline that begins and ends with half a dash.

    Args:
        points_m: polyline, shape (N, 2).
        dash_m: desired length of a dash.
        gap_m: desired length of a gap.
    """
    curve = Curve(points_m)
    count = max(1, round(curve.length_m / (dash_m + gap_m)))
    pitch = curve.length_m / count
    half = pitch * dash_m / (dash_m + gap_m) / 2
    middles = [pitch * k for k in range(count + 1)]
    spans = [(max(0.0, m - half), min(curve.length_m, m + half)) for m in middles]
    return [curve.part(low, high).points_m for low, high in spans if high - low > 1e-6]


def _multi(shape: BaseGeometry) -> MultiPolygon:
    return MultiPolygon(polygons(shape))


def _line_string(curve: Curve) -> LineString:
    """Return a center line, 4 mm longer at both ends so that successive curves overlap."""
    ends = [curve.start.ahead(-4e-3), curve.end.ahead(4e-3)]
    (first, last) = ((end.x_m, end.y_m) for end in ends)
    line = LineString(np.vstack([[first], curve.points_m, [last]])).simplify(2e-4)
    assert isinstance(line, LineString)
    return line


def _borders(area: BaseGeometry, lanes: list[LineString], half_m: float) -> Iterator[LaneLine]:
    tree = STRtree(lanes)
    for polygon in polygons(area):
        for ring in (polygon.exterior, *polygon.interiors):
            points = shapely.get_coordinates(shapely.segmentize(ring, _STEP_M))
            middles = (points[1:] + points[:-1]) / 2
            left = _is_left(middles, tree, lanes, half_m)
            yield from _runs(points, left)


def _is_left(
    at_m: FloatArray, tree: STRtree, lanes: list[LineString], half_m: float
) -> NDArray[np.bool_]:
    """Return for border points whether the nearest lane has them to its left (a tie is left)."""
    points = np.asarray(shapely.points(at_m), dtype=object)
    index, lane = tree.query(points, predicate="dwithin", distance=half_m + 2 * _TIE_M)
    lines = np.asarray(lanes, dtype=object)[lane]
    along = shapely.line_locate_point(lines, points[index])
    reach = np.clip(along + 2e-3, 4e-3, shapely.length(lines))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, reach))
    behind = shapely.get_coordinates(shapely.line_interpolate_point(lines, reach - 4e-3))
    tangent, rel = ahead - behind, at_m[index] - behind
    is_left = tangent[:, 0] * rel[:, 1] - tangent[:, 1] * rel[:, 0] > 0
    gap = shapely.distance(lines, points[index])
    nearest = np.full(len(at_m), np.inf)
    np.minimum.at(nearest, index, gap)
    left = np.zeros(len(at_m), dtype=bool)
    np.logical_or.at(left, index, is_left & (gap <= nearest[index] + _TIE_M))
    return left


def _runs(points_m: FloatArray, left: NDArray[np.bool_]) -> Iterator[LaneLine]:
    """Cut a closed ring (N + 1 points) where the side of its N segments changes."""
    changes = np.flatnonzero(left != np.roll(left, 1))
    if len(changes):  # begin at a change, so that no run is cut in two
        left = np.roll(left, -changes[0])
        points_m = np.roll(points_m[:-1], -changes[0], axis=0)
        points_m = np.vstack([points_m, points_m[:1]])
    at = 0
    for is_left, group in groupby(left.tolist()):
        count = len(list(group))
        yield LaneLine(points_m[at : at + count + 1], "left" if is_left else "right")
        at += count


def _dividers(city: City, half_m: float) -> Iterator[FloatArray]:
    lefts = [LineString(edge.curve.offset(half_m).points_m) for edge in city.edges.values()]
    headings = [edge.curve for edge in city.edges.values()]
    tree = STRtree(lefts)
    near_m = city.road.line_width_m
    for i, line in enumerate(lefts):
        for j in sorted(tree.query(line, predicate="dwithin", distance=near_m).tolist()):
            shared = line.intersection(lefts[j].buffer(near_m, cap_style="flat"))
            if j <= i or shared.length < 4 * near_m:
                continue
            middle = shared.interpolate(0.5, normalized=True)
            if _opposite(headings[i], headings[j], middle.x, middle.y):
                yield from (shapely.get_coordinates(part) for part in _line_parts(shared))


def _guides(city: City, dividers: tuple[FloatArray, ...], half_m: float) -> Iterator[FloatArray]:
    """Yield the left borders of the movements that begin and end at a divider."""
    near_m = city.road.line_width_m
    ends = STRtree([Point(p) for line in dividers for p in (line[0], line[-1])])
    drawn: dict[str, list[BaseGeometry]] = defaultdict(list)
    for movement in city.movements.values():
        points = movement.curve.offset(half_m).points_m
        tips = shapely.points(points[[0, -1]])
        if len(set(ends.query(tips, "dwithin", near_m)[0].tolist())) < 2:
            continue
        rough = LineString(points).simplify(1e-3)
        beside = drawn[movement.node]
        if not any(rough.hausdorff_distance(other) < near_m for other in beside):
            beside.append(rough)
            yield points


def _opposite(one: Curve, other: Curve, x_m: float, y_m: float) -> bool:
    angles = [c.pose_at(c.project(x_m, y_m).s_m).heading_rad for c in (one, other)]
    return bool(np.cos(angles[0] - angles[1]) < -0.8)


def _line_parts(shape: BaseGeometry) -> Iterable[LineString]:
    merged = shapely.line_merge(shape) if shape.geom_type == "MultiLineString" else shape
    return [p for p in shapely.get_parts(merged).tolist() if p.length > 0.02]
