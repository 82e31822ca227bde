"""Writes the page's pictures: a tile for each kind of destination, and the whole city."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import shapely
from shapely.geometry import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry

from station.artwork import buildings as b
from station.artwork.iso import Drawing, IsoModel, Point3

FOLDER: Final = Path(__file__).parents[1] / "pictures"
GRASS: Final = "#a5d68c"
EARTH: Final = "#e7cf9f"
ROAD: Final = "#fffdf7"
LINE: Final = 0.16


def _rings(shape: Polygon) -> list[list[Point3]]:
    rings = (shape.exterior, *shape.interiors)
    return [[(x, y, 0.0) for x, y in ring.coords[:-1]] for ring in rings]


def _paint(m: IsoModel, shape: BaseGeometry, color: str) -> None:
    for part in shapely.get_parts(shape.simplify(0.01)):
        if isinstance(part, Polygon) and part.area > 1e-3:
            m.faces(_rings(part), color)


def board(m: IsoModel, width: float, depth: float) -> None:
    """The plate on which a model stands."""
    m.box(0, 0, -0.7, width, depth, 0.55, EARTH)
    m.box(0, 0, -0.15, width, depth, 0.15, GRASS)


def roads(m: IsoModel, lines: list[LineString], width: float, ground: Polygon) -> BaseGeometry:
    """White streets with a red left and a blue right border, driven in each line's direction."""

    def wide(shape: BaseGeometry) -> BaseGeometry:
        return shape.buffer(width / 2, cap_style="flat", join_style="round")

    def moved(side: float) -> BaseGeometry:
        return shapely.union_all([wide(line.offset_curve(side * LINE)) for line in lines])

    lane = shapely.union_all([wide(line) for line in lines])
    # the drawing's y points to the viewer, so the line's left is negative here
    _paint(m, moved(-1).intersection(ground), b.RED)
    _paint(m, moved(1).intersection(ground), b.BLUE)
    _paint(m, lane.intersection(ground), ROAD)
    return lane


def tile(kind: str) -> str:
    """One destination as a board-game tile: grass, a piece of street, a car and the sight."""
    drawing = Drawing()
    m = IsoModel(drawing)
    board(m, 9.4, 9.4)
    roads(m, [LineString([(0, 8.05), (9.4, 8.05)])], 1.6, box(0, 0, 9.4, 9.4))
    if kind not in ("place", "wedding"):
        b.tree(m, 0.9, 1.0, 0.9)
        b.tree(m, 8.5, 0.9, 1.0)
    b.SIGHTS[kind](m.at(1.7, 0.7))
    b.tree(m, 0.8, 6.1, 0.8)
    b.tree(m, 8.6, 5.9, 0.85)
    b.car(m, 5.6, 8.0, b.SUN)
    return drawing.to_svg()


def sight(kind: str) -> str:
    """The sight alone, for the map."""
    drawing = Drawing()
    b.SIGHTS[kind](IsoModel(drawing))
    return drawing.to_svg(margin=1)


def _ring(x0: float, y0: float, x1: float, y1: float, r: float) -> LineString:
    shape = box(x0 + r, y0 + r, x1 - r, y1 - r).buffer(r, quad_segs=16)
    return LineString(shapely.get_coordinates(shape.exterior))


def town() -> str:
    """The whole city on its board, for the welcome page."""
    drawing = Drawing()
    m = IsoModel(drawing, scale=8.0)
    width, depth = 31.0, 23.0
    board(m, width, depth)
    ring = _ring(2.2, 2.2, width - 2.2, depth - 2.2, 3.0)
    street = LineString([(2.2, depth / 2), (width - 2.2, depth / 2)])
    roads(m, [ring, street], 2.0, box(0, 0, width, depth))
    items = [
        (4.6, 4.0, "museum"),
        (19.6, 4.4, "landmark"),
        (4.8, 13.6, "planetarium"),
        (12.6, 13.7, "town"),
        (20.8, 13.7, "wedding"),
    ]
    scenery = [
        (12.2, 4.6, b.CORAL, b.INK, 2.3),
        (15.2, 4.3, b.CREAM, b.TEAL, 1.4),
        (12.4, 7.6, b.SUN, b.RED, 1.3),
        (15.6, 7.5, "#cfe3ff", b.BLUE, 2.4),
        (26.0, 4.6, b.CREAM, b.RED, 1.4),
        (26.0, 7.5, b.TEAL, b.INK, 1.9),
    ]
    trees = [
        (0.8, 6.0), (0.7, 12.0), (0.9, 17.5), (8.0, 0.8), (14.0, 0.7), (20.5, 0.8), (26.5, 0.9),
        (30.2, 7.0), (30.1, 13.0), (30.3, 18.0), (6.0, 22.2), (13.0, 22.3), (19.0, 22.1),
        (25.0, 22.2), (18.8, 10.2), (11.4, 5.2), (11.5, 16.4), (27.6, 14.6), (26.4, 17.8),
        (19.6, 18.6), (4.4, 10.2),
    ]  # fmt: skip
    cars = [
        (2.2, 7.5, b.RED, False), (2.2, 16.0, b.TEAL, False), (16.5, depth / 2, b.BLUE, True),
        (9.0, depth - 2.2, b.CORAL, True), (22.5, depth - 2.2, b.SUN, True),
    ]  # fmt: skip
    # back to front: by the depth of each object's center
    todo: list[tuple[float, Callable[[], None]]] = []
    todo += [(x + y + 6, partial(b.SIGHTS[kind], m.at(x, y))) for x, y, kind in items]
    todo += [
        (x + y + 2, partial(b.house, m.at(x, y), wall, roof, tall))
        for x, y, wall, roof, tall in scenery
    ]
    todo += [(x + y, partial(b.tree, m, x, y, 1.1)) for x, y in trees]
    todo += [(x + y, partial(b.car, m, x, y, paint, along_x)) for x, y, paint, along_x in cars]
    for _, build in sorted(todo, key=lambda each: each[0]):
        build()
    return drawing.to_svg()


def pictures() -> dict[str, str]:
    """Every picture by its file name."""
    tiles = {f"tiles/{kind}.svg": tile(kind) for kind in b.SIGHTS}
    sights = {f"sights/{kind}.svg": sight(kind) for kind in b.SIGHTS}
    return {**tiles, **sights, "city.svg": town()}


def main() -> None:
    for name, svg in pictures().items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
