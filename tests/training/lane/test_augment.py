"""Batches: every row once per epoch, labels stay with their images, reproducible by seed."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from pixelopolis.model_io.lane_path import COLUMNS
from training.lane.augment import batches
from training.lane.data import LaneData, windows
from training.lane.outputs import PATHS, STEERING, Answers
from training.lane.settings import Flip

ROWS, BATCH = 40, 8
STEPS = ROWS // BATCH


def rows(colored: int = 0) -> LaneData:
    """Gray images with their number as the left half's brightness; the first have a red line."""
    images = np.full((ROWS, 40, 120, 3), 128, dtype=np.uint8)
    images[:, :, :60, 0] = (np.arange(ROWS) * 5)[:, None, None]
    images[:, :, 60:, 0] = 255
    images[:colored, 10:30, 50:60, 2] = 240
    number = np.arange(ROWS) / 100
    steering = np.stack([number, number + 0.1, number + 0.2], axis=1).astype(np.float32)
    steering[::2, 2] = np.nan
    paths = number[:, None] + np.arange(15, dtype=np.float32) / 100
    groups, kinds = np.array(["look 1"] * ROWS), np.array(["poses"] * ROWS)
    films = np.array([f"film {i // 10}" for i in range(ROWS)])
    return LaneData(images, steering, paths.astype(np.float32), groups, kinds, films)


def take(
    count: int,
    *,
    data: LaneData | None = None,
    frames: int = 1,
    answers: Answers = STEERING,
    **options: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures in [-1, 1] and labels of `count` batches."""
    data = data or rows()
    items = windows(data.films, frames, frames)
    stream = batches(data, items, answers, batch=BATCH, seed=5, **options)
    pairs = list(islice(stream, count))
    pictures = np.concatenate([x for x, _ in pairs])
    return pictures / 127.5 - 1, np.concatenate([y for _, y in pairs])


def numbers(pictures: np.ndarray) -> np.ndarray:
    return np.round((pictures[..., 20, 20, 0] + 1) * 127.5 / 5).astype(int)


def test_each_epoch_is_another_order_of_all_rows() -> None:
    pictures, steering = take(2 * STEPS, augment=False)
    order = numbers(pictures)
    assert sorted(order[:ROWS]) == sorted(order[ROWS:]) == list(range(ROWS))
    assert list(order[:ROWS]) != list(order[ROWS:])
    np.testing.assert_allclose(steering[:, 0], order / 100, atol=1e-6)
    np.testing.assert_array_equal(np.isnan(steering[:, 2]), order % 2 == 0)


def test_a_later_first_epoch_gives_what_an_uninterrupted_run_would_get() -> None:
    pictures, steering = take(3 * STEPS, flip=Flip.ALWAYS)
    late_pictures, late_steering = take(STEPS, flip=Flip.ALWAYS, first_epoch=2)
    np.testing.assert_array_equal(pictures[2 * ROWS :], late_pictures)
    np.testing.assert_array_equal(steering[2 * ROWS :], late_steering)


def test_augmentation_changes_pictures_within_range_and_keeps_labels() -> None:
    plain, labels = take(STEPS, augment=False)
    changed, same_labels = take(STEPS)
    np.testing.assert_array_equal(labels, same_labels)
    assert changed.shape == plain.shape
    assert np.isfinite(changed).all()
    assert changed.min() >= -1
    assert changed.max() <= 1
    difference = np.abs(changed - plain).mean(axis=(1, 2, 3))
    assert (difference > 0.001).all()
    assert difference.mean() > 0.03
    assert difference.max() < 0.5  # light changes, the road does not


def test_a_mirrored_picture_swaps_left_and_right_and_negates() -> None:
    pictures, steering = take(20 * STEPS, augment=False, flip=Flip.ALWAYS)
    mirrored = pictures[:, 20, 20, 0] == 1
    assert 0.4 < mirrored.mean() < 0.6
    number = np.round((pictures[mirrored, 20, 100, 0] + 1) * 127.5 / 5) / 100
    np.testing.assert_allclose(steering[mirrored, 0], -number, atol=1e-6)
    np.testing.assert_allclose(steering[mirrored, 2], -(number + 0.1), atol=1e-6)
    known = np.isfinite(steering[mirrored, 1])
    np.testing.assert_allclose(steering[mirrored, 1][known], -(number[known] + 0.2), atol=1e-6)


def test_pictures_with_colored_lines_are_left_as_they_are() -> None:
    pictures, _ = take(20 * STEPS, data=rows(colored=10), augment=False, flip=Flip.UNCOLORED)
    mirrored = pictures[:, 5, 20, 0] == 1
    colored = (pictures[..., 2] > 0.5).any(axis=(1, 2))
    assert mirrored.any()
    assert colored.any()
    assert not (mirrored & colored).any()


def test_a_mirrored_path_changes_sides_and_commands() -> None:
    pictures, paths = take(20 * STEPS, augment=False, flip=Flip.ALWAYS, answers=PATHS)
    mirrored = pictures[:, 20, 20, 0] == 1
    number = np.round((pictures[:, 20, 100, 0] + 1) * 127.5 / 5)
    number[~mirrored] = numbers(pictures[~mirrored])
    plain = PATHS.labels(rows())[number.astype(int)]
    np.testing.assert_allclose(paths[~mirrored], plain[~mirrored], atol=1e-6)
    for name, other in (("straight", "straight"), ("left", "right"), ("right", "left")):
        here = [i for i, column in enumerate(COLUMNS) if column.startswith(name)]
        there = [i for i, column in enumerate(COLUMNS) if column.startswith(other)]
        np.testing.assert_allclose(paths[mirrored][:, here], -plain[mirrored][:, there], atol=1e-6)


def test_pictures_of_a_window_follow_each_other_and_change_alike() -> None:
    plain, labels = take(1, frames=5, augment=False)
    changed, _ = take(1, frames=5)
    assert plain.shape == (BATCH, 5, 40, 120, 3)
    assert labels.shape == (BATCH, 5, 3)
    order = numbers(plain)
    assert (np.diff(order, axis=1) == 1).all()
    np.testing.assert_allclose(labels[..., 0], order / 100, atol=1e-6)
    right = changed[:, :, :, 60:]  # the half without the number
    np.testing.assert_array_equal(right, np.repeat(right[:, :1], 5, axis=1))
    assert (np.abs(changed - plain).mean(axis=(1, 2, 3, 4)) > 0.005).all()


def test_a_batch_of_one_works() -> None:
    data = rows()
    stream = batches(data, windows(data.films, 1, 1), STEERING, batch=1, seed=1)
    picture, steering = next(stream)
    assert picture.shape == (1, 40, 120, 3)
    assert steering.shape == (1, 3)
