"""Conversion of a lane network to .tflite, compared with Keras and inspected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.errors import ModelError
from pixelopolis.model_io.litert import load_interpreter
from training.common.backend import tf
from training.common.export import (
    INPUT_NAME,
    SIGNATURE,
    Bytes,
    converted,
    converter,
    make_int8,
    scaled,
)
from training.common.operators import Graph, read_graph
from training.lane.data import Labels
from training.lane.networks import StepNetwork
from training.lane.outputs import answers_of

MIN_CORRELATION: Final = 0.99
MIN_SPREAD_CORRELATION: Final = 0.95
"""Least correlation of each spread between the int8 model and Keras; below it the export fails. A
spread needs less accuracy than its path."""

FLOAT_TOLERANCE: Final = 1e-3
"""Largest difference between the float model's outputs and Keras."""


@dataclass(frozen=True, eq=False)
class Converted:
    """One .tflite file and its comparison with the Keras model."""

    content: bytes
    graph: Graph
    answers: Labels
    """Its outputs for the comparison frames, (n, columns)."""
    largest_difference: float
    mean_difference: float
    correlation: dict[str, float]
    """By column; 1 where Keras is constant."""

    def as_json(self) -> dict[str, Any]:
        return {
            "bytes": len(self.content),
            "mmac": round(self.graph.macs / 1e6, 2),
            "operators": self.graph.operators,
            "largest_difference": round(self.largest_difference, 6),
            "mean_difference": round(self.mean_difference, 6),
            "correlation": {name: round(value, 6) for name, value in self.correlation.items()},
        }


def convert_float(step: StepNetwork, frames_yuv: Bytes, reference: Labels) -> Converted:
    """Return the network as float .tflite: YUV 0..255 as float32 (1, h, w, 3) in.

    Args:
        step: network for images in [-1, 1].
        frames_yuv: frames to compare on, (n, h, w, 3), or windows of them (n, frames, h, w, 3),
            each starting with an empty state.
        reference: the outputs of Keras, (n, columns) or (n, frames, columns).

    Raises:
        ModelError: the converted model differs from Keras.
    """
    result = _compare(step, _converter(step, scale_inside=True), frames_yuv, reference)
    if not result.largest_difference <= FLOAT_TOLERANCE:  # NaN fails too
        raise ModelError(
            f"The float .tflite differs from Keras by up to {result.largest_difference:.4g} "
            f"(allowed: {FLOAT_TOLERANCE}).",
            "This is a fault of the conversion, not of the data: compare TensorFlow versions.",
        )
    return result


def convert_int8(
    step: StepNetwork, calibration_yuv: Bytes, frames_yuv: Bytes, reference: Labels
) -> Converted:
    """Return the network as fully int8 .tflite: raw YUV bytes as uint8 in, uint8 out.

    Outputs and recurrent states have their tensors' own scales and zero points.

    Args:
        step: network for images in [-1, 1].
        calibration_yuv: frames or windows like the car's.
        frames_yuv: frames or windows to compare on, as in `convert_float`.
        reference: the outputs of Keras.

    Raises:
        ModelError: the graph is not entirely int8, or differs from Keras.
    """
    int8 = _converter(step, scale_inside=False)
    pictures = calibration_yuv.reshape(-1, *step.shape)
    make_int8(int8, pictures, _states(step, calibration_yuv) if step.state else None)
    int8.inference_output_type = tf.uint8
    result = _compare(step, int8, frames_yuv, reference)
    if faults := result.graph.edge_tpu_faults():
        raise ModelError(
            f"The int8 graph does not look mappable to an Edge TPU: {'; '.join(faults)}.",
            "Use layers that quantise (ReLU6, no ELU) and operators on Coral's list.",
        )
    low = [
        f"{name} {value:.4f}"
        for name, value in result.correlation.items()
        if not value >= _least_correlation(name)
    ]
    if low:
        raise ModelError(
            f"The int8 model differs from Keras: correlation {', '.join(low)} (at least "
            f"{MIN_CORRELATION} wanted, {MIN_SPREAD_CORRELATION} of spreads).",
            "Train longer, or with data whose frames span what the car sees.",
        )
    return result


def _least_correlation(column: str) -> float:
    return MIN_SPREAD_CORRELATION if column.endswith("spread") else MIN_CORRELATION


def _states(step: StepNetwork, windows_yuv: Bytes) -> list[Mapping[str, Any]]:
    """Return Keras's state before each frame of windows (n, frames, h, w, 3)."""
    answer = tf.function(step.answer, jit_compile=False)
    states: list[Mapping[str, Any]] = []
    for window in windows_yuv:
        state = {name: tf.zeros((1, size)) for name, size in step.state.items()}
        for frame in window:
            states.append(state)
            after = answer(scaled(frame[None]), **state)
            state = {name: after[name] for name in step.state}
    return states


def _converter(step: StepNetwork, scale_inside: bool) -> Any:
    def answer(picture: Any, *state: Any) -> dict[str, Any]:
        return step.answer(scaled(picture) if scale_inside else picture, *state)

    return converter([step.model], answer, step.shape, step.state)


def _compare(step: StepNetwork, from_keras: Any, frames_yuv: Bytes, reference: Labels) -> Converted:
    content = converted(from_keras)
    answers = run(content, frames_yuv)
    reference = reference.reshape(len(answers), -1)
    difference = np.abs(answers - reference)
    return Converted(
        content,
        read_graph(content),
        answers,
        float(difference.max()),
        float(difference.mean()),
        {
            name: _correlation(answers[:, i], reference[:, i])
            for i, name in enumerate(answers_of(step.network).columns)
        },
    )


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    if float(np.ptp(b)) < 1e-6:
        return 1.0
    return float(np.corrcoef(a, b)[0, 1]) if float(np.ptp(a)) > 0 else 0.0


def run(content: bytes, frames_yuv: Bytes) -> Labels:
    """Return a lane .tflite's outputs for YUV frames, side by side (n, columns).

    Args:
        content: of the file.
        frames_yuv: frames (n, h, w, 3), or windows (n, frames, h, w, 3) that start with an empty
            state; the result is then (n * frames, columns).

    Raises:
        ModelError: the file lacks the signature of an export.
    """
    interpreter = load_interpreter(content)
    names = interpreter.get_signature_list().get(SIGNATURE)
    if names is None or INPUT_NAME not in names["inputs"]:
        raise ModelError(
            f"The .tflite has the signatures {interpreter.get_signature_list()}.",
            f"Expected {SIGNATURE} with the input {INPUT_NAME}.",
        )
    runner = interpreter.get_signature_runner(SIGNATURE)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    state_names = [name for name in names["inputs"] if name != INPUT_NAME]
    # in the order of `Answers.outputs`: "path" before "spread"
    shown = sorted(set(names["outputs"]) - set(state_names))
    answers = []
    windows = frames_yuv if frames_yuv.ndim == 5 else frames_yuv[:, None]
    for window in windows:
        state = {name: np.zeros(inputs[name]["shape"], np.float32) for name in state_names}
        for frame in window:
            given = {name: _quantized(value, inputs[name]) for name, value in state.items()}
            picture = frame[None].astype(inputs[INPUT_NAME]["dtype"])
            raw = runner(**{INPUT_NAME: picture, **given})
            values = {name: _scaled_back(raw[name], outputs[name]) for name in raw}
            state = {name: values[name] for name in state_names}
            answers.append(np.concatenate([values[name][0] for name in shown]))
    return np.array(answers, dtype=np.float32)


def _quantized(value: Any, tensor: Any) -> Any:
    scale, zero = tensor["quantization"]
    if not scale:
        return value
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(value / scale) + zero, limits.min, limits.max).astype(tensor["dtype"])


def _scaled_back(raw: Any, tensor: Any) -> Any:
    scale, zero = tensor["quantization"]
    return (raw.astype(np.float32) - zero) * scale if scale else np.array(raw)
