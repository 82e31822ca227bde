"""Lane models: a .tflite file in, one steering value a command out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pixelopolis.city import Turn
from pixelopolis.errors import ModelError
from pixelopolis.vision import LANE_HEIGHT_PX, LANE_WIDTH_PX, Image

SHIPPED_MODEL = Path(__file__).parent / "models" / "lane.tflite"
"""The int8 model that comes with the package; its card lies beside it."""

INPUT_SHAPE = (1, LANE_HEIGHT_PX, LANE_WIDTH_PX, 3)
INPUT_TYPES = (np.dtype(np.float32), np.dtype(np.uint8), np.dtype(np.int8))


class LaneModel:
    """A lane model in LiteRT, on one thread.

    Takes YUV bytes. A float model gets them as 0..255, an 8-bit one as they are (int8: shifted by
    128). One output is a model without commands, as the original's; three are (straight, left,
    right). An 8-bit output is scaled back by the tensor's own scale.

    Raises:
        ModelError: when the file is no such model; the message names what was found.
    """

    def __init__(self, path: Path) -> None:
        next_step = "Use a model from `pixelopolis export lane`, or leave --model out."
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(
                f"model {str(path)!r} cannot be loaded: {error}.", next_step
            ) from error
        (self._input,) = self._interpreter.get_input_details()[:1]
        (self._output,) = self._interpreter.get_output_details()[:1]
        shape = tuple(int(n) for n in self._input["shape"])
        if shape != INPUT_SHAPE or np.dtype(self._input["dtype"]) not in INPUT_TYPES:
            raise ModelError(
                f"model {str(path)!r} takes {np.dtype(self._input['dtype'])} {shape}, "
                f"not 8-bit or float32 {INPUT_SHAPE}.",
                next_step,
            )
        outputs = int(np.prod(self._output["shape"]))
        if outputs not in (1, len(Turn)):
            raise ModelError(
                f"model {str(path)!r} answers {outputs} values, not 1 or {len(Turn)}.", next_step
            )
        self.path = path
        self.has_commands = outputs > 1

    def steer(self, lane_input_yuv: Image) -> tuple[float, ...]:
        """Return (straight, left, right) in [-1, 1] for a (40, 120, 3) uint8 YUV input."""
        self._interpreter.set_tensor(
            self._input["index"], _as_type(lane_input_yuv[None], np.dtype(self._input["dtype"]))
        )
        self._interpreter.invoke()
        raw = self._interpreter.get_tensor(self._output["index"]).reshape(-1)
        values = _as_float(raw, self._output).clip(-1.0, 1.0)
        if not self.has_commands:
            values = np.repeat(values, len(Turn))
        return tuple(float(v) for v in values)


def _as_type(image: Image, dtype: np.dtype[Any]) -> Any:
    if dtype == np.int8:
        return (image.astype(np.int16) - 128).astype(np.int8)
    return image.astype(dtype)


def _as_float(raw: Any, details: Any) -> Any:
    scale, zero = details["quantization"]
    return (raw.astype(np.float32) - zero) * scale if scale else raw.astype(np.float32)


def load_lane_model(path: Path | None = None) -> LaneModel:
    """Return the lane model of a file, by default the shipped one."""
    return LaneModel(path or SHIPPED_MODEL)
