"""Cluttered scenes: many floating objects per image, for fast class learning.

Signs and cars of any size float before a city, its sky, and colored or patterned walls, as in the
article's second simulator. An image holds far more objects than a street does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.model import City
from pixelopolis.city.signs import CAR, sign_solid
from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.vehicle.camera import Camera
from sim.render.meshes import materials as m
from sim.render.meshes.models import Body, model_of
from sim.render.view import View, car_view
from sim.sign_data.shapes import SOLIDS, shaped, turned
from sim.sign_data.streets import any_state, random_color

OBJECTS: Final = (8, 20)
CAR_PART: Final = 0.16
CAR_MIDDLE_M: Final = (0.04, 0.0, 0.09)
CAR_TALL_M: Final = 0.16
"""Height that a car's size in the image is drawn for, between those of body and mast."""
USUAL_PX, ANY_PX = (9.0, 42.0), (7.0, 90.0)
"""Heights of objects, log-uniform: most are in the first range."""
USUAL_PART: Final = 0.75
POLE_PART, POLE_M = 0.6, 0.16
BACK_PART: Final = 0.06
"""Share of boards seen from behind or edge-on."""
BOARD_LIMIT_RAD: Final = math.radians(78)
CROWD: Final = 0.6
"""Distance of objects, mostly, as a share of the larger one's height."""
ABOVE_PART: Final = 0.6
"""Share of images from above the roofs; the others are from the streets."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One image to render: bodies by instance id, and all meshes."""

    view: View
    bodies: dict[int, Body]
    meshes: list[NDArray[np.void]]


def draw_scene(
    city: City, camera: Camera, classes: Iterator[str], rng: np.random.Generator, first_id: int
) -> Scene:
    """Return a scene of many objects.

    Args:
        city: the background.
        camera: as the look mounts it; scenes tilt and lift it further.
        classes: sign classes in the order of drawing.
        rng: for everything else.
        first_id: instance id of the first object.
    """
    view = _viewpoint(city, camera, rng)
    meshes = [_panel(view, rng) for _ in range(int(rng.integers(0, 9)))]
    meshes += [_litter(view, rng) for _ in range(int(rng.integers(0, 5)))]
    bodies: dict[int, Body] = {}
    placed: list[tuple[float, float, float]] = []
    for number in range(first_id, first_id + int(rng.integers(OBJECTS[0], OBJECTS[1] + 1))):
        x, y, height_px = _room(view, placed, rng)
        placed.append((x, y, height_px))
        is_car = rng.random() < CAR_PART
        body = _body(CAR if is_car else next(classes), view, (x, y, height_px), rng)
        bodies[number] = body
        meshes.append(body.mesh(number, random_color(rng) if is_car else None))
    return Scene(view, bodies, meshes)


def _viewpoint(city: City, camera: Camera, rng: np.random.Generator) -> View:
    if rng.random() < ABOVE_PART:
        x0, y0, x1, y1 = city.bounds_m
        x, y = rng.uniform((x0 - 0.5, y0 - 0.5), (x1 + 0.5, y1 + 0.5)).tolist()
        pose = Pose(x, y, float(rng.uniform(-math.pi, math.pi)))
        height_m, pitch_deg = rng.uniform(0.5, 1.6), rng.uniform(-12, 24)
    else:
        edges = list(city.edges.values())
        curve = edges[int(rng.integers(len(edges)))].curve
        lane = curve.pose_at(float(rng.uniform(0, curve.length_m)))
        pose = lane.ahead(0.0, float(rng.uniform(-0.1, 0.1)), float(rng.normal(0, 0.4)))
        height_m, pitch_deg = camera.height_m, rng.normal(0, 3)
    lens = replace(
        camera,
        height_m=float(height_m),
        pitch_rad=camera.pitch_rad + math.radians(pitch_deg),
        roll_rad=camera.roll_rad + float(rng.normal(0, 0.05)),
    )
    return car_view(lens, pose, rows=DETECTOR_ROWS)


def _room(
    view: View, placed: list[tuple[float, float, float]], rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return center and height in pixels for one more object, in free space if there is any."""
    low, high = USUAL_PX if rng.random() < USUAL_PART else ANY_PX
    height_px = math.exp(rng.uniform(math.log(low), math.log(high)))
    for _ in range(4):
        x, y = rng.uniform((-4, -4), (view.width_px + 4, view.rows + 4)).tolist()
        if all(math.hypot(x - u, y - v) > CROWD * max(h, height_px) for u, v, h in placed):
            break
    return x, y, height_px


def _body(
    class_name: str, view: View, spot: tuple[float, float, float], rng: np.random.Generator
) -> Body:
    """Return an object centered at `spot`, randomly turned and tilted, `height_px` high."""
    x, y, height_px = spot
    if class_name == CAR:
        model = model_of(CAR)
        middle, tall_m = np.array(CAR_MIDDLE_M), CAR_TALL_M
    else:
        model = any_state(rng, class_name, POLE_M if rng.random() < POLE_PART else 0.0)
        middle, tall_m = np.zeros(3), sign_solid(class_name).height_m
    at = _at(view, x, y, view.focal_px * tall_m / height_px)
    way = view.eye_m - at
    heading = math.atan2(way[1], way[0])
    if not model.is_board:
        heading += rng.uniform(-math.pi, math.pi)
    elif rng.random() < BACK_PART:
        heading += rng.uniform(math.radians(70), math.radians(290))
    else:
        heading += float(rng.triangular(-BOARD_LIMIT_RAD, 0, BOARD_LIMIT_RAD))
    # objects that stand on the ground are seen from above
    lean = {CAR: (0.0, 0.6)}.get(class_name, (-0.08, 0.2))
    tilt = turned(view.axes[0], float(rng.uniform(*lean)))
    roll = turned(view.axes[2], float(rng.normal(0, 0.07)))
    turn = roll @ tilt @ turned(np.array([0.0, 0.0, 1.0]), heading)
    return Body(model, turn, at - turn @ middle)


def _pixel(view: View, rng: np.random.Generator) -> tuple[float, float]:
    x, y = rng.uniform((0, 0), (view.width_px, view.rows)).tolist()
    return x, y


def _at(view: View, x_px: float, y_px: float, depth_m: float) -> FloatArray:
    """Return the place in the world that a pixel of the view's rows shows at a depth."""
    return np.asarray(view.eye_m + depth_m * view.ray(x_px, y_px))


def _panel(view: View, rng: np.random.Generator) -> NDArray[np.void]:
    """Return a wall of any size and pattern behind most objects."""
    depth_m = math.exp(rng.uniform(math.log(0.9), math.log(4.0)))
    at = _at(view, *_pixel(view, rng), depth_m)
    wide, tall = np.exp(rng.uniform(math.log(0.05), math.log(1.4), 2)).tolist()
    way = view.eye_m - at
    heading = math.atan2(way[1], way[0]) + rng.uniform(-1.0, 1.0)
    turn = turned(view.axes[2], rng.normal(0, 0.1)) @ turned(np.array([0.0, 0.0, 1.0]), heading)
    color = random_color(rng)
    mesh = shaped("wall", np.array([1.0, wide, tall]), turn, at, color)
    mesh["layer"] = rng.integers(m.PLAIN, m.FIRST_SIGN)
    mesh["uv"] *= np.array([wide, tall]) / math.exp(rng.uniform(math.log(0.04), math.log(0.4)))
    return mesh


def _litter(view: View, rng: np.random.Generator) -> NDArray[np.void]:
    """Return a small object that may occlude others."""
    depth_m = math.exp(rng.uniform(math.log(0.3), math.log(1.5)))
    at = _at(view, *_pixel(view, rng), depth_m)
    size = np.full(3, math.exp(rng.uniform(math.log(0.01), math.log(0.08))))
    size[2] *= math.exp(rng.uniform(-0.7, 1.5))
    turn = turned(rng.normal(0, 1, 3), 1.0)
    return shaped(SOLIDS[int(rng.integers(3))], size, turn, at, random_color(rng))
