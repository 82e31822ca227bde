"""Losses of the lane networks. Missing labels (NaN) contribute nothing."""

from __future__ import annotations

from typing import Any, Final

from pixelopolis.model_io.lane_path import COLUMNS, STATIONS_M
from training.common.backend import tf

HUBER_DELTA: Final = 0.25

SPREAD_LOG_RANGE: Final = (-5.3, 0.7)
"""Range of a path network's expected error: half a percent of the scale to twice the scale."""

SPREAD_BETA: Final = 0.5
"""Weight of hard samples for the path: 1 weights all alike, 0 is the plain likelihood, which
neglects hard samples early. M. Seitzer et al., On the Pitfalls of Heteroscedastic Uncertainty
Estimation, ICLR 2022, found 0.5 best over many tasks."""


def masked_huber(steering: Any, predicted: Any) -> Any:
    """Huber loss over existing labels.

    Errors beyond `HUBER_DELTA` count linearly: at forks some labels contradict each other, and
    squares would let them dominate.
    """
    known = tf.math.is_finite(steering)
    error = tf.where(known, tf.where(known, steering, 0.0) - predicted, 0.0)
    size = tf.abs(error)
    loss = tf.where(
        size < HUBER_DELTA, 0.5 * tf.square(error), HUBER_DELTA * (size - 0.5 * HUBER_DELTA)
    )
    count = tf.maximum(tf.reduce_sum(tf.cast(known, tf.float32)), 1.0)
    return tf.reduce_sum(loss) / count


def path_loss(paths: Any, predicted: Any) -> Any:
    """Laplace negative log-likelihood of paths: error / b + log b for each command.

    Args:
        paths: (b, 15) scaled lateral offsets, NaN without a label.
        predicted: (b, 18): offsets, then log b of each command.
    """
    stations, count = len(STATIONS_M), len(COLUMNS)
    log_b = tf.clip_by_value(predicted[:, count:], *SPREAD_LOG_RANGE)
    known = tf.math.is_finite(paths)
    size = tf.abs(tf.where(known, tf.where(known, paths, 0.0) - predicted[:, :count], 0.0))
    size = tf.reshape(size, (-1, count // stations, stations))
    known = tf.cast(tf.reshape(known, (-1, count // stations, stations)), tf.float32)
    labels = tf.reduce_sum(known, axis=2)
    error = tf.reduce_sum(size, axis=2) / tf.maximum(labels, 1.0)
    weight = tf.stop_gradient(tf.exp(SPREAD_BETA * log_b)) * labels
    loss = weight * (error * tf.exp(-log_b) + log_b)
    return tf.reduce_sum(loss) / tf.maximum(tf.reduce_sum(labels), 1.0)
