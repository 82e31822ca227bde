"""The dataset reader: labels, images, cache, split. No TensorFlow."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pixelopolis.cli.main import app
from pixelopolis.errors import DatasetError, SettingsError
from pixelopolis.model_io import crops, inputs
from pixelopolis.model_io.lane_path import COLUMNS as PATH_COLUMNS
from tests.support.paths import SHARED
from tests.support.training_roads import COLUMNS, write_roads
from training.lane import pictures as lane_pictures
from training.lane.data import LaneData, has_colored_lines, is_blank, load, split, windows
from training.lane.label_files import read_rows
from training.lane.pictures import CACHE_NAMES

ORIGINAL = SHARED / "original" / "lane_dataset"


def picture(path: Path, width: int = 60, height: int = 80, value: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((height, width, 3), value, dtype=np.uint8)
    image[height * 7 // 8 :, : width // 2] = (30, 200, 60)
    assert cv2.imwrite(str(path), image)


def dataset(folder: Path, rows: str, name: str = "a.commands.csv") -> Path:
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    (folder / "labels" / name).write_text(rows, "utf-8")
    for image in ("c.png", "l.png", "r.png"):
        picture(folder / "images" / "s" / image)
    return folder


def test_commands_file_labels_every_picture_and_leaves_missing_commands_empty(
    tmp_path: Path,
) -> None:
    rows = f"{COLUMNS}\ns/c.png,0.1,,-0.5,poses,7,1 > 2,0.5,0,0\ns/l.png,1,-1,0,driven,,,,,\n"
    dataset(tmp_path, rows)
    dataset(tmp_path, "s/c.png,,,0.9\n", "a.csv")  # the original's columns of the same session
    data = load([tmp_path], cache=False)
    np.testing.assert_allclose(data.steering, [[0.1, np.nan, -0.5], [1, -1, 0]], rtol=1e-6)
    assert list(data.groups) == ["look 7", "session a"]
    assert list(data.kinds) == ["poses", "driven"]
    assert np.isnan(data.paths_left_m).all()  # an older dataset, without them
    assert list(data.films) == ["", "0 a s/l.png "]


def test_paths_are_read_in_the_order_of_their_columns(tmp_path: Path) -> None:
    header = ",".join(("image,straight,left,right,kind", *PATH_COLUMNS[::-1]))
    values = [f"{i / 100}" for i in range(15)][::-1]
    empty = ["", *values[1:]]  # right_40cm
    rows = [header, ",".join(["s/c.png,0,0,0,poses", *values])]
    rows.append(",".join(["s/l.png,0,0,,poses", *empty]))
    data = load([dataset(tmp_path, "\n".join(rows))], cache=False)
    np.testing.assert_allclose(data.paths_left_m[0], np.arange(15) / 100, atol=1e-6)
    assert np.isnan(data.paths_left_m[1]).tolist() == [False] * 14 + [True]


def test_whole_frames_are_squeezed_and_quarters_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (320, 240, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "whole.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    seen = lane_pictures.lane_picture(tmp_path / "whole.png", whole=True)
    np.testing.assert_array_equal(seen, inputs.lane_full_input(frame))
    cv2.imwrite(str(tmp_path / "quarter.png"), frame[240:])
    with pytest.raises(DatasetError, match="no whole portrait frame"):
        lane_pictures.lane_picture(tmp_path / "quarter.png", whole=True)
    folder = write_roads(tmp_path / "d", looks=1, frames=2, seed=1, whole=True)
    assert load([folder], whole=True).images_yuv.shape == (2, 80, 120, 3)
    assert load([folder]).images_yuv.shape == (2, 40, 120, 3)  # the caches are separate
    assert not is_blank(load([folder], whole=True).images_yuv).any()


@given(
    st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=60),
    st.integers(2, 8),
    st.data(),
)
def test_windows_stay_in_one_film_and_in_order(
    names: list[str], frames: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(1, frames))
    films = np.array(names, dtype=np.str_)
    found = windows(films, frames, stride)
    assert found.shape[1] == frames
    places = {name: list(np.flatnonzero(films == name)) for name in ("a", "b", "c")}
    for window in found:
        (name,) = set(films[window])
        first = places[name].index(window[0])
        assert places[name][first : first + frames] == list(window)
        assert first % stride == 0
    expected = sum(len(range(0, len(p) - frames + 1, stride)) for p in places.values())
    assert len(found) == expected
    single = windows(films, 1, 1)
    assert single[:, 0].tolist() == list(range(len(films)))


def test_original_layout_corrects_side_cameras_and_serves_every_command(tmp_path: Path) -> None:
    dataset(tmp_path, "s/c.png,s/l.png,s/r.png,-0.7\ns/c.png,,,0.2", "ring.csv")
    data = load([tmp_path], cache=False)
    np.testing.assert_allclose(data.steering[:, 0], [-0.7, -0.3, -1.0, 0.2], rtol=1e-6)
    assert (data.steering == data.steering[:, :1]).all()
    assert set(data.groups) == {"session s"}


@pytest.mark.skipif(not ORIGINAL.is_dir(), reason="the original's sample dataset is not there")
def test_original_sample_loads() -> None:
    data = load([ORIGINAL], cache=False)
    assert data.images_yuv.shape == (30, 40, 120, 3)
    center, left, right = data.steering[0::3, 0], data.steering[1::3, 0], data.steering[2::3, 0]
    np.testing.assert_allclose(left - center, 0.4, atol=1e-6)
    np.testing.assert_allclose(right - center, -0.4, atol=1e-6)
    assert has_colored_lines(data.images_yuv).all()


def test_whole_frame_and_its_bottom_quarter_give_what_the_car_sees(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (320, 240, 3), dtype=np.uint8)
    expected = inputs.lane_input(crops.lane_crop(frame))
    for name, image in (("whole.png", frame), ("quarter.png", crops.lane_crop(frame))):
        cv2.imwrite(str(tmp_path / name), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        np.testing.assert_array_equal(lane_pictures.lane_picture(tmp_path / name), expected)


@pytest.mark.parametrize(
    ("rows", "name", "message"),
    [
        (f"{COLUMNS}\ns/c.png,0,0,1.5,poses,1\n", "a.commands.csv", "a.commands.csv:2: right"),
        (f"{COLUMNS}\ns/c.png,0,x,0,poses,1\n", "a.commands.csv", "a.commands.csv:2: left"),
        (f"{COLUMNS}\ns/c.png,nan,0,0,poses,1\n", "a.commands.csv", "a.commands.csv:2: straight"),
        (f"{COLUMNS}\ns/c.png,,,,poses,1\n", "a.commands.csv", "no command has a steering"),
        ("image,straight\ns/c.png,0\n", "a.commands.csv", "left, right missing"),
        ("s/c.png,s/l.png,-0.1\n", "a.csv", "a.csv:1: 3 columns"),
        ("s/c.png,,,\n", "a.csv", "a.csv:1: steering is empty"),
        (
            f"{COLUMNS},left_20cm\ns/c.png,0,0,0,poses,1,,,,,2.5\n",
            "a.commands.csv",
            "a.commands.csv:2: left_20cm",
        ),
        (f"{COLUMNS}\n", "a.commands.csv", "hold no rows"),
        (f"{COLUMNS}\ns/none.png,0,0,0,poses,1\n", "a.commands.csv", "none.png"),
    ],
)
def test_unusable_labels_are_named_with_their_place(
    tmp_path: Path, rows: str, name: str, message: str
) -> None:
    with pytest.raises(DatasetError) as caught:
        load([dataset(tmp_path, rows, name)], cache=False)
    assert message in str(caught.value)
    assert caught.value.next_step


def test_unusable_folders_and_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No dataset folder"):
        load([])
    with pytest.raises(DatasetError, match=r"labels holds no \.csv"):
        load([tmp_path])
    dataset(tmp_path, f"{COLUMNS}\ns/c.png,0,0,0,poses,1\n")
    picture(tmp_path / "images" / "s" / "c.png", width=100, height=50)
    with pytest.raises(DatasetError, match="100 x 50 px"):
        load([tmp_path], cache=False)
    (tmp_path / "images" / "s" / "c.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"c\.png' is not a picture"):
        load([tmp_path], cache=False)


def test_cache_saves_decoding_until_a_picture_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset(tmp_path, f"{COLUMNS}\ns/c.png,0,0,0,poses,1\ns/l.png,0,0,0,poses,2\n")
    read: list[Path] = []
    decode = lane_pictures.lane_picture

    def counted(path: Path, *, whole: bool) -> crops.Image:
        read.append(path)
        return decode(path, whole=whole)

    monkeypatch.setattr(lane_pictures, "lane_picture", counted)
    first = load([tmp_path])
    assert len(read) == 2
    assert (tmp_path / CACHE_NAMES[False]).is_file()
    dataset_labels = tmp_path / "labels" / "a.commands.csv"
    dataset_labels.write_text(f"{COLUMNS}\ns/c.png,0.5,0,0,poses,1\ns/l.png,0,0,0,poses,2\n")
    again = load([tmp_path])
    assert len(read) == 2
    np.testing.assert_array_equal(again.images_yuv, first.images_yuv)
    assert again.steering[0, 0] == 0.5  # labels are never cached

    changed = tmp_path / "images" / "s" / "c.png"
    picture(changed, value=200)
    os.utime(changed, ns=(1, 1))
    third = load([tmp_path])
    assert len(read) == 4
    assert (third.images_yuv[0] != first.images_yuv[0]).any()
    (tmp_path / CACHE_NAMES[False]).write_bytes(b"PK broken")
    np.testing.assert_array_equal(load([tmp_path]).images_yuv, third.images_yuv)


def test_several_folders_are_one_dataset(tmp_path: Path) -> None:
    a = write_roads(tmp_path / "a", looks=2, frames=3, seed=1)
    b = write_roads(tmp_path / "b", looks=1, frames=4, seed=2)
    told: list[tuple[int, int]] = []
    data = load([a, b], report=lambda done, total: told.append((done, total)))
    assert len(data) == len(read_rows(a)) + len(read_rows(b)) == 10
    assert told == [(6, 6), (4, 4)]


def _grouped(sizes: list[int]) -> LaneData:
    groups = np.repeat([f"look {i}" for i in range(len(sizes))], sizes)
    n = len(groups)
    images = np.zeros((n, 40, 120, 3), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(n) % 256
    labels = np.zeros((n, 3), dtype=np.float32)
    paths = np.zeros((n, 15), dtype=np.float32)
    kinds, films = np.repeat(np.array(["poses"]), n), np.repeat(np.array([""]), n)
    return LaneData(images, labels, paths, groups, kinds, films)


@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=20),
    st.floats(0.01, 0.5),
    st.integers(0, 2**31 - 1),
)
def test_split_never_parts_a_look(sizes: list[int], fraction: float, seed: int) -> None:
    data = _grouped(sizes)
    training, validation = split(data, fraction, seed)
    assert not set(training.groups) & set(validation.groups)
    assert len(training) + len(validation) == len(data)
    assert len(training) > 0
    assert len(validation) > 0
    # whole looks until the share is reached: at most one look too many
    assert len(validation) < fraction * len(data) + max(sizes)
    again = split(data, fraction, seed)[1]
    np.testing.assert_array_equal(again.images_yuv, validation.images_yuv)


def test_one_look_cannot_be_split() -> None:
    with pytest.raises(DatasetError, match="one look or session"):
        split(_grouped([5]), 0.1, 1)


def test_colored_border_lines_are_told_from_white_and_yellow_ones() -> None:
    road = np.full((3, 40, 120, 3), 70, dtype=np.uint8)
    colors = [(255, 255, 255), (220, 30, 40), (30, 60, 210)]
    for image, color in zip(road, colors, strict=True):
        cv2.line(image, (10, 39), (40, 5), color, 2)
    cv2.line(road[0], (100, 39), (80, 5), (235, 190, 40), 2)  # dashed center lines are yellow
    yuv = np.stack([inputs.lane_input(image) for image in road])
    assert list(has_colored_lines(yuv)) == [False, True, True]


def test_bare_road_is_told_from_a_faint_line_in_noise() -> None:
    rng = np.random.default_rng(4)
    bare = np.clip(rng.normal(70, 12, (40, 120, 3)), 0, 255).astype(np.uint8)
    lined = bare.copy()
    cv2.line(lined, (90, 39), (70, 5), (200, 200, 190), 3)
    yuv = np.stack([inputs.lane_input(image) for image in (bare, lined)])
    assert list(is_blank(yuv)) == [True, False]


def test_missing_labels_stay_missing(tmp_path: Path) -> None:
    rows = read_rows(write_roads(tmp_path / "d", looks=1, frames=40, seed=5))
    absent = [row for row in rows if math.isnan(row.steering[2])]
    assert 0 < len(absent) < len(rows)


def test_a_damaged_picture_is_named_before_anything_is_learnt(tmp_path: Path) -> None:
    folder = write_roads(tmp_path, looks=2, frames=3, seed=1)
    load([folder])  # now with a cache
    torn = [folder / "images" / "look0" / f"0000{n}_center.jpg" for n in (0, 2)]
    for path in torn:
        path.write_bytes(path.read_bytes()[:900])
    named = r"2 of 6 pictures cannot be used.*look0/00000_center.*look0/00002_center.*damaged"
    with pytest.raises(DatasetError, match=named):
        load([folder])
    result = CliRunner().invoke(app, ["data", "check", str(folder), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings_by_kind"] == {"unusable picture": 2}


def test_a_lane_dataset_is_checked(tmp_path: Path) -> None:
    folder = write_roads(tmp_path, looks=2, frames=3, seed=1)
    result = CliRunner().invoke(app, ["data", "check", str(folder), "--json"])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["images"], document["commands"]["straight"]) == (6, 6)
    assert not document["findings"]
    (folder / "images" / "look0" / "00001_center.jpg").rename(folder / "images" / "look0" / "x.jpg")
    result = CliRunner().invoke(app, ["data", "check", str(folder)])
    assert result.exit_code == 1
    assert "missing picture: look0/00001_center.jpg" in result.output
    assert "picture without label: look0/x.jpg" in result.output
    result = CliRunner().invoke(app, ["data", "check", str(folder), "--split", "train"])
    assert isinstance(result.exception, SettingsError)


def test_a_byte_order_mark_is_passed_over_and_other_encodings_are_named(tmp_path: Path) -> None:
    rows = f"{COLUMNS}\ns/c.png,0,0,0,poses,1\n"
    dataset(tmp_path, f"\ufeff{rows}")
    assert len(read_rows(tmp_path)) == 1
    (tmp_path / "labels" / "a.commands.csv").write_bytes(rows.encode("utf-16"))
    with pytest.raises(DatasetError, match=r"a\.commands\.csv cannot be read"):
        read_rows(tmp_path)
    dataset(tmp_path, f"{COLUMNS}\n,0,0,0,poses,1\n")
    with pytest.raises(DatasetError, match="image is empty"):
        read_rows(tmp_path)
