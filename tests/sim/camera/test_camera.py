"""The camera with the real renderer: shapes, determinism, and neutral settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from car.driving.freshness import FrozenPictureDetector
from car.driving.types import Frame, WheelReading
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.vehicle.camera import FRAME_S, Camera
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS
from sim.camera.camera import SimulatedCamera, lane_camera
from sim.looks.look import plain_look
from sim.looks.room_looks import room_look
from sim.looks.sensor import Sensor
from sim.physics.vehicle import BodyMotion
from sim.render.renderer import Renderer
from sim.render.view import CarBody, car_view

CITY = load_city("straight")


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer(CITY, plain_look()) as made:
        yield made


def start() -> Pose:
    return next(iter(CITY.edges.values())).curve.pose_at(0.5)


def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def test_a_plain_look_shows_what_is_rendered_but_never_twice_the_same(renderer: Renderer) -> None:
    renderer.set_look(plain_look())
    eye = SimulatedCamera(renderer, plain_look(), rng())
    rendered = renderer.render(car_view(lane_camera(), start(), part=0.25)).rgb
    seen = [eye(start()) for _ in range(3)]
    for picture in seen:
        off = abs(picture.astype(int) - rendered)
        assert off.max() == 1
        assert off.mean() < 0.02
    assert not np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[1], seen[2])


def test_a_car_on_a_straight_lane_does_not_take_its_camera_for_frozen() -> None:
    """On this street of the original town one rendered picture is like the next."""
    town = load_city("pixelopolis")
    lane = town.edges["10"].curve
    watch = FrozenPictureDetector()
    with Renderer(town, plain_look()) as renderer:
        eye = SimulatedCamera(renderer, plain_look(), rng())
        for tick in range(25):
            way_m, now_s = CRUISE_MPS * FRAME_S * tick, FRAME_S * tick
            wheels = WheelReading(way_m / WHEEL_RADIUS_M, way_m / WHEEL_RADIUS_M, now_s)
            frame = Frame(eye(lane.pose_at(1.09 + way_m), BodyMotion()), now_s)
            assert watch.step(frame, wheels) == 0.0


@pytest.mark.parametrize("index", range(4))
def test_pictures_have_the_camera_s_shape_under_any_look(renderer: Renderer, index: int) -> None:
    look = room_look(1, index)
    renderer.set_look(look)
    assert SimulatedCamera(renderer, look, rng())(start()).shape == (40, 120, 3)
    assert SimulatedCamera(renderer, look, rng(), part=1.0)(start()).shape == (160, 120, 3)
    assert SimulatedCamera(renderer, look, rng(), Camera())(start()).shape == (80, 240, 3)
    seer = SimulatedCamera(renderer, look, rng(), Camera(), rows=DETECTOR_ROWS)
    assert seer(start()).shape == (160, 240, 3)


def test_the_same_seed_sees_the_same(renderer: Renderer) -> None:
    look = room_look(1, 2)
    renderer.set_look(look)
    one, same = (SimulatedCamera(renderer, look, rng()) for _ in range(2))
    first = [one(start()) for _ in range(3)]
    assert all(np.array_equal(same(start()), picture) for picture in first)
    assert not np.array_equal(first[0], first[1])


def test_distortion_moves_the_edges_and_hardly_the_middle(renderer: Renderer) -> None:
    renderer.set_look(plain_look())
    barrel = replace(plain_look(), sensor=Sensor(k1=-0.1))
    plain, bent = (
        SimulatedCamera(renderer, look, rng(), part=1.0) for look in (plain_look(), barrel)
    )
    straight = plain(start()).astype(int)
    curved = bent(start()).astype(int)
    assert np.abs(curved - straight).mean() > 3
    tiny = replace(plain_look(), sensor=Sensor(k1=-1e-6))
    again = SimulatedCamera(renderer, tiny, rng(), part=1.0)(start()).astype(int)
    assert np.abs(again - straight).mean() < 0.5


def test_a_part_of_a_distorted_frame_is_that_part_of_the_whole(renderer: Renderer) -> None:
    renderer.set_look(plain_look())
    barrel = replace(plain_look(), sensor=Sensor(k1=-0.1, vignette=0.4))
    whole = SimulatedCamera(renderer, barrel, rng(), part=1.0)(start()).astype(int)
    part = SimulatedCamera(renderer, barrel, rng())(start()).astype(int)
    assert np.abs(whole[120:] - part).mean() < 1.0


def test_what_moves_is_smeared(renderer: Renderer) -> None:
    renderer.set_look(plain_look())
    eye = SimulatedCamera(renderer, replace(plain_look(), sensor=Sensor(exposure_s=0.033)), rng())
    still, turning = eye(start(), BodyMotion()), eye(start(), BodyMotion(yaw_rad_s=2.0))
    assert np.array_equal(still, SimulatedCamera(renderer, plain_look(), rng())(start()))
    steps = [np.abs(np.diff(p.astype(int), axis=1)).max() for p in (still, turning)]
    assert steps[1] < 0.7 * steps[0]


def test_a_coarse_camera_loses_detail_and_nothing_else(renderer: Renderer) -> None:
    renderer.set_look(plain_look())
    plain = SimulatedCamera(renderer, plain_look(), rng())(start()).astype(int)
    seen = {}
    for share in (0.3, 0.6):
        sensor = Sensor(resolution=share, jpeg_quality=90)
        eye = SimulatedCamera(renderer, replace(plain_look(), sensor=sensor), rng())
        seen[share] = eye(start(), BodyMotion()).astype(int)
        assert seen[share].shape == plain.shape
        assert seen[share].mean() == pytest.approx(plain.mean(), abs=1.0)
    steps = [np.abs(np.diff(p, axis=1)).max() for p in (seen[0.3], seen[0.6], plain)]
    assert steps == sorted(steps)
    assert steps[0] < 0.6 * steps[2]


def test_what_a_photograph_does_not_show_repeats_its_edge(renderer: Renderer) -> None:
    renderer.set_look(plain_look())
    whole = SimulatedCamera(renderer, plain_look(), rng())(start())
    look = replace(plain_look(), sensor=Sensor(cut=(0.2, 0.4)))
    seen = SimulatedCamera(renderer, look, rng())(start())
    assert np.array_equal(seen[0], whole[0])
    assert np.array_equal(seen[-1, 24:71], whole[-1, 24:71])
    assert (seen[-1, :24] == whole[-1, 24]).all()
    assert (seen[-1, 72:] == whole[-1, 71]).all()


def test_only_motion_that_nobody_told_is_drawn(renderer: Renderer) -> None:
    renderer.set_look(plain_look())
    eye = SimulatedCamera(renderer, replace(plain_look(), sensor=Sensor(readout_s=0.2)), rng())
    told = [eye(start(), BodyMotion(yaw_rad_s=0.5)).astype(int) for _ in range(3)]
    assert all(abs(told[0] - picture).max() <= 1 for picture in told), "but for the last bit"
    assert abs(eye(start()).astype(int) - eye(start())).max() > 1


def test_flicker_makes_bands_of_rows(renderer: Renderer) -> None:
    renderer.set_look(plain_look())
    sensor = Sensor(flicker=0.3, readout_s=0.03)
    eye = SimulatedCamera(renderer, replace(plain_look(), sensor=sensor), rng(), part=1.0)
    ratio = eye(start(), BodyMotion()).mean(axis=(1, 2)) / SimulatedCamera(
        renderer, plain_look(), rng(), part=1.0
    )(start()).mean(axis=(1, 2))
    assert ratio.max() > 1.02
    assert ratio.min() < 0.75


def test_other_cars_are_seen(renderer: Renderer) -> None:
    renderer.set_look(plain_look())
    ahead = CarBody("other", start().ahead(0.35))
    eye = SimulatedCamera(renderer, plain_look(), rng(), cars=lambda: [ahead])
    assert not np.array_equal(eye(start()), eye(start(), cars=()))
