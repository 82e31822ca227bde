"""Solids in isometric view, written as SVG.

World: x to the lower right, y to the lower left, z up, any unit. Solids are painted in the order in
which they are added, so add the ones in the back first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

COS_30: Final = math.sqrt(3) / 2
Point = tuple[float, float]
Point3 = tuple[float, float, float]


def shade(color: str, amount: float) -> str:
    """Return a #rrggbb color, lighter for a positive amount and darker for a negative one."""
    channels = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    target = 255 if amount > 0 else 24
    mixed = [round(c + (target - c) * abs(amount)) for c in channels]
    return "#" + "".join(f"{c:02x}" for c in mixed)


@dataclass
class Drawing:
    """The painted shapes, to which `IsoModel` adds."""

    parts: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    def to_svg(self, margin: float = 4.0) -> str:
        """Return the document, cropped to its content."""
        xs, ys = [p[0] for p in self.points], [p[1] for p in self.points]
        left, top = min(xs) - margin, min(ys) - margin
        width, height = max(xs) - left + margin, max(ys) - top + margin
        box = f"{left:.1f} {top:.1f} {width:.1f} {height:.1f}"
        body = "\n".join(self.parts)
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">\n{body}\n</svg>\n'


@dataclass(frozen=True)
class IsoModel:
    """A coordinate system in the drawing: (x, y, z) of its origin and the size of one unit."""

    drawing: Drawing
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    scale: float = 10.0

    def at(self, x: float, y: float, z: float = 0.0) -> IsoModel:
        """Return a model whose origin lies at (x, y, z) of this one."""
        s = self.scale
        return IsoModel(self.drawing, self.x + x * s, self.y + y * s, self.z + z * s, self.scale)

    def flat(self, point: Point3) -> Point:
        """Return a point's position in the drawing."""
        x = self.x + point[0] * self.scale
        y = self.y + point[1] * self.scale
        z = self.z + point[2] * self.scale
        return (x - y) * COS_30, (x + y) / 2 - z

    def _path(self, points: Iterable[Point3]) -> str:
        flat = [self.flat(p) for p in points]
        self.drawing.points += flat
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in flat) + "Z"

    def face(self, points: Iterable[Point3], color: str, opacity: float = 1.0) -> None:
        """Paint a flat polygon. A thin rim in its own color closes seams and softens corners."""
        self.faces([list(points)], color, opacity)

    def faces(self, rings: Sequence[Iterable[Point3]], color: str, opacity: float = 1.0) -> None:
        """Paint a polygon with holes."""
        path = "".join(self._path(ring) for ring in rings)
        see = "" if opacity == 1 else f' opacity="{opacity}"'
        rim = f' stroke="{color}" stroke-width="0.6" stroke-linejoin="round"' if not see else ""
        self.drawing.parts.append(
            f'<path d="{path}" fill="{color}" fill-rule="evenodd"{rim}{see}/>'
        )

    def line(self, points: Iterable[Point3], color: str, width: float) -> None:
        flat = [self.flat(p) for p in points]
        self.drawing.points += flat
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in flat)
        self.drawing.parts.append(
            f'<path d="{path}" fill="none" stroke="{color}" '
            f'stroke-width="{width * self.scale:.2f}" stroke-linecap="round" '
            'stroke-linejoin="round"/>'
        )

    def box(self, x: float, y: float, z: float, dx: float, dy: float, dz: float, c: str) -> None:
        """Paint a box from its lowest, farthest corner."""
        a, b, t = x + dx, y + dy, z + dz
        self.face([(x, b, z), (a, b, z), (a, b, t), (x, b, t)], c)
        self.face([(a, y, z), (a, b, z), (a, b, t), (a, y, t)], shade(c, -0.16))
        self.face([(x, y, t), (a, y, t), (a, b, t), (x, b, t)], shade(c, 0.35))

    def front(self, x: float, y: float, z: float, dx: float, dz: float, c: str) -> None:
        """Paint a rectangle on a wall that faces the lower left."""
        self.face([(x, y, z), (x + dx, y, z), (x + dx, y, z + dz), (x, y, z + dz)], c)

    def side(self, x: float, y: float, z: float, dy: float, dz: float, c: str) -> None:
        """Paint a rectangle on a wall that faces the lower right."""
        self.face([(x, y, z), (x, y + dy, z), (x, y + dy, z + dz), (x, y, z + dz)], c)

    def gable(
        self, x: float, y: float, z: float, dx: float, dy: float, dz: float, roof: str, wall: str
    ) -> None:
        """Paint a roof whose ridge runs along y, with its gable to the lower left."""
        a, b, m = x + dx, y + dy, x + dx / 2
        self.face([(x, y, z), (m, y, z + dz), (m, b, z + dz), (x, b, z)], shade(roof, 0.25))
        self.face([(a, y, z), (m, y, z + dz), (m, b, z + dz), (a, b, z)], shade(roof, -0.1))
        self.face([(x, b, z), (a, b, z), (m, b, z + dz)], wall)
        self.line([(x, b, z), (m, b, z + dz), (a, b, z)], roof, 0.16)

    def gable_x(
        self, x: float, y: float, z: float, dx: float, dy: float, dz: float, roof: str, wall: str
    ) -> None:
        """Paint a roof whose ridge runs along x, with its gable to the lower right."""
        a, b, m = x + dx, y + dy, y + dy / 2
        self.face([(x, y, z), (x, m, z + dz), (a, m, z + dz), (a, y, z)], shade(roof, -0.1))
        self.face([(x, b, z), (x, m, z + dz), (a, m, z + dz), (a, b, z)], shade(roof, 0.2))
        self.face([(a, y, z), (a, b, z), (a, m, z + dz)], shade(wall, -0.16))
        self.line([(a, y, z), (a, m, z + dz), (a, b, z)], shade(roof, -0.15), 0.16)

    def pyramid(
        self, x: float, y: float, z: float, dx: float, dy: float, dz: float, c: str
    ) -> None:
        a, b, top = x + dx, y + dy, (x + dx / 2, y + dy / 2, z + dz)
        self.face([(x, y, z), (a, y, z), top], shade(c, -0.25))
        self.face([(x, y, z), (x, b, z), top], shade(c, 0.3))
        self.face([(x, b, z), (a, b, z), top], shade(c, 0.15))
        self.face([(a, y, z), (a, b, z), top], shade(c, -0.14))

    def taper(self, center: Point, z: float, top: float, low: float, high: float, c: str) -> None:
        """Paint a square, narrowing section of a tower; `low` and `high` are half widths."""
        (cx, cy) = center
        self.face(
            [
                (cx - low, cy + low, z),
                (cx + low, cy + low, z),
                (cx + high, cy + high, top),
                (cx - high, cy + high, top),
            ],
            c,
        )
        self.face(
            [
                (cx + low, cy - low, z),
                (cx + low, cy + low, z),
                (cx + high, cy + high, top),
                (cx + high, cy - high, top),
            ],
            shade(c, -0.16),
        )

    def ring(self, cx: float, cy: float, z: float, r: float) -> list[Point3]:
        """Return a level circle as points."""
        turns = [2 * math.pi * i / 48 for i in range(48)]
        return [(cx + r * math.cos(t), cy + r * math.sin(t), z) for t in turns]

    def drum(self, cx: float, cy: float, z: float, r: float, dz: float, c: str) -> None:
        """Paint an upright cylinder."""
        slices = 20
        for i in range(slices):  # from the left rim to the right, each strip a little darker
            t0 = math.radians(135 - 180 * i / slices)
            t1 = math.radians(135 - 180 * (i + 1) / slices)
            p0 = (cx + r * math.cos(t0), cy + r * math.sin(t0))
            p1 = (cx + r * math.cos(t1), cy + r * math.sin(t1))
            tone = shade(c, 0.18 - 0.42 * i / slices)
            self.face([(*p0, z), (*p1, z), (*p1, z + dz), (*p0, z + dz)], tone)
        self.face(self.ring(cx, cy, z + dz, r), shade(c, 0.35))

    def ball(self, cx: float, cy: float, z: float, r: float, c: str) -> None:
        """Paint a sphere around (cx, cy, z) with a soft light from the upper left."""
        x, y = self.flat((cx, cy, z))
        size = r * self.scale * math.sqrt(1.5)
        self.drawing.points += [(x - size, y - size), (x + size, y + size)]
        self._disc(x, y, size, shade(c, -0.16))
        self._disc(x - size * 0.12, y - size * 0.12, size * 0.86, c)
        self._disc(x - size * 0.3, y - size * 0.32, size * 0.42, shade(c, 0.28))

    def dome(self, cx: float, cy: float, z: float, r: float, c: str) -> None:
        """Paint a half ball that stands on a circle."""
        x, y = self.flat((cx, cy, z))
        size = r * self.scale * math.sqrt(1.5)
        self.drawing.points += [(x - size, y - size), (x + size, y + size / 2)]

        def half(k: float, shift: float, color: str) -> None:
            rx, top = size * k, size * k
            self.drawing.parts.append(
                f'<path d="M{x - rx + shift:.1f} {y:.1f}A{rx:.1f} {top:.1f} 0 0 1 '
                f"{x + rx + shift:.1f} {y:.1f}A{rx:.1f} {rx / math.sqrt(3):.1f} 0 0 1 "
                f'{x - rx + shift:.1f} {y:.1f}Z" fill="{color}"/>'
            )

        half(1.0, 0.0, shade(c, -0.2))
        half(0.9, -size * 0.1, c)
        half(0.62, -size * 0.28, shade(c, 0.14))
        half(0.3, -size * 0.44, shade(c, 0.3))

    def dot(self, x: float, y: float, z: float, r: float, color: str) -> None:
        px, py = self.flat((x, y, z))
        self._disc(px, py, r * self.scale, color)

    def _disc(self, x: float, y: float, r: float, color: str) -> None:
        self.drawing.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{color}"/>')

    def heart(self, x: float, y: float, z: float, size: float, color: str) -> None:
        """Paint a heart that faces the viewer, its tip at the point."""
        px, py = self.flat((x, y, z))
        s = size * self.scale
        self.drawing.points += [(px - s, py - 1.8 * s), (px + s, py)]
        self.drawing.parts.append(
            f'<path d="M{px:.1f} {py:.1f}c{-s * 1.3:.1f} {-s * 0.9:.1f} {-s:.1f} {-s * 1.9:.1f} 0 '
            f"{-s * 1.25:.1f}c{s:.1f} {-s * 0.65:.1f} {s * 1.3:.1f} {s * 0.35:.1f} 0 "
            f'{s * 1.25:.1f}Z" fill="{color}"/>'
        )

    def shadow(self, points: Iterable[Point3]) -> None:
        self.face(points, "#1d3a2a", 0.16)
