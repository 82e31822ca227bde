"""Lane datasets on disk, rendered."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from car.perception.lane_network import SHIPPED_MODEL
from pixelopolis.city.sources import load_city
from pixelopolis.cli.data import app as data_app
from pixelopolis.errors import DatasetError, SettingsError
from pixelopolis.vehicle.speeds import CRUISE_MPS
from sim.lane_data.dataset import write_lane_dataset
from sim.lane_data.labels import COLUMNS
from sim.lane_data.plan import plan_drives, plan_sessions
from sim.lane_data.samples import driven_samples, pose_samples
from sim.physics.vehicle import BodyMotion


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_floors_show_no_town_and_poses_beside_the_lane(tmp_path: Path) -> None:
    town, floor = (plan_sessions(["square"], 48, 0, 4, floors=f) for f in (0.0, 1.0))
    for name, sessions in (("town", town), ("floor", floor)):
        write_lane_dataset(tmp_path / name, sessions, jobs=1)
    beside_m, tones = {}, {}
    for name in ("town", "floor"):
        [labels] = (tmp_path / name / "labels").glob("*.commands.csv")
        with labels.open(newline="") as file:
            rows = list(csv.DictReader(file))
        # the farthest but one: near a junction the label may be of another lane than the pose
        beside_m[name] = sorted(abs(float(row["lateral_m"])) for row in rows)[-2]
        pictures = [cv2.imread(str(tmp_path / name / "images" / row["image"])) for row in rows]
        colors = np.stack([cv2.resize(picture, (60, 20)) for picture in pictures]).reshape(-1, 3)
        tones[name] = len(np.unique(colors // 48, axis=0))
    assert beside_m["town"] <= 0.101 < beside_m["floor"] <= 0.151
    assert tones["floor"] < tones["town"]


SESSIONS = tuple(plan_sessions(["straight", "figure-eight"], poses=8, driven=4, seed=9))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a dataset of `SESSIONS`."""
    out = tmp_path_factory.mktemp("data") / "lane"
    done: list[int] = []
    write_lane_dataset(out, SESSIONS, jobs=1, progress=done.append)
    assert sum(done) == 12
    return out


def test_a_dataset_has_the_originals_layout_and_the_commands_beside_it(out: Path) -> None:
    for session in SESSIONS:
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
            assert image.std() > 3  # not blank
            steering = [float(row[c]) for c in ("straight", "left", "right") if row[c]]
            assert steering
            assert all(-1 <= s <= 1 for s in steering)
            assert abs(float(row["lateral_m"])) < 0.2


def test_a_seed_makes_the_same_bytes_however_many_processes(out: Path, tmp_path: Path) -> None:
    write_lane_dataset(tmp_path / "two", SESSIONS, jobs=2)
    assert digest(tmp_path / "two") == digest(out)


def test_another_seed_makes_other_pictures(tmp_path: Path) -> None:
    for seed in (9, 10):
        write_lane_dataset(tmp_path / str(seed), plan_sessions(["straight"], 1, 0, seed), jobs=1)
    one, other = (digest(tmp_path / str(seed) / "images") for seed in (9, 10))
    assert one.keys() == other.keys()
    assert one != other


def test_a_folder_in_use_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(DatasetError, match="not empty"):
        write_lane_dataset(tmp_path, plan_sessions(["square"], 1, 0, 1), jobs=1)
    assert (tmp_path / "precious.txt").read_text() == "keep me"


def test_whole_frames_show_in_their_bottom_quarter_what_quarters_show(tmp_path: Path) -> None:
    quarters = plan_sessions(["square"], 3, 0, 5)
    whole = plan_sessions(["square"], 3, 0, 5, whole=True)
    write_lane_dataset(tmp_path / "quarters", quarters, jobs=1)
    write_lane_dataset(tmp_path / "whole", whole, jobs=1)
    name = quarters[0].name
    labels = [
        (tmp_path / f / "labels" / f"{name}.commands.csv").read_text()
        for f in ("quarters", "whole")
    ]
    assert labels[0] == labels[1]
    for file in (tmp_path / "whole" / "images" / name).iterdir():
        image = cv2.imread(str(file))
        quarter = cv2.imread(str(tmp_path / "quarters" / "images" / name / file.name))
        assert image is not None
        assert quarter is not None
        assert image.shape[0] * 3 == image.shape[1] * 4
        difference = np.abs(image[-quarter.shape[0] :].astype(float) - quarter)
        assert difference.mean() < 12  # the noise differs


def test_the_plain_look_is_alike_and_rooms_are_not(tmp_path: Path) -> None:
    [session] = plan_sessions(["straight"], 2, 0, 5)
    sessions = [replace(session, look=look, name=f"look{look}") for look in range(4)]
    ranges = []
    for plain in (True, False):
        out = tmp_path / str(plain)
        write_lane_dataset(out, [replace(s, plain=plain) for s in sessions], jobs=1)
        levels = [
            max(float(np.median(_pixels(file))) for file in folder.iterdir())  # of the road
            for folder in sorted((out / "images").iterdir())
        ]
        ranges.append(max(levels) - min(levels))
    assert ranges[0] < 3
    assert ranges[1] > 10


def _pixels(file: Path) -> np.ndarray[Any, Any]:
    image = cv2.imread(str(file))
    assert image is not None
    return image


def test_panoramas_are_not_for_the_plain_look(tmp_path: Path) -> None:
    words = ["lane", "--out", str(tmp_path / "out"), "--plain", "--panoramas", str(tmp_path)]
    result = CliRunner().invoke(data_app, words)
    assert isinstance(result.exception, SettingsError)
    assert "--plain shows none" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_goes_on_and_comes_to_the_same(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "cut")
    (tmp_path / "cut" / "dataset.json").unlink()
    lost = SESSIONS[1].name
    (tmp_path / "cut" / "labels" / f"{lost}.commands.csv").unlink()
    (tmp_path / "cut" / "images" / lost / "999999_center.jpg").write_text("half a pic")
    done: list[int] = []
    document = write_lane_dataset(tmp_path / "cut", SESSIONS, jobs=1, progress=done.append)
    assert document == json.loads((out / "dataset.json").read_text())
    assert done == [12 - SESSIONS[1].frames, SESSIONS[1].frames]
    assert digest(tmp_path / "cut") == digest(out)
    with pytest.raises(DatasetError, match="another plan"):
        write_lane_dataset(tmp_path / "cut", plan_sessions(["square"], 6, 3, 5), jobs=1)
    assert digest(tmp_path / "cut") == digest(out)


def test_the_document_tells_what_the_roads_are(tmp_path: Path) -> None:
    document = write_lane_dataset(tmp_path, plan_sessions(["straight"], 5, 0, 5), jobs=1)
    assert document["frames"] == document["images"] == 5
    assert document["roads"]["straight"] == {"natural": 1.0, "target": 0.2, "written": 1.0}
    assert document["paths"] == {"straight": 1.0, "left": 0.0, "right": 0.0}


def test_a_model_drives_and_the_expert_labels_in_order(tmp_path: Path) -> None:
    sessions = plan_drives(["figure-eight"], SHIPPED_MODEL, 8, 5)
    write_lane_dataset(tmp_path / "one", sessions, jobs=1)
    write_lane_dataset(tmp_path / "two", sessions, jobs=1)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    file = tmp_path / "one" / "labels" / f"{sessions[0].name}.commands.csv"
    with file.open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 8
    assert {row["kind"] for row in rows} == {"drive"}
    stretches = [int(row["stretch"]) for row in rows]
    assert stretches == sorted(stretches)
    for row in rows:
        image = cv2.imread(str(tmp_path / "one" / "images" / row["image"]))
        assert image is not None
        assert image.shape[1] == 3 * image.shape[0]


def test_only_driven_frames_know_how_the_car_moves() -> None:
    town = load_city("pixelopolis")
    poses, driven = plan_sessions(["pixelopolis"], 8, 8, 3)
    rng = np.random.default_rng(1)
    assert all(sample.motion is None for sample in pose_samples(town, rng, poses))
    moving = [sample.motion for sample in driven_samples(town, rng, driven)]
    assert moving[0] == BodyMotion()
    assert moving[-1] is not None
    assert moving[-1].speed_mps > 0.8 * CRUISE_MPS
