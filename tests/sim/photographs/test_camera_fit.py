from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pixelopolis.geometry import FloatArray
from sim.photographs.camera_fit import Known, fit_camera
from sim.photographs.lens import LensKind, PhotoCamera
from sim.photographs.stripes import chains
from tests.support.painted_roads import FISHEYE, on_road, photograph

SIZE = (160, 120)
PINHOLE = replace(
    FISHEYE, kind=LensKind.PINHOLE, focal_px=110.0, pitch_rad=math.radians(15), height_m=0.11
)


def stripes(camera: PhotoCamera) -> list[list[FloatArray]]:
    rng = np.random.default_rng(3)
    poses = [
        on_road(0.21 * n, float(rng.uniform(-0.04, 0.04)), float(rng.uniform(-0.25, 0.25)))
        for n in range(40)
    ]
    return [chains(photograph(camera, pose), 40) for pose in poses]


@pytest.fixture(scope="module")
def fisheye() -> list[list[FloatArray]]:
    return stripes(FISHEYE)


def test_a_fisheye_is_found_by_its_pictures_alone(fisheye: list[list[FloatArray]]) -> None:
    fit = fit_camera(fisheye, SIZE, Known())
    assert fit.camera.kind is LensKind.EQUIDISTANT
    assert fit.camera.focal_px == pytest.approx(FISHEYE.focal_px, rel=0.1)
    assert math.degrees(fit.camera.pitch_rad) == pytest.approx(20, abs=1.5)
    assert fit.camera.height_m == pytest.approx(FISHEYE.height_m, rel=0.06)
    assert fit.is_sure


def test_a_pinhole_is_told_from_a_fisheye_and_its_horizon_and_height_are_found() -> None:
    """A pinhole's focal length shows only in bends and turns, so that it is less certain."""
    camera = fit_camera(stripes(PINHOLE), SIZE, Known()).camera
    assert camera.kind is LensKind.PINHOLE
    horizon_px = camera.focal_px * math.tan(camera.pitch_rad)
    assert horizon_px == pytest.approx(PINHOLE.focal_px * math.tan(PINHOLE.pitch_rad), abs=4)
    assert camera.height_m == pytest.approx(PINHOLE.height_m, rel=0.12)


def test_what_is_known_is_kept(fisheye: list[list[FloatArray]]) -> None:
    known = Known(LensKind.EQUIDISTANT, 95.0, math.radians(20), 0.2)
    camera = fit_camera(fisheye, SIZE, known).camera
    assert (camera.kind, camera.height_m) == (LensKind.EQUIDISTANT, 0.2)
    assert camera.focal_px == pytest.approx(95.0)
    assert camera.pitch_rad == pytest.approx(math.radians(20))


def test_pictures_without_lines_give_a_usual_camera_that_nobody_is_sure_of() -> None:
    fit = fit_camera([[] for _ in range(30)], SIZE, Known())
    assert not fit.is_sure
    assert fit.document()["spread_pitch_deg"] is None
