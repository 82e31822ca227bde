"""Sheets hold every tile at its place, and a file that cannot be written is said to be none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pixelopolis.model_io.picture_output import encode_jpeg, tiled, write_picture
from pixelopolis.model_io.pictures import read_picture

RED = np.full((20, 30, 3), (200, 10, 10), np.uint8)


def test_tiles_lie_in_rows_and_the_rest_is_background() -> None:
    tiles = [np.full((10 + number, 8, 3), number, np.uint8) for number in range(5)]
    sheet = tiled(tiles, 3, background=99)
    assert sheet.shape == (28, 24, 3)
    assert (sheet[:10, :8] == 0).all()
    assert (sheet[10:14, :8] == 99).all(), "below a low tile"
    assert (sheet[14:28, 8:16] == 4).all()
    assert (sheet[14:, 16:] == 99).all(), "where no tile is"
    assert tiled(tiles[:1], 3).shape == (10, 24, 3)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_written_picture_is_read_again(tmp_path: Path, name: str) -> None:
    assert write_picture(tmp_path / name, RED)
    assert np.abs(read_picture(tmp_path / name).astype(int) - RED).max() < 4


@pytest.mark.parametrize("name", ["no such folder/a.png", "a.nothing", "a"])
def test_what_cannot_be_written_is_not(tmp_path: Path, name: str) -> None:
    assert not write_picture(tmp_path / name, RED)


def test_a_lower_quality_is_smaller() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    small, large = (encode_jpeg(noise, quality) for quality in (20, 90))
    assert len(small) < len(large)
    assert cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR).shape == (64, 64, 3)
