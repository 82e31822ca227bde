"""The lane networks, all with ReLU6: the article's ELU stays in float in an int8 export.

path           the shipped one: a trunk like the article's, then for each command the path ahead and
               its expected error
pilotnet       the article's network on the frame's bottom quarter, one steering value per command
pilotnet-full  the same on the whole frame, as in the article's beginning
pilotnet-lstm  the article's convolutions, then an LSTM over previous frames
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.model_io.crops import FULL_HEIGHT_PX, LANE_HEIGHT_PX, LANE_WIDTH_PX
from training.common.backend import tf
from training.common.export import scaled
from training.lane.data import Labels
from training.lane.label_files import COMMANDS
from training.lane.loss import SPREAD_LOG_RANGE
from training.lane.outputs import answers_of
from training.lane.settings import Network

Layer = tuple[int, int, int]
"""(channels, kernel, stride) of a convolution."""

ARTICLE: Final[tuple[Layer, ...]] = ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1))
ARTICLE_DENSE: Final = (100, 50)
ARTICLE_HEAD: Final = 10
"""The article's last hidden layer, one for each command, independent of the width."""

PATH: Final[tuple[Layer, ...]] = ((16, 5, 2), (32, 5, 2), (48, 3, 2), (64, 3, 1), (64, 3, 1))
PATH_DENSE: Final = (96,)
PATH_HEAD: Final = 32

LSTM_UNITS: Final = 64
"""Units of the LSTM, independent of the width."""

PREDICT_BATCH: Final = 256
Bytes = NDArray[np.uint8]


def build(network: Network, width: float, dropout: float = 0.1) -> Any:
    """Return a network for training, for images scaled to [-1, 1].

    It maps (b, h, w, 3) to (b, columns) of its `Answers`; with an LSTM (b, frames, h, w, 3) to (b,
    frames, columns). Scaling from 0..255 is separate (`scaled`), so that an int8 model takes raw
    bytes.

    Args:
        network: kind.
        width: factor on the channels of the hidden layers, 0.1..2.
        dropout: rate in training, between convolutions and dense layers.
    """
    layers = tf.keras.layers
    height = FULL_HEIGHT_PX if network.sees_whole_frames else LANE_HEIGHT_PX
    frame = (height, LANE_WIDTH_PX, 3)
    answers = answers_of(network)
    is_path = network is Network.PATH
    convolutions, units = (PATH, PATH_DENSE) if is_path else (ARTICLE, ARTICLE_DENSE)
    if network.frames == 1:
        pictures = layers.Input(frame, name="picture")
        x = _trunk(pictures, convolutions, units, width, dropout)
    else:
        pictures = layers.Input((network.frames, *frame), name="picture")
        x = tf.keras.ops.reshape(pictures, (-1, *frame))
        x = _trunk(x, convolutions, units[:1], width, dropout)
        x = tf.keras.ops.reshape(x, (-1, network.frames, x.shape[-1]))
        x = layers.LSTM(LSTM_UNITS, return_sequences=True, name="memory")(x)
    x = _dense(x, (PATH_HEAD if is_path else ARTICLE_HEAD) * len(COMMANDS), "heads")
    outputs = [
        layers.Dense(len(columns), bias_initializer=_initial_spread(name), name=name)(x)
        for name, columns in answers.outputs.items()
    ]
    answer = layers.Concatenate()(outputs) if len(outputs) > 1 else outputs[0]
    return tf.keras.Model(pictures, answer, name=network.replace("-", "_"))


def _trunk(
    x: Any, convolutions: tuple[Layer, ...], dense: tuple[int, ...], width: float, dropout: float
) -> Any:
    layers = tf.keras.layers
    for number, (channels, kernel, stride) in enumerate(convolutions, start=1):
        x = layers.Conv2D(
            _scaled_channels(channels, width),
            kernel,
            stride,
            padding="same",
            activation="relu6",
            kernel_initializer="he_normal",
            name=f"conv{number}",
        )(x)
    x = layers.Dropout(dropout, name="dropout")(layers.Flatten(name="flatten")(x))
    for units in dense:
        x = _dense(x, _scaled_channels(units, width), f"dense{units}")
    return x


def _dense(x: Any, units: int, name: str) -> Any:
    return tf.keras.layers.Dense(
        units, activation="relu6", kernel_initializer="he_normal", name=name
    )(x)


def _initial_spread(output: str) -> Any:
    """Initialize the expected error to a third of the scale."""
    return tf.keras.initializers.Constant(-1.0 if output == "spread" else 0.0)


def _scaled_channels(channels: int, width: float) -> int:
    return max(4, round(channels * width))


def restart_dropout(model: Any, seed: int, epoch: int) -> None:
    """Derive dropout's random stream from (seed, epoch): Keras does not save its state."""
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Dropout) and layer.rate:
            layer.seed_generator.state.assign([(seed + 7919 * epoch) % 2**31, 0])


def predict(model: Any, images_yuv: Bytes) -> Labels:
    """Return the outputs (n, columns) for images (n, h, w, 3), clipped as in the exports.

    A recurrent model takes windows (n, frames, h, w, 3) and returns (n, frames, columns).
    """
    parts = [
        np.asarray(model.predict_on_batch(scaled(images_yuv[i : i + PREDICT_BATCH])))
        for i in range(0, len(images_yuv), PREDICT_BATCH)
    ]
    answer = np.concatenate(parts)
    if answer.shape[-1] == len(COMMANDS):
        return answer.clip(-1.0, 1.0).astype(np.float32)
    answer[..., -len(COMMANDS) :] = answer[..., -len(COMMANDS) :].clip(*SPREAD_LOG_RANGE)
    return answer.astype(np.float32)


@dataclass(frozen=True)
class StepNetwork:
    """A network as it runs in the car: one frame at a time, with named outputs.

    `answer` takes an image (1, h, w, 3) in [-1, 1] and the state by name, and returns every output
    and the new state by the same names.
    """

    model: Any
    network: Network
    shape: tuple[int, int, int]
    """Of an image."""
    state: dict[str, int]
    """Sizes by name; empty without an LSTM."""
    answer: Callable[..., dict[str, Any]]


def step_of(model: Any, network: Network) -> StepNetwork:
    """Return the exportable form of a trained network."""
    names = tuple(answers_of(network).outputs)
    shape = tuple(model.input_shape[-3:])
    if network.frames == 1:
        # otherwise Keras would number the models in the file's tensor names
        ends = [model.get_layer(name).output for name in names]
        parts = tf.keras.Model(model.input, ends, name=model.name)

        def answer(picture: Any) -> dict[str, Any]:
            values = parts(picture, training=False)
            return _limited(names, values if len(names) > 1 else [values])

        return StepNetwork(model, network, shape, {}, answer)

    trunk = [layer for layer in model.layers if layer.name.startswith(("conv", "flat", "dense"))]
    cell = model.get_layer("memory").cell
    last = [model.get_layer(name) for name in ("heads", *names)]

    def remember(picture: Any, h: Any, c: Any) -> dict[str, Any]:
        x = picture
        for layer in trunk:
            x = layer(x)
        x, (h, c) = cell(x, [h, c], training=False)
        for layer in last:
            x = layer(x)
        return {**_limited(names, [x]), "h": h, "c": c}

    return StepNetwork(model, network, shape, {"h": LSTM_UNITS, "c": LSTM_UNITS}, remember)


def _limited(names: tuple[str, ...], values: Any) -> dict[str, Any]:
    limits = {"steering": (-1.0, 1.0), "spread": SPREAD_LOG_RANGE}
    return {
        name: tf.clip_by_value(value, *limits[name]) if name in limits else value
        for name, value in zip(names, values, strict=True)
    }
