"""A lane model on recorded frames: reading, model input, and figures. No TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pixelopolis.city.model import Turn
from pixelopolis.cli.main import app
from pixelopolis.errors import DatasetError
from training.lane.frames import MIN_RANGE_DEG, RecordedFrame, figures, read_frames, steer_all

steerings = st.lists(st.floats(-1, 1).map(lambda v: round(v, 3)), min_size=2, max_size=30)


def dataset(folder: Path, name: str, labels: str, height: int = 80) -> Path:
    (folder / "labels").mkdir(parents=True)
    (folder / "labels" / name).write_text(labels, "utf-8")
    for value, camera in enumerate(("center", "left", "right")):
        image = np.full((height, 60, 3), 40 * value, dtype=np.uint8)
        (folder / "images" / "s").mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / "images" / "s" / f"1_{camera}.png"), image)
    return folder


def frames_of(recorded: list[float]) -> list[RecordedFrame]:
    return [RecordedFrame(Path("a/1_center.jpg"), steering) for steering in recorded]


def test_the_originals_three_cameras_are_frames_with_corrected_steering(tmp_path: Path) -> None:
    row = "s/1_center.png,s/1_left.png,s/1_right.png,-0.1\n"
    frames = read_frames(dataset(tmp_path / "d", "a.csv", row))
    assert [frame.camera for frame in frames] == ["center", "left", "right"]
    assert [frame.steering for frame in frames] == pytest.approx([-0.1, 0.3, -0.5])
    assert {frame.folder for frame in frames} == {"s"}
    seen: list[tuple[int, ...]] = []

    def steer(picture: np.ndarray) -> float:
        seen.append(picture.shape)
        return float(picture.mean()) / 100

    assert steer_all(frames, 0.25, steer) == pytest.approx([0.0, 0.4, 0.8])
    assert seen == [(20, 60, 3)] * 3  # the bottom quarter
    assert steer_all(frames[:1], 1.0, lambda picture: picture.shape[0] / 100) == [0.8]


def test_a_command_has_the_frames_that_have_it(tmp_path: Path) -> None:
    rows = "image,straight,left,right\ns/1_center.png,0.1,,-0.5\ns/1_left.png,0.2,-0.9,\n"
    folder = dataset(tmp_path / "d", "a.commands.csv", rows, height=20)
    assert [f.steering for f in read_frames(folder)] == [0.1, 0.2]
    assert [f.steering for f in read_frames(folder, Turn.LEFT)] == [-0.9]
    # quarters, as `data lane` writes them, are not whole frames
    with pytest.raises(DatasetError, match="no whole portrait frame"):
        read_frames(folder)[0].picture_rgb(1.0)


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("a.csv", "", "hold no rows"),
        ("a.csv", "s/1_center.png,0.1\n", r"a\.csv:1: 2 columns instead of center,left,right"),
        ("a.csv", "s/1_center.png,,,x\n", r"a\.csv:1: steering is 'x'"),
        ("a.csv", "s/2_center.png,,,0.1\n", r"2_center\.png', named in the labels, is not there"),
        ("a.commands.csv", "image,straight\ns/1_center.png,0\n", "left, right missing"),
        (
            "a.commands.csv",
            "image,straight,left,right\ns/1_center.png,,,0\n",
            "has a steering for 'straight'",
        ),
        ("a.txt", "s/1_center.png,,,0.1\n", r"holds no \.csv file"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, name: str, labels: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_frames(dataset(tmp_path / "d", name, labels))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere"):
        read_frames(tmp_path / "nowhere")


@given(steerings, st.floats(-0.5, 0.5))
def test_a_constant_error_is_bias_and_nothing_else(recorded: list[float], error: float) -> None:
    document = figures(frames_of(recorded), [value + error for value in recorded])
    assert document["bias_deg"] == pytest.approx(48 * error, abs=1e-9)
    assert document["mae_deg"] == pytest.approx(48 * abs(error), abs=1e-9)
    assert document["rmse_deg"] == pytest.approx(48 * abs(error), abs=1e-6)
    if 48 * np.ptp(recorded) > MIN_RANGE_DEG + 1e-6:
        assert document["correlation"] == pytest.approx(1.0, abs=1e-6)
        assert document["slope"] == pytest.approx(1.0, abs=1e-6)
    elif 48 * np.ptp(recorded) < MIN_RANGE_DEG - 1e-6:
        assert document["correlation"] is document["slope"] is None


@given(steerings)
def test_always_zero_and_the_median_are_what_they_are_called(recorded: list[float]) -> None:
    zero = figures(frames_of(recorded), [0.0] * len(recorded))
    assert zero["mae_deg"] == pytest.approx(zero["zero_mae_deg"])
    assert zero["correlation"] is None
    median = figures(frames_of(recorded), [float(np.median(recorded))] * len(recorded))
    assert median["mae_deg"] == pytest.approx(median["median_mae_deg"])
    assert median["median_mae_deg"] <= zero["zero_mae_deg"] + 1e-9


def test_a_model_that_overdoes_it_has_a_slope_above_one() -> None:
    document = figures(frames_of([-0.2, 0.0, 0.1]), [-0.4, 0.0, 0.2])
    assert document["slope"] == pytest.approx(2.0)
    assert figures(frames_of([-0.2, 0.2]), [0.1, -0.1])["slope"] == pytest.approx(-0.5)


def test_cameras_and_folders_have_figures_of_their_own() -> None:
    frames = [
        RecordedFrame(Path("a/1_center.jpg"), 0.0),
        RecordedFrame(Path("a/1_left.jpg"), 0.4),
        RecordedFrame(Path("b/7.jpg"), 0.1),  # no camera in its name
    ]
    document = figures(frames, [0.25, 0.4, 0.1])
    assert document["frames"] == 3
    cameras = {row["camera"]: (row["frames"], row["mae_deg"]) for row in document["by_camera"]}
    assert cameras == {"center": (2, pytest.approx(6.0)), "left": (1, 0.0)}
    assert [row["folder"] for row in document["by_folder"]] == ["a", "b"]
    assert document["by_folder"][0]["mae_deg"] == pytest.approx(6.0)


def test_the_command_says_what_the_shipped_model_makes_of_frames(tmp_path: Path) -> None:
    row = "s/1_center.png,s/1_left.png,s/1_right.png,-0.1\n"
    folder = str(dataset(tmp_path / "d", "a.csv", row))
    result = CliRunner().invoke(app, ["evaluate", "frames", "--data", folder, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["model"] == "lane.tflite"
    assert document["frames"] == 3
    assert [row["camera"] for row in document["by_camera"]] == ["center", "left", "right"]
    assert document["zero_mae_deg"] == pytest.approx(48 * 0.3)
    sheet = tmp_path / "sheet.png"
    command = ["evaluate", "frames", "--data", folder, "--sheet", str(sheet)]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert sheet.stat().st_size > 0


def test_a_damaged_frame_ends_the_evaluation_with_its_name(tmp_path: Path) -> None:
    row = "s/1_center.jpg,,,-0.1\n"
    folder = dataset(tmp_path / "d", "a.csv", row)
    torn = folder / "images" / "s" / "1_center.jpg"
    noise = np.random.default_rng(1).integers(0, 255, (320, 240, 3), dtype=np.uint8)
    torn.write_bytes(cv2.imencode(".jpg", noise)[1].tobytes()[:900])
    result = CliRunner().invoke(app, ["evaluate", "frames", "--data", str(folder)])
    assert result.exit_code != 0
    assert isinstance(result.exception, DatasetError)
    assert "1_center.jpg" in str(result.exception)
