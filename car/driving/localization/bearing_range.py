"""Converts a bounding box to bearing and range by the camera's mounting.

The range of an upright object of known height follows from the rays through the centers of its
box's top and bottom edges, so the camera need not be level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from car.driving.types import Sighting, Sightings
from pixelopolis.city.signs import CAR, class_height_m
from pixelopolis.geometry import FloatArray
from pixelopolis.model_io.crops import DETECTOR_ROWS
from pixelopolis.vehicle.camera import Camera

EDGE_SIGMA_PX: Final = 1.0
TALL_PX: Final = 0.7
"""Error of each box side (standard deviation), and by how much boxes are too high, at 320 rows. The
shipped detector's boxes are 0.5 to 0.9 px too high (sigma 1.45 px) on signs of 12 to 30 px; on
small landmarks 8 %."""

MOUNT_SIGMA_RAD: Final = 0.01
"""Yaw error of the camera relative to the car's axis."""

LENS_SIGMA: Final = 0.09
"""Relative range error caused by tolerance of the focal length."""

BORDER_PX: Final = 1.5
"""A box this near the border of the detector's input may be cut off."""


@dataclass(frozen=True, slots=True)
class SignMeasurement:
    """Bearing and range of an object, from the camera's center.

    `bearing_rad` is relative to the car's axis, left positive. `range_m` is the distance over
    ground; None if the box is cut off, since its height is then unknown.
    """

    class_name: str
    height_px: float
    bearing_rad: float
    bearing_sigma_rad: float
    range_m: float | None
    range_sigma_m: float = math.inf

    def nearness(
        self, expected_m: FloatArray, place_sigma_m: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return the innovation of 1/range and its standard deviation, both in 1/m.

        A box's height is proportional to 1/range. Comparing ranges would give boxes that are too
        large by chance more weight than those that are too small.

        Args:
            expected_m: expected range, any shape.
            place_sigma_m: standard deviation of the expectation.
        """
        assert self.range_m is not None
        sides = EDGE_SIGMA_PX * math.sqrt(2) / self.height_px / self.range_m
        near = 1 / np.maximum(expected_m, 0.05)
        square = sides**2 + (LENS_SIGMA * near) ** 2 + (place_sigma_m * near**2) ** 2
        return 1 / self.range_m - near, np.sqrt(square)


def measurement_of(
    sighting: Sighting, camera: Camera, tall_px: float = TALL_PX
) -> SignMeasurement | None:
    """Return an object's bearing and range; None for a box without height.

    Args:
        sighting: a detection.
        camera: the camera as mounted.
        tall_px: by how much the detector's boxes are too high.
    """
    left, top, right, bottom = sighting.box
    top += tall_px / 2 / camera.height_px
    bottom -= tall_px / 2 / camera.height_px
    height_px = (bottom - top) * camera.height_px
    if height_px <= 0:
        return None
    middle = (left + right) / 2
    ray = camera.ray(middle, (top + bottom) / 2)
    bearing_sigma = math.hypot(EDGE_SIGMA_PX / math.sqrt(2) / camera.focal_px, MOUNT_SIGMA_RAD)
    if _is_cut(sighting.box, camera):
        half_px = (right - left) * camera.width_px / 2
        bearing_sigma = math.hypot(bearing_sigma, half_px / camera.focal_px)
        range_m, range_sigma = None, math.inf
    else:
        spread = _slope(camera.ray(middle, top)) - _slope(camera.ray(middle, bottom))
        if spread <= 0:
            return None
        range_m = class_height_m(sighting.class_name) / spread
        range_sigma = range_m * math.hypot(EDGE_SIGMA_PX * math.sqrt(2) / height_px, LENS_SIGMA)
    return SignMeasurement(
        sighting.class_name,
        height_px,
        math.atan2(ray[1], ray[0]),
        bearing_sigma,
        range_m,
        range_sigma,
    )


def signs_now(sightings: Sightings, camera: Camera, driven_m: float) -> list[SignMeasurement]:
    """Return the signs of one frame relative to the car's position now."""
    found = [measurement_of(s, camera) for s in sightings.seen if s.class_name != CAR]
    return [_nearer(sight, driven_m) for sight in found if sight is not None]


def _nearer(sight: SignMeasurement, by_m: float) -> SignMeasurement:
    if sight.range_m is None:
        return sight
    forward = sight.range_m * math.cos(sight.bearing_rad) - by_m
    left = sight.range_m * math.sin(sight.bearing_rad)
    return replace(sight, bearing_rad=math.atan2(left, forward), range_m=math.hypot(forward, left))


def _is_cut(box: tuple[float, float, float, float], camera: Camera) -> bool:
    left, top, right, bottom = box
    x, y = BORDER_PX / camera.width_px, BORDER_PX / camera.height_px
    low, high = DETECTOR_ROWS
    return left < x or right > 1 - x or top < low + y or bottom > high - y


def _slope(ray: FloatArray) -> float:
    """Return how much a ray climbs per meter over ground."""
    return float(ray[2]) / math.hypot(ray[0], ray[1])
