"""Detector datasets on disk, rendered."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from pixelopolis.city.signs import BOARD_CLASSES, SIGN_CLASSES
from pixelopolis.city.sources import load_city
from pixelopolis.cli.main import app
from pixelopolis.errors import DatasetError
from pixelopolis.geometry import wrap_rad
from pixelopolis.model_io.voc.dataset import SPLITS, Split, VocDataset
from pixelopolis.vehicle.camera import Camera
from sim.sign_data.dataset import PER_LOOK, Chunk, plan_chunks, write_sign_dataset
from sim.sign_data.furniture import FURNITURE, Furniture, Group
from sim.sign_data.streets import BEND_RAD, BETWEEN_AXLES_M, draw_shot, even_classes, place_signs
from tests.sim.lane_data.test_dataset import digest


@pytest.mark.parametrize("images", [1, 7, 120, 1000, 1999])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 1.0])
def test_every_picture_is_planned_once_and_kinds_take_turns(images: int, part: float) -> None:
    chunks = plan_chunks("train", images, 1, part)
    assert [k for c in chunks for k in range(c.first, c.first + c.count)] == [*range(images)]
    kinds = Counter[str]()
    for chunk in chunks:
        kinds[chunk.kind] += chunk.count
        assert chunk.first % PER_LOOK == 0 or images < 1000 or chunk is chunks[-1]
        done = chunk.first + chunk.count
        assert abs(kinds["scene"] - part * done) <= 121
    assert kinds["scene"] == round(images * part)


def test_rooms_take_turns_too_and_change_no_other_plan() -> None:
    chunks = plan_chunks("train", 3000, 1, 0.4, 0.2)
    assert [k for c in chunks for k in range(c.first, c.first + c.count)] == [*range(3000)]
    pictures = Counter[str]()
    for chunk in chunks:
        pictures[chunk.kind] += chunk.count
    assert pictures == {"scene": 1200, "room": 600, "driven": 1200}
    first = {chunk.kind: chunk.number for chunk in reversed(chunks)}
    assert max(first.values()) <= 3
    kinds = [c.kind for c in plan_chunks("train", 600, 1, 0.6)]
    assert kinds == ["scene", "driven", "scene", "driven", "scene"]


def test_a_room_holds_furniture_and_nothing_to_label(tmp_path: Path) -> None:
    chunks = plan_chunks("train", 20, 4, 0.0, 1.0)
    document = write_sign_dataset(tmp_path / "one", chunks, 1, {})
    assert document["pictures"] == {"driven": 0, "scene": 0, "room": 20}
    assert (document["objects"], document["empty_images"]) == (0, 20)
    write_sign_dataset(tmp_path / "two", chunks, 2, {})
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


@pytest.mark.parametrize("piece", FURNITURE)
def test_furniture_stands_on_the_floor_and_differs(piece: Furniture) -> None:
    meshes = []
    for seed in range(2):
        group = Group(1.0, 2.0, 0.3, 0.5)
        piece(group, np.random.default_rng(seed))
        at = np.concatenate([mesh["at"] for mesh in group.meshes])
        assert at[:, 2].min() == pytest.approx(0.0, abs=0.06)
        assert 0.03 < at[:, 2].max() < 0.6
        assert np.abs(at[:, :2] - (1.0, 2.0)).max() < 0.7
        assert not any(mesh["id"].any() for mesh in group.meshes), "nothing to label"
        meshes.append(np.concatenate([mesh["colour"].ravel() for mesh in group.meshes]))
    assert not np.array_equal(*meshes)


def test_no_two_splits_share_a_town_or_a_look() -> None:
    towns: dict[Split, set[str]] = {}
    looks: dict[Split, set[int]] = {}
    for split in SPLITS:
        chunks = [chunk for seed in range(20) for chunk in plan_chunks(split, 4000, seed, 0.5)]
        towns[split] = {chunk.town for chunk in chunks}
        looks[split] = {chunk.look_seed for chunk in chunks}
        assert len(towns[split]) > 20
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not towns[one] & towns[other]
        assert not looks[one] & looks[other]
    assert all(town.startswith("grid:") for town in towns["val"] | towns["test"])


def test_classes_are_drawn_evenly() -> None:
    classes = even_classes(np.random.default_rng(3))
    drawn = Counter(next(classes) for _ in range(5 * len(BOARD_CLASSES)))
    assert set(drawn) == set(SIGN_CLASSES) - {"Car"}
    assert set(drawn.values()) == {5}


def test_signs_stand_apart_and_off_the_road() -> None:
    city = load_city("grid:1x2:1001")
    signs = place_signs(city, np.random.default_rng(1), 7)
    at = np.array([body.at_m for body in signs.bodies.values()])
    assert len(at) == len(signs.places) == len(signs.shadows) > 10
    assert min(signs.bodies) == 7
    apart = np.linalg.norm(at[:, None] - at[None], axis=2) + np.eye(len(at))
    assert apart.min() > 0.1
    for lane in [*city.edges.values(), *city.movements.values()]:
        for x, y, _ in at.tolist():
            assert abs(lane.curve.project(x, y).left_m) > city.road.lane_width_m / 2


def test_some_pictures_are_from_close_behind_a_car_in_a_bend() -> None:
    city = load_city("grid:2x2:1001")
    rng = np.random.default_rng(3)
    signs = place_signs(city, rng, 7)
    close = 0
    for _ in range(300):
        shot = draw_shot(city, signs, Camera(), rng)
        poses = [car.pose for car in shot.cars]
        for number, one in enumerate(poses):
            assert all(one.distance_m(other) > BETWEEN_AXLES_M for other in poses[number + 1 :])
        x_m, y_m, _ = shot.view.eye_m
        forward = shot.view.axes[2]
        heading_rad = math.atan2(forward[1], forward[0])
        for pose in poses:
            turned = abs(wrap_rad(pose.heading_rad - heading_rad))
            near = math.hypot(pose.x_m - x_m, pose.y_m - y_m) < 0.6
            close += near and BEND_RAD < turned < math.radians(100)
    assert close > 0.2 * 300


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("signs") / "one"
    write_sign_dataset(out, _plan(), 1, {"seed": 6})
    return out


def _plan() -> list[Chunk]:
    return plan_chunks("val", 12, 6, 0.5)


def test_the_layout_is_pascal_voc(written: Path) -> None:
    dataset = VocDataset(written)
    names = dataset.names("val")
    assert len(set(names)) == 12
    assert dataset.names("trainval") == names
    assert dataset.names("train") == dataset.names("test") == ()
    said = json.loads((written / "dataset.json").read_text())
    objects = Counter[str]()
    for name in names:
        annotation = dataset.annotation(name)
        image = cv2.imread(str(dataset.image_path(name, annotation.file_name)))
        assert image is not None
        assert image.shape == (160, 240, 3)
        assert (annotation.width_px, annotation.height_px) == (240, 160)
        assert set(annotation.source) in ({"look", "city"}, {"look", "city", "scene"})
        for item in annotation.objects:
            objects[item.class_name] += 1
            assert item.class_name in SIGN_CLASSES
            assert 0 <= item.box_px.xmin < item.box_px.xmax <= 240
            assert 0 <= item.box_px.ymin < item.box_px.ymax <= 160
            assert item.visible is not None
            assert 0 <= item.visible <= 1
            assert item.difficult or item.visible >= 0.5
            assert item.view_angle_deg is not None
            assert 0 <= item.view_angle_deg < 85
            easy = item.visible >= 0.5 and item.view_angle_deg < 60 and item.box_px.height_px >= 8
            assert item.difficult is not easy
    assert dict(objects) == {k: n for k, n in said["objects_by_class"].items() if n}
    assert said["objects"] == sum(objects.values()) > 50
    assert said["pictures"] == {"scene": 6, "driven": 6, "room": 0}
    assert said["seed"] == 6


def test_a_seed_makes_the_same_bytes_however_many_processes(written: Path, tmp_path: Path) -> None:
    write_sign_dataset(tmp_path / "two", _plan(), 2, {"seed": 6})
    assert digest(tmp_path / "two") == digest(written)


def test_a_folder_in_use_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(DatasetError, match="not empty"):
        write_sign_dataset(tmp_path, _plan(), 1, {})
    assert (tmp_path / "precious.txt").read_text() == "keep me"


def test_the_commands_write_and_check(tmp_path: Path) -> None:
    out = str(tmp_path / "signs")
    arguments = ["data", "signs", "--out", out, "--images", "3", "--split", "test", "--jobs", "1"]
    result = CliRunner().invoke(app, [*arguments, "--scenes", "1", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["pictures"] == {"driven": 0, "scene": 3, "room": 0}
    sheets = tmp_path / "sheets"
    result = CliRunner().invoke(app, ["data", "check", out, "--pictures", str(sheets), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["images"] == 3
    assert not [f for f in found["findings"] if f["kind"] != "duplicate"]
    assert len(list(sheets.glob("*.png"))) == 1
