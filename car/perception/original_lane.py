"""Pre- and postprocessing of the lane model in the original car app (2020). Pure.

Source: the published `car_app`. It takes the bottom quarter of a 600x800 frame, 600x200 px RGB,
resizes it bilinearly to 120x40 and converts it to YUV, 0..255; the model itself divides by 127.5
and subtracts 1. At exactly one fifth, bilinear sampling takes the middle one of every five pixels:
thin lines break up, and the order of resize and conversion does not matter (its training code
converts first).

The output times `max_steering_angle`, 48 in its configuration, is truncated to whole degrees, left
negative. Its wheel rule is ours (`vehicle.steering`): the outer wheel keeps 180 motor units,
the inner one loses 3.6153 per degree.

Differences: we limit the output to [-1, 1]; the app truncates wheel speeds to whole motor units
(at most 0.6 %); its frames, commands and board are not synchronized: 13.3 commands a second, of
which the board handles 7.8.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from pixelopolis.model_io.crops import LANE_HEIGHT_PX, LANE_WIDTH_PX, Image
from pixelopolis.vehicle.steering import MAX_STEERING_DEG

FRAME_WIDTH_PX: Final = 600
"""Width of the app's frames, 600x800."""


def original_lane_input(crop_rgb: Image) -> Image:
    """Return the model's input (40, 120, 3) uint8 YUV from a bottom quarter (h, w, 3) RGB."""
    size = (LANE_WIDTH_PX, LANE_HEIGHT_PX)
    small = cv2.resize(crop_rgb, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2YUV), dtype=np.uint8)


def original_steering(answer: float) -> float:
    """Return the steering in [-1, 1] that the app derives from an output: whole degrees."""
    limited = min(1.0, max(-1.0, answer))
    return math.trunc(limited * MAX_STEERING_DEG) / MAX_STEERING_DEG
