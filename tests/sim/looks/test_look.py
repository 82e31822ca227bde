from dataclasses import replace

import numpy as np
import pytest

from pixelopolis.vehicle.camera import Camera
from sim.camera.sensor import apply_sensor
from sim.looks.look import plain_look
from sim.looks.sensor import Sensor


def test_a_town_keeps_its_style_unless_the_look_names_one() -> None:
    look = plain_look()
    assert look.road_style("asphalt") == "asphalt"
    assert look.road_colors("white") == look.road.white
    white = replace(look, road=replace(look.road, style="white"))
    assert white.road_style("asphalt") == "white"
    assert white.road_colors("asphalt") == look.road.white


def test_the_plain_look_changes_neither_camera_nor_picture() -> None:
    look = plain_look()
    assert look.camera_of(Camera()) == Camera()
    image = np.random.default_rng(0).integers(0, 256, (40, 120, 3), dtype=np.uint8)
    assert np.array_equal(apply_sensor(image, look, np.random.default_rng(1)), image)


def test_the_sensor_adds_the_noise_that_the_look_says() -> None:
    look = replace(plain_look(), sensor=Sensor(noise_sigma=5.0))
    image = np.full((200, 200, 3), 128, np.uint8)
    noisy = apply_sensor(image, look, np.random.default_rng(4))
    assert noisy.astype(float).std() == pytest.approx(5.0, rel=0.05)
    assert noisy.astype(float).mean() == pytest.approx(128.0, abs=0.2)
    assert np.array_equal(noisy, apply_sensor(image, look, np.random.default_rng(4)))
    assert (image == 128).all(), "the picture that was given is left as it was"


def test_the_sensor_blurs_an_edge() -> None:
    look = replace(plain_look(), sensor=Sensor(blur_px=0.6))
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, 10:] = 255
    blurred = apply_sensor(image, look, np.random.default_rng(4))
    assert 0 < blurred[10, 9, 0] < 128 < blurred[10, 10, 0] < 255
    assert blurred[10, 0, 0] == 0
