import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.camera.sensor import (
    add_noise,
    distort,
    distorted_focal_px,
    jpeg,
    lean,
    saturate,
    smear,
    tone_curve,
    undistort,
)
from sim.looks.sensor import Sensor

bends = st.floats(-0.12, 0.03)


@given(bends, st.floats(math.radians(70), math.radians(90)))
def test_the_field_of_view_is_that_of_the_middle_row(k1: float, across_rad: float) -> None:
    focal_px = distorted_focal_px(120, across_rad, k1)
    edge = undistort(np.array([[60 / focal_px, 0.0]]), k1)
    assert edge[0, 0] == pytest.approx(math.tan(across_rad / 2), rel=1e-5)


def test_a_lens_without_distortion_leaves_rays_alone() -> None:
    places = np.random.default_rng(1).uniform(-1.4, 1.4, (50, 2))
    assert np.allclose(undistort(places, 0.0), places, atol=1e-6)
    assert distorted_focal_px(120, math.radians(90), 0.0) == pytest.approx(60)


def test_a_barrel_sees_farther_out_at_the_edge() -> None:
    near, far = undistort(np.array([[0.1, 0.0], [1.2, 0.0]]), -0.1)
    assert near[0] == pytest.approx(0.1, rel=0.01)
    assert far[0] > 1.35


@given(bends, st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
def test_what_is_bent_is_bent_back(k1: float, x: float, y: float) -> None:
    seen = np.array([[x, y]])
    assert np.allclose(distort(undistort(seen, k1), k1), seen, atol=1e-4)


def test_a_curve_that_is_straight_changes_nothing() -> None:
    assert np.array_equal(tone_curve(1.0, 0.0, 0.0), np.arange(256))


@given(st.floats(0.75, 1.35), st.floats(-0.25, 0.7), st.floats(0, 0.16))
def test_brighter_stays_brighter(gamma: float, contrast: float, haze: float) -> None:
    curve = tone_curve(gamma, contrast, haze).astype(int)
    assert (np.diff(curve) >= 0).all()
    assert curve[255] == 255
    assert curve[0] == round(255 * haze)


def test_smear_spreads_a_point_along_its_way_and_keeps_its_light() -> None:
    image = np.zeros((21, 21, 3), np.uint8)
    image[10, 10] = 240
    smeared = smear(image, 6.0, 0.0)
    row = smeared[10, :, 0].astype(int)
    assert np.count_nonzero(row) in (7, 8)
    assert row.sum() == pytest.approx(240, abs=8)
    assert not smeared[:9].any()
    assert smear(image, 0.1, 0.2) is image


def test_rows_lean_about_the_middle_of_the_frame() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20] = 255
    leant = lean(image, 160, 0.25, 16.0)  # the bottom quarter: 4 px to 8 px
    assert leant[0, :, 0].argmax() == 24
    assert leant[39, :, 0].argmax() == 28


def test_noise_is_as_strong_as_the_sensor_says() -> None:
    dark, bright = np.full((200, 200, 3), 10, np.float32), np.full((200, 200, 3), 200, np.float32)
    sensor = Sensor(shot_sigma=6.0, read_sigma=2.0, noise_grain=0.4)
    for picture in (dark, bright):
        noise = add_noise(picture, sensor, np.random.default_rng(2)) - picture
        wanted = math.sqrt(2.0**2 + 6.0**2 * picture[0, 0, 0] / 255)
        assert noise.std() == pytest.approx(wanted, rel=0.06)
        assert abs(noise.mean()) < 0.2
    assert add_noise(dark, Sensor(), np.random.default_rng(2)) is dark


def test_noise_is_that_of_its_seed_at_any_size() -> None:
    picture, sensor = np.full((700, 30, 3), 90, np.float32), Sensor(read_sigma=3.0)
    one, same, other = (add_noise(picture, sensor, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_gray_stays_gray_and_colors_pale() -> None:
    image = np.array([[[90, 90, 90], [200, 40, 40]]], np.uint8)
    pale = saturate(image, 0.0)
    assert np.abs(pale[0, 0].astype(int) - 90).max() <= 1
    assert np.ptp(pale[0, 1]) <= 1


def test_jpeg_costs_detail() -> None:
    image = np.random.default_rng(3).integers(0, 256, (40, 120, 3), dtype=np.uint8)
    loss = [np.abs(jpeg(image, q).astype(int) - image).mean() for q in (95, 40)]
    assert 0 < loss[0] < loss[1]
