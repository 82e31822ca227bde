"""How well a motion over the ground explains the change between two pictures of it.

The road is a plane, so the car's motion transforms its picture by a homography (R. Hartley,
A. Zisserman, Multiple View Geometry in Computer Vision, 2nd edition, section 13.1): the earlier
picture, warped by the right motion, matches the later one. Objects on the road do not fit, and
are few.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from car.driving.ground import MIN_SHARED, OUTSIDE, TRIED, Relief, Variations
from pixelopolis.model_io.crops import LANE_HEIGHT_PX, LANE_PART, LANE_WIDTH_PX, Image
from pixelopolis.vehicle.camera import Camera

FLAT_PX: Final = (25, 15)
"""Shading that varies over more than this is lighting, not ground texture."""
MIN_CONTRAST: Final = 4.0
"""Out of 255: keeps noise on bare ground from being amplified."""
MIN_DOWN: Final = 0.15
"""Tangent of the minimum angle below the horizon of the whole picture: nearer to the horizon a
pixel covers too much ground."""


class GroundView:
    """A `GroundModel`: the ground seen in the bottom quarter of one camera's frames.

    Attributes:
        is_usable: the whole quarter shows ground; otherwise results mean nothing.

    Args:
        camera: the camera as mounted; its roll is ignored.
        part: fraction of a frame's rows, from the bottom, that crops show.
    """

    def __init__(self, camera: Camera, part: float) -> None:
        self._part = part
        focal_px = LANE_WIDTH_PX / 2 / math.tan(camera.across_rad / 2)
        frame_px = LANE_HEIGHT_PX / LANE_PART
        middle = (LANE_WIDTH_PX / 2 - 0.5, frame_px / 2 - (frame_px - LANE_HEIGHT_PX) - 0.5)
        cos, sin = math.cos(camera.pitch_rad), math.sin(camera.pitch_rad)
        # for a point (forward, left, 1) in the car's frame
        depth = np.array([cos, 0.0, camera.height_m * sin - camera.forward_m * cos])
        down = np.array([-sin, 0.0, camera.height_m * cos + camera.forward_m * sin])
        right = np.array([0.0, -1.0, 0.0])
        self._to_px = np.array(
            [middle[0] * depth + focal_px * right, middle[1] * depth + focal_px * down, depth]
        )
        top = -middle[1] / focal_px
        self.is_usable = (cos * top + sin) / max(cos - sin * top, 1e-6) > MIN_DOWN
        self._to_ground = np.linalg.inv(self._to_px)

    def relief(self, crop_rgb: Image) -> Relief:
        rows = max(1, round(crop_rgb.shape[0] * min(1.0, LANE_PART / self._part)))
        gray = cv2.cvtColor(crop_rgb[-rows:], cv2.COLOR_RGB2GRAY)
        if gray.shape != (LANE_HEIGHT_PX, LANE_WIDTH_PX):
            size = (LANE_WIDTH_PX, LANE_HEIGHT_PX)
            gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        level = gray.astype(np.float32)
        level -= cv2.blur(level, FLAT_PX)
        return np.asarray(level / (float(level.std()) + MIN_CONTRAST), np.float32)

    def difference(
        self,
        before: Relief,
        after: Relief,
        way_m: float,
        turn_rad: float,
        tried: Variations = TRIED,
    ) -> Relief | None:
        motions = dict.fromkeys(
            (way_m * part, turn_rad * part + more_rad) for part, more_rad in tried
        )
        best: Relief | None = None
        least = math.inf
        for motion in motions:
            difference = self._difference(before, after, *motion)
            shared = difference[difference < OUTSIDE]
            mean = float(shared.mean()) if shared.size / difference.size > MIN_SHARED else math.inf
            if mean < least:
                best, least = difference, mean
        return best

    def _difference(self, before: Relief, after: Relief, way_m: float, turn_rad: float) -> Relief:
        cos, sin = math.cos(turn_rad), math.sin(turn_rad)
        middle = turn_rad / 2
        back = np.array(
            [
                [cos, -sin, way_m * math.cos(middle)],
                [sin, cos, way_m * math.sin(middle)],
                [0.0, 0.0, 1.0],
            ]
        )
        warped = cv2.warpPerspective(
            before,
            self._to_px @ back @ self._to_ground,
            (LANE_WIDTH_PX, LANE_HEIGHT_PX),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderValue=2000 * OUTSIDE,
        )
        # at the earlier picture's border, a pixel mixes picture and outside
        return np.asarray(np.minimum(np.abs(after - warped), OUTSIDE), np.float32)
