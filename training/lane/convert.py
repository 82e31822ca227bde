"""From a lane network to .tflite files that a car can trust: converted, compared, inspected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from pixelopolis.errors import ModelError
from training.backend import tf
from training.export import INPUT_NAME, SIGNATURE, Bytes, converted, converter, make_int8
from training.lane.data import COMMANDS, Steering
from training.lane.model import MIDDLE, scaled
from training.operators import Graph, read_graph

OUTPUT_NAME = "steering"

LEAST_CORRELATION = 0.99
"""Between the int8 model and Keras, for each command; below it the export fails."""
FLOAT_TOLERANCE = 1e-3
"""Largest difference of the float model's steering from Keras."""


@dataclass(frozen=True)
class Converted:
    """One .tflite file, and how it compares with the Keras model it came from."""

    content: bytes
    graph: Graph
    steering: Steering
    """What it answers for the comparison frames, (n, 3)."""
    largest_difference: float
    mean_difference: float
    correlation: dict[str, float]
    """By command; 1 where Keras answers one value throughout."""

    def as_json(self) -> dict[str, Any]:
        return {
            "bytes": len(self.content),
            "operators": self.graph.operators,
            "largest_difference": round(self.largest_difference, 6),
            "mean_difference": round(self.mean_difference, 6),
            "correlation": {name: round(value, 6) for name, value in self.correlation.items()},
        }


def convert_float(model: Any, frames_yuv: Bytes, reference: Steering) -> Converted:
    """Return the model as float .tflite: YUV 0..255 as float32 [1, 40, 120, 3] in.

    Args:
        model: Keras network over pictures in [-1, 1].
        frames_yuv: frames (n, 40, 120, 3) to compare on.
        reference: what Keras answers for them, (n, 3) in [-1, 1].

    Raises:
        ModelError: the converted model answers something else than Keras.
    """
    result = _compare(_converter(model, scale_inside=True), frames_yuv, reference)
    if not result.largest_difference <= FLOAT_TOLERANCE:  # NaN fails as well
        raise ModelError(
            f"The float .tflite differs from Keras by up to {result.largest_difference:.4g} "
            f"(allowed: {FLOAT_TOLERANCE}).",
            "This is a fault of the conversion, not of the data: compare TensorFlow versions.",
        )
    return result


def convert_int8(
    model: Any, calibration_yuv: Bytes, frames_yuv: Bytes, reference: Steering
) -> Converted:
    """Return the model as fully int8 .tflite: raw YUV bytes as uint8 in, uint8 out.

    The output is scaled by the tensor's own scale and zero point.

    Args:
        model: Keras network over pictures in [-1, 1].
        calibration_yuv: frames (n, 40, 120, 3) like those that the car will see.
        frames_yuv: frames to compare on.
        reference: what Keras answers for them, (n, 3) in [-1, 1].

    Raises:
        ModelError: the graph is not int8 throughout, or answers something else than Keras.
    """
    int8 = _converter(model, scale_inside=False)
    make_int8(int8, calibration_yuv, MIDDLE)
    int8.inference_output_type = tf.uint8
    result = _compare(int8, frames_yuv, reference)
    if faults := result.graph.edge_tpu_faults():
        raise ModelError(
            f"The int8 graph does not look mappable to an Edge TPU: {'; '.join(faults)}.",
            "Use layers that quantise (ReLU6, no ELU) and operators on Coral's list.",
        )
    low = {k: round(v, 4) for k, v in result.correlation.items() if not v >= LEAST_CORRELATION}
    if low:
        raise ModelError(
            f"The int8 model does not follow Keras: correlation {low} (at least "
            f"{LEAST_CORRELATION} wanted).",
            "Train longer, or with data whose frames span what the car sees.",
        )
    return result


def _converter(model: Any, scale_inside: bool) -> Any:
    def answer(picture: Any) -> dict[str, Any]:
        x = scaled(picture) if scale_inside else picture
        return {OUTPUT_NAME: tf.clip_by_value(model(x, training=False), -1.0, 1.0)}

    return converter([model], answer, model.input_shape[1:])


def _compare(from_keras: Any, frames_yuv: Bytes, reference: Steering) -> Converted:
    content = converted(from_keras)
    steering = run(content, frames_yuv)
    difference = np.abs(steering - reference)
    return Converted(
        content,
        read_graph(content),
        steering,
        float(difference.max()),
        float(difference.mean()),
        {
            str(command): _correlation(steering[:, i], reference[:, i])
            for i, command in enumerate(COMMANDS)
        },
    )


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    if float(np.ptp(b)) < 1e-6:
        return 1.0
    return float(np.corrcoef(a, b)[0, 1]) if float(np.ptp(a)) > 0 else 0.0


def run(content: bytes, frames_yuv: Bytes) -> Steering:
    """Return the steering (n, 3) that a lane .tflite gives for YUV frames (n, 40, 120, 3).

    Raises:
        ModelError: the file lacks the signature that the exports carry.
    """
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    names = interpreter.get_signature_list().get(SIGNATURE)
    if names != {"inputs": [INPUT_NAME], "outputs": [OUTPUT_NAME]}:
        raise ModelError(
            f"The .tflite has the signatures {interpreter.get_signature_list()}.",
            f"Expected {SIGNATURE}: {INPUT_NAME} -> {OUTPUT_NAME}.",
        )
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = given["quantization"]
    steering = np.empty((len(frames_yuv), len(COMMANDS)), dtype=np.float32)
    for i, frame in enumerate(frames_yuv):
        interpreter.set_tensor(taken["index"], frame[None].astype(taken["dtype"]))
        interpreter.invoke()
        raw = interpreter.get_tensor(given["index"])[0].astype(np.float32)
        steering[i] = (raw - zero) * scale if scale else raw
    return steering
