"""Each lane network learns, is exported, and gives the same output in the car as in Keras."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (make setup-training)")

from car.perception.lane_network import LaneNetwork
from pixelopolis.errors import DatasetError, ModelError, SettingsError
from pixelopolis.model_io.lane_path import SCALES_M
from tests.support.training_roads import write_roads
from training.common.backend import tf
from training.common.export import scaled
from training.lane.card import export_lane
from training.lane.convert import run
from training.lane.loss import SPREAD_LOG_RANGE, path_loss
from training.lane.networks import build, predict, step_of
from training.lane.outputs import answers_of
from training.lane.settings import LaneTraining, Network
from training.lane.train import train

pytestmark = [
    pytest.mark.training,
    # inside Keras' saving and TensorFlow's converter
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning"),
]

SETTINGS = LaneTraining(data=("roads",), epochs=2, batch=32, width=0.5, dropout=0.0, seed=3)
OTHERS = (Network.PATH, Network.PILOTNET_FULL, Network.PILOTNET_LSTM)


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "roads"
    return write_roads(folder, looks=6, frames=80, seed=1, whole=True, film=True)


@pytest.fixture(scope="module", params=OTHERS)
def trained(
    request: pytest.FixtureRequest, roads: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Network, Path, dict[str, Any]]:
    network: Network = request.param
    out = tmp_path_factory.mktemp("runs") / network
    settings = replace(SETTINGS, network=network, epochs=4)
    return network, out, train(settings, [roads], out)


@pytest.fixture(scope="module")
def exported(
    trained: tuple[Network, Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("models")
    return out, export_lane(trained[1], out)


def test_it_learns_more_than_a_guess(trained: tuple[Network, Path, dict[str, Any]]) -> None:
    network, _, result = trained
    error = result["validation"]["all"]
    assert error["mean_abs_error"] < 0.8 * error["median_guess_error"], result["validation"]
    assert result["validation_unit"] == ("mm" if network is Network.PATH else "steering")
    if network is Network.PATH:
        assert result["validation"]["left_40cm"]["labels"] > 0
        assert 0.3 < error["expected_error"] / error["mean_abs_error"] < 3


def test_exports_answer_like_keras(
    trained: tuple[Network, Path, dict[str, Any]], exported: tuple[Path, dict[str, Any]]
) -> None:
    network, out, result = trained
    frames = np.load(out / "frames.npz")["validation_yuv"]
    model = tf.keras.models.load_model(out / result["model"], compile=False)
    columns = len(answers_of(network).columns)
    keras = predict(model, frames).reshape(-1, columns)
    floating = run((exported[0] / "lane_float.tflite").read_bytes(), frames)
    np.testing.assert_allclose(floating, keras, atol=1e-3)
    int8 = run((exported[0] / "lane.tflite").read_bytes(), frames)
    assert np.abs(int8 - keras).mean() < 0.03
    card = exported[1]
    assert card["network"] == network
    assert card["files"]["lane.tflite"]["edge_tpu"] == "looks mappable"
    assert min(card["files"]["lane.tflite"]["correlation"].values()) > 0.95
    page = (exported[0] / "lane.md").read_text("utf-8")
    assert f"network `{network}`" in page
    assert ("(mm)" in page) == (network is Network.PATH)
    assert ("State" in page) == (network is Network.PILOTNET_LSTM)


@pytest.mark.parametrize("name", ["lane.tflite", "lane_float.tflite"])
def test_the_car_sees_the_same(
    trained: tuple[Network, Path, dict[str, Any]], exported: tuple[Path, dict[str, Any]], name: str
) -> None:
    network, out, _ = trained
    kept = np.load(out / "frames.npz")["validation_yuv"]
    kept = kept[:1] if kept.ndim == 5 else kept[:8]
    expected = run((exported[0] / name).read_bytes(), kept)
    car = LaneNetwork(exported[0] / name)
    assert car.part == (1.0 if network.sees_whole_frames else 0.25)
    height = 80 if network.sees_whole_frames else 40
    for _ in range(2):  # the second time after a reset
        car.reset()
        for frame, answer in zip(kept.reshape(-1, height, 120, 3), expected, strict=True):
            # RGB and back is not exact: use the car's own input
            view = car.look(np.asarray(cv2.cvtColor(frame, cv2.COLOR_YUV2RGB), np.uint8))
            if network is Network.PATH:
                assert view.paths_left_m is not None
                assert view.spread_m is not None
                np.testing.assert_allclose(
                    view.paths_left_m / SCALES_M, answer[:15].reshape(3, 5), atol=0.1
                )
                spread = np.exp(answer[15:]) * np.mean(SCALES_M)
                np.testing.assert_allclose(view.spread_m, spread, rtol=0.2)
            else:
                np.testing.assert_allclose(view.steering, answer, atol=0.06)


def test_a_memory_steps_as_the_unrolled_network_went() -> None:
    network = Network.PILOTNET_LSTM
    tf.keras.utils.set_random_seed(1)
    model = build(network, 0.25)
    step = step_of(model, network)
    window = np.random.default_rng(1).integers(0, 256, (1, 8, 40, 120, 3), dtype=np.uint8)
    unrolled = predict(model, window)[0]
    state = {name: tf.zeros((1, size)) for name, size in step.state.items()}
    for frame, expected in zip(window[0], unrolled, strict=True):
        after = step.answer(scaled(frame[None]), **state)
        state = {name: after[name] for name in step.state}
        np.testing.assert_allclose(after["steering"][0], expected, atol=1e-5)
    alone = step.answer(
        scaled(window[0, -1:]), **{n: tf.zeros((1, size)) for n, size in step.state.items()}
    )
    assert np.abs(alone["steering"][0] - unrolled[-1]).max() > 1e-4  # its state matters


def test_path_loss_is_lowest_at_the_label_and_at_the_true_error() -> None:
    paths = np.zeros((1, 15), "f4")
    off = np.zeros((1, 15), "f4")
    off[:, :5] = 0.2

    def loss(values: Any, log_b: Any) -> float:
        spread = np.full((1, 3), log_b, "f4")
        return float(path_loss(tf.constant(paths), tf.concat([values, spread], axis=1)))

    assert loss(paths, -1.0) < loss(off, -1.0)
    log_b = tf.Variable([[np.log(0.2), np.log(0.1), np.log(0.4)]], dtype=tf.float32)
    with tf.GradientTape() as tape:
        value = path_loss(tf.constant(paths), tf.concat([tf.fill((1, 15), 0.2), log_b], axis=1))
    gradient = tape.gradient(value, log_b).numpy()[0]
    assert gradient[0] == pytest.approx(0.0, abs=1e-6)  # the true error
    assert gradient[1] < 0 < gradient[2]  # too small, too large


def test_paths_that_do_not_exist_pull_at_nothing() -> None:
    paths = np.full((2, 15), np.nan, "f4")
    paths[0, :5] = 0.1
    predicted = tf.Variable(tf.zeros((2, 18)))
    with tf.GradientTape() as tape:
        loss = path_loss(tf.constant(paths), predicted)
    gradient = tape.gradient(loss, predicted).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[0, :5] < 0).all()
    assert not gradient[0, 5:15].any()
    assert not gradient[1].any()
    nothing = path_loss(tf.fill((2, 15), float("nan")), tf.zeros((2, 18)))
    assert float(nothing) == 0.0
    wild = path_loss(tf.constant(paths), tf.fill((2, 18), -100.0))
    assert float(wild) < 101 / np.exp(SPREAD_LOG_RANGE[0])  # limited


def test_a_run_can_begin_with_a_finished_one(roads: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, width=0.25, epochs=3)
    first = train(settings, [roads], tmp_path / "first")
    short = replace(settings, epochs=1, learning_rate=1e-6, start="first")
    second = train(short, [roads], tmp_path / "second", start=tmp_path / "first")
    error = second["validation"]["all"]["mean_abs_error"]
    assert error == pytest.approx(first["validation"]["all"]["mean_abs_error"], rel=0.02)
    assert second["settings"]["start"] == "first"
    with pytest.raises(ModelError, match=r"another network \(path, width 0\.25\)"):
        train(replace(short, width=0.3), [roads], tmp_path / "x", start=tmp_path / "first")
    with pytest.raises(ModelError, match="no finished run"):
        train(short, [roads], tmp_path / "y", start=tmp_path / "nothing")


def test_data_that_do_not_fit_the_network_are_named(roads: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(roads, old)
    for file in (old / "labels").glob("*.commands.csv"):
        lines = [",".join(line.split(",")[:10]) for line in file.read_text().splitlines()]
        file.write_text("\n".join(lines).replace("driven", "poses") + "\n")
    with pytest.raises(DatasetError, match="No picture has a path"):
        train(SETTINGS, [old], tmp_path / "a")
    lstm = replace(SETTINGS, network=Network.PILOTNET_LSTM, width=0.1)
    with pytest.raises(DatasetError, match="8 pictures that follow each other"):
        train(lstm, [old], tmp_path / "b")
    # single images beside the films are left out, whichever looks are for validation
    mixed = train(replace(lstm, epochs=1), [roads, old], tmp_path / "c")
    assert mixed["data"]["pictures"] == 480
    with pytest.raises(SettingsError, match="batch is 4"):
        replace(lstm, batch=4)
