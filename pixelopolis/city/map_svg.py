"""Draws a town as a map: SVG text, and PNG from the same SVG.

Streets have their real colors; arrows show directions, numbers the nodes, boards the signs, pins
the destinations. Needs shapely, and resvg_py for PNG (extra `sim`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from pixelopolis.city.model import City, Destination, Edge
from pixelopolis.city.road_layout import RoadLayout, dashes, polygons, road_layout
from pixelopolis.city.signs import sign_svg
from pixelopolis.city.stroke_font import text_path, text_width
from pixelopolis.geometry import FloatArray, Pose

UNITS_PER_M: Final = 400.0
MARGIN_M: Final = 0.22
TITLE_M: Final = 0.34

_PAPER, _INK, _LAWN, _PAVING, _CURB = "#f3efe6", "#2d3440", "#cfe0b4", "#e9e2d2", "#b9b0a0"
_STYLES: Final = {
    "white": {"surface": "#ffffff", "left": "#e0202c", "right": "#1a5ae0", "divider": "#e0202c"},
    "asphalt": {
        "surface": "#4a4e57",
        "left": "#f5f5f0",
        "right": "#f5f5f0",
        "divider": "#f6c531",
    },
}
_ARROWS: Final = {"white": "#9aa3b2", "asphalt": "#d5d9e0"}
_PINS: Final = ("#d6336c", "#7048e8", "#1098ad", "#e8590c", "#2b8a3e", "#1971c2")


class _Sheet:
    """Converts meters to drawing units, y downward."""

    def __init__(self, layout: RoadLayout) -> None:
        x0, y0, x1, y1 = layout.platform.bounds
        self.west_m, self.north_m = x0 - MARGIN_M, y1 + MARGIN_M + TITLE_M
        self.width = (x1 - x0 + 2 * MARGIN_M) * UNITS_PER_M
        self.height = (y1 - y0 + 2 * MARGIN_M + TITLE_M) * UNITS_PER_M

    def xy(self, x_m: float, y_m: float) -> tuple[float, float]:
        return (x_m - self.west_m) * UNITS_PER_M, (self.north_m - y_m) * UNITS_PER_M

    def line(self, points_m: FloatArray, close: bool = False) -> str:
        """Return path data of a polyline (N, 2), simplified to 0.5 mm."""
        thin = shapely.get_coordinates(shapely.LineString(points_m).simplify(5e-4))
        points = "L".join("{:.1f} {:.1f}".format(*self.xy(x, y)) for x, y in thin.tolist())
        return f"M{points}{'Z' if close else ''}"

    def area(self, shape: MultiPolygon | Polygon) -> str:
        return "".join(
            self.line(shapely.get_coordinates(ring), close=True)
            for part in polygons(shape)
            for ring in (part.exterior, *part.interiors)
        )


def city_svg(city: City) -> str:
    """Return the map of a town as an SVG document."""
    layout = road_layout(city)
    sheet = _Sheet(layout)
    body = "\n".join(
        line
        for part in (
            _ground(layout, sheet),
            _buildings(city, sheet),
            _streets(city, layout, sheet),
            _arrows(city, sheet),
            _nodes(city, sheet),
            _signs(city, sheet),
            _destinations(city, sheet),
            _title(city, sheet),
        )
        for line in part
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {sheet.width:.0f} '
        f'{sheet.height:.0f}" font-family="sans-serif">\n'
        f"<title>{escape(city.name)}</title>\n{body}\n</svg>\n"
    )


def city_png(city: City, width_px: int = 1600) -> bytes:
    """Return the map of a town as PNG bytes."""
    import resvg_py  # noqa: PLC0415  (only PNG needs it)

    return bytes(
        resvg_py.svg_to_bytes(svg_string=city_svg(city), width=width_px, skip_system_fonts=True)
    )


def _path(data: str, **style: str | float) -> str:
    attributes = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in style.items())
    return f'<path d="{data}"{attributes}/>'


def _label(text: str, x: float, y: float, height: float, color: str, halo: str = "") -> str:
    """Return a stroked label centered at (x, y); `halo` is the color of its outline."""
    data = text_path(text, x, y, height)
    style: dict[str, str | float] = {
        "fill": "none",
        "stroke_linecap": "round",
        "stroke_linejoin": "round",
    }
    under = _path(data, stroke=halo, stroke_width=f"{height * 0.5:.1f}", **style) if halo else ""
    return under + _path(data, stroke=color, stroke_width=f"{height * 0.16:.1f}", **style)


def _ground(layout: RoadLayout, sheet: _Sheet) -> Iterator[str]:
    yield f'<rect width="100%" height="100%" fill="{_PAPER}"/>'
    shadow = f'transform="translate(0 {0.02 * UNITS_PER_M:.0f})"'
    yield f'<path d="{sheet.area(layout.platform)}" fill="#d8d1c2" {shadow}/>'
    blocks = MultiPolygon(list(layout.blocks))
    yield _path(sheet.area(blocks), fill=_PAVING, stroke=_CURB, stroke_width=4, fill_rule="evenodd")
    green = blocks.buffer(-0.11)
    if not green.is_empty:
        lawn = MultiPolygon(polygons(green))
        yield _path(sheet.area(lawn), fill=_LAWN, fill_rule="evenodd")


def _buildings(city: City, sheet: _Sheet) -> Iterator[str]:
    for building in city.buildings:
        at = Pose(building.x_m, building.y_m, building.heading_rad)
        x, y = building.width_m / 2, building.depth_m / 2
        corners = [at.ahead(*c) for c in ((x, y), (-x, y), (-x, -y), (x, -y))]
        outline = np.array([(c.x_m, c.y_m) for c in corners])
        data = sheet.line(np.vstack([outline, outline[:1]]), close=True)
        yield _path(data, fill=building.color, stroke=_CURB, stroke_width=3)


def _streets(city: City, layout: RoadLayout, sheet: _Sheet) -> Iterator[str]:
    paint = _STYLES[city.road.style]
    yield _path(sheet.area(layout.area), fill=paint["surface"], fill_rule="evenodd")
    width = round(city.road.line_width_m * UNITS_PER_M, 1)
    for side in ("right", "left"):
        data = "".join(sheet.line(b.points_m) for b in layout.borders if b.side == side)
        yield _path(data, fill="none", stroke=paint[side], stroke_width=width)
    broken = city.road.style == "asphalt"
    pieces = [
        piece
        for divider in layout.dividers
        for piece in (dashes(divider, 0.10, 0.08) if broken else [divider])
    ]
    guides = [piece for guide in layout.guides for piece in dashes(guide, 0.035, 0.045)]
    for lines, share in ((pieces, 1.0), (guides, 0.8)):
        if lines:
            data = "".join(sheet.line(line) for line in lines)
            yield _path(data, fill="none", stroke=paint["divider"], stroke_width=width * share)


def _arrows(city: City, sheet: _Sheet) -> Iterator[str]:
    """Yield arrows along every edge, and its id beside the first of them."""
    color = _ARROWS[city.road.style]
    data = []
    labels = []
    for edge in city.edges.values():
        count = max(1, round(edge.length_m / 0.75))
        for k in range(count):
            data.append(_arrow(edge.curve.pose_at(edge.length_m * (k + 0.5) / count), sheet))
        labels.append(_edge_label(city, edge, count, sheet))
    yield _path("".join(data), fill=color)
    yield from labels


def _arrow(at: Pose, sheet: _Sheet) -> str:
    shape = ((0.06, 0), (0.015, 0.035), (0.015, 0.013), (-0.06, 0.013))
    outline = [*shape, *((x, -y) for x, y in reversed(shape[1:]))]
    points = (at.ahead(x, y) for x, y in outline)
    return "M" + "L".join("{:.1f} {:.1f}".format(*sheet.xy(p.x_m, p.y_m)) for p in points) + "Z"


def _edge_label(city: City, edge: Edge, arrows: int, sheet: _Sheet) -> str:
    height = 0.042 if len(edge.id) <= 3 else 0.026
    middle = edge.curve.pose_at(edge.length_m * 0.5 / arrows)
    half_m = text_width(edge.id) * height / 12
    along, across = abs(math.cos(middle.heading_rad)), abs(math.sin(middle.heading_rad))
    at = middle.ahead(-(0.08 + along * half_m + across * height / 2))
    ink = _INK if city.road.style == "white" else "#ffffff"
    return _label(edge.id, *sheet.xy(at.x_m, at.y_m), height * UNITS_PER_M, ink)


def _nodes(city: City, sheet: _Sheet) -> Iterator[str]:
    for node in city.nodes.values():
        x, y = sheet.xy(node.x_m, node.y_m)
        height = 0.052 * UNITS_PER_M * min(1.0, 2.6 / max(1, len(node.id)))
        radius = 0.058 * UNITS_PER_M
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_INK}"/>'
        yield _label(node.id, x, y, height, "#ffffff")


def _signs(city: City, sheet: _Sheet) -> Iterator[str]:
    """Yield each sign's picture beside its place, with a line to the foot of its pole."""
    size = 0.125 * UNITS_PER_M
    for sign in city.signs:
        foot = city.sign_pose(sign)
        board = foot.ahead(0.02, 0.07 if sign.side == "right" else -0.07)
        (x0, y0), (x, y) = sheet.xy(foot.x_m, foot.y_m), sheet.xy(board.x_m, board.y_m)
        art = re.sub(
            r"^<svg ", f'<svg width="{size:.1f}" height="{size:.1f}" ', sign_svg(sign.sign_class)
        )
        yield _path(f"M{x0:.1f} {y0:.1f}L{x:.1f} {y:.1f}", stroke=_INK, stroke_width=4)
        yield f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="6" fill="{_INK}"/>'
        yield f'<g transform="translate({x - size / 2:.1f} {y - size / 2:.1f})">{art}</g>'


def _destinations(city: City, sheet: _Sheet) -> Iterator[str]:
    pins = dict(zip(city.destinations, _cycle(_PINS), strict=False))
    for destination in city.destinations.values():
        yield from _pin(city, destination, pins[destination.id], sheet)


def _cycle(colors: tuple[str, ...]) -> Iterator[str]:
    while True:
        yield from colors


def _pin(city: City, destination: Destination, color: str, sheet: _Sheet) -> Iterable[str]:
    at = city.edges[destination.edge].curve.pose_at(destination.s_m)
    x, y = sheet.xy(at.x_m, at.y_m)
    r = 0.05 * UNITS_PER_M
    tip = f"M{x:.1f} {y:.1f}C{x - r:.1f} {y - 1.5 * r:.1f} {x - r:.1f} {y - 2.1 * r:.1f}"
    tip += f" {x - r:.1f} {y - 2.4 * r:.1f}A{r:.1f} {r:.1f} 0 1 1 {x + r:.1f} {y - 2.4 * r:.1f}"
    tip += f"C{x + r:.1f} {y - 2.1 * r:.1f} {x + r:.1f} {y - 1.5 * r:.1f} {x:.1f} {y:.1f}Z"
    yield _path(tip, fill=color, stroke="#ffffff", stroke_width=4)
    yield f'<circle cx="{x:.1f}" cy="{y - 2.4 * r:.1f}" r="{r * 0.42:.1f}" fill="#ffffff"/>'
    height = 0.048 * UNITS_PER_M
    half = text_width(destination.names["en"]) * height / 12
    middle = min(max(x, half + height), sheet.width - half - height)
    yield _label(destination.names["en"], middle, y - 4.4 * r, height, color, halo="#ffffff")


def _title(city: City, sheet: _Sheet) -> Iterator[str]:
    height = 0.11 * UNITS_PER_M
    left = MARGIN_M * UNITS_PER_M
    y = (MARGIN_M + 0.06) * UNITS_PER_M
    yield _label(city.name, left + text_width(city.name) * height / 12, y, height, _INK)
    lanes_m = sum(edge.length_m for edge in city.edges.values())
    facts = f"{len(city.nodes)} nodes  {len(city.edges)} edges  {lanes_m:.1f} m"
    small = height * 0.42
    yield _label(facts, left + text_width(facts) * small / 12, y + height * 1.15, small, "#7c8391")
    right, base = sheet.width - left, y + height * 0.5
    yield _path(
        f"M{right - UNITS_PER_M:.0f} {base - 12:.0f}v12H{right:.0f}v-12",
        fill="none",
        stroke=_INK,
        stroke_width=5,
    )
    yield _label("1 m", right - UNITS_PER_M / 2, base - 24, small, _INK)
