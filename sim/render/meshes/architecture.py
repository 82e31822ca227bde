"""Buildings as meshes: one function for each kind; the street front is at -y."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from shapely import Polygon

from pixelopolis.city.model import Building
from sim.render.meshes import materials as m
from sim.render.meshes.mesh import Color, MeshBuilder, Paint, circle, rectangle, rgb_of

WINDOW_M: Final = 0.066
"""Target width and height of one window's piece of wall."""

_ROOFS: Final = ("#b5523b", "#8c4a3a", "#5d6b78", "#7a5c46", "#a3683f", "#4f6f6a")
_STONE: Final = rgb_of("#efe6d2")
_WHITE: Final = rgb_of("#fbfaf6")
_AO: Final = (0.72, 1.0)


def build(b: MeshBuilder, building: Building, slot: int) -> None:
    """Add a building; `slot` and `slot + 1` are the paint slots of walls and roof."""
    b.place(building.x_m, building.y_m, 0.008, building.heading_rad)
    _KINDS.get(building.kind, _house)(b, building, slot)


def _pick(building: Building, count: int) -> int:
    """Return a number below `count`, always the same for the same building."""
    return round(building.x_m * 1009 + building.y_m * 2003 + building.height_m * 4001) % count


def _walls(
    b: MeshBuilder,
    width: float,
    depth: float,
    z0: float,
    z1: float,
    facade: int,
    color: Color,
    slot: int,
) -> None:
    """Add four walls with whole windows; a facade's tile holds two by two."""
    paint = Paint(color, facade, slot=slot)
    floors = max(1, round((z1 - z0) / WINDOW_M)) / 2
    outline = rectangle(width, depth)
    for k in range(4):
        j = (k + 1) % 4
        wide = max(1, round(math.dist(outline[k], outline[j]) / WINDOW_M)) / 2
        corners = [(*outline[k], z0), (*outline[j], z0), (*outline[j], z1), (*outline[k], z1)]
        ambient = _AO if z0 < 0.05 else (0.92, 1.0)
        b.quad(corners, paint, ((0, 0), (wide, 0), (wide, floors), (0, floors)), ambient)


def _flat_roof(
    b: MeshBuilder,
    width: float,
    depth: float,
    z: float,
    color: Color,
    slot: int,
) -> None:
    """Add a parapet and a gravel roof a little below its top."""
    rim, up = 0.008, 0.010
    trim = Paint(tuple(np.clip(np.array(color) * 0.93, 0, 1).tolist()), slot=slot)
    outer, inner = rectangle(width, depth), rectangle(width - 2 * rim, depth - 2 * rim)
    b.wall(outer, z, z + up, trim)
    b.wall(inner[::-1], z + 0.004, z + up, trim)
    for k in range(4):
        j = (k + 1) % 4
        top = [outer[k], outer[j], inner[j], inner[k]]
        b.quad([(*p, z + up) for p in top], trim)
    gravel = Paint((0.72, 0.70, 0.68), m.ROOF, (0.2, 0.2))
    b.flat(Polygon(inner), z + 0.004, gravel, ambient=0.9)


def _house(b: MeshBuilder, building: Building, slot: int) -> None:
    color = rgb_of(building.color)
    w, d, h = building.width_m, building.depth_m, building.height_m
    rise = min(0.07, 0.4 * d)
    eaves = max(0.06, h - rise)
    _walls(b, w, d, 0, eaves, m.FACADES[(0, 2, 5)[_pick(building, 3)]], color, slot)
    roof = Paint(rgb_of(_ROOFS[_pick(building, len(_ROOFS))]), m.TILES, (0.08, 0.08), slot + 1)
    b.gable((w, d, rise), eaves, roof, Paint(color, slot=slot), 0.008)
    b.box((0.016, 0.016, 0.035), Paint(rgb_of("#8a6a58")), at_m=(w * 0.25, d * 0.2, h - 0.03))
    _door(b, -d / 2)


def _door(b: MeshBuilder, y: float) -> None:
    wood = Paint(rgb_of("#5b3b26"))
    b.box((0.026, 0.004, 0.045), wood, at_m=(0.0, y - 0.001, 0.0))
    b.box(
        (0.034, 0.012, 0.004), Paint(rgb_of("#efe9dc")), at_m=(0.0, y - 0.005, 0.047), bottom=True
    )


def _block(b: MeshBuilder, building: Building, slot: int) -> None:
    color = rgb_of(building.color)
    w, d, h = building.width_m, building.depth_m, building.height_m
    _walls(b, w, d, 0, h, m.FACADES[(0, 1, 2, 3, 5)[_pick(building, 5)]], color, slot)
    _flat_roof(b, w, d, h, color, slot)
    gray = Paint((0.78, 0.79, 0.80))
    b.box((w * 0.28, d * 0.3, 0.022), gray, at_m=(w * 0.18, d * 0.1, h), ambient=(0.8, 1))
    if _pick(building, 3) == 0:  # a water tank
        b.cone(0.016, h, h + 0.035, Paint(rgb_of("#b98a5e")), 0.016, 10, (-w * 0.25, d * 0.15))
        b.cone(
            0.019, h + 0.035, h + 0.048, Paint(rgb_of("#7c5a3c")), 0.0, 10, (-w * 0.25, d * 0.15)
        )
    _door(b, -d / 2)


def _shop(b: MeshBuilder, building: Building, slot: int) -> None:
    color = rgb_of(building.color)
    w, d, h = building.width_m, building.depth_m, building.height_m
    ground = min(0.075, h * 0.55)
    outline = rectangle(w, d)
    shops = max(1, round(w / 0.09))
    front = [(*outline[0], 0.0), (*outline[1], 0.0), (*outline[1], ground), (*outline[0], ground)]
    paint = Paint(color, m.SHOP, slot=slot)
    b.quad(front, paint, ((0, 0), (shops, 0), (shops, 1), (0, 1)), (0.85, 1.0))
    for k in (1, 2, 3):
        j = (k + 1) % 4
        side = [
            (*outline[k], 0.0),
            (*outline[j], 0.0),
            (*outline[j], ground),
            (*outline[k], ground),
        ]
        b.quad(side, Paint(color, slot=slot), ambient=_AO)
    awning = Paint((0.87, 0.25, 0.22), m.STRIPES, (0.03, 0.03), slot + 1)
    y, z = -d / 2, ground * 0.92
    lip = [(-w / 2, y - 0.028, z - 0.016), (w / 2, y - 0.028, z - 0.016)]
    b.quad([*lip, (w / 2, y, z), (-w / 2, y, z)], awning)
    _walls(b, w, d, ground, h, m.FACADES[_pick(building, 3)], color, slot)
    _flat_roof(b, w, d, h, color, slot)


def _tower(b: MeshBuilder, building: Building, slot: int) -> None:
    color = rgb_of(building.color)
    w, d, h = building.width_m, building.depth_m, building.height_m
    facade = m.FACADES[(3, 4)[_pick(building, 2)]]
    _walls(b, w, d, 0, 0.62 * h, facade, color, slot)
    _flat_roof(b, w, d, 0.62 * h, color, slot)
    _walls(b, 0.72 * w, 0.72 * d, 0.62 * h, h, facade, color, slot)
    _flat_roof(b, 0.72 * w, 0.72 * d, h, color, slot)
    b.cone(0.004, h, h + 0.07, Paint((0.85, 0.86, 0.88)), 0.001, 6)


def _steps(b: MeshBuilder, width: float, depth: float, count: int, paint: Paint) -> float:
    """Add a stepped plinth and return its height."""
    for k in range(count):
        grow = 0.018 * (count - k)
        b.box((width + grow, depth + grow, 0.007), paint, at_m=(0, 0, 0.007 * k), ambient=(0.8, 1))
    return 0.007 * count


def _museum(b: MeshBuilder, building: Building, slot: int) -> None:
    """Add a temple: steps, colonnade, pediment, and a low dome behind."""
    w, d, h = building.width_m, building.depth_m, building.height_m
    stone = Paint(_STONE, slot=slot)
    z = _steps(b, w - 0.06, d - 0.06, 3, stone)
    body_w, body_d = w - 0.07, d - 0.07
    top = z + 0.56 * h
    outline = rectangle(body_w, body_d)
    for k in range(4):
        j = (k + 1) % 4
        columns = max(2, round(math.dist(outline[k], outline[j]) / 0.034)) / 4
        wall = [(*outline[k], z), (*outline[j], z), (*outline[j], top), (*outline[k], top)]
        temple = Paint(_WHITE, m.TEMPLE, slot=slot)
        b.quad(wall, temple, ((0, 0), (columns, 0), (columns, 1), (0, 1)), (0.85, 1))
    b.box((body_w + 0.024, body_d + 0.024, 0.02), stone, at_m=(0, 0, top), bottom=True)
    b.place(building.x_m, building.y_m, b.z_m, building.heading_rad + math.pi / 2)
    b.gable(
        (body_d + 0.024, body_w + 0.024, 0.26 * h),
        top + 0.02,
        Paint(rgb_of("#7d9a8c"), m.TILES, (0.1, 0.1), slot + 1),
        stone,
        0.006,
    )
    b.place(building.x_m, building.y_m, b.z_m, building.heading_rad)


def _landmark(b: MeshBuilder, building: Building, slot: int) -> None:
    """Add a lattice tower in vermilion and white, on four legs."""
    w, h = building.width_m, building.height_m
    red, white = rgb_of("#e8471d"), rgb_of("#fbf7f0")
    half = w / 2
    leg = Paint(red, m.LATTICE, (0.05, 0.05), slot)
    arch = 0.24 * h
    for sx in (-1, 1):
        for sy in (-1, 1):
            foot = rectangle(0.055, 0.055, sx * (half - 0.03), sy * (half - 0.03))
            head = rectangle(0.05, 0.05, sx * 0.042, sy * 0.042)
            for k in range(4):
                j = (k + 1) % 4
                b.quad([(*foot[k], 0), (*foot[j], 0), (*head[j], arch), (*head[k], arch)], leg)
    b.box((0.15, 0.15, 0.018), Paint(white), at_m=(0, 0, arch - 0.009), bottom=True)
    b.box((0.11, 0.11, 0.05), Paint(rgb_of("#c9cdd2"), m.FACADES[3], (0.1, 0.1)), at_m=(0, 0, 0))
    bands = ((arch, 0.36, red), (0.36 * h, 0.46, white), (0.46 * h, 0.60, red))
    for low, part, color in (*bands, (0.68 * h, 0.80, white), (0.80 * h, 0.90, red)):
        high = part * h
        bottom, top = (0.068 * (1 - 0.92 * z / h) + 0.004 for z in (low, high))
        paint = Paint(color, m.LATTICE, (0.04, 0.04), slot if color == red else 0)
        b.wall(rectangle(2 * bottom, 2 * bottom), low, high, paint, top_scale=top / bottom)
    deck = Paint(white, m.FACADES[3], (0.06, 0.03))
    b.cone(0.05, 0.60 * h, 0.68 * h, deck, 0.05, 12, cap=Paint(white))
    b.cone(0.004, 0.90 * h, h, Paint(white), 0.001, 6)


def _planetarium(b: MeshBuilder, building: Building, slot: int) -> None:
    """Add a drum with a silver dome and a porch."""
    w, h = building.width_m, building.height_m
    radius = w / 2 - 0.012
    drum = 0.36 * h
    wall = Paint(rgb_of("#f3f1ec"), m.FACADES[3], (0.13, 0.13), slot)
    b.cone(radius + 0.012, 0, 0.012, Paint(_STONE), radius + 0.012, 20, cap=Paint(_STONE))
    b.cone(radius, 0.012, drum, wall, radius, 20, ambient=_AO)
    b.cone(radius + 0.01, drum, drum + 0.012, Paint(_WHITE), radius + 0.01, 20, cap=Paint(_WHITE))
    b.dome(
        radius - 0.008,
        drum + 0.012,
        Paint(rgb_of("#9db8d6"), slot=slot + 1),
        h - drum - 0.012,
        sides=20,
        rings=6,
    )
    b.box((0.09, 0.05, drum * 0.75), Paint(rgb_of("#2d3c74")), at_m=(0, -radius, 0))
    b.box(
        (0.10, 0.06, 0.008), Paint(rgb_of("#ffc93c")), at_m=(0, -radius, drum * 0.75), bottom=True
    )


def _market(b: MeshBuilder, building: Building, slot: int) -> None:
    """Add a market street of stalls and a red gate with a swept roof."""
    w, d = building.width_m, building.depth_m
    red, dark = Paint(rgb_of("#c8332b")), Paint(rgb_of("#3b4a52"))
    gate = 0.20
    for x in (-0.085, 0.085):
        b.cone(0.012, 0, gate * 0.7, red, 0.010, 10, (x, -d * 0.1))
    b.box((0.23, 0.022, 0.016), red, at_m=(0, -d * 0.1, gate * 0.7), bottom=True)
    for z, wide in ((gate * 0.84, 0.28), (gate * 1.08, 0.19)):
        b.place(building.x_m, building.y_m, 0.008, building.heading_rad)
        b.box((wide * 0.66, 0.05, 0.028), red, at_m=(0, -d * 0.1, z - 0.01), bottom=True)
        base = rectangle(wide, 0.10, 0, -d * 0.1)
        b.wall(base, z + 0.018, z + 0.040, dark, top_scale=0.5)
        b.quad([(*p, z + 0.018) for p in base[::-1]], dark)
        top = (np.array(base) - np.mean(base, axis=0)) * 0.5 + np.mean(base, axis=0)
        b.quad([(*p, z + 0.040) for p in top.tolist()], dark)
    roofs = ("#e9b530", "#2f8f83", "#d95f3b", "#3f72b5")
    for k, x in enumerate((-w / 2 + 0.055, -w / 2 + 0.12, w / 2 - 0.12, w / 2 - 0.055)):
        if abs(x) < 0.11:
            continue
        b.box(
            (0.055, d * 0.5, 0.05),
            Paint(rgb_of("#f3e9d2"), m.SHOP, (0.055, 0.05)),
            at_m=(x, 0.02, 0),
        )
        b.place(building.x_m, building.y_m, 0.008, building.heading_rad)
        cloth = Paint(rgb_of(roofs[k]), m.STRIPES, (0.022, 0.022), slot)
        low = rectangle(0.066, d * 0.5 + 0.02, x, 0.02)
        b.wall(low, 0.050, 0.082, cloth, top_scale=0.05)


def _wedding(b: MeshBuilder, building: Building, slot: int) -> None:
    """Add a white chapel: nave, steeple over the street front, rose window, cross."""
    w, d, h = building.width_m, building.depth_m, building.height_m
    white = Paint(_WHITE, slot=slot)
    eaves = 0.34 * h
    nave_w, nave_d = w * 0.84, d * 0.78
    roof = Paint(rgb_of("#6f86a8"), m.TILES, (0.08, 0.08), slot + 1)
    x, y = building.x_m, building.y_m
    back = building.heading_rad + math.pi / 2
    sin, cos = math.sin(building.heading_rad), math.cos(building.heading_rad)
    b.place(x - sin * 0.04, y + cos * 0.04, 0.008, building.heading_rad)
    _walls(b, nave_w, nave_d, 0, eaves, m.FACADES[1], _WHITE, slot)
    b.place(x - sin * 0.04, y + cos * 0.04, 0.008, back)
    b.gable((nave_d, nave_w, 0.2 * h), eaves, roof, white, 0.008)
    b.place(x, y, 0.008, building.heading_rad)
    front = -d / 2 + 0.045
    tower = rectangle(0.085, 0.085, 0, front)
    b.wall(tower, 0, 0.62 * h, white, _AO)
    b.box((0.098, 0.098, 0.010), Paint(_WHITE), at_m=(0, front, 0.62 * h), bottom=True)
    b.wall(rectangle(0.088, 0.088, 0, front), 0.62 * h + 0.01, 0.90 * h, roof, top_scale=0.02)
    gold = Paint(rgb_of("#d9a93a"))
    b.box((0.005, 0.005, 0.045), gold, at_m=(0, front, 0.885 * h))
    b.box((0.026, 0.005, 0.005), gold, at_m=(0, front, 0.885 * h + 0.024), bottom=True)
    face = front - 0.0435
    rose = [(px, face, z + 0.42 * h) for px, z in circle(0.024, 14)]
    b.fan(rose, (0, face, 0.42 * h), Paint(rgb_of("#5a8fd0")))
    b.box((0.036, 0.004, 0.062), Paint(rgb_of("#7a4a2b")), at_m=(0, face, 0))


_KINDS: Final[dict[str, Callable[[MeshBuilder, Building, int], None]]] = {
    "house": _house,
    "block": _block,
    "shop": _shop,
    "tower": _tower,
    "museum": _museum,
    "landmark": _landmark,
    "planetarium": _planetarium,
    "market": _market,
    "wedding": _wedding,
}
