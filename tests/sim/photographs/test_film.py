from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from sim.photographs import film
from sim.photographs.fitting.camera_fit import Known
from sim.photographs.fitting.motion_misfit import motion_misfit
from sim.photographs.readers import read_recording
from tests.support.painted_roads import FISHEYE, on_road, write_tub


def test_a_camera_is_fitted_by_stripes_and_tracks_from_all_over_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poses = [on_road(0.02 * n, 0.03 * math.sin(n / 7), 0.1 * math.sin(n / 9)) for n in range(90)]
    standing = [poses[-1]] * 30
    write_tub(tmp_path / "tub", poses + standing)
    (tmp_path / "tub" / "images" / "40_cam_image_array_.jpg").write_bytes(b"no picture")
    evidence: list[Any] = []
    fit_camera = film.fit_camera
    known = Known(FISHEYE.kind, FISHEYE.focal_px, FISHEYE.pitch_rad, FISHEYE.height_m)
    monkeypatch.setattr(film, "fit_camera", lambda *a: evidence.append(a) or fit_camera(*a))
    film.develop(read_recording(tmp_path / "tub", "tub"), 20, known)
    [(stripes, tracks, size_px, _)] = evidence
    assert size_px == (160, 120)
    assert len(stripes) == 119
    assert 80 <= tracks.pairs <= 95  # none of those in which the car stands
    assert motion_misfit(tracks, FISHEYE) < 0.5
