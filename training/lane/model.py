"""The lane network: the article's, in ReLU6, with one output a command."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelopolis.vision import LANE_HEIGHT_PX, LANE_WIDTH_PX
from training.backend import tf
from training.lane.data import COMMANDS, Steering

CONVOLUTIONS = ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1))
"""(channels, kernel, stride) of the article's network."""

DENSE = (100, 50)
HEAD = 10
"""The article's last hidden layer, here once for each command."""

HUBER_DELTA = 0.25
PREDICT_BATCH = 256
Bytes = NDArray[np.uint8]

MIDDLE = 127.5
"""Pictures are scaled to x / MIDDLE - 1 = -1..1."""


def build(width: float = 0.5, dropout: float = 0.1) -> Any:
    """Return the network: pictures scaled to [-1, 1] (b, 40, 120, 3) in, steering (b, 3) out.

    ReLU6 and no ELU: ELU stays in float when all else becomes int8. The scaling of 0..255 is not
    part of it, so that an int8 model takes raw bytes (`scaled`).

    Args:
        width: factor on the channels of every hidden layer but the last, 0.1..2.
        dropout: share of features left out in training, between convolutions and dense layers.
    """
    layers = tf.keras.layers
    pictures = layers.Input((LANE_HEIGHT_PX, LANE_WIDTH_PX, 3), name="picture")
    x = pictures
    for number, (channels, kernel, stride) in enumerate(CONVOLUTIONS, start=1):
        x = layers.Conv2D(
            _scaled_channels(channels, width),
            kernel,
            stride,
            padding="same",
            activation="relu6",
            kernel_initializer="he_normal",
            name=f"conv{number}",
        )(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(dropout)(x)
    for units in DENSE:
        x = layers.Dense(
            _scaled_channels(units, width),
            activation="relu6",
            kernel_initializer="he_normal",
            name=f"dense{units}",
        )(x)
    # ten units a command, whatever the width
    x = layers.Dense(
        HEAD * len(COMMANDS), activation="relu6", kernel_initializer="he_normal", name="heads"
    )(x)
    return tf.keras.Model(pictures, layers.Dense(len(COMMANDS), name="steering")(x), name="lane")


def restart_dropout(model: Any, seed: int, epoch: int) -> None:
    """Let dropout's random stream follow from (seed, epoch): Keras does not keep it in a file."""
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Dropout) and layer.rate:
            layer.seed_generator.state.assign([(seed + 7919 * epoch) % 2**31, 0])


def _scaled_channels(channels: int, width: float) -> int:
    return max(4, round(channels * width))


def scaled(pictures_yuv: Any) -> Any:
    """Return bytes 0..255 as the network's input in [-1, 1]."""
    return tf.cast(pictures_yuv, tf.float32) / MIDDLE - 1.0


def predict(model: Any, images_yuv: Bytes) -> Steering:
    """Return the steering (n, 3) in [-1, 1] that a model gives for pictures (n, 40, 120, 3)."""
    parts = [
        np.asarray(model.predict_on_batch(scaled(images_yuv[i : i + PREDICT_BATCH])))
        for i in range(0, len(images_yuv), PREDICT_BATCH)
    ]
    return np.concatenate(parts).clip(-1.0, 1.0).astype(np.float32)


def masked_huber(steering: Any, predicted: Any) -> Any:
    """Huber loss over the labels that exist; a missing one (NaN) pulls at nothing.

    Beyond `HUBER_DELTA` an error counts linearly: where a road forks, some labels contradict each
    other, and squares would let them rule.
    """
    known = tf.math.is_finite(steering)
    error = tf.where(known, tf.where(known, steering, 0.0) - predicted, 0.0)
    size = tf.abs(error)
    loss = tf.where(
        size < HUBER_DELTA, 0.5 * tf.square(error), HUBER_DELTA * (size - 0.5 * HUBER_DELTA)
    )
    count = tf.maximum(tf.reduce_sum(tf.cast(known, tf.float32)), 1.0)
    return tf.reduce_sum(loss) / count
