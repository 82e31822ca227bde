from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pixelopolis.errors import DatasetError
from pixelopolis.geometry import Pose
from pixelopolis.vehicle.camera import Camera
from sim.lane_data.dataset import write_lane_dataset
from sim.lane_data.plan import plan_sessions
from sim.render.view import car_view
from sim.sheets.lane_data import TILE_WIDTH_PX, pixels_of, seen_px, write_sheet


def test_a_path_straight_ahead_stands_upright_in_the_picture() -> None:
    camera = Camera(width_px=240, height_px=320)
    line = pixels_of(car_view(camera, Pose(0.0, 0.0, 0.0)), np.zeros(5))
    assert line[:, 0] == pytest.approx(np.full(len(line), 120.0))
    # a point on the road x ahead of the camera is f h / x below the horizon
    below = camera.focal_px * camera.height_m / (0.4 - camera.forward_m)
    assert line[-1, 1] == pytest.approx(160 + below)
    left = pixels_of(car_view(camera, Pose(0.0, 0.0, 0.0)), np.full(5, 0.05))
    assert (left[:, 0] < 120).all()


def test_a_sheet_shows_pictures_with_their_paths(tmp_path: Path) -> None:
    write_lane_dataset(tmp_path / "lane", plan_sessions(["square"], 5, 0, 5), jobs=1)
    write_sheet(tmp_path / "lane", tmp_path / "sheet.png", 5, 1)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.shape == (2 * TILE_WIDTH_PX // 3, 4 * TILE_WIDTH_PX, 3)
    assert sheet[:, :TILE_WIDTH_PX].std() > 3
    with pytest.raises(DatasetError, match="no finished lane dataset"):
        write_sheet(tmp_path, tmp_path / "sheet.png", 5, 1)


def test_paths_are_drawn_where_the_lens_shows_them() -> None:
    camera = Camera()
    view = car_view(camera, Pose(0.0, 0.0, 0.0), part=0.25)
    pixels = np.array([[30.0, 10.0], [120.0, 40.0], [230.0, 70.0]])
    assert seen_px(pixels, view, camera.across_rad, 0.0) == pytest.approx(pixels, abs=1e-3)
    bent = seen_px(pixels, view, camera.across_rad, -0.1)
    assert bent[1, 0] == pytest.approx(120.0, abs=1e-3)
    assert np.abs(bent - pixels).max() > 3
