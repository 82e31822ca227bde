"""The cars' mesh: a small taxi with a camera on a mast."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.vehicle.dimensions import (
    CAR_BELT_M,
    CAR_FRONT_M,
    CAR_HEIGHT_M,
    CAR_REAR_M,
    CAR_SILL_M,
    CAR_WIDTH_M,
    WHEEL_BASE_M,
    WHEEL_RADIUS_M,
    WHEEL_WIDTH_M,
)
from sim.render.meshes.mesh import MeshBuilder, Paint, circle, rgb_of

BODY: Final = 1
"""Slot of the parts in the car's own color."""

_BODY: Final = Paint(slot=BODY)
_TRIM: Final = Paint(rgb_of("#2b2e34"))
_GLASS: Final = Paint(rgb_of("#31465a"))
_TIRE: Final = Paint(rgb_of("#1b1c1f"))
_HUB: Final = Paint(rgb_of("#d9dde2"))
_LAMP: Final = Paint(rgb_of("#fff6d6"))
_REAR_LAMP: Final = Paint(rgb_of("#ff2b2b"))
_MAST: Final = Paint(rgb_of("#c9ced6"))
_PLATE: Final = Paint(rgb_of("#f7f7f2"))

_ROOF_M: Final = 0.108


@lru_cache(maxsize=1)
def car_mesh() -> NDArray[np.void]:
    """Return the car's triangles in its own frame: axle at the origin, x forward, z up.

    All vertices lie within the outline of vehicle.dimensions.
    """
    b = MeshBuilder()
    front, rear, half = CAR_FRONT_M, -CAR_REAR_M, CAR_WIDTH_M / 2
    low, belt, roof = CAR_SILL_M, CAR_BELT_M, _ROOF_M
    inner = half - WHEEL_WIDTH_M - 0.004
    # lower body: narrow between the wheels, full width ahead of them, chamfered all round
    _hull(b, rear, -0.036, half, low, belt)
    _hull(b, -0.036, 0.036, inner, low, belt)
    _hull(b, 0.036, front, half, low, belt)
    for side in (-1, 1):  # wings over the wheels
        _block(b, (-0.036, 0.036), (side * inner, side * half), (0.066, belt + 0.004), _BODY)
    # bumpers, lamps, plates
    _block(b, (front - 0.006, front), (-half + 0.006, half - 0.006), (low, low + 0.012), _TRIM)
    _block(b, (rear, rear + 0.006), (-half + 0.006, half - 0.006), (low, low + 0.012), _TRIM)
    for side in (-1, 1):
        y = (side * (half - 0.034), side * (half - 0.010))
        _block(b, (front - 0.004, front + 0.0005), y, (0.038, 0.054), _LAMP)
        _block(b, (rear - 0.0005, rear + 0.004), y, (0.040, 0.056), _REAR_LAMP)
    _block(b, (rear - 0.0006, rear + 0.002), (-0.022, 0.022), (0.036, 0.050), _PLATE)
    _block(b, (front - 0.002, front + 0.0006), (-0.026, 0.026), (0.034, 0.050), _TRIM)
    _cabin(b, (-0.050, 0.092), (-0.036, 0.056), half - 0.008, half - 0.022, belt, roof)
    _mast(b)
    _wheels(b)
    return b.mesh()


def _block(
    b: MeshBuilder,
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
    paint: Paint,
) -> None:
    y0, y1 = min(y), max(y)
    b.box(
        (x[1] - x[0], y1 - y0, z[1] - z[0]),
        paint,
        at_m=((x[0] + x[1]) / 2, (y0 + y1) / 2, z[0]),
        ambient=(0.85, 1.0),
    )


def _hull(b: MeshBuilder, x0: float, x1: float, half: float, low: float, high: float) -> None:
    """Add a piece of body whose upper edges are chamfered."""
    cut = 0.010
    outline = [(x0, -half), (x1, -half), (x1, half), (x0, half)]
    inside = [(x0 + cut, -half + cut), (x1 - cut, -half + cut), (x1 - cut, half - cut)]
    inside.append((x0 + cut, half - cut))
    if half < CAR_WIDTH_M / 2 - 1e-6:  # the waist between the wheels joins its neighbors
        inside = outline
    b.wall(outline, low, high - cut, _BODY, (0.6, 1.0))
    for k in range(4):
        j = (k + 1) % 4
        b.quad(
            [
                (*outline[k], high - cut),
                (*outline[j], high - cut),
                (*inside[j], high),
                (*inside[k], high),
            ],
            _BODY,
        )
    b.quad([(*p, high) for p in inside], _BODY)
    # fill the notch that two chamfers leave between pieces of body
    b.quad([(*p, high - cut) for p in outline], _BODY)


def _cabin(
    b: MeshBuilder,
    base_x: tuple[float, float],
    roof_x: tuple[float, float],
    base_half: float,
    roof_half: float,
    low: float,
    high: float,
) -> None:
    base = [(base_x[0], -base_half), (base_x[1], -base_half), (base_x[1], base_half)]
    base.append((base_x[0], base_half))
    top = [(roof_x[0], -roof_half), (roof_x[1], -roof_half), (roof_x[1], roof_half)]
    top.append((roof_x[0], roof_half))
    for k in range(4):
        j = (k + 1) % 4
        corners = np.array([(*base[k], low), (*base[j], low), (*top[j], high), (*top[k], high)])
        b.quad(corners, _BODY)
        # the pane: the same face, shrunk and lifted by half a millimeter
        middle = corners.mean(axis=0)
        normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
        lift = 0.0006 * normal / np.linalg.norm(normal)
        b.quad(middle + (corners - middle) * 0.80 + lift, _GLASS)
    b.quad([(*p, high) for p in top], _BODY)
    stripe = Paint(rgb_of("#ffffff"))
    b.quad(
        [
            (roof_x[0], -0.012, high + 0.0006),
            (roof_x[1], -0.012, high + 0.0006),
            (roof_x[1], 0.012, high + 0.0006),
            (roof_x[0], 0.012, high + 0.0006),
        ],
        stripe,
    )


def _mast(b: MeshBuilder) -> None:
    b.cone(0.006, _ROOF_M, 0.182, _MAST, 0.005, 8, at_m=(0.018, 0.0))
    _block(b, (0.006, 0.028), (-0.024, 0.024), (0.180, CAR_HEIGHT_M), _TRIM)
    eye = [(0.0285, y, z + 0.200) for y, z in circle(0.008, 10)]
    b.fan(eye, (0.0285, 0.0, 0.200), Paint(rgb_of("#6fd3ff")))
    back = [(0.0055, 0.018, 0.186), (0.0055, -0.018, 0.186)]
    back += [(0.0055, -0.018, 0.214), (0.0055, 0.018, 0.214)]
    b.quad(back, Paint(slot=BODY))


def _wheels(b: MeshBuilder) -> None:
    radius, width = WHEEL_RADIUS_M, WHEEL_WIDTH_M
    rim = circle(radius, 14)
    for side in (-1.0, 1.0):
        inner, outer = side * (WHEEL_BASE_M - width) / 2, side * (WHEEL_BASE_M + width) / 2
        y0, y1 = (inner, outer) if side > 0 else (outer, inner)
        for k in range(len(rim)):
            (x0, z0), (x1, z1) = rim[k], rim[(k + 1) % len(rim)]
            corners = [(x0, y1, z0), (x1, y1, z1), (x1, y0, z1), (x0, y0, z0)]
            b.quad([(x, y, z + radius) for x, y, z in corners], _TIRE)
        face = outer
        ring = [(x, face, z + radius) for x, z in rim]
        hub = [(x, face + side * 0.0006, z + radius) for x, z in circle(radius * 0.58, 10)]
        ring, hub = (ring[::-1], hub[::-1]) if side > 0 else (ring, hub)
        b.fan(ring, (0.0, face, radius), _TIRE)
        b.fan(hub, (0.0, face + side * 0.0006, radius), _HUB)
    ball = Paint(rgb_of("#9aa0a8"))
    b.dome(0.009, 0.009, ball, at_m=(CAR_FRONT_M - 0.025, 0.0), sides=8, rings=2, whole=True)
