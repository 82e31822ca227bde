"""Rendering speed in one process, including read-back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from pixelopolis.city.model import City
from pixelopolis.model_io.crops import Image
from pixelopolis.vehicle.camera import Camera
from sim.looks.look import plain_look
from sim.render.renderer import Renderer
from sim.render.view import CarBody, View, car_view

VIEWS: Final = 40


@dataclass(frozen=True, slots=True)
class Speed:
    """`fps` is the median over rounds; `driver` is the name of the OpenGL driver."""

    fps: float
    frames: int
    driver: str


def measure(city: City, width_px: int, height_px: int, ids: bool, seconds: float) -> Speed:
    """Render views along all edges, with other cars, for about `seconds`.

    Args:
        city: the city.
        width_px: of the image.
        height_px: of the image.
        ids: also read instance ids back.
        seconds: duration of the measurement.
    """
    views, cars = _views(city, Camera(width_px, height_px))
    rounds: list[float] = []
    with Renderer(city, plain_look()) as renderer:
        for view in views:  # drivers compile shaders on first use
            renderer.render(view, cars, ids)
        end = time.perf_counter() + seconds
        while not rounds or time.perf_counter() < end:
            start = time.perf_counter()
            for view in views:
                renderer.render(view, cars, ids)
            rounds.append(time.perf_counter() - start)
        middle = sorted(rounds)[len(rounds) // 2]
        return Speed(len(views) / middle, len(views) * len(rounds), renderer.driver)


def pictures(city: City, count: int) -> list[Image]:
    """Return `count` whole frames (320, 240, 3) from cars on all edges."""
    views, cars = _views(city, Camera())
    chosen = [views[k * len(views) // count] for k in range(count)]
    with Renderer(city, plain_look()) as renderer:
        return [renderer.render(view, cars).rgb.copy() for view in chosen]


def _views(city: City, camera: Camera) -> tuple[list[View], list[CarBody]]:
    """Return views spread evenly over all edges, and cars at the ends of the first six."""
    edges = list(city.edges.values())
    total_m = sum(edge.length_m for edge in edges)
    views: list[View] = []
    cars: list[CarBody] = []
    for edge in edges:
        count = max(1, round(VIEWS * edge.length_m / total_m))
        for k in range(count):
            s_m = edge.length_m * (k + 0.5) / count
            views.append(car_view(camera, edge.curve.pose_at(s_m)))
        if len(cars) < 6:
            cars.append(CarBody(f"car{len(cars) + 1}", edge.curve.pose_at(edge.length_m - 0.15)))
    return views, cars
