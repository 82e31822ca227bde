"""The user's panoramas: their assignment, reading, and errors."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from pixelopolis.city.sources import load_city
from pixelopolis.errors import DatasetError, RenderError
from pixelopolis.model_io.voc.dataset import VocDataset
from pixelopolis.vehicle.camera import Camera
from sim.evaluation.lane_evaluation import evaluate_lane
from sim.evaluation.lane_runs import LaneEvaluation
from sim.lane_data.dataset import write_lane_dataset
from sim.lane_data.plan import plan_sessions
from sim.looks.look import Sky, plain_look
from sim.looks.panoramas import panorama_files
from sim.looks.room_looks import room_look
from sim.render.renderer import Renderer
from sim.render.sky.panorama_file import panorama_from
from sim.render.sky.sky import HEIGHT_PX, WIDTH_PX
from sim.render.view import car_view
from sim.sign_data.dataset import PANORAMA_USE, PER_LOOK, _look, plan_chunks, write_sign_dataset


def picture(path: Path, seed: int = 0) -> Path:
    """Write a panorama with a blue sky, brown ground, and a red left quarter."""
    image = np.zeros((128, 256, 3), np.uint8)
    image[:64] = (200, 60, 40)
    image[64:] = (20, 40, 60)
    image[:64, :64] = (0, 0, 220)
    image[127, 0, 0] = seed
    assert cv2.imwrite(str(path), image)
    return path


def test_training_and_evaluation_never_share_a_panorama(tmp_path: Path) -> None:
    for number in range(40):
        picture(tmp_path / f"{number:02d}.png", number)
    training = panorama_files(tmp_path, "training")
    evaluation = panorama_files(tmp_path, "evaluation")
    assert not {*training} & {*evaluation}
    assert len(training) + len(evaluation) == 40
    assert 3 <= len(evaluation) <= 18
    # renaming does not move an image to the other use
    shutil.copy(evaluation[0], tmp_path / "again.png")
    assert str((tmp_path / "again.png").resolve()) in panorama_files(tmp_path, "evaluation")


def test_folders_without_panoramas_are_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DatasetError, match="holds no panoramas"):
        panorama_files(tmp_path, "training")
    with pytest.raises(DatasetError, match="cannot be read"):
        panorama_files(tmp_path / "missing", "training")


def test_a_picture_is_turned_the_way_of_the_renderer(tmp_path: Path) -> None:
    shown = panorama_from(picture(tmp_path / "a.png"))
    assert shown.shape == (HEIGHT_PX, WIDTH_PX, 3)
    low, high = shown[0], shown[-1]
    assert low[10].tolist() == [60, 40, 20], "the bottom row lies below the horizon"
    assert high[10].tolist() == [40, 60, 200]
    assert high[-10].tolist() == [220, 0, 0], "what is left in the file comes last anticlockwise"


def write_exr(path: Path, channels: dict[str, np.ndarray]) -> None:
    with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, channels) as file:
        file.write(str(path))


@pytest.mark.parametrize("suffix", ["hdr", "exr"])
def test_high_dynamic_range_is_tone_mapped(tmp_path: Path, suffix: str) -> None:
    image = np.full((128, 256, 3), 0.02, np.float32)
    image[20:30, 100:110] = 500.0
    path = tmp_path / f"a.{suffix}"
    if suffix == "exr":
        write_exr(path, {"RGB": image.astype(np.float16)})
    else:
        assert cv2.imwrite(str(path), image)
    shown = panorama_from(path)
    assert 60 < np.median(shown) < 190, "a dark room is brought up to middle grey"
    assert shown.max() == 255


def test_pictures_that_are_no_panoramas_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "broken.exr").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "square.png"), np.zeros((200, 200, 3), np.uint8))
    with pytest.raises(RenderError, match=r"broken\.jpg"):
        panorama_from(tmp_path / "broken.jpg")
    with pytest.raises(RenderError, match=r"broken\.exr' cannot be read"):
        panorama_from(tmp_path / "broken.exr")
    write_exr(tmp_path / "grey.exr", {"Y": np.zeros((128, 256), np.float16)})
    with pytest.raises(
        RenderError, match=r"panorama '[^']*grey\.exr' has no channel R, G, B, only Y"
    ) as no_red:
        panorama_from(tmp_path / "grey.exr")
    assert "cannot be read" not in str(no_red.value)
    with pytest.raises(RenderError, match="200x200"):
        panorama_from(tmp_path / "square.png")


def test_rooms_show_own_panoramas_when_there_are_any(tmp_path: Path) -> None:
    files = ("a.png", "b.png")
    looks = [room_look(3, index, panoramas=files) for index in range(200)]
    shown = [look.sky.file for look in looks]
    assert {*shown} == {None, *files}
    assert 110 < 200 - shown.count(None) < 170
    for index, look in enumerate(looks[:20]):
        without = room_look(3, index)
        assert replace(look, sky=replace(look.sky, file=None)) == without


def test_a_town_stands_under_an_own_panorama(tmp_path: Path) -> None:
    city = load_city("straight")
    look = replace(plain_look(), sky=Sky("day", file=str(picture(tmp_path / "a.png"))))
    with Renderer(city, look) as renderer:
        pose = next(iter(city.edges.values())).curve.pose_at(0.3)
        own = renderer.render(car_view(Camera(), pose)).rgb
        renderer.set_look(replace(look, sky=Sky("day")))
        day = renderer.render(car_view(Camera(), pose)).rgb
    assert np.abs(own[0].astype(int) - day[0]).mean() > 20
    assert np.array_equal(own[-20:], day[-20:]), "the road is the same under both"


def test_sign_data_show_the_side_of_their_split(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for number in range(12):
        picture(own / f"{number}.png", number)
    sides = {
        split: {Path(f).name for f in panorama_files(own, PANORAMA_USE[split])}
        for split in PANORAMA_USE
    }
    assert sides["train"].isdisjoint(sides["test"])
    for split in ("train", "test"):
        (plain,) = plan_chunks(split, 60, 3, 0.0)
        chunk = replace(plain, panoramas=str(own))
        skies = [_look(chunk, index).sky.file for index in range(60)]
        shown = {Path(sky).name for sky in skies if sky}
        assert shown
        assert shown <= sides[split]
        for index in range(60):
            look, without = _look(chunk, index), _look(plain, index)
            assert replace(look, sky=replace(look.sky, file=None)) == without
            assert skies[index] == skies[index - index % PER_LOOK], "one sky a look"


def test_a_sign_picture_names_its_panorama(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for number in range(12):
        picture(own / f"{number}.png", number)
    chunks = [replace(c, panoramas=str(own)) for c in plan_chunks("test", 12, 3, 0.5)]
    write_sign_dataset(tmp_path / "data", chunks, 1, {})
    named = [
        VocDataset(tmp_path / "data").annotation(name).source.get("sky")
        for name in VocDataset(tmp_path / "data").names("test")
    ]
    assert len(named) == 12
    sides = {Path(file).name for file in panorama_files(own, "evaluation")}
    assert {name for name in named if name} <= sides
    assert any(named)


def test_lane_data_and_evaluation_take_their_own_side(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for number in range(12):
        picture(own / f"{number}.png", number)
    session = replace(plan_sessions(["straight"], 2, 0, 1)[0], panoramas=str(own))
    write_lane_dataset(tmp_path / "data", [session], 1)
    run = LaneEvaluation(("straight",), 0.3, 1, 1, panoramas=str(own))
    assert evaluate_lane(run, 1)["distance_m"] > 0.2
    with pytest.raises(DatasetError, match="cannot be read"):
        evaluate_lane(replace(run, panoramas=str(tmp_path / "missing")), 1)
