import cv2
import numpy as np
import pytest

from pixelopolis.model_io.crops import (
    DETECTOR_HEIGHT_PX,
    DETECTOR_WIDTH_PX,
    LANE_HEIGHT_PX,
    LANE_WIDTH_PX,
    detector_crop,
    lane_crop,
)
from pixelopolis.model_io.inputs import detector_input, lane_input
from pixelopolis.vehicle.camera import Camera


def colored(height_px: int, width_px: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


def test_crop_is_the_bottom_quarter_and_no_copy() -> None:
    frame = colored(320, 240)
    crop = lane_crop(frame)
    assert crop.shape == (80, 240, 3)
    assert np.array_equal(crop, frame[240:])
    assert np.shares_memory(crop, frame)


def test_the_default_camera_gives_three_to_one() -> None:
    camera = Camera()
    crop = lane_crop(colored(camera.height_px, camera.width_px))
    assert crop.shape[1] == 3 * crop.shape[0]


def test_a_crop_of_the_models_size_is_only_recolored() -> None:
    crop = colored(LANE_HEIGHT_PX, LANE_WIDTH_PX)
    assert np.array_equal(lane_input(crop), cv2.cvtColor(crop, cv2.COLOR_RGB2YUV))


@pytest.mark.parametrize(
    ("rgb", "yuv"),
    [
        # BT.601: Y = .299 R + .587 G + .114 B, U = .492 (B - Y) + 128, V = .877 (R - Y) + 128
        ((255, 255, 255), (255, 128, 128)),
        ((0, 0, 0), (0, 128, 128)),
        ((255, 0, 0), (76, 91, 255)),
        ((0, 0, 255), (29, 239, 103)),
    ],
)
def test_colors_are_bt601(rgb: tuple[int, ...], yuv: tuple[int, ...]) -> None:
    crop = np.full((80, 240, 3), rgb, dtype=np.uint8)
    assert lane_input(crop).reshape(-1, 3).min(axis=0) == pytest.approx(yuv, abs=1)
    assert lane_input(crop).reshape(-1, 3).max(axis=0) == pytest.approx(yuv, abs=1)


def test_a_larger_crop_is_averaged() -> None:
    crop = np.zeros((80, 240, 3), dtype=np.uint8)
    crop[::2] = 200  # a line on every other row: sampling would see all of it or nothing
    assert lane_input(crop)[..., 0] == pytest.approx(100, abs=1)


def test_a_smaller_crop_is_enlarged() -> None:
    assert lane_input(colored(20, 60)).shape == (LANE_HEIGHT_PX, LANE_WIDTH_PX, 3)


def test_input_is_the_same_for_a_view_and_a_copy() -> None:
    frame = colored(320, 240)
    assert np.array_equal(lane_input(lane_crop(frame)), lane_input(lane_crop(frame).copy()))


def test_the_detector_sees_the_middle_half_as_it_is() -> None:
    camera = Camera()
    frame = colored(camera.height_px, camera.width_px)
    crop = detector_crop(frame)
    assert np.array_equal(crop, frame[80:240])
    assert np.shares_memory(detector_input(crop), frame)


@pytest.mark.parametrize("factor", [0.5, 2.5])
def test_other_frames_are_brought_to_the_detectors_size(factor: float) -> None:
    frame = colored(round(320 * factor), round(240 * factor))
    shape = detector_input(detector_crop(frame)).shape
    assert shape == (DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3)
