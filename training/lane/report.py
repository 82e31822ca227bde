"""Errors of a lane run, compared with a constant, and images with outputs drawn in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.model_io.crops import Image
from pixelopolis.model_io.lane_path import COLUMNS, SCALES_M, STATIONS_M, points_of
from pixelopolis.vehicle.steering import MAX_STEERING_DEG
from training.lane.data import Labels
from training.lane.label_files import COMMANDS

SCALES_MM: Final = 1000 * np.tile(np.array(SCALES_M, dtype=np.float32), len(COMMANDS))
"""Scales of a path network's outputs, in the order of `COLUMNS`."""

SHOWN_STATIONS: Final = ("_20cm", "_40cm")

PX_PER_M: Final = 350
"""Scale of paths drawn from above."""

TRUE_RGB, PREDICTED_RGB = (60, 220, 60), (255, 60, 200)


@dataclass(frozen=True, slots=True)
class HeadError:
    """Error of one output, in steering or mm."""

    mean_abs: float
    median_guess: float
    """Error of the median of the true values as a constant."""
    labels: int
    expected: float | None = None
    """The network's own estimate of its error, if it has one."""

    def as_json(self) -> dict[str, float | int]:
        figures: dict[str, float | int] = {
            "mean_abs_error": round(self.mean_abs, 5),
            "median_guess_error": round(self.median_guess, 5),
            "labels": self.labels,
        }
        if self.expected is not None:
            figures["expected_error"] = round(self.expected, 5)
        return figures


def steering_errors(
    predicted: Labels, steering: Labels, blank: NDArray[np.bool_] | None = None
) -> dict[str, HeadError]:
    """Return the errors of each command, of `all` labels, and of `visible` ones.

    Args:
        predicted: (n, 3) in [-1, 1].
        steering: (n, 3), NaN without a label.
        blank: (n,) images without lines; left out of `visible`.
    """
    errors = {
        str(command): _error(predicted[:, i], steering[:, i]) for i, command in enumerate(COMMANDS)
    }
    errors["all"] = _error(predicted, steering)
    if blank is not None:
        errors["visible"] = _error(predicted[~blank], steering[~blank])
    return errors


def path_errors(
    predicted: Labels, paths: Labels, blank: NDArray[np.bool_] | None = None
) -> dict[str, HeadError]:
    """Return errors in mm: of each command at 0.2 and 0.4 m, of `all` stations, of `visible` ones.

    Args:
        predicted: (n, 18): 15 lateral offsets, scaled as in `lane_path`, and the logarithm of each
            command's scaled expected error.
        paths: (n, 15) scaled, NaN without a label.
        blank: (n,) images without lines; left out of `visible`.
    """
    count = len(COLUMNS)
    true_mm, answer_mm = paths * SCALES_MM, predicted[:, :count] * SCALES_MM
    expected_mm = np.exp(np.repeat(predicted[:, count:], len(STATIONS_M), axis=1)) * SCALES_MM
    errors = {
        name: _error(answer_mm[:, i], true_mm[:, i], expected_mm[:, i])
        for i, name in enumerate(COLUMNS)
        if name.endswith(SHOWN_STATIONS)
    }
    errors["all"] = _error(answer_mm, true_mm, expected_mm)
    if blank is not None:
        errors["visible"] = _error(answer_mm[~blank], true_mm[~blank], expected_mm[~blank])
    return errors


def _error(answer: Labels, true: Labels, expected: Labels | None = None) -> HeadError:
    known = np.isfinite(true)
    if not known.any():
        return HeadError(math.nan, math.nan, 0)
    # each column has its own median
    median = np.nanmedian(true, axis=0) if known.any(axis=0).all() else np.nanmedian(true)
    return HeadError(
        float(np.abs(answer - true)[known].mean()),
        float(np.abs(true - median)[known].mean()),
        int(known.sum()),
        None if expected is None else float(expected[known].mean()),
    )


def draw_steering(image_yuv: Image, steering: Labels, predicted: Labels) -> Image:
    """Return a model input four times as large, in RGB, with an arrow for each command.

    Green: the label. Pink: the model. Arrows are labeled by the commands' first letters.

    Args:
        image_yuv: (h, w, 3).
        steering: (3,), NaN where there is no label.
        predicted: (3,).
    """
    picture = _enlarged(image_yuv)
    height, width = picture.shape[:2]
    for values, color, length in ((steering, TRUE_RGB, 0.8), (predicted, PREDICTED_RGB, 0.65)):
        for command, value in zip(COMMANDS, values, strict=True):
            if not math.isfinite(value):
                continue
            angle = float(value) * math.radians(MAX_STEERING_DEG)
            foot = (width // 2, height - 4)
            tip = (
                round(foot[0] + length * height * math.sin(angle)),
                round(foot[1] - length * height * math.cos(angle)),
            )
            cv2.arrowedLine(picture, foot, tip, color, 2, cv2.LINE_AA, tipLength=0.08)
            if values is steering:
                _write(picture, command[0].upper(), tip, color)
    return picture


def draw_paths(image_yuv: Image, paths: Labels, predicted: Labels) -> Image:
    """Return a model input four times as large, in RGB, with each command's path from above.

    Green: the label. Pink: the model, thicker for larger expected errors. The car's axle is at the
        middle of the lower edge.

    Args:
        image_yuv: (h, w, 3).
        paths: (15,) scaled, NaN where there is no label.
        predicted: (18,) as for `path_errors`.
    """
    picture = _enlarged(image_yuv)
    height, width = picture.shape[:2]
    count = len(COLUMNS)
    for values, color in ((predicted[:count], PREDICTED_RGB), (paths, TRUE_RGB)):
        for i, left_m in enumerate((values * SCALES_MM / 1000).reshape(len(COMMANDS), -1)):
            if not np.isfinite(left_m).all():
                continue
            points = points_of(left_m.astype(np.float64), STATIONS_M)
            pixels = ([width / 2, height] - PX_PER_M * points[:, ::-1]).round().astype(np.int32)
            sure = values is paths
            thickness = 1 if sure else 1 + round(8 * float(np.exp(predicted[count + i])))
            cv2.polylines(picture, [pixels], False, color, min(thickness, 12), cv2.LINE_AA)
            if sure:
                _write(picture, COMMANDS[i][0].upper(), pixels[-1].tolist(), color)
    return picture


def _enlarged(image_yuv: Image) -> Image:
    rgb = np.asarray(cv2.cvtColor(image_yuv, cv2.COLOR_YUV2RGB))
    picture = cv2.resize(rgb, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    return np.asarray(picture, dtype=np.uint8)


def _write(picture: Image, text: str, at: Sequence[int], color: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, 1, cv2.LINE_AA)
