"""What the original's car app (2020) does before and after its lane model. Pure.

Source: the published `car_app`. Its vision thread takes the bottom quarter of a frame of 600x800,
600x200 px RGB, resizes it to 120x40 bilinearly and turns it to YUV, 0..255; the model itself
divides by 127.5 and takes off 1. At exactly a fifth, bilinear sampling takes the middle pixel of
every five as it is: thin lines break up, and the order of resize and colour makes no difference
(its training code turns the frame to YUV first).

The answer times `max_steering_angle`, 48 in its configuration, is cut to whole degrees, left
negative. Its wheel rule is ours (`vehicle.steering`): the outer wheel keeps 180 motor units,
the inner one loses 3.6153 a degree.

Not done here: the app does not limit the answer, we do, to [-1, 1]; it cuts wheel speeds to whole
motor units (at most 0.6 %); its frames, commands and board have clocks of their own, 13.3 commands
a second of which the board keeps up with 7.8.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from pixelopolis.model_io.crops import LANE_HEIGHT_PX, LANE_WIDTH_PX, Image
from pixelopolis.vehicle.steering import MAX_STEERING_DEG

FRAME_WIDTH_PX: Final = 600
"""Of the app's frames, 600x800."""


def original_lane_input(crop_rgb: Image) -> Image:
    """Return the model's input (40, 120, 3) uint8 YUV from a bottom quarter (h, w, 3) RGB."""
    size = (LANE_WIDTH_PX, LANE_HEIGHT_PX)
    small = cv2.resize(crop_rgb, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2YUV), dtype=np.uint8)


def original_steering(answer: float) -> float:
    """Return the steering in [-1, 1] that the app makes of the model's answer: whole degrees."""
    limited = min(1.0, max(-1.0, answer))
    return math.trunc(limited * MAX_STEERING_DEG) / MAX_STEERING_DEG
