"""The original's lane model gets its input and is used as in its own app."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.perception.lane_network import LaneNetwork, load_lane_model
from car.perception.original_lane import FRAME_WIDTH_PX, original_lane_input, original_steering
from pixelopolis.model_io.inputs import lane_input
from tests.support.paths import SHARED

MODEL = SHARED / "original" / "models" / "lane_detector.tflite"
needs_original = pytest.mark.skipif(not MODEL.is_file(), reason="the original's models are absent")


def crop(width_px: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (width_px // 3, width_px, 3), dtype=np.uint8)


def test_of_its_apps_frames_every_fifth_pixel_is_taken_as_it_is() -> None:
    quarter = crop(FRAME_WIDTH_PX)
    taken = np.ascontiguousarray(quarter[2::5, 2::5])
    made = original_lane_input(quarter)
    np.testing.assert_array_equal(made, cv2.cvtColor(taken, cv2.COLOR_RGB2YUV))
    # converting before subsampling, as in its training code, is the same; averaging is not
    yuv_first = np.ascontiguousarray(cv2.cvtColor(quarter, cv2.COLOR_RGB2YUV)[2::5, 2::5])
    np.testing.assert_array_equal(made, yuv_first)
    assert (made != lane_input(quarter)).mean() > 0.5


def test_a_picture_of_the_models_size_is_only_recolored() -> None:
    np.testing.assert_array_equal(original_lane_input(crop(120)), lane_input(crop(120)))


@given(st.floats(-3, 3))
def test_steering_is_cut_towards_zero_to_whole_degrees_and_limited(answer: float) -> None:
    degrees = 48 * original_steering(answer)
    assert degrees == pytest.approx(round(degrees), abs=1e-9)
    wanted = 48 * min(1.0, max(-1.0, answer))
    assert abs(degrees) <= abs(wanted) + 1e-9
    assert abs(wanted - degrees) < 1
    assert degrees * wanted >= 0


@pytest.mark.parametrize(("answer", "degrees"), [(0.02, 0), (-0.02, 0), (0.5, 24), (-0.99, -47)])
def test_steering_by_example(answer: float, degrees: int) -> None:
    assert 48 * original_steering(answer) == pytest.approx(degrees)


@needs_original
def test_the_originals_model_answers_whole_degrees_for_every_command() -> None:
    model = LaneNetwork(MODEL)
    assert not model.has_commands
    assert model.frame_width_px == FRAME_WIDTH_PX
    answers = set()
    for seed in range(5):
        steering = model.look(crop(FRAME_WIDTH_PX, seed)).steering
        assert steering is not None
        assert len(set(steering)) == 1
        assert 48 * steering[0] == pytest.approx(round(48 * steering[0]), abs=1e-9)
        answers.add(steering[0])
    assert len(answers) > 1


def test_our_models_keep_their_own_preprocessing() -> None:
    model = load_lane_model()
    assert model.frame_width_px == 120
    large, small = crop(600), cv2.resize(crop(600), (120, 40), interpolation=cv2.INTER_AREA)
    seen = [model.look(picture).paths_left_m for picture in (large, np.asarray(small, np.uint8))]
    np.testing.assert_array_equal(*seen)
