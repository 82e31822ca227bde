"""Lane models from .tflite files: steering values or paths for each command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from car.driving.types import LaneView
from car.perception.original_lane import FRAME_WIDTH_PX, original_lane_input, original_steering
from pixelopolis.city.model import Turn
from pixelopolis.errors import ModelError
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import (
    FULL_HEIGHT_PX,
    LANE_HEIGHT_PX,
    LANE_PART,
    LANE_WIDTH_PX,
    Image,
)
from pixelopolis.model_io.inputs import lane_full_input, lane_input
from pixelopolis.model_io.labels import LANE_LABELS, check_labels, log_labels, read_labels
from pixelopolis.model_io.lane_path import SCALES_M, STATIONS_M
from pixelopolis.model_io.litert import load_interpreter

SHIPPED_MODEL: Final = Path(__file__).parents[1] / "models" / "lane.tflite"
"""The shipped int8 model; its card is beside it."""

QUARTER: Final = (1, LANE_HEIGHT_PX, LANE_WIDTH_PX, 3)
WHOLE: Final = (1, FULL_HEIGHT_PX, LANE_WIDTH_PX, 3)
INPUT_TYPES: Final = (np.dtype(np.float32), np.dtype(np.uint8), np.dtype(np.int8))

STEERING: Final = (len(Turn),)
PATHS: Final = (len(Turn), len(Turn) * len(STATIONS_M))
"""Output sizes in rising order, of steering models and of path models."""

_NEXT_STEP: Final = "Use a model from `pixelopolis export lane`, or leave --model out."


class LaneNetwork:
    """A lane model in LiteRT, on one thread.

    Input: the bottom quarter of a frame (40 x 120 YUV bytes) or all of it (80 x 120), as 0..255 for
    float models and as bytes for 8-bit ones (int8: shifted by 128). 8-bit outputs are rescaled by
    the tensor's scale. Output sizes tell the kind: one steering value is the original's model,
    without commands, fed and interpreted as in the original's app (`original_lane`); three are
    (straight, left, right); 15 and 3 are paths and their spreads (`model_io.lane_path`). A
    recurrent model has its state as additional inputs and outputs of the same names.

    Attributes:
        part: fraction of a frame's rows, from the bottom, that it needs.
        frame_width_px: frame width (3:4) at which its input loses no resolution.
        has_commands: it has an output for each command.
        sees_paths: it answers paths, not steering.

    Raises:
        ModelError: the file is not such a model, or its labels are of other commands or columns;
            the message names what was found.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._interpreter = load_interpreter(path)
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(
                f"model {str(path)!r} cannot be loaded: {error}.", _NEXT_STEP
            ) from error
        self.path = path
        inputs, outputs = self._tensors()
        pictures = [d for d in inputs.values() if len(d["shape"]) == 4]
        if len(pictures) != 1 or not _takes_pictures(pictures[0]):
            raise ModelError(
                f"model {str(path)!r} takes {_described(inputs)}, "
                f"not 8-bit or float32 {QUARTER} or {WHOLE}.",
                _NEXT_STEP,
            )
        self._picture = pictures[0]
        self.part = LANE_PART if tuple(self._picture["shape"]) == QUARTER else 1.0
        states = {name: d for name, d in inputs.items() if d is not self._picture}
        self._states = [(d, outputs[name]) for name, d in states.items() if name in outputs]
        answers = [d for name, d in outputs.items() if name not in states]
        self._outputs = sorted(answers, key=_size)
        sizes = tuple(_size(d) for d in self._outputs)
        if sizes not in ((1,), STEERING, PATHS) or len(self._states) != len(states):
            raise ModelError(
                f"model {str(path)!r} answers {_described(outputs)}, not 1 or {STEERING[0]} "
                f"steering values, nor {PATHS[1]} of paths and {PATHS[0]} of their spreads.",
                _NEXT_STEP,
            )
        self.has_commands = sizes != (1,)
        self.sees_paths = sizes == PATHS
        labels = read_labels(path)
        check_labels(path, labels, LANE_LABELS)
        log_labels(path, labels)
        self.frame_width_px = LANE_WIDTH_PX if self.has_commands else FRAME_WIDTH_PX
        self._fit: Callable[[Image], Image] = lane_input
        if self.part != LANE_PART:
            self._fit = lane_full_input
        elif not self.has_commands:
            self._fit = original_lane_input
        self.reset()

    def reset(self) -> None:
        self._state = [np.zeros(d["shape"], dtype=np.float32) for d, _ in self._states]

    def look(self, picture_rgb: Image) -> LaneView:
        """Return the model's view of its part of a frame (h, w, 3) RGB."""
        self._set(self._picture, self._fit(picture_rgb)[None])
        for (tensor, _), value in zip(self._states, self._state, strict=True):
            self._set(tensor, value)
        self._interpreter.invoke()
        self._state = [self._get(tensor) for _, tensor in self._states]
        if self.sees_paths:
            spread, paths = (self._get(tensor).reshape(-1) for tensor in self._outputs)
            return LaneView(paths_left_m=_in_meters(paths), spread_m=_spread_m(spread))
        (values,) = (self._get(tensor).reshape(-1).clip(-1.0, 1.0) for tensor in self._outputs)
        if not self.has_commands:
            return LaneView(steering=(original_steering(float(values[0])),) * 3)
        straight, left, right = map(float, values)
        return LaneView(steering=(straight, left, right))

    def _tensors(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the details of inputs and outputs by signature name, if there is a signature."""
        for name in self._interpreter.get_signature_list():
            signature = self._interpreter.get_signature_runner(name)
            return signature.get_input_details(), signature.get_output_details()
        return (
            {d["name"]: d for d in self._interpreter.get_input_details()},
            {d["name"]: d for d in self._interpreter.get_output_details()},
        )

    def _set(self, tensor: Any, value: Any) -> None:
        dtype = np.dtype(tensor["dtype"])
        if value.dtype == np.uint8 and dtype == np.int8:
            value = (value.astype(np.int16) - 128).astype(np.int8)
        elif value.dtype != np.uint8 and dtype != np.float32:
            scale, zero = tensor["quantization"]
            limits = np.iinfo(dtype)
            value = np.clip(np.round(value / scale) + zero, limits.min, limits.max)
        self._interpreter.set_tensor(tensor["index"], value.astype(dtype))

    def _get(self, tensor: Any) -> Any:
        raw = self._interpreter.get_tensor(tensor["index"])
        scale, zero = tensor["quantization"]
        return (raw.astype(np.float32) - zero) * scale if scale else raw.astype(np.float32)


def _takes_pictures(tensor: Any) -> bool:
    shape = tuple(int(n) for n in tensor["shape"])
    return shape in (QUARTER, WHOLE) and np.dtype(tensor["dtype"]) in INPUT_TYPES


def _size(tensor: Any) -> int:
    return int(np.prod(tensor["shape"]))


def _described(tensors: dict[str, Any]) -> str:
    return ", ".join(
        f"{np.dtype(d['dtype'])} {tuple(int(n) for n in d['shape'])}" for d in tensors.values()
    )


def _in_meters(paths: Any) -> FloatArray:
    return np.asarray(paths.reshape(len(Turn), len(STATIONS_M)) * SCALES_M, dtype=np.float64)


def _spread_m(spread: Any) -> FloatArray:
    """Return the predicted error, as the mean over the stations."""
    return np.asarray(np.exp(spread) * np.mean(SCALES_M), dtype=np.float64)


def load_lane_model(path: Path | None = None) -> LaneNetwork:
    """Return the lane model of a file, by default the shipped one."""
    return LaneNetwork(path or SHIPPED_MODEL)
