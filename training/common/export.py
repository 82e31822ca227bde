"""Export of Keras functions to .tflite files, for every model."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.errors import ModelError
from pixelopolis.model_io.litert import load_interpreter, native_stderr_filtered
from training.common.backend import tf

SIGNATURE: Final = "serving_default"
INPUT_NAME: Final = "picture"
MIDDLE: Final = 127.5
"""Pictures are scaled to x / MIDDLE - 1 = -1..1."""
Bytes = NDArray[np.uint8]


def converter(
    models: Sequence[Any],
    answer: Callable[..., Mapping[str, Any]],
    shape: tuple[int, ...],
    state: Mapping[str, int] | None = None,
) -> Any:
    """Return a converter for batch 1 with a named signature.

    A module must hold the variables: with the Keras model in its place the converter silently
        writes NaN weights, and without one it drops the fixed batch.

    Args:
        models: every Keras model that `answer` calls.
        answer: from a float32 image (1, *shape), and the state by name, to named outputs.
        shape: of an image (height, width, channels).
        state: sizes of further inputs (1, size) by name.
    """
    module = tf.Module()
    module.weights = [variable.value for model in models for variable in model.variables]
    module.answer = tf.function(answer, jit_compile=False)
    specs = [tf.TensorSpec((1, *shape), tf.float32, INPUT_NAME)]
    specs += [tf.TensorSpec((1, size), tf.float32, name) for name, size in (state or {}).items()]
    concrete = module.answer.get_concrete_function(*specs)
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)


def scaled(pictures: Any) -> Any:
    """Return bytes 0..255 as a network's input in [-1, 1]."""
    return tf.cast(pictures, tf.float32) / MIDDLE - 1.0


def make_int8(
    converter: Any,
    calibration: Bytes,
    states: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Make the converter of a model for images in [-1, 1] write int8 with uint8 bytes as input.

    Args:
        converter: as `converter` returns it.
        calibration: pictures (n, height, width, 3) like those that the car will see.
        states: further inputs by name, (1, size) float32, for each of these pictures.
    """

    def pictures() -> Iterator[dict[str, Any]]:
        # the first image gets both extremes, so that a byte's scale is 1 / middle
        for number, frame in enumerate(calibration):
            picture = frame.copy()
            if number == 0:
                picture[0, 0], picture[0, -1] = 0, 255
            state = states[number] if states else {}
            yield {INPUT_NAME: scaled(picture[None]), **state}

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = pictures
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8


def converted(converter: Any) -> bytes:
    """Return the .tflite file's content."""
    with native_stderr_filtered(lambda _: False):
        return bytes(converter.convert())


def median_ms(content: bytes, picture: Bytes) -> float:
    """Return the median time of one inference in LiteRT, on one thread of this computer, in ms."""
    interpreter = load_interpreter(content)
    for taken in interpreter.get_input_details():
        value = picture[None] if len(taken["shape"]) == 4 else np.zeros(taken["shape"])
        interpreter.set_tensor(taken["index"], value.astype(taken["dtype"]))
    times_s = []
    for _ in range(200):
        started_s = time.perf_counter()
        interpreter.invoke()
        times_s.append(time.perf_counter() - started_s)
    return float(np.median(times_s)) * 1e3


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write all files into a folder, or none, each atomically.

    Raises:
        ModelError: they cannot be written.
    """
    parts = {folder / name: folder / f"{name}.part" for name in files}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, content in zip(parts.values(), files.values(), strict=True):
            part.write_bytes(content)
        for file, part in parts.items():
            part.replace(file)
    except OSError as error:
        raise ModelError(
            f"{str(folder)!r} cannot be written into: {error.strerror}.", "Name another --out."
        ) from error
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
