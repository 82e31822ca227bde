"""Detectors from .tflite files: ours, and the original's."""

from __future__ import annotations

import ctypes
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from ai_edge_litert.interpreter import load_delegate
from numpy.typing import NDArray

from car.driving.types import Sighting
from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.errors import ModelError
from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_ROWS, DETECTOR_WIDTH_PX, Image
from pixelopolis.model_io.labels import check_labels, log_labels, read_labels
from pixelopolis.model_io.litert import load_interpreter

SHIPPED_DETECTOR: Final = Path(__file__).parents[1] / "models" / "detector.tflite"
"""The shipped int8 model; its card is beside it."""

OUR_INPUT: Final = (1, DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3)
ORIGINAL_INPUT: Final = (1, 300, 225, 3)
"""The original's detector gets the whole frame, scaled."""
ORIGINAL_CLASSES, ORIGINAL_THRESHOLD = SIGN_CLASSES[:15], 0.7
"""It knows the first 15 of `SIGN_CLASSES`; its car accepted scores above this."""

DEFAULT_THRESHOLD: Final = 0.5
"""For a model without a card."""

OUTPUTS: Final = ("boxes", "classes", "scores", "count")
_VARIANT: Final = re.compile(r"_(float|edgetpu)$")

DELEGATES: Final = {"edgetpu": ("libedgetpu.so.1", "libedgetpu.1.dylib", "edgetpu.dll")}


class Detector:
    """A detector in LiteRT, on one thread or on an accelerator.

    Implements `SightModel`. Ours takes the RGB bytes of the frame's middle half (float models: the
    same as 0..255). The original's takes the whole frame, with the missing rows gray.

    Args:
        path: the .tflite file. The labels in it name its classes; `NAME.json` beside it (the card)
            names them too, and gives the score threshold of each.
        delegate: "edgetpu" for a Coral accelerator; the file must be compiled for it.
        thresholds: minimum score of each class instead of the card's; one number for all.

    Raises:
        ModelError: the model or delegate cannot be loaded, or the labels differ from the card's or
            are
            unknown; says what was found.
    """

    def __init__(
        self,
        path: Path,
        delegate: str | None = None,
        thresholds: Mapping[str, float] | float | None = None,
    ) -> None:
        next_step = "Use a model from `pixelopolis export detector`, or leave --model out."
        delegates = [_load_delegate(delegate)] if delegate else None
        try:
            self._interpreter = load_interpreter(path, delegates)
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(
                f"model {str(path)!r} cannot be loaded: {error}.", next_step
            ) from error
        self.path = path
        self._input = self._interpreter.get_input_details()[0]
        self._type = np.dtype(self._input["dtype"])
        shape = tuple(int(n) for n in self._input["shape"])
        if shape not in (OUR_INPUT, ORIGINAL_INPUT) or self._type not in (np.uint8, np.float32):
            raise ModelError(
                f"model {str(path)!r} takes {self._type} {shape}, not uint8 or float32 {OUR_INPUT} "
                f"(or {ORIGINAL_INPUT}, the original's).",
                next_step,
            )
        self.sees_whole_frame = shape == ORIGINAL_INPUT
        outputs = _outputs(self._interpreter)
        if set(outputs) != set(OUTPUTS):
            raise ModelError(
                f"model {str(path)!r} answers {', '.join(sorted(outputs))}, "
                f"not {', '.join(OUTPUTS)}.",
                next_step,
            )
        self._outputs = outputs
        self.classes, believed = self._read_card(next_step)
        if isinstance(thresholds, Mapping):
            believed = {**believed, **thresholds}
        elif thresholds is not None:
            believed = dict.fromkeys(self.classes, thresholds)
        self.thresholds: dict[str, float] = believed

    def _read_card(self, next_step: str) -> tuple[tuple[str, ...], dict[str, float]]:
        labels = read_labels(self.path)
        log_labels(self.path, labels)
        if self.sees_whole_frame:
            return ORIGINAL_CLASSES, dict.fromkeys(ORIGINAL_CLASSES, ORIGINAL_THRESHOLD)
        card = self.path.with_name(f"{_VARIANT.sub('', self.path.stem)}.json")
        if not card.is_file():
            classes = labels.get("classes", SIGN_CLASSES)
            self._check_classes(classes, next_step)
            return classes, dict.fromkeys(classes, DEFAULT_THRESHOLD)
        try:
            document = json.loads(card.read_text("utf-8"))
            classes = tuple(str(name) for name in document["classes"])
            thresholds = {name: float(document["thresholds"][name]) for name in classes}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{card}, the card of {self.path.name}, does not say its classes and thresholds: "
                f"{error!r}.",
                next_step,
            ) from error
        check_labels(self.path, labels, {"classes": classes})
        self._check_classes(classes, next_step)
        return classes, thresholds

    def _check_classes(self, classes: Sequence[str], next_step: str) -> None:
        if unknown := [name for name in classes if name not in SIGN_CLASSES]:
            raise ModelError(
                f"model {str(self.path)!r} tells classes apart that nobody here knows: "
                f"{', '.join(unknown)}.",
                next_step,
            )

    def detect(self, detector_input_rgb: Image) -> tuple[Sighting, ...]:
        """Return the detections in a (160, 240, 3) uint8 RGB detector input, best score first."""
        if not self.sees_whole_frame:
            return self._run(detector_input_rgb, DETECTOR_ROWS)
        top = round(2 * DETECTOR_HEIGHT_PX * DETECTOR_ROWS[0])
        frame = np.full((2 * DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3), 128, dtype=np.uint8)
        frame[top : top + DETECTOR_HEIGHT_PX] = detector_input_rgb
        return self.detect_in_frame(frame)

    def detect_in_frame(self, frame_rgb: Image) -> tuple[Sighting, ...]:
        """Return the detections in a whole frame (h, w, 3), for a model that takes all of it."""
        size = (ORIGINAL_INPUT[2], ORIGINAL_INPUT[1])
        return self._run(np.asarray(cv2.resize(frame_rgb, size), dtype=np.uint8), (0.0, 1.0))

    def _run(self, image: Image, rows: tuple[float, float]) -> tuple[Sighting, ...]:
        self._interpreter.set_tensor(self._input["index"], image[None].astype(self._type))
        self._interpreter.invoke()
        count = int(self._read("count").reshape(-1)[0])
        rows_of = (self._read(name)[0][:count] for name in ("boxes", "classes", "scores"))
        found = []
        for box, number, score in zip(*rows_of, strict=True):
            name = self.classes[int(number)]
            if score >= self.thresholds[name]:
                found.append(Sighting(name, float(score), _in_frame(box, rows)))
        return tuple(sorted(found, key=lambda sighting: -sighting.score))

    def _read(self, name: str) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self._interpreter.get_tensor(self._outputs[name])
        return values


def _in_frame(
    box: NDArray[np.float32], rows: tuple[float, float]
) -> tuple[float, float, float, float]:
    """Convert (top, left, bottom, right) in `rows` of a frame to (l, t, r, b) of all of it."""
    top, left, bottom, right = np.clip(box, 0.0, 1.0).tolist()
    height = rows[1] - rows[0]
    return left, rows[0] + top * height, right, rows[0] + bottom * height


def _outputs(interpreter: Any) -> dict[str, int]:
    """Return the tensors by signature name; the original's have only an order."""
    if interpreter.get_signature_list():
        details = interpreter.get_signature_runner().get_output_details()
        return {str(name): int(detail["index"]) for name, detail in details.items()}
    details = interpreter.get_output_details()
    if len(details) != len(OUTPUTS):
        return {str(detail["name"]): int(detail["index"]) for detail in details}
    return {name: int(d["index"]) for name, d in zip(OUTPUTS, details, strict=True)}


def _load_delegate(name: str) -> Any:
    if name not in DELEGATES:
        raise ModelError(f"delegate is {name!r}.", f"Known: {', '.join(DELEGATES)}.")
    reasons = []
    for library in DELEGATES[name]:
        try:
            ctypes.CDLL(library)  # LiteRT would fail later, less clearly, if it is missing
            return load_delegate(library)
        except (OSError, ValueError) as error:
            reasons.append(f"{library}: {error}")
    raise ModelError(
        f"delegate {name!r} cannot be loaded ({reasons[0]}).",
        "Install Coral's Edge TPU runtime (libedgetpu) and plug the accelerator in, or leave the "
        "delegate out to run on the processor.",
    )


def load_detector(
    path: Path | None = None,
    delegate: str | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> Detector:
    """Return the detector of a file, by default the shipped one."""
    return Detector(path or SHIPPED_DETECTOR, delegate, thresholds)
