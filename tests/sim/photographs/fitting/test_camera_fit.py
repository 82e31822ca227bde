from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pixelopolis.geometry import FloatArray
from sim.photographs.fitting.camera_fit import CameraFit, Known, fit_camera
from sim.photographs.fitting.ground_tracks import NO_TRACKS, GroundTracks
from sim.photographs.fitting.stripes import chains
from sim.photographs.lens import LensKind, PhotoCamera
from tests.support.painted_roads import FISHEYE, on_road, photograph, tracks_on_road

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


@pytest.fixture(scope="module")
def tracks() -> GroundTracks:
    return tracks_on_road(FISHEYE)


def is_the_fisheye(fit: CameraFit) -> None:
    assert fit.camera.kind is LensKind.EQUIDISTANT
    assert fit.camera.focal_px == pytest.approx(FISHEYE.focal_px, rel=0.1)
    assert math.degrees(fit.camera.pitch_rad) == pytest.approx(20, abs=1.5)
    assert fit.camera.height_m == pytest.approx(FISHEYE.height_m, rel=0.06)
    assert fit.is_sure


def test_a_fisheye_is_found_by_stripes_and_motion(
    fisheye: list[list[FloatArray]], tracks: GroundTracks
) -> None:
    is_the_fisheye(fit_camera(fisheye, tracks, SIZE, Known()))


def test_a_fisheye_is_found_by_its_stripes_alone(fisheye: list[list[FloatArray]]) -> None:
    is_the_fisheye(fit_camera(fisheye, NO_TRACKS, SIZE, Known()))


def test_a_pinhole_is_told_from_a_fisheye_by_motion() -> None:
    """Straight lines stay straight in it, so that stripes hardly show its focal length."""
    camera = fit_camera(stripes(PINHOLE), tracks_on_road(PINHOLE), SIZE, Known()).camera
    assert camera.kind is LensKind.PINHOLE
    assert camera.focal_px == pytest.approx(PINHOLE.focal_px, rel=0.1)
    assert camera.pitch_rad == pytest.approx(PINHOLE.pitch_rad, abs=math.radians(1.5))
    assert camera.height_m == pytest.approx(PINHOLE.height_m, rel=0.12)


def test_motion_decides_where_stripes_say_little() -> None:
    """A car that drives straight sees its two lines at the same places in all pictures."""
    unusual = replace(FISHEYE, focal_px=125.0, pitch_rad=math.radians(12))
    rng = np.random.default_rng(5)
    poses = [on_road(1.5 * number, *rng.uniform(-0.015, 0.015, 2).tolist()) for number in range(40)]
    straight = [chains(photograph(unusual, pose), 40) for pose in poses]
    camera = fit_camera(straight, tracks_on_road(unusual), SIZE, Known()).camera
    assert camera.focal_px == pytest.approx(unusual.focal_px, rel=0.1)
    assert math.degrees(camera.pitch_rad) == pytest.approx(12, abs=2)


def test_what_is_known_is_kept(fisheye: list[list[FloatArray]], tracks: GroundTracks) -> None:
    known = Known(LensKind.EQUIDISTANT, 95.0, math.radians(20), 0.2)
    camera = fit_camera(fisheye, tracks, SIZE, known).camera
    assert (camera.kind, camera.height_m) == (LensKind.EQUIDISTANT, 0.2)
    assert camera.focal_px == pytest.approx(95.0)
    assert camera.pitch_rad == pytest.approx(math.radians(20))


def test_pictures_without_lines_give_a_usual_camera_that_nobody_is_sure_of() -> None:
    fit = fit_camera([[] for _ in range(30)], NO_TRACKS, SIZE, Known())
    assert not fit.is_sure
    assert fit.document()["spread_pitch_deg"] is None
