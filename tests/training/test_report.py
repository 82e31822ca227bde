"""Errors and pictures of a run. No TensorFlow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.report import draw_steering, head_errors


def test_errors_count_only_labels_that_exist() -> None:
    steering = np.array([[0.0, 0.5, np.nan], [0.2, np.nan, np.nan], [0.4, 0.1, np.nan]], "f4")
    predicted = np.array([[0.1, 0.5, 9.0], [0.2, 9.0, 9.0], [0.1, 0.3, 9.0]], "f4")
    errors = head_errors(predicted, steering, blank=np.array([False, True, True]))
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
    assert "visible" not in head_errors(predicted, steering)


def test_arrows_show_labels_and_answers_where_they_point() -> None:
    image = np.full((40, 120, 3), 128, dtype=np.uint8)
    label = np.array([1.0, np.nan, np.nan], "f4")
    picture = draw_steering(image, label, np.array([-1.0, 0.0, 0.0], "f4"))
    assert picture.shape == (160, 480, 3)
    green = (picture[..., 1] > 200) & (picture[..., 0] < 120)
    pink = (picture[..., 0] > 200) & (picture[..., 1] < 120)
    assert np.flatnonzero(green.any(axis=0)).min() >= 238  # the label points right
    assert np.flatnonzero(pink.any(axis=0)).min() < 180  # the first answer left
