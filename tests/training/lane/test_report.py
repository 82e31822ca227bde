"""Errors and images of a run. No TensorFlow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.lane.report import SCALES_MM, draw_paths, draw_steering, path_errors, steering_errors


def test_errors_count_only_labels_that_exist() -> None:
    steering = np.array([[0.0, 0.5, np.nan], [0.2, np.nan, np.nan], [0.4, 0.1, np.nan]], "f4")
    predicted = np.array([[0.1, 0.5, 9.0], [0.2, 9.0, 9.0], [0.1, 0.3, 9.0]], "f4")
    errors = steering_errors(predicted, steering, blank=np.array([False, True, True]))
    assert errors["straight"].mean_abs == pytest.approx(0.4 / 3)
    assert errors["straight"].median_guess == pytest.approx(0.4 / 3)
    assert errors["left"].mean_abs == pytest.approx(0.1)
    assert errors["left"].labels == 2
    assert errors["right"].labels == 0
    assert math.isnan(errors["right"].mean_abs)
    assert errors["all"].mean_abs == pytest.approx(0.6 / 5)
    assert errors["all"].median_guess == pytest.approx((0.2 + 0.0 + 0.2 + 0.3 + 0.1) / 5)
    assert errors["visible"].mean_abs == pytest.approx(0.05)
    assert errors["visible"].labels == 2
    assert "visible" not in steering_errors(predicted, steering)


def test_arrows_show_labels_and_answers_where_they_point() -> None:
    image = np.full((40, 120, 3), 128, dtype=np.uint8)
    label = np.array([1.0, np.nan, np.nan], "f4")
    picture = draw_steering(image, label, np.array([-1.0, 0.0, 0.0], "f4"))
    assert picture.shape == (160, 480, 3)
    green = (picture[..., 1] > 200) & (picture[..., 0] < 120)
    pink = (picture[..., 0] > 200) & (picture[..., 1] < 120)
    assert np.flatnonzero(green.any(axis=0)).min() >= 238  # the label points right
    assert np.flatnonzero(pink.any(axis=0)).min() < 180  # the first answer left


def test_errors_of_paths_are_in_mm_at_each_station() -> None:
    paths = np.zeros((4, 15), "f4")
    paths[:2, 2] = 0.1 / 0.12  # straight at 0.2 m: 100 mm
    paths[:, 5:10] = np.nan
    predicted = np.zeros((4, 18), "f4")
    predicted[:, 4] = 0.028 / 0.28  # straight at 0.4 m: 28 mm off
    predicted[:, 15:] = np.log(0.1)
    errors = path_errors(predicted, paths, blank=np.array([True, False, False, False]))
    assert errors["straight_20cm"].mean_abs == pytest.approx(50)
    assert errors["straight_40cm"].mean_abs == pytest.approx(28, rel=1e-5)
    assert errors["straight_40cm"].expected == pytest.approx(28, rel=1e-5)
    assert errors["straight_40cm"].median_guess == 0
    assert errors["left_20cm"].labels == 0
    assert errors["all"].mean_abs == pytest.approx((50 + 28) / 10, rel=1e-5)
    assert errors["all"].expected == pytest.approx(0.1 * SCALES_MM.mean(), rel=1e-5)
    assert errors["visible"].mean_abs == pytest.approx((100 / 3 + 28) / 10, rel=1e-5)


def test_paths_are_drawn_where_they_lead() -> None:
    image = np.full((40, 120, 3), 128, dtype=np.uint8)
    label = np.full(15, np.nan, "f4")
    label[:5] = np.array([0, 0.02, 0.08, 0.15, 0.22]) * 1000 / SCALES_MM[:5]
    answer = np.concatenate([-np.nan_to_num(label), [-3, -3, -3]]).astype("f4")
    picture = draw_paths(image, label, answer)
    green = (picture[..., 1] > 200) & (picture[..., 0] < 120)
    pink = (picture[..., 0] > 200) & (picture[..., 1] < 120)
    columns = np.flatnonzero(green.any(axis=0))
    assert 155 < columns.min() < 175  # the label leads to the left by 0.22 m
    assert np.flatnonzero(pink.any(axis=0)).max() > 300
