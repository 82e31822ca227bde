from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.errors import DatasetError
from pixelopolis.geometry import Pose, arc
from pixelopolis.vehicle.steering import steering_to_curvature
from sim.sheets.frames import (
    ANSWERED_RGB,
    ARC_M,
    PATH_RGB,
    RECORDED_RGB,
    AnsweredFrame,
    arc_points,
    write_frame_sheet,
)
from sim.sheets.lane_data import TILE_WIDTH_PX


@given(st.floats(-1, 1).filter(lambda steering: abs(steering) > 1e-3))
def test_an_arc_is_what_the_wheels_drive(steering: float) -> None:
    bend = steering_to_curvature(steering)
    end = arc(Pose(0.0, 0.0, 0.0), 1 / abs(bend), ARC_M * bend).pose_at(ARC_M)
    assert arc_points(steering)[-1] == pytest.approx([end.x_m, end.y_m], abs=1e-3)


def test_no_steering_is_straight_ahead() -> None:
    assert arc_points(0.0)[-1] == pytest.approx([ARC_M, 0.0])


@pytest.mark.parametrize("height_px", [320, 80])  # whole frames, quarters
def test_a_sheet_shows_what_was_recorded_and_answered(tmp_path: Path, height_px: int) -> None:
    image = tmp_path / "frame.png"
    cv2.imwrite(str(image), np.full((height_px, 240, 3), 90, np.uint8))
    frames = [
        AnsweredFrame(image, recorded=0.3, answered=-0.3, path_left_m=np.zeros(5)),
        AnsweredFrame(image, recorded=0.3, answered=-0.3),
    ]
    write_frame_sheet(tmp_path / "sheet.png", frames)
    sheet = cv2.cvtColor(cv2.imread(str(tmp_path / "sheet.png")), cv2.COLOR_BGR2RGB)
    assert sheet.shape[:2] == (TILE_WIDTH_PX * height_px // 240, 4 * TILE_WIDTH_PX)
    tile, without = sheet[:, :TILE_WIDTH_PX], sheet[:, TILE_WIDTH_PX : 2 * TILE_WIDTH_PX]
    road = slice(tile.shape[0] * 2 // 3, None)  # below the text
    column = {rgb: columns_of(tile[road], rgb).mean() for rgb in (RECORDED_RGB, ANSWERED_RGB)}
    # to the right is right of the middle
    assert column[ANSWERED_RGB] < TILE_WIDTH_PX / 2 < column[RECORDED_RGB]
    assert columns_of(tile[road], PATH_RGB).mean() == pytest.approx(TILE_WIDTH_PX / 2, abs=2)
    assert not len(columns_of(without, PATH_RGB))


def columns_of(picture: np.ndarray, rgb: tuple[int, int, int]) -> np.ndarray:
    return np.nonzero((picture == rgb).all(axis=2))[1]


def test_what_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nothing\.jpg"):
        write_frame_sheet(tmp_path / "s.png", [AnsweredFrame(tmp_path / "nothing.jpg", 0, 0)])
    image = tmp_path / "frame.png"
    cv2.imwrite(str(image), np.zeros((320, 240, 3), np.uint8))
    for name in ("nowhere/sheet.png", "sheet.nothing"):
        with pytest.raises(DatasetError, match="cannot be written"):
            write_frame_sheet(tmp_path / name, [AnsweredFrame(image, 0, 0)])
