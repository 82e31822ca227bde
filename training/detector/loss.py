"""The detector's loss.

Objectness and class are trained separately: objectness by a focal loss whose target is the box's
IoU (quality focal loss, Li et al. 2020), classes by cross-entropy on the cells with an object,
boxes by EIoU (Zhang et al. 2021). Boxes are learned early; distinguishing twenty classes takes
long, and a focal loss over all cells and classes hardly trains it.
"""

from __future__ import annotations

from typing import Any, Final

from pixelopolis.city.signs import SIGN_CLASSES
from training.common.backend import tf
from training.detector.anchors import CELLS, IGNORED, OFFSET_SCALES

WEIGHTS: Final = {"objectness": 1.0, "classes": 1.0, "boxes": 2.0}


def losses(answer: dict[str, Any], classes: Any, boxes: Any) -> dict[str, Any]:
    """Return the weighted losses of a batch by name, per cell with an object.

    Args:
        answer: the network's outputs.
        classes: (b, cells) class, `EMPTY` or `IGNORED`.
        boxes: (b, cells, 4) in pixels.
    """
    here = classes >= 0
    count = tf.reduce_sum(tf.cast(here, tf.float32)) + 1.0
    given = decode(answer["boxes"])
    fit, miss = _compare(tf.boolean_mask(given, here), tf.boolean_mask(boxes, here))

    quality = tf.scatter_nd(tf.where(here), tf.stop_gradient(fit), tf.shape(here, tf.int64))
    logit = answer["objectness"][..., 0]
    found = tf.nn.sigmoid_cross_entropy_with_logits(quality, logit)
    found *= tf.square(tf.sigmoid(logit) - quality) * tf.cast(classes != IGNORED, tf.float32)

    named = tf.boolean_mask(answer["classes"], here)
    true = tf.one_hot(tf.boolean_mask(classes, here), len(SIGN_CLASSES))
    against_others = tf.nn.softmax_cross_entropy_with_logits(true, named)
    # the exported scores are sigmoids, so each class is also trained on its own
    alone = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(true, named), axis=-1)
    parts = {
        "objectness": tf.reduce_sum(found),
        "classes": tf.reduce_sum(against_others + 0.5 * alone),
        "boxes": tf.reduce_sum(miss),
    }
    return {name: WEIGHTS[name] * part / count for name, part in parts.items()}


def decode(offsets: Any) -> Any:
    """Return the boxes (b, cells, 4) of offsets, like `anchors.decode`."""
    cells = tf.constant(CELLS)
    part = offsets / tf.constant(OFFSET_SCALES)
    middle = part[..., :2] * cells[:, 2:] + cells[:, :2]
    half = tf.exp(tf.clip_by_value(part[..., 2:], -4.0, 4.0)) * cells[:, 2:] / 2
    return tf.concat([middle - half, middle + half], axis=-1)


def _compare(given: Any, true: Any) -> tuple[Any, Any]:
    """Return IoU (n,) and the EIoU loss (n,) of boxes (n, 4)."""
    given_size, true_size = given[:, 2:] - given[:, :2], true[:, 2:] - true[:, :2]
    both = tf.reduce_prod(
        tf.maximum(
            tf.minimum(given[:, 2:], true[:, 2:]) - tf.maximum(given[:, :2], true[:, :2]), 0.0
        ),
        axis=1,
    )
    areas = tf.reduce_prod(given_size, axis=1) + tf.reduce_prod(true_size, axis=1)
    fit = both / tf.maximum(areas - both, 1e-6)
    hull = tf.maximum(given[:, 2:], true[:, 2:]) - tf.minimum(given[:, :2], true[:, :2])
    square = tf.square(hull) + 1e-6
    apart = (given[:, :2] + given[:, 2:] - true[:, :2] - true[:, 2:]) / 2
    miss = (
        1.0
        - fit
        + tf.reduce_sum(tf.square(apart), axis=1) / tf.reduce_sum(square, axis=1)
        + tf.reduce_sum(tf.square(given_size - true_size) / square, axis=1)
    )
    return fit, miss
