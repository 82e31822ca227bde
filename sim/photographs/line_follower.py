"""A trivial line follower: bright or yellow pixels, left and right, and the middle between them.

It stands beside the models in tables, to show what their sight is worth.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from car.driving.types import LaneView
from pixelopolis.city.model import Road, Turn
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import LANE_HEIGHT_PX, LANE_PART, LANE_WIDTH_PX, Image
from pixelopolis.model_io.lane_path import STATIONS
from pixelopolis.vehicle.camera import Camera

HALF_ROAD_M: Final = Road("asphalt").lane_width_m / 2
BANDS: Final = ((0, 12), (28, 40))
"""Rows of the crop: far and near."""
MIN_BRIGHTER: Final = 40
"""A line is so much brighter than the median of its rows, of 255, or yellow."""
MIN_PIXELS: Final = 12
SPREAD_M: Final = 0.03


class LineFollower:
    """A lane model without learning. Implements `LaneModel`; every command gets the same path."""

    def __init__(self) -> None:
        self.part = LANE_PART
        camera = Camera()
        focal = LANE_WIDTH_PX * camera.focal_px / camera.width_px
        below = LANE_HEIGHT_PX / LANE_PART / 2 - LANE_HEIGHT_PX + np.arange(LANE_HEIGHT_PX) + 0.5
        self._reach_m = camera.height_m * focal / below
        self._left_per_m = (LANE_WIDTH_PX / 2 - 0.5 - np.arange(LANE_WIDTH_PX)) / focal

    def reset(self) -> None:
        """Forget nothing: each picture is judged alone."""

    def look(self, picture_rgb: Image) -> LaneView:
        """Return a straight path to the middle between the lines of a crop (40, 120, 3) RGB."""
        hsv = cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2HSV)
        yellow = (abs(hsv[..., 0].astype(int) - 27) < 9) & (hsv[..., 1] > 90) & (hsv[..., 2] > 90)
        places = []
        for top, bottom in BANDS:
            value = hsv[top:bottom, :, 2]
            ranked = np.sort(value, axis=None).astype(float)
            ground, brightest = ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100]
            brighter = max(MIN_BRIGHTER, (brightest - ground) / 2)
            is_line = (value > ground + brighter) | yellow[top:bottom]
            rows, columns = np.nonzero(is_line)
            left = self._left_per_m[columns] * self._reach_m[top + rows]
            reach = float(self._reach_m[top:bottom].mean()) + Camera().forward_m
            places.append((reach, _middle(left)))
        (far, far_left), (near, near_left) = places
        slope = (far_left - near_left) / (far - near)
        path = near_left + slope * (STATIONS - near)
        count = len(Turn)
        return LaneView(paths_left_m=np.tile(path, (count, 1)), spread_m=np.full(count, SPREAD_M))


def _middle(left_m: FloatArray) -> float:
    """Return the middle of the road from its line pixels' places to the left; 0 without any."""
    sides = [
        float(side.mean()) - half
        for side, half in ((left_m[left_m > 0], HALF_ROAD_M), (left_m[left_m < 0], -HALF_ROAD_M))
        if len(side) >= MIN_PIXELS
    ]
    return sum(sides) / len(sides) if sides else 0.0
