"""Drawn panoramas: what lies where in a room or a sky, and no seam where the circle closes."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from sim.looks.look import SkyKind
from sim.render.sky.outdoors import day, evening
from sim.render.sky.painting import mix, rgb, within
from sim.render.sky.sky import HEIGHT_PX, WIDTH_PX, panorama, with_lamps

KINDS: tuple[SkyKind, ...] = get_args(SkyKind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_panorama_closes_its_circle(kind: SkyKind) -> None:
    image = panorama(kind).astype(float)
    assert image.shape == (HEIGHT_PX, WIDTH_PX, 3)
    seam = np.abs(image[:, 0] - image[:, -1]).mean()
    steps = np.abs(np.diff(image, axis=1)).mean(axis=(0, 2))
    assert seam <= steps.max()
    assert image.std() > 10, "something can be seen"


def test_no_two_kinds_look_alike() -> None:
    means = {kind: panorama(kind).reshape(-1, 3).mean(axis=0) for kind in KINDS}
    for kind, mean in means.items():
        others = [np.abs(mean - other).max() for name, other in means.items() if name != kind]
        assert min(others) > 2, kind


def test_the_day_is_blue_above_and_the_evening_red_below() -> None:
    azimuth = np.linspace(0, 2 * np.pi, 200, dtype=np.float32)[None, :]

    def rows(elevation_rad: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.full((1, 1), elevation_rad, np.float32)

    above = day(azimuth, rows(1.3)).reshape(-1, 3).mean(axis=0)
    assert above[2] > above[0] + 0.1
    low = evening(azimuth, rows(0.12)).reshape(-1, 3).mean(axis=0)
    high = evening(azimuth, rows(1.3)).reshape(-1, 3).mean(axis=0)
    assert low[0] - low[2] > high[0] - high[2] + 0.1


def test_lamps_and_windows_are_what_is_nearly_white() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 0], image[0, 1], image[1, 2] = 255, 100, (255, 0, 0)
    assert with_lamps(image)[..., 3].tolist() == [[255, 0, 0], [0, 0, 0]]


def test_colors_blend_by_their_cover() -> None:
    black = np.zeros((3, 3), np.float32)
    half = mix(black.copy(), (1.0, 0.5, 0.0), np.array([0.0, 0.5, 1.0], np.float32))
    assert half == pytest.approx(np.outer([0.0, 0.5, 1.0], rgb(1.0, 0.5, 0.0)))
    hard = mix(black.copy(), (1.0, 1.0, 1.0), np.array([True, False, True]))
    assert hard.sum(axis=1).tolist() == [3, 0, 3]
    inside = within(np.array([-0.9, 0.2, 1.1, 1.6], np.float32), 1.0, 0.1, 0.5)
    assert inside.tolist() == [True, True, True, False]
