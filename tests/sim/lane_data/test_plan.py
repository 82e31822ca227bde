"""Sessions of lane datasets: every frame once, looks apart, floors as asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pixelopolis.errors import DatasetError
from sim.lane_data.plan import plan_drives, plan_sessions


def test_every_frame_is_planned_once_and_a_look_serves_one_session() -> None:
    sessions = plan_sessions(["pixelopolis", "grid:2x2:1"], poses=130, driven=31, seed=4)
    assert sum(s.frames for s in sessions if s.kind == "poses") == 130
    assert sum(s.frames for s in sessions if s.kind == "driven") == 31
    assert len({s.look for s in sessions}) == len({s.name for s in sessions}) == len(sessions)
    assert [s.city for s in sessions] == sorted((s.city for s in sessions), reverse=True)


def test_a_share_of_looks_lies_on_floors_and_changes_nothing_about_the_others() -> None:
    plain, floors = (plan_sessions(["square"], 48 * 200, 0, 4, floors=f) for f in (0.0, 0.4))
    assert not any(s.floor for s in plain)
    assert 55 <= sum(s.floor for s in floors) <= 105
    assert [replace(s, floor=False) for s in floors] == plain


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.tflite"):
        plan_drives(["square"], tmp_path / "none.tflite", 8, 5)
