"""The ground covered by cars' bodies, and their overlap. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.vehicle.dimensions import CAR_FRONT_M, CAR_LENGTH_M, CAR_REAR_M, CAR_WIDTH_M


def body_corners(pose: Pose) -> tuple[tuple[float, float], ...]:
    """Return the four corners of a car's body on the ground, counterclockwise from front left."""
    half = CAR_WIDTH_M / 2
    corners = (
        (CAR_FRONT_M, half),
        (-CAR_REAR_M, half),
        (-CAR_REAR_M, -half),
        (CAR_FRONT_M, -half),
    )
    return tuple((at.x_m, at.y_m) for at in (pose.ahead(f, left) for f, left in corners))


@dataclass(frozen=True, eq=False)
class Bodies:
    """Bodies of cars: centers (N, 2) in meters and headings (N,)."""

    middles_m: FloatArray
    headings_rad: FloatArray


def bodies_at(axles_m: FloatArray, headings_rad: FloatArray) -> Bodies:
    """Return the bodies of cars with these axle positions (N, 2) and headings (N,)."""
    ahead_m = (CAR_FRONT_M - CAR_REAR_M) / 2
    forward = np.column_stack([np.cos(headings_rad), np.sin(headings_rad)])
    return Bodies(axles_m + ahead_m * forward, headings_rad)


def bodies_overlap(first: Bodies, second: Bodies, margin_m: float = 0.0) -> bool:
    """Return whether any body of the first touches any of the second.

    Args:
        first: bodies of one car.
        second: bodies of the other.
        margin_m: margin on every side of all bodies.
    """
    half = np.array([(CAR_LENGTH_M) / 2, CAR_WIDTH_M / 2]) + margin_m
    between = second.middles_m[None, :, :] - first.middles_m[:, None, :]
    one, other = np.nonzero(np.hypot(between[..., 0], between[..., 1]) <= 2 * math.hypot(*half))
    if one.size == 0:
        return False
    gaps = between[one, other]
    own, its = first.headings_rad[one], second.headings_rad[other]
    cos, sin = np.abs(np.cos(its - own)), np.abs(np.sin(its - own))
    # separating axis theorem: a direction of some side separates rectangles that are apart
    apart = np.zeros(one.size, dtype=bool)
    for heading in (own, its):
        along = gaps[:, 0] * np.cos(heading) + gaps[:, 1] * np.sin(heading)
        aside = gaps[:, 1] * np.cos(heading) - gaps[:, 0] * np.sin(heading)
        apart |= np.abs(along) > half[0] + half[0] * cos + half[1] * sin
        apart |= np.abs(aside) > half[1] + half[0] * sin + half[1] * cos
    return not bool(apart.all())


def bodies_touch(one: Pose, other: Pose) -> bool:
    if one.distance_m(other) > 2 * math.hypot(CAR_FRONT_M, CAR_WIDTH_M / 2):
        return False
    first, second = (
        bodies_at(np.array([[pose.x_m, pose.y_m]]), np.array([pose.heading_rad]))
        for pose in (one, other)
    )
    return bodies_overlap(first, second)
