"""Street scenes as a car sees them, with boards on both sides, and traffic.

The city's own signs are replaced, so that every class is equally frequent.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import shapely
from shapely import Point

from pixelopolis.city.model import City, Movement, Sign
from pixelopolis.city.road_layout import road_layout
from pixelopolis.city.signs import BOARD_CLASSES, LIGHTS
from pixelopolis.geometry import Curve, Pose, wrap_rad
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.dimensions import CAR_LENGTH_M
from sim.render.maps.light import Shadow
from sim.render.meshes.models import Body, Model, model_of, upright
from sim.render.meshes.signs import sign_shadow
from sim.render.view import CarBody, View, car_view

EMPTY_PART: Final = 0.06
"""Share of looks without any sign."""
BEFORE_SIGN_PART: Final = 0.75
"""Share of poses on the way toward a sign; the others are anywhere on the lanes."""
BEFORE_SIGN_M: Final = (0.15, 1.6)
LATERAL_SIGMA_M, LATERAL_LIMIT_M = 0.03, 0.09
HEADING_SIGMA_RAD, HEADING_LIMIT_RAD = math.radians(7), math.radians(20)
ASTRAY_PART, ASTRAY_RAD = 0.08, math.radians(70)
"""Share of badly placed cars, as also seen in the middle of a turn, and their heading error."""

AHEAD_PART: Final = 0.4
"""Share of images with a car ahead in the lane."""
GAP_M: Final = (0.06, 1.5)
BEND_PART, BEND_GAP_M, BEND_RAD = 0.2, (0.04, 0.5), math.radians(25)
"""Share of images from close behind a car in a bend, that car's distance, and the lane's turn up to
it. Such cars are partly outside the image, and none are nearer."""
OTHER_CARS_PROBABILITIES: Final = (0.40, 0.28, 0.20, 0.12)
"""Probabilities of 0, 1, 2, 3 other cars."""
BETWEEN_AXLES_M: Final = CAR_LENGTH_M + 0.03
"""Smallest distance of two axles."""
SIGN_APART_M: Final = 0.12
SIGN_PROBABILITY: Final[Mapping[Literal["right", "left"], float]] = {"right": 0.85, "left": 0.5}
"""Probability that a place beside an edge has a sign."""
ASKEW_PART: Final = 0.15
"""Share of signs that are askew."""


@dataclass(frozen=True, slots=True, eq=False)
class Signage:
    """The signs of one look, by instance id, and their places (edge, s_m)."""

    bodies: dict[int, Body]
    places: tuple[tuple[str, float], ...]
    shadows: tuple[Shadow, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StreetShot:
    """One image to render."""

    view: View
    cars: tuple[CarBody, ...] = ()


def even_classes(rng: np.random.Generator) -> Iterator[str]:
    """Yield sign classes endlessly in random order, all equally often."""
    while True:
        yield from rng.permutation(BOARD_CLASSES).tolist()


def any_state(rng: np.random.Generator, sign_class: str, pole_m: float) -> Model:
    """Return the model of a class, a traffic light in any state."""
    lit = int(rng.integers(len(LIGHTS)))
    return model_of(sign_class, LIGHTS[lit if sign_class == "Traffic_light" else 0], pole_m)


def place_signs(city: City, rng: np.random.Generator, first_id: int) -> Signage:
    """Place signs beside every edge: at its end, as cities do, and along it on both sides."""
    bodies: dict[int, Body] = {}
    shadows: list[Shadow] = []
    taken: list[Pose] = []
    places: list[tuple[str, float]] = []
    if rng.random() < EMPTY_PART:
        return Signage(bodies, (), ())
    area = road_layout(city).area
    shapely.prepare(area)
    classes = even_classes(rng)
    for edge in city.edges.values():
        s_m = edge.length_m - 0.03
        while s_m > 0.05:
            for side, often in SIGN_PROBABILITY.items():
                if rng.random() > often:
                    continue
                sign = Sign(next(classes), edge.id, s_m, side)
                turn = rng.normal(0, math.radians(5))
                if rng.random() < ASKEW_PART:
                    turn = rng.uniform(-0.8, 0.8)
                pose = city.sign_pose(sign).ahead(0.0, 0.0, float(turn))
                if area.distance(Point(pose.x_m, pose.y_m)) < 0.03 or any(
                    pose.distance_m(other) < SIGN_APART_M for other in taken
                ):
                    continue
                model = any_state(rng, sign.sign_class, sign.height_m)
                bodies[first_id + len(bodies)] = upright(model, pose, sign.height_m)
                shadows.append(sign_shadow(sign, pose))
                taken.append(pose)
                places.append((edge.id, s_m))
            s_m -= float(rng.uniform(0.22, 0.5))
    return Signage(bodies, tuple(places), tuple(shadows))


def draw_shot(city: City, signs: Signage, camera: Camera, rng: np.random.Generator) -> StreetShot:
    """Return a shot from a lane, mostly before a sign, with other cars around."""
    poses: list[Pose] = []
    bend = _close_in_bend(city, rng) if rng.random() < BEND_PART else None
    if bend is not None:
        pose, ahead = bend
        poses.append(_disturbed(ahead, rng))
    else:
        lanes, s_m = _place(city, signs, rng)
        pose = lanes[0].pose_at(s_m)
        if rng.random() < AHEAD_PART:
            place = _along(lanes, s_m + _gap_m(GAP_M, rng) + CAR_LENGTH_M)
            poses += [] if place is None else [_disturbed(place, rng)]
    if rng.random() < ASTRAY_PART:
        turn = float(rng.uniform(-ASTRAY_RAD, ASTRAY_RAD))
    else:
        turn = _clipped(rng, HEADING_SIGMA_RAD, HEADING_LIMIT_RAD)
    eye = pose.ahead(0.0, _clipped(rng, LATERAL_SIGMA_M, LATERAL_LIMIT_M), turn)
    for _ in range(int(rng.choice(len(OTHER_CARS_PROBABILITIES), p=OTHER_CARS_PROBABILITIES))):
        other = _in_sight(city, eye, rng)
        if other is not None:
            poses.append(_disturbed(other, rng))
    cars: list[CarBody] = []
    for at in poses:
        if all(at.distance_m(o) > BETWEEN_AXLES_M for o in (eye, *(c.pose for c in cars))):
            cars.append(CarBody(f"car{len(cars)}", at, random_color(rng)))
    return StreetShot(car_view(camera, eye, rows=DETECTOR_ROWS), tuple(cars))


def _place(city: City, signs: Signage, rng: np.random.Generator) -> tuple[list[Curve], float]:
    """Return a lane with the way on from it, and the car's position along it."""
    if signs.places and rng.random() < BEFORE_SIGN_PART:
        edge, sign_s_m = signs.places[int(rng.integers(len(signs.places)))]
        s_m = sign_s_m - float(rng.uniform(*BEFORE_SIGN_M))
        lanes = [city.edges[edge].curve, *_on_from(city, edge, rng)]
        while s_m < 0:
            entries = [m for m in city.movements.values() if m.to_edge == edge]
            if not entries:
                return lanes, 0.0
            entry = entries[int(rng.integers(len(entries)))]
            edge = entry.from_edge
            for curve in (entry.curve, city.edges[edge].curve):
                if s_m < 0:
                    lanes.insert(0, curve)
                    s_m += curve.length_m
        return lanes, s_m
    return _anywhere(city, rng)


def _anywhere(city: City, rng: np.random.Generator) -> tuple[list[Curve], float]:
    edges, movements = list(city.edges.values()), list(city.movements.values())
    lengths = np.array([e.length_m for e in edges] + [m.length_m for m in movements])
    chosen = int(rng.choice(len(lengths), p=lengths / lengths.sum()))
    if chosen < len(edges):
        lanes = [edges[chosen].curve, *_on_from(city, edges[chosen].id, rng)]
    else:
        movement = movements[chosen - len(edges)]
        lanes = [movement.curve, city.edges[movement.to_edge].curve]
    return lanes, float(rng.uniform(0, lanes[0].length_m))


def _close_in_bend(city: City, rng: np.random.Generator) -> tuple[Pose, Pose] | None:
    """Return poses of a car and of another one close ahead in a bend, if a bend is found."""
    for _ in range(60):
        lanes, s_m = _anywhere(city, rng)
        here = lanes[0].pose_at(s_m)
        ahead = _along(lanes, s_m + _gap_m(BEND_GAP_M, rng) + CAR_LENGTH_M)
        if ahead and abs(wrap_rad(ahead.heading_rad - here.heading_rad)) > BEND_RAD:
            return here, ahead
    return None


def _gap_m(limits_m: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(limits_m))))


def random_color(rng: np.random.Generator) -> str:
    """Return a random color, "#rrggbb", mostly a saturated one, as cars have."""
    hue, gray, value = rng.uniform(0, 1, 3).tolist()
    rgb = colorsys.hsv_to_rgb(hue, 1 - 0.9 * gray**2, 0.2 + 0.8 * value**0.6)
    return "#" + "".join(f"{round(255 * c):02x}" for c in rgb)


def _clipped(rng: np.random.Generator, sigma: float, limit: float) -> float:
    return float(np.clip(rng.normal(0, sigma), -limit, limit))


def _on_from(city: City, edge: str, rng: np.random.Generator) -> list[Curve]:
    """Return a way on from the end of an edge: a movement and the next edge."""
    exits = city.exits[edge]
    if not exits:
        return []
    movement: Movement = exits[int(rng.integers(len(exits)))]
    return [movement.curve, city.edges[movement.to_edge].curve]


def _along(curves: list[Curve], s_m: float) -> Pose | None:
    for curve in curves:
        if s_m <= curve.length_m:
            return curve.pose_at(s_m)
        s_m -= curve.length_m
    return None


def _in_sight(city: City, eye: Pose, rng: np.random.Generator) -> Pose | None:
    """Return a pose on any lane, in front of the camera and not far away, if one is found."""
    curves = [e.curve for e in city.edges.values()]
    curves += [m.curve for m in city.movements.values()]
    for _ in range(60):
        curve = curves[int(rng.integers(len(curves)))]
        at = curve.pose_at(float(rng.uniform(0, curve.length_m)))
        forward_m, left_m = eye.to_local(at.x_m, at.y_m)
        if 0.1 < forward_m < 2.0 and abs(left_m) < 0.15 + 0.9 * forward_m:
            return at
    return None


def _disturbed(pose: Pose, rng: np.random.Generator) -> Pose:
    turn = rng.uniform(-math.pi, math.pi) if rng.random() < 0.1 else rng.normal(0, 0.08)
    return pose.ahead(0.0, _clipped(rng, 0.015, 0.05), float(turn))
