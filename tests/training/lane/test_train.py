"""From a dataset on disk to a model in the car: learning, resuming, export, card."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (make setup-training)")

from car.perception.lane_network import LaneNetwork
from pixelopolis.cli.main import app
from pixelopolis.errors import DatasetError, ModelError, SettingsError
from pixelopolis.model_io import inputs
from tests.support.training_roads import write_roads
from training.common.backend import tf
from training.common.metadata import without_metadata
from training.common.operators import read_graph
from training.describe import describe
from training.lane.card import export_lane
from training.lane.convert import convert_float, convert_int8, run
from training.lane.loss import masked_huber
from training.lane.networks import build, predict, step_of
from training.lane.report import steering_errors
from training.lane.settings import LaneTraining, Network
from training.lane.train import SAMPLE_PICTURES, LaneEpoch, LaneListener, train

pytestmark = [
    pytest.mark.training,
    # inside Keras' saving and TensorFlow's converter
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning"),
]

SETTINGS = LaneTraining(
    data=("roads",),
    network=Network.PILOTNET,
    epochs=10,
    batch=32,
    width=0.25,
    dropout=0.0,
    seed=3,
)


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_roads(tmp_path_factory.mktemp("data") / "roads", looks=12, frames=120, seed=1)


@pytest.fixture(scope="module")
def trained(roads: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("runs") / "run"
    return out, train(SETTINGS, [roads], out)


@pytest.fixture(scope="module")
def exported(
    trained: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("models")
    return out, export_lane(trained[0], out)


def test_every_head_learns_far_more_than_a_guess(trained: tuple[Path, dict[str, Any]]) -> None:
    _, result = trained
    for head in ("straight", "left", "right", "all"):
        error = result["validation"][head]
        assert error["mean_abs_error"] < 0.4 * error["median_guess_error"], head
    assert result["data"]["validation_groups"] >= 1
    assert result["settings"]["seed"] == 3


def test_tensorboard_holds_losses_errors_and_pictures(
    trained: tuple[Path, dict[str, Any]],
) -> None:
    events = [
        event
        for file in (trained[0] / "tensorboard").iterdir()
        for event in tf.compat.v1.train.summary_iterator(str(file))
    ]
    tags = {value.tag for event in events for value in event.summary.value}
    assert {"loss/training", "validation_error/left", "median_guess/all", "learning_rate"} <= tags
    pictures = [v for e in events for v in e.summary.value if v.tag == "validation"]
    assert len(pictures) == trained[1]["epochs"]
    width, height, *encoded = tf.make_ndarray(pictures[0].tensor)
    assert (int(width), int(height)) == (480, 160)
    assert len(encoded) == SAMPLE_PICTURES
    epochs = {e.step for e in events if any(v.tag == "loss/training" for v in e.summary.value)}
    assert epochs == set(range(1, trained[1]["epochs"] + 1))


def test_a_broken_off_run_ends_like_an_uninterrupted_one(roads: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=2, width=0.1, dropout=0.2)
    whole = train(settings, [roads], tmp_path / "whole")

    class KilledError(Exception):
        pass

    def kill(report: LaneEpoch) -> None:
        if report.epoch == 1:
            raise KilledError

    broken = tmp_path / "broken"
    with pytest.raises(KilledError):
        train(settings, [roads], broken, LaneListener(epoch=kill))
    seen: list[int] = []
    resumed = train(settings, [roads], broken, LaneListener(epoch=lambda r: seen.append(r.epoch)))
    assert seen == [2]
    assert resumed["validation"] == whole["validation"]
    assert resumed["loss"] == whole["loss"]
    assert len(list(broken.glob("epoch-*.keras"))) <= 2


def test_a_finished_run_is_not_trained_again(
    roads: Path, trained: tuple[Path, dict[str, Any]]
) -> None:
    out, result = trained
    seen: list[int] = []
    again = train(SETTINGS, [roads], out, LaneListener(epoch=lambda r: seen.append(r.epoch)))
    assert again == result
    assert not seen


def test_other_settings_or_data_are_refused_in_the_same_folder(
    roads: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out, _ = trained
    with pytest.raises(SettingsError, match=r"width 0\.25"):
        train(replace(SETTINGS, width=0.5), [roads], out)
    other = write_roads(tmp_path / "other", looks=3, frames=20, seed=2)
    with pytest.raises(SettingsError, match="other data"):
        train(SETTINGS, [other], out)


def test_it_stops_early_when_nothing_gets_better(roads: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=30, patience=1, learning_rate=0.5, width=0.1)
    result = train(settings, [roads], tmp_path)
    assert result["epochs"] < 30
    assert result["epochs"] - result["best_epoch"] == 1


@pytest.mark.parametrize("field", ["epochs", "batch", "width", "patience"])
def test_settings_out_of_range_are_named(field: str) -> None:
    with pytest.raises(SettingsError, match=field):
        replace(SETTINGS, **{field: 0})


def test_missing_labels_pull_at_nothing() -> None:
    predicted = tf.constant([[0.1, 5.0, 0.2]])
    with tf.GradientTape() as tape:
        tape.watch(predicted)
        loss = masked_huber(tf.constant([[0.0, float("nan"), 0.2]]), predicted)
    assert float(loss) == pytest.approx(0.5 * 0.1**2 / 2)
    gradient = tape.gradient(loss, predicted).numpy()
    np.testing.assert_allclose(gradient, [[0.05, 0.0, 0.0]], atol=1e-7)
    nothing = masked_huber(tf.fill((1, 3), float("nan")), tf.zeros((1, 3)))
    assert float(nothing) == 0.0


def test_exports_agree_with_keras_and_look_mappable(
    exported: tuple[Path, dict[str, Any]], trained: tuple[Path, dict[str, Any]]
) -> None:
    folder, card = exported
    frames = np.load(trained[0] / "frames.npz")
    model = tf.keras.models.load_model(trained[0] / trained[1]["model"], compile=False)
    keras = predict(model, frames["validation_yuv"])
    floating = run((folder / "lane_float.tflite").read_bytes(), frames["validation_yuv"])
    np.testing.assert_allclose(floating, keras, atol=1e-4)
    content = (folder / "lane.tflite").read_bytes()
    int8 = run(content, frames["validation_yuv"])
    assert np.abs(int8 - keras).mean() < 0.01
    assert min(card["files"]["lane.tflite"]["correlation"].values()) > 0.995
    assert read_graph(content).edge_tpu_faults() == ()
    assert card["files"]["lane.tflite"]["edge_tpu"] == "looks mappable"
    assert len(content) < len((folder / "lane_float.tflite").read_bytes()) / 2
    errors = steering_errors(int8, frames["validation_labels"])
    assert errors["all"].mean_abs < 0.4 * errors["all"].median_guess


def test_the_car_drives_with_both_files(
    exported: tuple[Path, dict[str, Any]], trained: tuple[Path, dict[str, Any]]
) -> None:
    kept = np.load(trained[0] / "frames.npz")["validation_yuv"][:20]
    pictures = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_YUV2RGB)) for frame in kept]
    frames = np.stack([inputs.lane_input(picture) for picture in pictures])
    for name, tolerance in (("lane.tflite", 1e-6), ("lane_float.tflite", 1e-5)):
        path = exported[0] / name
        car = LaneNetwork(path)
        assert car.has_commands
        answers = np.array([car.look(picture).steering for picture in pictures])
        said = np.clip(run(path.read_bytes(), frames), -1.0, 1.0)  # as the car does
        np.testing.assert_allclose(answers, said, atol=tolerance)


def test_bytes_go_into_the_int8_model_unscaled(exported: tuple[Path, dict[str, Any]]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(exported[0] / "lane.tflite"))
    (taken,) = interpreter.get_input_details()
    assert taken["dtype"] == np.uint8
    assert tuple(taken["shape"]) == (1, 40, 120, 3)
    scale, zero = taken["quantization"]
    assert scale == pytest.approx(1 / 127.5, rel=1e-3)
    assert zero in (127, 128)


def test_card_tells_the_run_and_does_not_change(
    exported: tuple[Path, dict[str, Any]], trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, card = exported
    kept = json.loads((folder / "lane.json").read_text("utf-8"))
    assert kept["date"] == trained[1]["finished"]
    assert kept["commands"] == ["straight", "left", "right"]
    assert kept["command"].startswith(
        "pixelopolis train lane --data roads --out run --network pilotnet --epochs 10"
    )
    assert "--seed 3" in kept["command"]
    page = (folder / "lane.md").read_text("utf-8")
    assert "`pixelopolis evaluate lane --model lane.tflite`" in page
    assert "looks mappable" in page
    assert f"{card['training']['validation']['left']['mean_abs_error']:.4g}" in page
    export_lane(trained[0], tmp_path)
    for name in ("lane.json", "lane.md", "lane.tflite"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_files_without_metadata_get_the_exports_own(
    exported: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, card = exported
    assert card["metadata"]["labels"] == {"steering_labels.txt": ["straight", "left", "right"]}
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for name in card["files"]:
        (tmp_path / name).write_bytes(without_metadata((folder / name).read_bytes()))
    command = ["export", "metadata", "--models", str(tmp_path), "--name", "lane"]
    assert CliRunner().invoke(app, command).exit_code == 0
    for file in folder.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name
    with pytest.raises(ModelError, match="does not name a model's task"):
        describe(tmp_path, "other")


def test_a_graph_with_elu_does_not_pass_as_int8() -> None:
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            layers.Input((40, 120, 3)),
            layers.Conv2D(4, 5, 4, activation="elu"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    frames = np.random.default_rng(1).integers(0, 256, (8, 40, 120, 3), dtype=np.uint8)
    step = replace(step_of(build(Network.PILOTNET, 0.1), Network.PILOTNET), model=model)
    step = replace(step, answer=lambda picture: {"steering": model(picture)})
    with pytest.raises(ModelError, match="ELU"):
        convert_int8(step, frames, frames, predict(model, frames))


def test_a_model_that_answers_something_else_is_not_exported() -> None:
    model = build(Network.PILOTNET, 0.1)
    frames = np.random.default_rng(1).integers(0, 256, (8, 40, 120, 3), dtype=np.uint8)
    with pytest.raises(ModelError, match="differs from Keras"):
        convert_float(step_of(model, Network.PILOTNET), frames, predict(model, frames) + 0.1)


def test_no_finished_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no finished run"):
        export_lane(tmp_path, tmp_path)


def test_command_line_trains_and_exports(roads: Path, tmp_path: Path) -> None:
    data = tmp_path / "roads"
    shutil.copytree(roads, data)
    command = ["train", "lane", "--data", str(data), "--out", str(tmp_path / "run"), "--json"]
    options = ["--epochs", "1", "--batch", "64", "--width", "0.1", "--flip", "always"]
    trained = CliRunner().invoke(app, command + options)
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["epochs"] == 1
    exported = CliRunner().invoke(
        app, ["export", "lane", "--run", str(tmp_path / "run"), "--out", str(tmp_path), "--json"]
    )
    assert exported.exit_code == 0, exported.output
    card = json.loads(exported.stdout)
    assert set(card["latency_ms"]) == {"lane.tflite", "lane_float.tflite"}
    for option in ("--flip", "--network"):
        wrong = CliRunner().invoke(app, [*command, option, "sometimes"])
        assert wrong.exit_code == 2


@pytest.mark.parametrize(
    ("change", "start", "error"),
    [
        ({"batch": 4096}, None, SettingsError),
        ({}, "nothing", ModelError),
        ({"width": 0.5}, "run", ModelError),
    ],
)
def test_a_run_that_cannot_begin_leaves_nothing_behind(
    roads: Path,
    trained: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    change: dict[str, Any],
    start: str | None,
    error: type[Exception],
) -> None:
    folder = trained[0] if start == "run" else tmp_path / start if start else None
    with pytest.raises(error):
        train(replace(SETTINGS, **change), [roads], tmp_path / "new" / "out", start=folder)
    assert not list(tmp_path.iterdir())


def test_damaged_pictures_are_named_and_leave_nothing_behind(roads: Path, tmp_path: Path) -> None:
    shutil.copytree(roads, tmp_path / "roads")
    torn = tmp_path / "roads" / "images" / "look3" / "00007_center.jpg"
    torn.write_bytes(torn.read_bytes()[:900])
    with pytest.raises(DatasetError, match=r"look3/00007_center\.jpg' is damaged"):
        train(SETTINGS, [tmp_path / "roads"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_out_that_cannot_be_written_is_named_before_the_work(
    roads: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(SettingsError, match=r"--out .* cannot be written into"):
            train(SETTINGS, [roads], out)
        with pytest.raises(SettingsError, match=r"--out .* cannot be written into"):
            export_lane(trained[0], out)
    assert (tmp_path / "file").read_text() == "mine"
