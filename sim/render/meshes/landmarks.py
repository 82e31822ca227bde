"""The landmark signs: small models on plinths, each of its own color.

The origin is the center of the plinth's lower face. All four sides look alike, so that cars
recognize it from any direction. No part has a paint slot: looks leave its colors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pixelopolis.city.signs import LANDMARKS
from sim.render.meshes.mesh import MeshBuilder, Paint, circle, rectangle, rgb_of

PLINTH_M: Final = 0.012
_AO: Final = (0.80, 1.0)


def build_landmark(b: MeshBuilder, sign_class: str, z_m: float) -> None:
    """Add a landmark `z_m` above the builder's position, with the size in `LANDMARKS`."""
    b.z_m += z_m
    solid = LANDMARKS[sign_class]
    _plinth(b, solid.width_m, _PLINTHS[sign_class])
    _MODELS[sign_class](b, solid.height_m)
    b.z_m -= z_m


def _plinth(b: MeshBuilder, wide: float, color: str) -> None:
    b.box((wide, wide, PLINTH_M), Paint(rgb_of(color)), bottom=True)


def _block(b: MeshBuilder, wide: float, low: float, high: float, paint: Paint) -> None:
    b.box((wide, wide, high - low), paint, at_m=(0.0, 0.0, low), ambient=_AO, bottom=True)


def _hip(b: MeshBuilder, wide: float, top: float, low: float, high: float, paint: Paint) -> None:
    """Add a roof that narrows from `wide` to `top` on all four sides."""
    base = rectangle(wide, wide)
    b.wall(base, low, high, paint, (0.85, 1.0), top_scale=top / wide)
    b.quad([(*p, low) for p in base[::-1]], paint, ambient=(0.6, 0.6))
    b.quad([(*p, high) for p in rectangle(top, top)], paint)


def _tokyo_tower(b: MeshBuilder, height: float) -> None:
    """Add a vermilion tower: splayed legs, waist with a white deck, white bands, a spire."""
    red, white = Paint(rgb_of("#f0441c")), Paint(rgb_of("#fdfaf2"))
    arch = 0.045
    for sx in (-1, 1):
        for sy in (-1, 1):
            foot = rectangle(0.020, 0.020, sx * 0.030, sy * 0.030)
            head = rectangle(0.019, 0.019, sx * 0.0105, sy * 0.0105)
            for k in range(4):
                j = (k + 1) % 4
                leg = [
                    (*foot[k], PLINTH_M),
                    (*foot[j], PLINTH_M),
                    (*head[j], arch),
                    (*head[k], arch),
                ]
                b.quad(leg, red, ambient=_AO)
    _block(b, 0.046, arch, arch + 0.009, white)
    _hip(b, 0.034, 0.024, arch + 0.009, 0.074, red)
    _block(b, 0.034, 0.074, 0.083, white)
    _hip(b, 0.020, 0.012, 0.083, 0.102, red)
    _hip(b, 0.012, 0.005, 0.102, height, white)


def _church(b: MeshBuilder, height: float) -> None:
    """Add a white chapel with crossed crimson roofs, a steeple in the middle and a gold cross."""
    white, roof = Paint(rgb_of("#fbfaf6")), Paint(rgb_of("#8a1030"))
    door = Paint(rgb_of("#5b2a1a"))
    eaves, wide = 0.040, 0.062
    _block(b, wide, PLINTH_M, eaves, white)
    _hip(b, wide + 0.008, 0.024, eaves, 0.058, roof)
    _block(b, 0.028, 0.052, 0.080, white)
    _hip(b, 0.034, 0.001, 0.080, 0.112, roof)
    gold = Paint(rgb_of("#f0b429"))
    _block(b, 0.0035, 0.105, height, gold)
    for size in ((0.014, 0.0035, 0.0035), (0.0035, 0.014, 0.0035)):
        b.box(size, gold, at_m=(0.0, 0.0, height - 0.0075), bottom=True)
    for size in ((0.014, wide + 0.001, 0.018), (wide + 0.001, 0.014, 0.018)):
        b.box(size, door, at_m=(0.0, 0.0, PLINTH_M))


def _planetarium(b: MeshBuilder, height: float) -> None:
    """Add a golden dome on a navy drum, with a pink ring around it."""
    navy, gold, pink = (Paint(rgb_of(c)) for c in ("#1b2478", "#ffc52e", "#ff5fb4"))
    drum = 0.040
    b.cone(0.036, PLINTH_M, drum, navy, 0.036, 16, ambient=_AO)
    b.cone(0.041, drum, drum + 0.009, pink, 0.041, 16, cap=pink)
    b.fan([(*p, drum) for p in circle(0.041, 16)[::-1]], (0.0, 0.0, drum), pink)
    b.dome(0.034, drum + 0.009, gold, height - drum - 0.009, sides=16, rings=5)


def _museum(b: MeshBuilder, height: float) -> None:
    """Add a temple: white columns before dark walls, a broad teal roof."""
    white, teal, dark = (Paint(rgb_of(c)) for c in ("#fbfaf6", "#008b80", "#20403e"))
    _block(b, 0.074, PLINTH_M, 0.020, white)
    _block(b, 0.052, 0.020, 0.066, dark)
    for k in (-1.5, -0.5, 0.5, 1.5):
        for x, y in ((k, -1.5), (k, 1.5), (-1.5, k), (1.5, k)):
            if (x, y) in ((-1.5, k), (1.5, k)) and abs(k) > 1:
                continue  # the corners have columns already
            b.box((0.010, 0.010, 0.046), white, at_m=(x * 0.020, y * 0.020, 0.020), ambient=_AO)
    _block(b, 0.078, 0.066, 0.074, white)
    _hip(b, 0.082, 0.008, 0.074, height, teal)


def _korean(b: MeshBuilder, height: float) -> None:
    """Add a palace gate: stone base, red pillars, two swept roofs of dark tiles, green beams."""
    red, tiles, green = (Paint(rgb_of(c)) for c in ("#d8232a", "#23262e", "#2f9e44"))
    _block(b, 0.068, PLINTH_M, 0.022, Paint(rgb_of("#dcdad2")))
    _block(b, 0.054, 0.022, 0.042, red)
    _block(b, 0.060, 0.042, 0.048, green)
    _swept(b, 0.084, 0.042, 0.048, 0.062, tiles)
    _block(b, 0.038, 0.062, 0.074, red)
    _block(b, 0.044, 0.074, 0.079, green)
    _swept(b, 0.068, 0.010, 0.079, height, tiles)


def _swept(b: MeshBuilder, wide: float, top: float, low: float, high: float, paint: Paint) -> None:
    """Add a roof that is flat at the eaves and steep above, as tiled roofs of palaces are."""
    middle, part = top + 0.45 * (wide - top), low + 0.35 * (high - low)
    _hip(b, wide, middle, low, part, paint)
    _hip(b, middle, top, part - 0.0005, high, paint)  # a convex solid of its own


_MODELS: Final[dict[str, Callable[[MeshBuilder, float], None]]] = {
    "Tokyo_tower": _tokyo_tower,
    "Korean": _korean,
    "Church": _church,
    "Planetarium": _planetarium,
    "Museum": _museum,
}

_PLINTHS: Final = {
    "Tokyo_tower": "#f6e3b4",
    "Korean": "#dcdad2",
    "Church": "#7d1128",
    "Planetarium": "#1b2478",
    "Museum": "#008b80",
}
