from __future__ import annotations

from pathlib import Path

from pixelopolis.model_io.pictures import read_picture
from sim.evaluation.rivals import Blind
from sim.photographs.film import develop
from sim.photographs.line_follower import LineFollower
from sim.photographs.readers import read_recording
from sim.sheets.photographs import write_photograph_sheet
from tests.support.painted_roads import KNOWN, on_road, write_tub


def test_a_sheet_shows_photographs_and_our_view_with_all_paths(tmp_path: Path) -> None:
    write_tub(tmp_path / "tub", [on_road(0.04 * number) for number in range(14)])
    film = develop(read_recording(tmp_path / "tub", "tub"), 100, KNOWN)
    sheet = tmp_path / "sheet.png"
    models = {"ours": LineFollower(), "blind": Blind()}
    write_photograph_sheet(sheet, [(film, 0, 1), (film, 0, 3)], models)
    page = read_picture(sheet)
    assert page.shape == (270 + 120, 4 * 360, 3)
    assert (page == (20, 190, 60)).all(axis=2).any()
