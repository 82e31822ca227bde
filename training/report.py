"""What a training run tells people: errors beside a guess, pictures with steering, model cards."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.vision import Image
from training.lane.data import COMMANDS, Steering

WHEEL_LIMIT_RAD = math.radians(48)
"""What steering 1 means at the original's geometry."""

TRUE_RGB, PREDICTED_RGB = (60, 220, 60), (255, 60, 200)


@dataclass(frozen=True, slots=True)
class HeadError:
    """How far one command's steering is off."""

    mean_abs: float
    median_guess: float
    """The error of always answering the median of the true values."""
    labels: int

    def as_json(self) -> dict[str, float | int]:
        return {
            "mean_abs_error": round(self.mean_abs, 5),
            "median_guess_error": round(self.median_guess, 5),
            "labels": self.labels,
        }


def head_errors(
    predicted: Steering, steering: Steering, blank: NDArray[np.bool_] | None = None
) -> dict[str, HeadError]:
    """Return the errors of each command, of `all` labels, and of `visible` ones.

    Args:
        predicted: (n, 3) in [-1, 1].
        steering: (n, 3), NaN where there is no label.
        blank: (n,) pictures that show nothing to steer by; left out of `visible`.
    """
    errors = {
        str(command): _error(predicted[:, i], steering[:, i]) for i, command in enumerate(COMMANDS)
    }
    errors["all"] = _error(predicted, steering)
    if blank is not None:
        errors["visible"] = _error(predicted[~blank], steering[~blank])
    return errors


def _error(predicted: Steering, steering: Steering) -> HeadError:
    known = np.isfinite(steering)
    if not known.any():
        return HeadError(math.nan, math.nan, 0)
    true, answer = steering[known], predicted[known]
    return HeadError(
        float(np.abs(answer - true).mean()),
        float(np.abs(true - np.median(true)).mean()),
        len(true),
    )


def draw_steering(
    image_yuv: Image, steering: NDArray[np.float32], predicted: NDArray[np.float32]
) -> Image:
    """Return a model input four times as large, in RGB, with an arrow a command.

    Green: the label. Pink: the model. The commands' first letters stand at the arrows' tips.
    """
    rgb = np.asarray(cv2.cvtColor(image_yuv, cv2.COLOR_YUV2RGB))
    picture = cv2.resize(rgb, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    height, width = picture.shape[:2]
    for values, colour, length in ((steering, TRUE_RGB, 0.8), (predicted, PREDICTED_RGB, 0.65)):
        for command, value in zip(COMMANDS, values, strict=True):
            if not math.isfinite(value):
                continue
            angle = float(value) * WHEEL_LIMIT_RAD
            foot = (width // 2, height - 4)
            tip = (
                round(foot[0] + length * height * math.sin(angle)),
                round(foot[1] - length * height * math.cos(angle)),
            )
            cv2.arrowedLine(picture, foot, tip, colour, 2, cv2.LINE_AA, tipLength=0.08)
            if values is steering:
                font = cv2.FONT_HERSHEY_SIMPLEX
                cv2.putText(picture, command[0].upper(), tip, font, 0.4, colour, 1, cv2.LINE_AA)
    return np.asarray(picture, dtype=np.uint8)
