"""The intended path and the detections, drawn on a picture.

For `/snapshot.jpg`. Pages draw them over the video by themselves, with names in their language,
from the thought that comes with each picture (`thoughts.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from car.driving.lead_car.tracker import SURE_SCORE
from car.driving.types import Decision, DriveState, Sighting, Sightings
from pixelopolis.city.signs import CAR
from pixelopolis.model_io.crops import Image
from pixelopolis.vehicle.camera import Camera, project
from pixelopolis.vehicle.steering import steering_to_curvature

Point = tuple[float, float]

RIBBON_RGB: Final = (74, 200, 96)
RIBBON_M: Final = (0.16, 0.75)
"""Range ahead of the axle in which the path is drawn."""
RIBBON_HALF_M: Final = 0.03

SIGN_RGB: Final = (250, 190, 60)
CAR_RGB: Final = (90, 170, 255)
AHEAD_RGB: Final = (240, 70, 60)
"""Colors of boxes: signs, cars, and the car ahead in the lane."""


def draw_overlay(
    image_rgb: Image, decision: Decision, camera: Camera, sightings: Sightings | None = None
) -> Image:
    """Return a copy of a picture with the intended path (while the car drives) and boxes.

    Args:
        image_rgb: the whole frame.
        decision: the decision made on it.
        camera: the camera that took it.
        sightings: the newest detections.
    """
    image = image_rgb.copy()
    height, width = image.shape[:2]
    if way := way_of(decision, camera):
        outline = (np.array(way) * (width, height)).round().astype(np.int32)
        painted = cv2.fillPoly(image.copy(), [outline], RIBBON_RGB, cv2.LINE_AA)
        image = np.asarray(cv2.addWeighted(painted, 0.45, image, 0.55, 0), dtype=np.uint8)
    for sighting in sightings.seen if sightings else ():
        if not is_shown(sighting, decision):
            continue
        left, top, right, bottom = np.array(sighting.box) * (width, height, width, height)
        corners = (round(left), round(top)), (round(right) - 1, round(bottom) - 1)
        cv2.rectangle(image, *corners, _color(sighting, decision), max(1, width // 120))
    return image


def way_of(decision: Decision, camera: Camera) -> list[Point]:
    """Return the outline of the intended path, in parts of the picture; empty while it stands."""
    if decision.state not in (DriveState.DRIVING, DriveState.TURNING):
        return []
    curvature = steering_to_curvature(decision.steering)
    sides: list[list[Point]] = [[], []]
    for along in np.linspace(*RIBBON_M, 12):
        bend = float(along) * curvature
        forward = along if abs(bend) < 1e-6 else math.sin(bend) / curvature
        left = 0.0 if abs(bend) < 1e-6 else (1 - math.cos(bend)) / curvature
        for side, half in zip(sides, (RIBBON_HALF_M, -RIBBON_HALF_M), strict=True):
            side.append((forward - half * math.sin(bend), left + half * math.cos(bend)))
    return in_picture([*sides[0], *reversed(sides[1])], camera)


def in_picture(ground_m: Sequence[Point], camera: Camera) -> list[Point]:
    """Return where a camera shows points of the ground, in parts of the picture's sides.

    Args:
        ground_m: forward and left of the axle's middle.
        camera: the camera.
    """
    on_m, aside_m = np.array(ground_m).T
    right, down, depth = camera.seen_from(on_m, aside_m, np.zeros(len(on_m)))
    x_px, y_px = project(camera, right, down, np.maximum(depth, 1e-3))
    return [
        (float(x) / camera.width_px, float(y) / camera.height_px)
        for x, y in zip(x_px, y_px, strict=True)
    ]


def is_shown(sighting: Sighting, decision: Decision) -> bool:
    """Whether to show a detection: low-score cars only where they matter."""
    unsure = sighting.class_name == CAR and sighting.score < SURE_SCORE
    return not unsure or is_ahead(sighting, decision)


def is_ahead(sighting: Sighting, decision: Decision) -> bool:
    return decision.car_ahead is not None and decision.car_ahead.box == sighting.box


def _color(sighting: Sighting, decision: Decision) -> tuple[int, int, int]:
    if sighting.class_name != CAR:
        return SIGN_RGB
    return AHEAD_RGB if is_ahead(sighting, decision) else CAR_RGB


def placeholder(width_px: int, height_px: int) -> Image:
    """Return a gray picture of a crossed-out camera, shown when there is no live picture."""
    image = np.full((height_px, width_px, 3), 38, np.uint8)
    for i in range(-height_px, width_px, 24):
        cv2.line(image, (i, height_px), (i + height_px, 0), (46, 46, 46), 8)
    gray, unit = (130, 130, 130), max(2, width_px // 16)
    x, y, thick = width_px // 2, height_px // 2, max(1, width_px // 80)
    cv2.rectangle(image, (x - 3 * unit, y - 2 * unit), (x + 3 * unit, y + 2 * unit), gray, thick)
    cv2.rectangle(image, (x - unit, y - 3 * unit), (x + unit, y - 2 * unit), gray, thick)
    cv2.circle(image, (x, y), unit + unit // 4, gray, thick, cv2.LINE_AA)
    start, end = (x - 4 * unit, y + 4 * unit), (x + 4 * unit, y - 4 * unit)
    cv2.line(image, start, end, (38, 38, 38), 4 * thick, cv2.LINE_AA)
    cv2.line(image, start, end, (210, 120, 110), thick, cv2.LINE_AA)
    return image
