"""The car's detector: the shipped file, its card, and its errors."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import resvg_py

from car.driving.types import LaneView
from car.perception.detector import (
    DEFAULT_THRESHOLD,
    ORIGINAL_CLASSES,
    SHIPPED_DETECTOR,
    Detector,
    load_detector,
)
from car.perception.lane_network import SHIPPED_MODEL, LaneNetwork, load_lane_model
from car.tools.perception_bench import Pair, measure
from pixelopolis.city.signs import SIGN_CLASSES, sign_svg
from pixelopolis.errors import ModelError
from pixelopolis.model_io.crops import Image
from tests.support.lane_models import Steers
from tests.support.paths import SHARED

ORIGINAL = SHARED / "original" / "models" / "object_detector.tflite"
BOARDS = {"Hand": (20, 30, 36), "Go": (100, 50, 28), "Left": (180, 40, 24)}
"""Left, top and side in pixels of the detector's input."""


def picture() -> Image:
    """Return boards in front of a gray sky and road."""
    image = np.full((160, 240, 3), (190, 200, 210), dtype=np.uint8)
    image[90:] = (90, 90, 95)
    for name, (left, top, side) in BOARDS.items():
        png = resvg_py.svg_to_bytes(svg_string=sign_svg(name), width=160, height=160)
        board = cv2.imdecode(np.frombuffer(bytes(png), np.uint8), cv2.IMREAD_COLOR)
        assert board is not None
        small = cv2.resize(board, (side, side), interpolation=cv2.INTER_AREA)
        image[top : top + side, left : left + side] = small[..., ::-1]
    return image


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector()


def test_boards_are_seen_where_they_are_in_the_whole_frame(detector: Detector) -> None:
    seen = {sighting.class_name: sighting for sighting in detector.detect(picture())}
    assert set(seen) == set(BOARDS)
    for name, (left, top, side) in BOARDS.items():
        in_frame = np.array([left, 80 + top, left + side, 80 + top + side])
        found = np.array(seen[name].box) * [240, 320, 240, 320]
        np.testing.assert_allclose(found, in_frame, atol=0.12 * side)
        assert detector.thresholds[name] <= seen[name].score <= 1
    scores = [sighting.score for sighting in detector.detect(picture())]
    assert scores == sorted(scores, reverse=True)


def test_an_empty_scene_shows_nothing(detector: Detector) -> None:
    assert detector.detect(np.full((160, 240, 3), 128, dtype=np.uint8)) == ()


def test_float_and_int8_agree(detector: Detector) -> None:
    floating = Detector(SHIPPED_DETECTOR.with_name("detector_float.tflite"))
    assert floating.thresholds == detector.thresholds
    by_name = {s.class_name: s for s in floating.detect(picture())}
    for sighting in detector.detect(picture()):
        other = by_name[sighting.class_name]
        assert sighting.score == pytest.approx(other.score, abs=0.1)
        np.testing.assert_allclose(sighting.box, other.box, atol=0.02)


def test_the_shipped_card_has_a_threshold_for_every_class(detector: Detector) -> None:
    assert detector.classes == SIGN_CLASSES
    assert set(detector.thresholds) == set(SIGN_CLASSES)
    assert all(0.1 < threshold < 1 for threshold in detector.thresholds.values())
    assert not detector.sees_whole_frame
    assert SHIPPED_DETECTOR.stat().st_size < 1_500_000


def test_thresholds_may_be_given(detector: Detector) -> None:
    assert dict(Detector(SHIPPED_DETECTOR, thresholds={"Go": 0.99}).thresholds) == {
        **detector.thresholds,
        "Go": 0.99,
    }
    assert Detector(SHIPPED_DETECTOR, thresholds=1.1).detect(picture()) == ()
    everything = Detector(SHIPPED_DETECTOR, thresholds=0.0).detect(picture())
    assert len(everything) >= len(BOARDS)


def test_a_model_without_a_card_knows_all_classes(tmp_path: Path) -> None:
    shutil.copy(SHIPPED_DETECTOR, tmp_path / "mine.tflite")
    bare = Detector(tmp_path / "mine.tflite")
    assert bare.thresholds == dict.fromkeys(SIGN_CLASSES, DEFAULT_THRESHOLD)
    (tmp_path / "mine.json").write_text(json.dumps({"classes": ["Go"]}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"mine\.json.*thresholds"):
        Detector(tmp_path / "mine.tflite")


def test_other_models_are_refused_by_what_they_take(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"uint8 \(1, 40, 120, 3\)"):
        Detector(SHIPPED_MODEL)
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Detector(tmp_path / "broken.tflite")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Detector(tmp_path / "missing.tflite")


def test_a_delegate_that_is_not_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "car.perception.detector.DELEGATES", {"edgetpu": ("libno-such-thing.so.1",)}
    )
    with pytest.raises(ModelError, match=r"'edgetpu' cannot be loaded.*libno-such-thing"):
        load_detector(delegate="edgetpu")
    with pytest.raises(ModelError, match=r"delegate is 'gpu'"):
        load_detector(delegate="gpu")


@pytest.mark.skipif(not ORIGINAL.is_file(), reason="the original's models are absent")
def test_the_originals_model_runs_through_the_same_interface() -> None:
    original = Detector(ORIGINAL, thresholds=0.0)
    assert original.sees_whole_frame
    assert original.classes == ORIGINAL_CLASSES
    assert set(Detector(ORIGINAL).thresholds.values()) == {0.7}
    seen = original.detect(picture())
    assert len(seen) == 10
    assert {s.class_name for s in seen} <= set(ORIGINAL_CLASSES)
    assert all(0 <= edge <= 1 for s in seen for edge in s.box)


def test_bench_takes_pairs_in_turn() -> None:
    looks: list[str] = []

    class Lane(Steers):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def look(self, picture_rgb: Image) -> LaneView:
            assert picture_rgb.shape == (80, 240, 3)
            looks.append(self.name)
            return super().look(picture_rgb)

    frames = [np.zeros((320, 240, 3), dtype=np.uint8)]
    pairs = {name: Pair(Lane(name), load_detector()) for name in ("a", "b")}  # type: ignore[arg-type]
    done: list[int] = []
    figures = measure(pairs, frames, 13, done.append)
    warm = 2  # at the start of each round
    turns = ((name, warm + counted) for counted in (10, 3) for name in ("a", "b"))
    assert looks == [name for name, looked in turns for _ in range(looked)]
    assert done == [10, 13]
    for row in figures.values():
        assert 0 < row["detector_p50_ms"] <= row["p50_ms"] <= row["p99_ms"]
    assert load_lane_model().has_commands


def relabeled(path: Path, old: bytes, new: bytes) -> Path:
    """Copy the shipped model with another label in it."""
    content = SHIPPED_DETECTOR.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        labels = archive.read("classes_labels.txt")
        start = min(item.header_offset for item in archive.infolist())
    assert old in labels
    path.write_bytes(content[:start])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("classes_labels.txt", labels.replace(old, new))
    return path


def test_the_labels_inside_a_model_are_the_classes_it_is_believed_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pixelopolis.model_io.labels")
    assert Detector(SHIPPED_DETECTOR).classes == SIGN_CLASSES
    assert "labels of classes" in caplog.text
    unknown = relabeled(tmp_path / "mine.tflite", b"Museum\n", b"Unicorn\n")
    with pytest.raises(ModelError, match=r"mine\.tflite' .*: Unicorn"):
        Detector(unknown)
    shutil.copy(SHIPPED_DETECTOR.with_suffix(".json"), tmp_path / "mine.json")
    with pytest.raises(ModelError, match=r"number 19 is 'Unicorn', not 'Museum'"):
        Detector(unknown)
    fewer = relabeled(tmp_path / "mine.tflite", b"Museum\n", b"")
    with pytest.raises(ModelError, match="there are 19, not 20"):
        Detector(fewer)


def test_a_model_without_metadata_is_loaded_and_that_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pixelopolis.model_io.labels")
    bare = tmp_path / "bare.tflite"
    for shipped, load in ((SHIPPED_DETECTOR, Detector), (SHIPPED_MODEL, LaneNetwork)):
        content = shipped.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            bare.write_bytes(content[: min(item.header_offset for item in archive.infolist())])
        load(bare)
        assert "bare.tflite: no metadata" in caplog.text
        caplog.clear()


def test_a_lane_model_of_other_columns_is_refused(tmp_path: Path) -> None:
    content = SHIPPED_MODEL.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start = min(item.header_offset for item in archive.infolist())
    other = tmp_path / "other.tflite"
    other.write_bytes(content[:start])
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("spread_labels.txt", "left\nstraight\nright\n")
    with pytest.raises(ModelError, match=r"'spread': number 0 is 'left', not 'straight'"):
        LaneNetwork(other)
    with other.open("r+b") as file:
        file.seek(start)
        file.write(bytes(4))
    with pytest.raises(ModelError, match=r"labels in model .*cannot be read"):
        LaneNetwork(other)
