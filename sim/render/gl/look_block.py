"""A look in the shaders' layout: the second part of the uniform block `Scene`, and paint."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.signs import LIGHTS
from sim.looks.look import MAX_LAMPS, Lamp, Light, Look
from sim.looks.surfaces import Floor, Patches, RoadStyle
from sim.render.maps.ground import GroundArea
from sim.render.maps.light import lamp_light, lamp_place, light_scale
from sim.render.meshes.materials import FIRST_LIGHT

Row = tuple[float, ...]
NO_ROW: Final[Row] = (0.0, 0.0, 0.0, 0.0)


def look_block(look: Look, own_style: RoadStyle, frame: GroundArea) -> NDArray[np.float32]:
    """Return the part of `Scene` after matrix and eye, four numbers a row.

    Args:
        look: the look.
        own_style: of the city's road.
        frame: area of the ground maps.
    """
    colors = look.road_colors(own_style)
    light, ground, markings = look.light, look.ground, look.road.markings
    lamps = [_lamp_rows(lamp, frame) for lamp in look.lamps]
    lamps += [(NO_ROW, NO_ROW)] * (MAX_LAMPS - len(lamps))
    rows = [
        (*_towards_sun(light), light.sun_share),
        (*light.sun_rgb, light_scale(look)),
        (*light.sky_rgb, look.sky_share),
        (*look.gains, look.sky.exposure),
        (*colors.surface, colors.grain),
        (*colors.left, look.road.wear),
        (*colors.right, 0),
        (*colors.divider, 0),
        (*ground.kerb, markings.left),
        (*ground.pavement, markings.right),
        (*ground.lawn, markings.divider),
        (*ground.floor, 0),
        (*(look.beside or colors.surface), float(look.beside is not None)),
        (frame.x_m, frame.y_m, 1 / frame.width_m, 1 / frame.depth_m),
        (look.sky.rotation_rad / (2 * math.pi), 0, 0, 0),
        *(color for color, _ in lamps),
        *(place for _, place in lamps),
        *_floor_rows(look.floor),
        *_patch_rows(look.patches),
    ]
    return np.array(rows, dtype="<f4").ravel()


def repainted(vertices: NDArray[np.void], slots: int, last_id: int, look: Look) -> NDArray[np.void]:
    """Return vertices with the look's paint colors and traffic light states.

    Args:
        vertices: `mesh.VERTEX` of the city.
        slots: number of paint slots; the first is never repainted.
        last_id: the largest instance id.
        look: gives the variation of colors and the lit lamps.
    """
    rng = np.random.default_rng([look.repaint_seed, 2])
    gains = 1 + look.repaint * rng.uniform(-0.4, 0.25, (slots, 3))
    gains[0] = 1.0
    vertices = vertices.copy()
    plain = vertices["colour"][:, :3]
    vertices["colour"][:, :3] = np.clip(plain * gains[vertices["slot"]], 0, 255)
    if look.lights_seed is not None:
        states = np.random.default_rng([look.lights_seed, 3])
        lit = states.integers(len(LIGHTS), size=last_id + 1)
        lights = vertices["layer"] >= FIRST_LIGHT
        vertices["layer"][lights] = FIRST_LIGHT + lit[vertices["id"][lights]]
    return vertices


def _towards_sun(light: Light) -> Row:
    flat = math.cos(light.elevation_rad)
    return (
        flat * math.cos(light.azimuth_rad),
        flat * math.sin(light.azimuth_rad),
        math.sin(light.elevation_rad),
    )


def _lamp_rows(lamp: Lamp, frame: GroundArea) -> tuple[Row, Row]:
    mean = float(lamp_light(frame, lamp, (64, 64)).mean())
    x_m, y_m = lamp_place(frame, lamp).tolist()
    return (*lamp.rgb, lamp.share), (x_m, y_m, 1 / lamp.height_m**2, 1 / mean)


def _patch_rows(patches: Patches | None) -> list[Row]:
    if patches is None:
        return [NO_ROW] * 3
    turn_rad = patches.turn_rad
    return [
        (*patches.rgb, 2.0 if patches.on_road else 1.0),
        (*patches.every_m, *patches.size_m),
        (math.cos(turn_rad), math.sin(turn_rad), 0, 0),
    ]


def _floor_rows(floor: Floor) -> list[Row]:
    long_m, wide_m = floor.sheet_m or (math.inf, math.inf)
    turn_rad = floor.sheet_turn_rad
    return [
        (floor.mirrors, floor.roughness, floor.lamps, floor.glare),
        (*floor.dirt_rgb, floor.dirt),
        (1 / long_m, 1 / wide_m, floor.joint_m, floor.joint_dark),
        (math.cos(turn_rad), math.sin(turn_rad), floor.sheets_differ, floor.line_gaps),
    ]
