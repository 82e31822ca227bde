"""Batches for training: shuffled, changed in light and sharpness, mirrored where harmless.

Everything random is stateless, drawn from (seed, epoch, step): a batch does not depend on how many
threads prepare it, nor on whether the run was interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pixelopolis.city import Turn
from pixelopolis.vision import LANE_HEIGHT_PX, LANE_WIDTH_PX
from training.backend import tf
from training.lane.data import COMMANDS, LaneData, has_coloured_lines
from training.lane.model import scaled
from training.lane.settings import Flip

NOISE_BANK = 128
"""Pictures of noise drawn once: fresh normal numbers would cost more than the training step."""

MIRRORED = [
    COMMANDS.index({Turn.LEFT: Turn.RIGHT, Turn.RIGHT: Turn.LEFT}.get(turn, turn))
    for turn in COMMANDS
]
"""Which command's steering a command takes (negated) in the mirrored picture."""


def batches(
    data: LaneData,
    *,
    batch: int,
    seed: int,
    flip: Flip = Flip.NEVER,
    first_epoch: int = 0,
    augment: bool = True,
) -> Any:
    """Return an endless tf.data.Dataset of (pictures (b, 40, 120, 3) in [-1, 1], steering (b, 3)).

    Each epoch is a new permutation of all rows, `len(data) // batch` whole batches of it. A run
    that goes on at `first_epoch` gets the batches that an uninterrupted one would have got.
    """
    images = tf.constant(data.images_yuv)
    steering = tf.constant(data.steering)
    may_flip = tf.constant(_may_flip(data, flip))
    noise = tf.constant(
        np.random.default_rng([seed, 1])
        .standard_normal((NOISE_BANK, LANE_HEIGHT_PX, LANE_WIDTH_PX, 3))
        .astype(np.float32)
    )
    rows = tf.range(len(data))
    steps = len(data) // batch

    def epoch_rows(epoch: Any) -> Any:
        order = tf.random.experimental.stateless_shuffle(rows, [seed, tf.cast(epoch, tf.int32)])
        numbers = tf.data.Dataset.range(epoch * steps, (epoch + 1) * steps)
        chosen = tf.data.Dataset.from_tensor_slices(order).batch(batch, drop_remainder=True)
        return tf.data.Dataset.zip((numbers, chosen))

    def prepare(number: Any, chosen: Any) -> Any:
        pictures = tf.gather(images, chosen)
        labels = tf.gather(steering, chosen)
        draw = _Draw(seed, number, batch)
        if flip is not Flip.NEVER:
            mirrored = tf.gather(may_flip, chosen) & (draw.uniform(0.0, 1.0, 0) < 0.5)
            pictures = tf.where(_wide(mirrored), pictures[:, :, ::-1], pictures)
            labels = tf.where(mirrored[:, None], -tf.gather(labels, MIRRORED, axis=1), labels)
        if augment:
            pictures = _change(pictures, draw, noise, batch)
        return scaled(pictures), labels

    dataset = tf.data.Dataset.range(first_epoch, np.iinfo(np.int32).max).flat_map(epoch_rows)
    options = tf.data.Options()
    options.deterministic = True
    return (
        dataset.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(options)
    )


def _may_flip(data: LaneData, flip: Flip) -> np.ndarray[Any, np.dtype[np.bool_]]:
    if flip is Flip.ALWAYS:
        return np.ones(len(data), dtype=np.bool_)
    if flip is Flip.NEVER:
        return np.zeros(len(data), dtype=np.bool_)
    return ~has_coloured_lines(data.images_yuv)


class _Draw:
    """One random number a picture, each use with a stream of its own."""

    def __init__(self, seed: int, number: Any, batch: int) -> None:
        self._seed = tf.stack([tf.constant(seed, tf.int64), tf.cast(number, tf.int64)])
        self._batch = batch

    def uniform(self, low: float, high: float, stream: int) -> Any:
        seed = tf.random.experimental.stateless_fold_in(self._seed, stream)
        return tf.random.stateless_uniform([self._batch], seed, low, high)

    def sometimes(self, chance: float, low: float, high: float, stream: int) -> Any:
        """A value in [low, high) with the given chance, else 0."""
        happens = self.uniform(0.0, 1.0, stream) < chance
        return tf.where(happens, self.uniform(low, high, stream + 100), 0.0)


def _wide(values: Any) -> Any:
    return values[:, None, None, None]


def _change(pictures_yuv: Any, draw: _Draw, noise: Any, batch: int) -> Any:
    """Vary light, colour, sharpness and noise of YUV pictures; return float32 in [0, 255].

    The dear changes touch only some rows of the batch; rows come in random order.
    """
    x = tf.cast(pictures_yuv, tf.float32)
    x = _on_rows(x, batch // 6, batch // 2, lambda part, rows: _blur(part, rows, draw))

    contrast = draw.uniform(0.8, 1.2, 2)
    tint = draw.uniform(0.75, 1.25, 3)
    gain = tf.stack([contrast, tint, tint], axis=1)[:, None, None, :]
    brightness = draw.uniform(-25.0, 25.0, 4)
    shift = tf.stack([brightness, draw.uniform(-5.0, 5.0, 5), draw.uniform(-5.0, 5.0, 6)], axis=1)
    x = x * gain + (128.0 * (1.0 - gain) + shift[:, None, None, :])
    shade = _shadow(draw)
    x *= tf.concat([shade, tf.ones_like(shade), tf.ones_like(shade)], axis=-1)
    x = tf.where(_cover(draw), _wide(draw.uniform(20.0, 230.0, 11)), x)

    chosen = tf.cast(draw.uniform(0.0, float(NOISE_BANK), 12), tf.int32)
    x += _wide(draw.uniform(0.0, 5.0, 13)) * tf.gather(noise, chosen)
    x = _on_rows(x, 0, batch // 3, lambda part, rows: _jpeg(part, rows, draw))
    return tf.clip_by_value(x, 0.0, 255.0)


def _on_rows(x: Any, first: int, last: int, change: Callable[[Any, slice], Any]) -> Any:
    if first == last:
        return x
    changed = change(x[first:last], slice(first, last))
    return tf.concat([x[:first], changed, x[last:]], axis=0)


def _blur(x: Any, rows: slice, draw: _Draw) -> Any:
    """Mix with the mean of the 3 x 3 pixels around."""
    return x + _wide(draw.uniform(0.0, 1.0, 1)[rows]) * (tf.nn.avg_pool2d(x, 3, 1, "SAME") - x)


def _axes() -> tuple[Any, Any]:
    """Pixel centres across and down, in [-1, 1]."""
    across = tf.linspace(-1.0, 1.0, LANE_WIDTH_PX)[None, None, :, None]
    down = tf.linspace(-1.0, 1.0, LANE_HEIGHT_PX)[None, :, None, None]
    return across, down


def _shadow(draw: _Draw) -> Any:
    """A band of shade or light across the picture: a factor on luma, 1 outside."""
    across, down = _axes()
    angle = _wide(draw.uniform(0.0, math.pi, 7))
    place = across * tf.cos(angle) + down * tf.sin(angle) - _wide(draw.uniform(-1.0, 1.0, 8))
    inside = tf.sigmoid((_wide(draw.uniform(0.1, 0.6, 9)) - tf.abs(place)) * 12.0)
    return 1.0 - _wide(draw.sometimes(0.4, -0.25, 0.45, 10)) * inside


def _cover(draw: _Draw) -> Any:
    """Where a rectangle hides part of the picture: in one picture of four."""
    across, down = _axes()
    size = draw.sometimes(0.25, 0.08, 0.25, 14)
    x, y = _wide(draw.uniform(-1.0, 1.0, 15)), _wide(draw.uniform(-1.0, 1.0, 16))
    return (tf.abs(across - x) < _wide(size)) & (tf.abs(down - y) < _wide(size * 1.5))


def _cosines() -> Any:
    """The 8 x 8 matrix of the discrete cosine transform, orthonormal."""
    k, n = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    matrix = np.cos(math.pi * (2 * n + 1) * k / 16) * math.sqrt(2 / 8)
    matrix[0] = math.sqrt(1 / 8)
    return tf.constant(matrix, tf.float32)


def _jpeg(x: Any, rows: slice, draw: _Draw) -> Any:
    """Quantise 8 x 8 blocks in frequency, coarser for colour and detail, as JPEG does."""
    matrix = _cosines()
    blocks = tf.reshape(x, [-1, LANE_HEIGHT_PX // 8, 8, LANE_WIDTH_PX // 8, 8, 3])
    waves = tf.einsum("bhiwjc,ki,lj->bhkwlc", blocks, matrix, matrix)
    detail = np.add.outer(np.arange(8), np.arange(8))[:, None, :, None] + np.zeros(3)
    table = tf.constant(4.0 + 3.0 * detail * np.array([1.0, 2.0, 2.0]), tf.float32)
    step = table * draw.uniform(0.3, 2.0, 17)[rows][:, None, None, None, None, None]
    waves = tf.round(waves / step) * step
    blocks = tf.einsum("bhkwlc,ki,lj->bhiwjc", waves, matrix, matrix)
    return tf.reshape(blocks, [-1, LANE_HEIGHT_PX, LANE_WIDTH_PX, 3])
