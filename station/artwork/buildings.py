"""The city's houses, trees and cars, each on a plot of about 6 by 6 units."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from station.artwork.iso import IsoModel, shade

RED: Final = "#e2483d"
BLUE: Final = "#2f62c9"
SUN: Final = "#ffc83d"
CORAL: Final = "#ff8f70"
TEAL: Final = "#35a79c"
CREAM: Final = "#fff1d6"
STONE: Final = "#f3e3c3"
INK: Final = "#27335f"
GLASS: Final = "#8cc8ea"
LEAF: Final = "#4fa66a"
BLOSSOM: Final = "#f6a5c0"
WOOD: Final = "#a9744f"


def tree(m: IsoModel, x: float, y: float, size: float = 1.0, color: str = LEAF) -> None:
    m.shadow([(px + 0.2, py + 0.2, pz) for px, py, pz in m.ring(x, y, 0, 0.62 * size)])
    m.box(x - 0.11 * size, y - 0.11 * size, 0, 0.22 * size, 0.22 * size, 0.8 * size, WOOD)
    m.ball(x, y, 1.35 * size, 0.66 * size, color)


def car(m: IsoModel, x: float, y: float, color: str, along_x: bool = True) -> None:
    """A toy car with a camera on its mast; it points to the lower right or to the lower left."""

    def box(u: float, v: float, z: float, du: float, dv: float, dz: float, c: str) -> None:
        if along_x:
            m.box(x + u, y + v, z, du, dv, dz, c)
        else:
            m.box(x + v, y + u, z, dv, du, dz, c)

    corners = [(-0.95, -0.5), (1.05, -0.5), (1.05, 0.65), (-0.95, 0.65)]
    m.shadow([(x + u, y + v, 0) if along_x else (x + v, y + u, 0) for u, v in corners])
    box(-0.9, -0.45, 0.12, 1.8, 0.9, 0.42, color)
    box(-0.6, -0.36, 0.54, 1.0, 0.72, 0.36, CREAM)
    if along_x:
        m.side(x + 0.4, y - 0.28, 0.6, 0.56, 0.24, GLASS)
        m.front(x - 0.5, y + 0.36, 0.6, 0.8, 0.24, GLASS)
        m.dot(x - 0.5, y + 0.45, 0.16, 0.2, INK)
        m.dot(x + 0.5, y + 0.45, 0.16, 0.2, INK)
        m.dot(x + 0.9, y + 0.28, 0.36, 0.09, SUN)
        m.dot(x + 0.9, y - 0.28, 0.36, 0.09, SUN)
    else:
        m.front(x - 0.28, y + 0.4, 0.6, 0.56, 0.24, GLASS)
        m.side(x + 0.36, y - 0.5, 0.6, 0.8, 0.24, GLASS)
        m.dot(x + 0.45, y - 0.5, 0.16, 0.2, INK)
        m.dot(x + 0.45, y + 0.5, 0.16, 0.2, INK)
        m.dot(x + 0.28, y + 0.9, 0.36, 0.09, SUN)
        m.dot(x - 0.28, y + 0.9, 0.36, 0.09, SUN)
    m.line([(x - 0.1, y - 0.1, 0.9), (x - 0.1, y - 0.1, 1.35)], INK, 0.1)
    m.box(x - 0.24, y - 0.24, 1.3, 0.3, 0.3, 0.22, INK)


def museum(m: IsoModel) -> None:
    m.shadow([(0.3, 0.4, 0), (6.6, 0.4, 0), (6.9, 5.6, 0), (0.3, 5.6, 0)])
    m.box(0.2, 0.2, 0, 5.8, 5.0, 0.3, STONE)
    m.box(0.5, 0.5, 0.3, 5.2, 4.3, 0.3, STONE)
    m.box(0.9, 0.9, 0.6, 4.4, 2.9, 2.5, "#f7dcae")
    m.front(2.5, 3.8, 0.6, 1.2, 1.7, "#a9592f")
    m.front(1.2, 3.8, 1.0, 0.8, 1.2, CORAL)
    m.front(4.2, 3.8, 1.0, 0.8, 1.2, TEAL)
    for y in (1.3, 2.3, 3.2):
        m.side(5.3, y, 1.3, 0.45, 1.1, GLASS)
    for i in range(5):
        m.drum(0.95 + i * 1.07, 4.35, 0.6, 0.24, 2.5, CREAM)
    m.box(0.6, 0.7, 3.1, 5.0, 4.0, 0.4, STONE)
    m.gable(0.5, 0.6, 3.5, 5.2, 4.2, 1.35, RED, CREAM)
    m.dot(3.1, 4.8, 3.95, 0.34, SUN)


def landmark(m: IsoModel) -> None:
    m.shadow([(1.0, 1.4, 0), (5.4, 1.4, 0), (6.6, 5.4, 0), (1.2, 5.2, 0)])
    c = (3.0, 3.0)
    m.box(1.0, 1.0, 0, 4.0, 4.0, 0.25, STONE)
    for x, y in ((1.35, 1.35), (4.05, 1.35), (1.35, 4.05), (4.05, 4.05)):
        m.box(x, y, 0.25, 0.6, 0.6, 0.9, shade(RED, -0.05))
    m.taper(c, 1.15, 2.6, 1.65, 1.2, RED)
    # an arch below each side, as wide towers have
    m.face([(2.1, 4.55, 1.15), (3.9, 4.55, 1.15), (3.4, 4.4, 1.75), (2.6, 4.4, 1.75)], "#7d2a2a")
    m.face([(4.55, 2.1, 1.15), (4.55, 3.9, 1.15), (4.4, 3.4, 1.75), (4.4, 2.6, 1.75)], "#6b2328")
    m.taper(c, 2.6, 3.6, 1.2, 0.98, CREAM)
    for k in (-0.7, 0.0, 0.7):
        m.line([(3 + k, 4.18, 2.65), (3 + k * 0.8, 4.0, 3.55)], RED, 0.12)
        m.line([(4.18, 3 + k, 2.65), (4.0, 3 + k * 0.8, 3.55)], shade(RED, -0.15), 0.12)
    m.box(1.75, 1.75, 3.6, 2.5, 2.5, 0.6, "#fff8ea")
    m.front(1.9, 4.25, 3.75, 2.2, 0.28, GLASS)
    m.side(4.25, 1.9, 3.75, 2.2, 0.28, "#6aa9d0")
    m.taper(c, 4.2, 5.4, 0.85, 0.6, RED)
    m.taper(c, 5.4, 6.4, 0.6, 0.45, CREAM)
    m.box(2.35, 2.35, 6.4, 1.3, 1.3, 0.4, "#fff8ea")
    m.taper(c, 6.8, 8.0, 0.34, 0.16, RED)
    m.line([(3, 3, 8.0), (3, 3, 9.2)], RED, 0.14)
    m.dot(3, 3, 9.25, 0.16, SUN)


def planetarium(m: IsoModel) -> None:
    m.shadow([(x + 0.5, y + 0.5, z) for x, y, z in m.ring(3, 3, 0, 2.9)])
    m.drum(3, 3, 0, 2.9, 0.3, STONE)
    m.drum(3, 3, 0.3, 2.5, 1.5, CREAM)
    for i in range(8):
        turns = [math.radians(118 - i * 21 - k) for k in (0, 11)]
        (ax, ay), (bx, by) = ((3 + 2.52 * math.cos(t), 3 + 2.52 * math.sin(t)) for t in turns)
        pane = [(ax, ay, 0.7), (bx, by, 0.7), (bx, by, 1.45), (ax, ay, 1.45)]
        m.face(pane, GLASS if i % 2 else SUN)
    m.drum(3, 3, 1.8, 2.65, 0.25, SUN)
    m.dome(3, 3, 2.05, 2.3, "#3d3f8f")
    stars = (
        (-0.95, 3.5, 0.1), (-0.45, 4.1, 0.13), (0.6, 3.6, 0.1), (1.0, 2.9, 0.08),
        (0.2, 2.9, 0.12), (-0.8, 2.7, 0.08), (0.4, 4.4, 0.08),
    )  # fmt: skip
    for x, z, r in stars:
        m.dot(3 + x, 3 - x + 0.6, z, r, "#ffe9a8")


def _pagoda(m: IsoModel) -> None:
    m.box(0.3, 0.3, 0, 2.2, 2.2, 1.2, CREAM)
    m.front(0.95, 2.5, 0, 0.8, 0.85, "#8c3b2e")
    m.side(2.5, 1.0, 0.35, 0.8, 0.5, RED)
    m.pyramid(-0.15, -0.15, 1.2, 3.1, 3.1, 0.9, RED)
    m.box(0.8, 0.8, 1.75, 1.2, 1.2, 0.8, CREAM)
    m.pyramid(0.35, 0.35, 2.5, 2.1, 2.1, 0.8, RED)
    m.line([(1.4, 1.4, 3.2), (1.4, 1.4, 3.8)], SUN, 0.14)


def _townhouse(m: IsoModel, wall: str, roof: str) -> None:
    m.box(0, 0, 0, 2.0, 2.2, 2.5, wall)
    for z in (0.55, 1.5):
        for x in (0.3, 1.2):
            m.front(x, 2.2, z, 0.5, 0.6, CREAM)
        m.side(2.0, 0.4, z, 0.5, 0.6, GLASS)
        m.side(2.0, 1.3, z, 0.5, 0.6, GLASS)
    m.gable(-0.1, -0.1, 2.5, 2.2, 2.35, 1.2, roof, wall)
    m.dot(1.0, 2.3, 2.95, 0.24, CREAM)


def town(m: IsoModel) -> None:
    m.shadow([(0.2, 0.4, 0), (6.6, 0.4, 0), (6.8, 6.2, 0), (0.4, 6.0, 0)])
    _pagoda(m.at(0.2, 0.2))
    _townhouse(m.at(3.6, 0.2), TEAL, INK)
    m.box(0.3, 3.9, 0, 2.3, 1.9, 1.1, "#fdfaf3")
    m.front(0.6, 5.8, 0, 0.6, 0.75, BLUE)
    m.front(1.6, 5.8, 0.4, 0.5, 0.42, BLUE)
    m.dome(1.4, 4.8, 1.1, 0.72, BLUE)
    m.box(3.5, 3.4, 0, 2.3, 2.3, 1.5, SUN)
    m.box(3.4, 3.3, 1.5, 2.5, 2.5, 0.25, CORAL)
    m.front(3.9, 5.7, 0, 0.6, 0.9, "#8c3b2e")
    m.front(4.8, 5.7, 0.5, 0.6, 0.5, CREAM)
    for y in (3.7, 4.7):
        m.side(5.8, y, 0.5, 0.6, 0.5, CREAM)


def wedding(m: IsoModel) -> None:
    m.shadow([(0.8, 0.6, 0), (6.2, 0.6, 0), (6.4, 5.0, 0), (0.8, 5.0, 0)])
    white = "#fff7f2"
    tree(m, 0.4, 1.0, 0.9, BLOSSOM)
    tree(m, 0.5, 2.6, 0.7, BLOSSOM)
    m.box(1.0, 0.4, 0, 4.2, 4.0, 0.2, STONE)
    m.box(1.3, 0.6, 0.2, 3.6, 3.4, 2.0, white)
    for y in (0.9, 1.9, 2.9):
        m.side(4.9, y, 0.7, 0.55, 1.1, BLOSSOM)
    m.gable(1.1, 0.5, 2.2, 4.0, 3.6, 1.9, "#ef7d95", white)
    m.front(1.6, 4.02, 0.7, 0.5, 1.0, BLOSSOM)
    m.front(4.1, 4.02, 0.7, 0.5, 1.0, BLOSSOM)
    m.box(2.35, 3.3, 0.2, 1.5, 1.3, 3.9, white)
    m.front(2.75, 4.6, 0.2, 0.7, 1.3, "#c65b78")
    m.dot(3.1, 4.6, 2.6, 0.38, "#c65b78")
    m.dot(3.1, 4.6, 2.6, 0.28, "#ffe9a8")
    m.pyramid(2.2, 3.15, 4.1, 1.8, 1.6, 1.9, "#ef7d95")
    m.heart(3.1, 3.95, 5.9, 0.42, RED)
    for x, y, size in ((1.3, 5.3, 0.6), (5.6, 4.8, 0.75)):
        tree(m, x, y, size, BLOSSOM)


def _pin(m: IsoModel, ground_x: float, ground_y: float) -> None:
    x, y = m.flat((ground_x, ground_y, 0.05))
    r = 1.75 * m.scale
    top = y - 3.6 * m.scale
    m.drawing.points += [(x - r, top - r), (x + r, y)]
    shoulder = top + r * 0.55
    left, right = f"{x - r * 0.93:.1f} {shoulder:.1f}", f"{x + r * 0.93:.1f} {shoulder:.1f}"
    crown = f"{x + r * 0.5:.1f} {top - r * 0.87:.1f}"
    round_head, round_side = f"A{r:.1f} {r:.1f} 0 1 1 {right}", f"A{r:.1f} {r:.1f} 0 0 0 {crown}"
    m.drawing.parts += [
        f'<path d="M{x:.1f} {y:.1f}L{left}{round_head}Z" fill="{RED}"/>',
        f'<path d="M{x:.1f} {y:.1f}L{right}{round_side}Z" fill="{shade(RED, -0.14)}"/>',
        f'<circle cx="{x:.1f}" cy="{top:.1f}" r="{r * 0.45:.1f}" fill="{CREAM}"/>',
    ]


def place(m: IsoModel) -> None:
    tree(m, 1.0, 1.2, 1.15)
    tree(m, 4.9, 1.0, 0.95)
    m.face(m.ring(3.0, 3.2, 0.01, 1.5), "#f5e2b5")
    m.shadow([(x, y, 0.02) for x, y, _ in m.ring(3.2, 3.4, 0, 0.7)])
    _pin(m, 3.0, 3.2)
    tree(m, 0.9, 4.9, 0.8)
    m.box(4.3, 4.6, 0.35, 1.5, 0.5, 0.14, WOOD)
    m.box(4.4, 4.7, 0, 0.15, 0.3, 0.35, INK)
    m.box(5.5, 4.7, 0, 0.15, 0.3, 0.35, INK)


def house(m: IsoModel, wall: str, roof: str, tall: float = 1.3) -> None:
    """A plain house on a plot of 2 by 2, to stand between the sights."""
    m.shadow([(0.1, 0.2, 0), (2.3, 0.2, 0), (2.4, 2.2, 0), (0.2, 2.1, 0)])
    m.box(0, 0, 0, 1.9, 1.9, tall, wall)
    storeys = max(1, round(tall / 1.1))
    for k in range(storeys):
        z = 0.4 + k * (tall - 0.2) / storeys
        for x in (0.3, 1.15):
            m.front(x, 1.9, z, 0.45, 0.48, GLASS)
            m.side(1.9, x, z, 0.45, 0.48, "#6aa9d0")
    m.gable_x(-0.1, -0.1, tall, 2.1, 2.1, 0.9, roof, wall)


SIGHTS: Final[dict[str, Callable[[IsoModel], None]]] = {
    "museum": museum,
    "landmark": landmark,
    "planetarium": planetarium,
    "town": town,
    "wedding": wedding,
    "place": place,
}
