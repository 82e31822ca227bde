"""Conversion of the detector to .tflite: float and int8, with and without selection."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX
from training.common.backend import tf
from training.common.export import Bytes, converted, converter, make_int8, scaled
from training.common.operators import POST_PROCESS
from training.detector.anchors import CELLS, OFFSET_SCALES
from training.detector.postprocess import MAX_DETECTIONS, MAX_IOU, MIN_SCORE

MAX_OFFSET: Final = 12.0
"""Larger offsets belong to no object; clipping them refines the quantization of the others."""

SHAPE: Final = (DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3)


def to_float(model: Any) -> bytes:
    """Return float .tflite: RGB 0..255 as float32 in; boxes, classes, scores, count out.

    It computes in 32 bits with weights stored in 16.
    """
    made = converter([model], lambda picture: _selected(_raw(model, scaled(picture))), SHAPE)
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.target_spec.supported_types = [tf.float16]
    made.allow_custom_ops = True
    return converted(made)


def to_int8(model: Any, calibration: Bytes) -> bytes:
    """Return int8 .tflite: raw RGB bytes in; boxes, classes, scores, count out, as float32.

    Args:
        model: Keras network over pictures in [-1, 1].
        calibration: images (n, 160, 240, 3) like the car's.
    """
    made = converter([model], lambda picture: _selected(_raw(model, picture)), SHAPE)
    make_int8(made, calibration)
    made.target_spec.supported_ops.append(tf.lite.OpsSet.TFLITE_BUILTINS)
    made.allow_custom_ops = True
    return converted(made)


def to_raw_int8(model: Any, calibration: Bytes) -> bytes:
    """Return int8 .tflite without selection: bytes in; box offsets and scores of each cell out."""
    made = converter([model], lambda picture: _raw(model, picture), SHAPE)
    make_int8(made, calibration)
    made.inference_output_type = tf.uint8
    return converted(made)


def _raw(model: Any, picture: Any) -> dict[str, Any]:
    answer = model(picture, training=False)
    return {
        "offsets": tf.clip_by_value(answer["boxes"], -MAX_OFFSET, MAX_OFFSET),
        "scores": tf.sigmoid(answer["objectness"]) * tf.sigmoid(answer["classes"]),
    }


def _selected(raw: dict[str, Any]) -> dict[str, Any]:
    size = np.array([DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX] * 2, dtype=np.float32)
    boxes, classes, scores, count = _post_process()(
        raw["offsets"], raw["scores"], tf.constant(CELLS / size)
    )
    return {"boxes": boxes, "classes": classes, "scores": scores, "count": count}


def _post_process() -> Callable[..., Any]:
    """Return a function that the converter replaces with the custom operator."""
    options = {
        "max_detections": MAX_DETECTIONS,
        "max_classes_per_detection": 1,
        "detections_per_class": MAX_DETECTIONS,
        "use_regular_nms": False,
        "nms_score_threshold": MIN_SCORE,
        "nms_iou_threshold": MAX_IOU,
        "num_classes": len(SIGN_CLASSES),
        **dict(zip(("y_scale", "x_scale", "h_scale", "w_scale"), OFFSET_SCALES, strict=True)),
    }
    attributes = " ".join(
        f"attr {{ key: '{name}' value {{ {_value(value)} }} }}" for name, value in options.items()
    )

    def post_process(offsets: Any, scores: Any, cells: Any) -> Any:
        # only the shapes matter: the operator replaces the computation
        rows = (1, MAX_DETECTIONS)
        return (
            tf.zeros((*rows, 4)) + tf.reduce_sum(offsets) + tf.reduce_sum(cells),
            tf.zeros(rows),
            tf.zeros(rows) + tf.reduce_sum(scores),
            tf.zeros(1),
        )

    named = f"name: '{POST_PROCESS}' {attributes}"
    return tf.function(post_process, experimental_implements=named)  # type: ignore[no-any-return]


def _value(value: bool | float) -> str:
    kind = {bool: "b", int: "i", float: "f"}[type(value)]
    return f"{kind}: {json.dumps(value)}"
