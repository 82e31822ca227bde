"""Lane data as it lies on disk, rendered for real."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import cv2
import pytest

from pixelopolis.errors import DatasetError
from sim.datasets import plan_sessions, write_lane_dataset
from sim.lane_labels import COLUMNS


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_frame_is_planned_once_and_a_look_serves_one_session() -> None:
    sessions = plan_sessions(["pixelopolis", "grid:2x2:1"], poses=130, driven=31, seed=4)
    assert sum(s.frames for s in sessions if s.kind == "poses") == 130
    assert sum(s.frames for s in sessions if s.kind == "driven") == 31
    assert len({s.look for s in sessions}) == len({s.name for s in sessions}) == len(sessions)
    assert [s.city for s in sessions] == sorted((s.city for s in sessions), reverse=True)


def test_a_dataset_has_the_originals_layout_and_the_commands_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "lane"
    sessions = plan_sessions(["pixelopolis", "grid:2x1:3"], poses=12, driven=6, seed=4)
    done: list[int] = []
    write_lane_dataset(out, sessions, jobs=1, progress=done.append)
    assert sum(done) == 18
    for session in sessions:
        with (out / "labels" / f"{session.name}.csv").open() as file:
            rows = list(csv.reader(file))
        with (out / "labels" / f"{session.name}.commands.csv").open() as file:
            commands = list(csv.DictReader(file))
        assert len(rows) == session.frames
        assert tuple(commands[0]) == COLUMNS
        images = {name for row in rows for name in row[:3] if name}
        assert images == {row["image"] for row in commands}
        assert len(images) == session.frames * (3 if session.kind == "driven" else 1)
        for row in commands:
            image = cv2.imread(str(out / "images" / row["image"]))
            assert image is not None
            height, width = image.shape[:2]
            assert width == 3 * height
            assert image.std() > 3  # something is to be seen
            steering = [float(row[c]) for c in ("straight", "left", "right") if row[c]]
            assert steering
            assert all(-1 <= s <= 1 for s in steering)
            assert abs(float(row["lateral_m"])) < 0.2


def test_a_seed_makes_the_same_bytes_however_many_processes(tmp_path: Path) -> None:
    sessions = plan_sessions(["pixelopolis", "curvy"], poses=6, driven=4, seed=9)
    write_lane_dataset(tmp_path / "one", sessions, jobs=1)
    write_lane_dataset(tmp_path / "two", sessions, jobs=2)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    other = plan_sessions(["pixelopolis", "curvy"], poses=6, driven=4, seed=10)
    write_lane_dataset(tmp_path / "other", other, jobs=1)
    assert digest(tmp_path / "one") != digest(tmp_path / "other")


def test_a_folder_in_use_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(DatasetError, match="not empty"):
        write_lane_dataset(tmp_path, plan_sessions(["square"], 1, 0, 1), jobs=1)
    assert (tmp_path / "precious.txt").read_text() == "keep me"
