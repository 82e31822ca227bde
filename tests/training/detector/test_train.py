"""From a Pascal VOC folder to a detector in the car: losses, resuming, export, card."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (make setup-training)")

from car.perception.detector import Detector
from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.cli.main import app
from pixelopolis.errors import DatasetError, ModelError, SettingsError
from pixelopolis.model_io.labels import read_labels
from tests.support.training_shapes import write_shapes
from training.common.backend import tf
from training.common.operators import read_graph
from training.detector.anchors import CELLS, EMPTY, IGNORED, decode, encode
from training.detector.card import command, compile_for_edge_tpu, export_detector
from training.detector.evaluation.evaluate import as_detections, read
from training.detector.evaluation.metrics import Detections
from training.detector.litert import agreement, run
from training.detector.loss import decode as decode_in_graph
from training.detector.loss import losses
from training.detector.run import stages
from training.detector.settings import DetectorTraining
from training.detector.train import SAMPLE_PICTURES, DetectorEpoch, DetectorListener, predict, train

pytestmark = [
    pytest.mark.training,
    # inside Keras' saving and TensorFlow's converter
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning"),
]

SETTINGS = DetectorTraining(
    data=("shapes",), epochs=5, batch=4, width=0.2, learning_rate=6e-3, seed=3, augment=False
)


class Trained(NamedTuple):
    """A finished run, and a copy of its folder after the fourth of five epochs."""

    folder: Path
    result: dict[str, Any]
    broken_off: Path


def call(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "shapes"
    write_shapes(folder, "train", 200, seed=1, classes=("Stop_sign", "Go"))
    return write_shapes(folder, "val", 16, seed=2, classes=("Stop_sign", "Go"))


@pytest.fixture(scope="module")
def trained(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    runs = tmp_path_factory.mktemp("runs")
    out, broken_off = runs / "run", runs / "broken_off"

    def copy(report: DetectorEpoch) -> None:
        if report.epoch == SETTINGS.epochs - 1:
            shutil.copytree(out, broken_off, ignore=shutil.ignore_patterns("tensorboard"))

    return Trained(out, train(SETTINGS, [shapes], out, DetectorListener(epoch=copy)), broken_off)


@pytest.fixture(scope="module")
def exported(
    shapes: Path, trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("models")
    folders = ("--run", str(trained.folder), "--data", str(shapes), "--out", str(out))
    return out, call("export", "detector", *folders)


def answer(values: float = 0.0) -> dict[str, Any]:
    return {
        "objectness": tf.fill((1, len(CELLS), 1), values),
        "classes": tf.fill((1, len(CELLS), len(SIGN_CLASSES)), values),
        "boxes": tf.fill((1, len(CELLS), 4), values),
    }


def test_boxes_are_decoded_alike_in_graph_and_numpy() -> None:
    offsets = np.random.default_rng(1).normal(0, 4, (2, len(CELLS), 4)).astype(np.float32)
    np.testing.assert_allclose(decode_in_graph(offsets), decode(offsets), rtol=1e-4, atol=1e-3)


def test_ignored_cells_pull_at_nothing() -> None:
    classes = np.full((1, len(CELLS)), EMPTY, dtype=np.int32)
    classes[0, :50] = IGNORED
    logits = {name: tf.Variable(value) for name, value in answer(0.5).items()}
    with tf.GradientTape() as tape:
        parts = losses(logits, classes, np.zeros((1, len(CELLS), 4), np.float32))
        loss = tf.add_n(list(parts.values()))
    gradient = tape.gradient(loss, logits["objectness"]).numpy()[0, :, 0]
    assert (gradient[:50] == 0).all()
    assert (gradient[50:] > 0).all()
    assert float(parts["classes"]) == float(parts["boxes"]) == 0.0


def test_the_right_answer_costs_almost_nothing_and_others_much() -> None:
    box = np.array([[40, 60, 60, 80]], dtype=np.float32)
    classes = np.full((1, len(CELLS)), EMPTY, dtype=np.int32)
    boxes = np.zeros((1, len(CELLS), 4), dtype=np.float32)
    classes[0, 200], boxes[0, 200] = 3, box[0]
    right = {name: np.array(value) - (20.0 * (name != "boxes")) for name, value in answer().items()}
    right["objectness"][0, 200] = right["classes"][0, 200, 3] = 20.0
    right["boxes"][0, 200] = encode(box, CELLS[200:201])[0]

    def cost(changed: dict[str, Any]) -> dict[str, float]:
        parts = losses({k: tf.constant(v, tf.float32) for k, v in changed.items()}, classes, boxes)
        return {name: float(value) for name, value in parts.items()}

    assert sum(cost(right).values()) < 1e-3
    for name, wrong in (("objectness", -20.0), ("classes", -20.0), ("boxes", 9.0)):
        changed = {key: value.copy() for key, value in right.items()}
        changed[name][0, 200] = wrong
        assert cost(changed)[name] > 0.3, name


def test_it_learns_to_find_and_to_tell_apart(trained: Trained) -> None:
    result = trained.result
    assert result["map50"]["20px"] > 0.6
    assert result["epochs"] == 5
    assert result["data"]["validation_pictures"] == 16
    assert result["settings"]["seed"] == 3


def test_tensorboard_holds_losses_precisions_and_pictures(
    trained: Trained,
) -> None:
    events = [
        event
        for file in (trained.folder / "tensorboard").iterdir()
        for event in tf.compat.v1.train.summary_iterator(str(file))
    ]
    tags = {value.tag for event in events for value in event.summary.value}
    assert {
        "loss/classes",
        "map50_by_size/20px",
        "map50_95_by_size/all",
        "ap50_by_class/Go",
        "learning_rate",
    } <= tags
    pictures = [v for e in events for v in e.summary.value if v.tag == "validation"]
    width, height, *encoded = tf.make_ndarray(pictures[0].tensor)
    assert (int(width), int(height)) == (1440, 480)
    assert len(encoded) == SAMPLE_PICTURES


def test_a_broken_off_run_ends_like_an_uninterrupted_one(shapes: Path, trained: Trained) -> None:
    seen: list[int] = []
    watch = DetectorListener(epoch=lambda report: seen.append(report.epoch))
    resumed = train(SETTINGS, [shapes], trained.broken_off, watch)
    assert seen == [SETTINGS.epochs]
    assert resumed["losses"] == trained.result["losses"]
    assert resumed["map50"] == trained.result["map50"]
    last = f"epoch-{SETTINGS.epochs:04d}.keras"
    models = [
        tf.keras.models.load_model(folder / last, compile=False)
        for folder in (trained.folder, trained.broken_off)
    ]
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(list(trained.broken_off.glob("epoch-*.npz"))) == 1


def test_a_run_may_begin_with_the_network_of_a_finished_one(
    trained: Trained, tmp_path: Path
) -> None:
    few = write_shapes(tmp_path / "few", "train", 8, seed=1, classes=("Stop_sign", "Go"))
    write_shapes(few, "val", 16, seed=2, classes=("Stop_sign", "Go"))
    # the first steps of a warm-up change hardly anything
    further = replace(SETTINGS, epochs=1, learning_rate=1e-6, start="run")
    result = train(further, [few], tmp_path / "further", start=trained.folder)
    assert result["map50"]["all"] == pytest.approx(trained.result["map50"]["all"], abs=0.1)
    assert [stage["epochs"] for stage in stages(result)] == [SETTINGS.epochs, 1]
    first, second = map(command, stages(result))
    assert "--start" not in first
    assert "--start run" in second


def test_a_start_that_is_no_run_or_of_another_width_is_named(
    shapes: Path, trained: Trained, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="holds no finished run"):
        train(replace(SETTINGS, start="none"), [shapes], tmp_path / "a", start=tmp_path)
    wider = replace(SETTINGS, width=0.3, start="run")
    with pytest.raises(ModelError, match=r"width 0\.2"):
        train(wider, [shapes], tmp_path / "b", start=trained.folder)
    assert not list(tmp_path.iterdir()), "a run that cannot begin leaves nothing behind"


def test_the_command_line_knows_a_finished_run(shapes: Path, trained: Trained) -> None:
    words = ["--epochs", "5", "--batch", "4", "--width", "0.2", "--learning-rate", "6e-3"]
    words += ["--seed", "3", "--no-augment"]
    again = call("train", "detector", "--data", str(shapes), "--out", str(trained.folder), *words)
    assert again == trained.result


def test_other_settings_or_data_are_refused_in_the_same_folder(
    trained: Trained, tmp_path: Path
) -> None:
    other = write_shapes(tmp_path / "other", "train", 8, seed=4)
    write_shapes(other, "val", 2, seed=5)
    with pytest.raises(SettingsError, match=r"width 0\.2"):
        train(replace(SETTINGS, width=0.3), [other], trained.folder)
    with pytest.raises(SettingsError, match="other data"):
        train(SETTINGS, [other], trained.folder)


def test_a_run_needs_something_to_measure_on(tmp_path: Path) -> None:
    folder = write_shapes(tmp_path / "only", "train", 8, seed=1)
    with pytest.raises(DatasetError, match="No folder has a split 'val'"):
        train(SETTINGS, [folder], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_exports_agree_with_keras_and_look_mappable(
    shapes: Path, exported: tuple[Path, dict[str, Any]], trained: Trained
) -> None:
    folder, card = exported
    images = read(shapes, "train").images
    model = tf.keras.models.load_model(trained.folder / trained.result["model"], compile=False)
    keras = predict(model, images)
    floating = agreement(keras, run((folder / "detector_float.tflite").read_bytes(), images))
    assert floating["sure_detections"] > 50
    assert floating["again"] == 1.0
    assert floating["largest_score_difference"] < 0.02
    int8 = card["files"]["detector.tflite"]
    assert int8["against_keras"]["again"] >= 0.95
    assert int8["edge_tpu"].startswith("looks mappable, but for")
    assert int8["figures"]["map50_20px"] > 0.6
    raw = read_graph((folder / "detector_raw.tflite").read_bytes())
    assert raw.edge_tpu_faults() == ()
    assert raw.macs > 1e6


def test_the_car_sees_with_both_files(shapes: Path, exported: tuple[Path, dict[str, Any]]) -> None:
    frames = read(shapes, "val")
    for name in ("detector.tflite", "detector_float.tflite"):
        path = exported[0] / name
        car = Detector(path, thresholds=0.0)
        for image, wanted in zip(
            frames.images[:6], run(path.read_bytes(), frames.images), strict=False
        ):
            seen = as_detections(car.detect(image))
            np.testing.assert_allclose(seen.scores, wanted.scores, atol=1e-6)
            np.testing.assert_allclose(
                seen.boxes, np.clip(wanted.boxes, 0, [160, 240, 160, 240]), atol=1e-2
            )
        assert Detector(path).thresholds == exported[1]["thresholds"]


def test_the_card_tells_the_run(exported: tuple[Path, dict[str, Any]], trained: Trained) -> None:
    folder, card = exported
    kept = json.loads((folder / "detector.json").read_text("utf-8"))
    assert kept["classes"] == list(SIGN_CLASSES)
    assert kept["date"] == trained.result["finished"]
    (command,) = kept["commands"]
    assert command.startswith("pixelopolis train detector --data shapes --out run")
    assert "--no-augment" in command
    assert "--seed 3" in command
    page = (folder / "detector.md").read_text("utf-8")
    assert "| Stop_sign |" in page
    assert f"| map50_20px | {card['files']['detector.tflite']['figures']['map50_20px']:.3f}" in page
    assert set(card["latency_ms"]) == {"detector.tflite", "detector_float.tflite"}
    assert "latency_ms" not in kept
    for file, name in (("detector", "classes"), ("detector_raw", "scores")):
        labels = read_labels(folder / f"{file}.tflite")
        assert labels == {name: SIGN_CLASSES}


def test_evaluating_the_export_gives_the_cards_figures(
    shapes: Path, exported: tuple[Path, dict[str, Any]]
) -> None:
    model = str(exported[0] / "detector.tflite")
    figures = call(
        "evaluate", "detector", "--data", str(shapes), "--split", "val", "--model", model
    )
    wanted = exported[1]["files"]["detector.tflite"]["figures"]
    assert figures["pictures"] == 16
    for name in ("map50_20px", "map50", "map50_95_20px"):
        assert figures[name] == pytest.approx(wanted[name], abs=1e-3)
        assert figures["float"][f"minus_{name}"] == pytest.approx(0.0, abs=0.05)


def test_no_finished_run_is_a_clear_error(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no finished run"):
        export_detector(tmp_path, shapes, tmp_path)


def test_a_model_that_answers_something_else_is_not_exported(
    shapes: Path,
    trained: Trained,
    exported: tuple[Path, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    int8 = (exported[0] / "detector.tflite").read_bytes()
    for step in ("to_int8", "to_float", "to_raw_int8"):
        monkeypatch.setattr(f"training.detector.card.{step}", lambda *_: int8)
    beside = Detections(np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0))
    monkeypatch.setattr("training.detector.card.run", lambda _, images: [beside] * len(images))
    with pytest.raises(ModelError, match=r"The int8 model finds only 0\.0 %"):
        export_detector(trained.folder, shapes, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_compiler_is_called_where_it_is(
    exported: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not on the PATH" in exported[1]["edgetpu_compiler"]
    program = tmp_path / "edgetpu_compiler"
    program.write_text('#!/bin/sh\necho compiled > "$2/detector_edgetpu.tflite"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert compile_for_edge_tpu(tmp_path, "detector") == "compiled to detector_edgetpu.tflite"
    assert (tmp_path / "detector_edgetpu.tflite").read_text() == "compiled\n"
    program.write_text("#!/bin/sh\necho no such operator >&2\nexit 1\n")
    assert "no such operator" in compile_for_edge_tpu(tmp_path, "detector")
