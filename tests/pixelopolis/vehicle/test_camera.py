"""Projection in both directions, with mounting and lens of the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.geometry import Pose
from pixelopolis.vehicle.camera import Camera, project
from sim.render.view import car_view

CAMERAS = st.builds(
    Camera,
    height_m=st.floats(0.1, 0.3),
    forward_m=st.floats(-0.05, 0.1),
    pitch_rad=st.floats(-0.5, 0.5),
    roll_rad=st.floats(-0.3, 0.3),
)
POINTS = st.tuples(st.floats(0.6, 3.0), st.floats(-1.0, 1.0), st.floats(0.0, 0.4))


def seen_at(camera: Camera, point: tuple[float, float, float]) -> list[float]:
    forward, left, up = np.array(point)
    return [float(px) for px in project(camera, *camera.seen_from(forward, left, up))]


def test_a_point_on_the_ground_is_seen_where_the_camera_sees_it() -> None:
    camera = Camera()
    # a level camera: 0.20 m down at 0.40 m ahead of it is half a focal length below the middle
    ahead, left = seen_at(camera, (0.43, 0.0, 0.0)), seen_at(camera, (0.43, 0.1, 0.0))
    assert ahead == pytest.approx([120, 160 + camera.focal_px / 2])
    assert left == pytest.approx([120 - camera.focal_px / 4, 160 + camera.focal_px / 2])
    twice = replace(camera, width_px=480, height_px=640)
    assert seen_at(twice, (0.43, 0.1, 0.0)) == pytest.approx([2 * px for px in left])


@given(CAMERAS, POINTS)
def test_a_ray_through_a_pixel_meets_the_point_that_is_seen_there(
    camera: Camera, point: tuple[float, float, float]
) -> None:
    x, y = seen_at(camera, point)
    ray = camera.ray(x / camera.width_px, y / camera.height_px)
    way = np.array(point) - (camera.forward_m, 0.0, camera.height_m)
    assert ray / np.linalg.norm(ray) == pytest.approx(way / np.linalg.norm(way), abs=1e-9)


@given(CAMERAS, POINTS)
def test_a_view_of_the_town_shows_a_point_where_the_cars_camera_does(
    camera: Camera, point: tuple[float, float, float]
) -> None:
    car = Pose(1.0, -2.0, 0.7)
    at = car.ahead(point[0], point[1])
    view = car_view(camera, car)
    (pixel,), (depth,) = view.project(np.array([[at.x_m, at.y_m, point[2]]]))
    assert pixel == pytest.approx(seen_at(camera, point), abs=1e-6)
    assert view.eye_m + depth * view.ray(*pixel) == pytest.approx([at.x_m, at.y_m, point[2]])
