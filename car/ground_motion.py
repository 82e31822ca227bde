"""How well a motion over the ground explains what changed between two pictures of it.

The road is a plane, so a motion of the car moves its picture by a homography (R. Hartley,
A. Zisserman, Multiple View Geometry in Computer Vision, 2nd edition, section 13.1): the earlier
picture, warped by the right motion, is the later one. Things that stand on the road don't fit, and
are few.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.camera import Camera
from pixelopolis.vision import LANE_HEIGHT_PX, LANE_PART, LANE_WIDTH_PX, Image

Relief = NDArray[np.float32]
"""A picture of the ground (40, 120) without its slow shading, in units of its own contrast."""

FLAT_PX: Final = (25, 15)
"""Shading that changes over more than this is light, not ground."""
LEAST_CONTRAST: Final = 4.0
"""Of 255: noise on bare ground is not blown up."""
OUTSIDE: Final = 1000.0
"""A difference that means: the earlier picture did not reach there."""
Variations = tuple[tuple[float, float], ...]
"""Parts of a motion, and turns (rad) that are added to it."""

TRIED: Final[Variations] = ((1.0, 0.0), (1.0, 0.012), (1.0, -0.012), (0.85, 0.0), (1.15, 0.0))
"""What any motion is granted."""
TRIED_WIDELY: Final[Variations] = (
    *TRIED,
    *((part, more_rad) for part in (0.85, 1.15) for more_rad in (0.012, -0.012)),
)
"""A camera whose focal length or pitch is not as drawn changes way and turn together."""
LEAST_SHARED: Final = 0.1
"""Part of the picture that both must show."""
LEAST_DOWN: Final = 0.15
"""Tangent of the angle by which the whole picture must look down: nearer to the horizon a pixel is
too much ground."""


def relief_of(crop_rgb: Image, part: float) -> Relief:
    """Return the ground in the lane model's part of a frame.

    Args:
        crop_rgb: (h, w, 3) RGB, the bottom `part` of a frame.
        part: of the frame's rows.
    """
    rows = max(1, round(crop_rgb.shape[0] * min(1.0, LANE_PART / part)))
    grey = cv2.cvtColor(crop_rgb[-rows:], cv2.COLOR_RGB2GRAY)
    if grey.shape != (LANE_HEIGHT_PX, LANE_WIDTH_PX):
        size = (LANE_WIDTH_PX, LANE_HEIGHT_PX)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    level = grey.astype(np.float32)
    level -= cv2.blur(level, FLAT_PX)
    return np.asarray(level / (float(level.std()) + LEAST_CONTRAST), np.float32)


class GroundView:
    """Where one camera sees the ground in the bottom quarter of its frames.

    Attributes:
        is_usable: the whole quarter shows ground; otherwise nothing can be told.

    Args:
        camera: as it is mounted; its roll is left out.
    """

    def __init__(self, camera: Camera) -> None:
        focal_px = LANE_WIDTH_PX / 2 / math.tan(camera.across_rad / 2)
        frame_px = LANE_HEIGHT_PX / LANE_PART
        middle = (LANE_WIDTH_PX / 2 - 0.5, frame_px / 2 - (frame_px - LANE_HEIGHT_PX) - 0.5)
        cos, sin = math.cos(camera.pitch_rad), math.sin(camera.pitch_rad)
        # of a point (forward, left, 1) in the car's frame
        depth = np.array([cos, 0.0, camera.height_m * sin - camera.forward_m * cos])
        down = np.array([-sin, 0.0, camera.height_m * cos + camera.forward_m * sin])
        right = np.array([0.0, -1.0, 0.0])
        self._to_px = np.array(
            [middle[0] * depth + focal_px * right, middle[1] * depth + focal_px * down, depth]
        )
        top = -middle[1] / focal_px
        self.is_usable = (cos * top + sin) / max(cos - sin * top, 1e-6) > LEAST_DOWN
        self._to_ground = np.linalg.inv(self._to_px)

    def difference(
        self,
        before: Relief,
        after: Relief,
        way_m: float,
        turn_rad: float,
        tried: Variations = TRIED,
    ) -> Relief | None:
        """Return how far from the later picture the earlier one is after a motion.

        The motion is taken as roughly known: wheels slip and differ, cameras are not quite as
        drawn. So a little more or less way and turn are tried, and what fits best counts.

        Args:
            before: the earlier picture.
            after: the later one.
            way_m: of the axle's middle along an arc, forward positive.
            turn_rad: anticlockwise positive.
            tried: how much more or less.

        Returns:
            The difference of each pixel in contrasts, `OUTSIDE` where the earlier picture did not
            reach; None when they share too little.
        """
        differences = [
            self._difference(before, after, way_m * part, turn_rad * part + more_rad)
            for part, more_rad in tried
        ]
        shared = [each for each in differences if (each < OUTSIDE).mean() > LEAST_SHARED]
        return min(shared, key=lambda each: float(each[each < OUTSIDE].mean()), default=None)

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
        # at the edge of the earlier picture a pixel is part of it and part of what lies outside
        return np.asarray(np.minimum(np.abs(after - warped), OUTSIDE), np.float32)


def compare(first: Relief, second: Relief) -> tuple[float, float]:
    """Return the mean differences of two motions where both can be judged; zeros for nowhere."""
    both = (first < OUTSIDE) & (second < OUTSIDE)
    if both.mean() < LEAST_SHARED:
        return 0.0, 0.0
    return float(first[both].mean()), float(second[both].mean())
