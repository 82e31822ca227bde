from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pixelopolis.city.sources import load_city
from pixelopolis.errors import PixelopolisError
from sim.looks.look import Mount, plain_look
from sim.looks.room_looks import room_look
from sim.looks.sensor import Sensor
from sim.sheets.looks import extremes, write_look_sheet

CITY = load_city("straight")


def test_a_sheet_shows_every_look_and_is_the_same_again(tmp_path: Path) -> None:
    done: list[int] = []
    write_look_sheet(tmp_path / "a.png", CITY, 3, 5, progress=done.append)
    write_look_sheet(tmp_path / "new" / "b.png", CITY, 3, 5)
    one, other = (cv2.imread(str(tmp_path / name)) for name in ("a.png", "new/b.png"))
    assert one is not None
    assert other is not None
    assert one.shape == (320 + 80 + 16 + 6, 3 * 246, 3)
    assert np.array_equal(one, other)
    assert done == [1, 2, 3]


def test_a_sheet_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(PixelopolisError, match=r"sheet\.nothing"):
        write_look_sheet(tmp_path / "sheet.nothing", CITY, 1, 5)


def test_labels_name_what_is_most_extreme() -> None:
    steep = replace(plain_look(), mount=Mount(pitch_rad=0.05), sensor=Sensor(k1=-0.03))
    assert extremes(steep)[:2] == ["pitch +2.9", "barrel -0.03"]
    assert all(len(extremes(room_look(1, i))) > 5 for i in range(5))
