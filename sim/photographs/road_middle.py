"""Where the middle of the road is beside a recording's car, from the borders that it saw before.

A pair of stripes that is as far apart as the road is wide is its two borders. What a photograph
shows ahead is remembered until the car is there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from pixelopolis.geometry import FloatArray, Pose
from sim.photographs.fitting.camera_fit import ROAD_WIDTH_M
from sim.photographs.fitting.stripe_pairs import ground_distances, stripe_pairs
from sim.photographs.lens import PhotoCamera

WIDTH_TOLERANCE: Final = 0.12
MIN_AGREEING: Final = 5
"""Points of a stripe that are as far from the other one as the road is wide."""
FAR_M: Final = 0.9
ABREAST_M: Final = 0.05
MIN_POINTS: Final = 4
MEMORY: Final = 60
"""Photographs whose points are remembered."""
MAX_LEFT_M: Final = 0.2
"""A road whose middle is further away is another one."""
SMOOTH_M: Final = 0.15
MIN_KNOWN: Final = 0.5
"""Share of the way along which the middle must be known; it is interpolated between."""


def middle_points(stripes: Sequence[FloatArray], camera: PhotoCamera) -> FloatArray:
    """Return ground points (n, 2), forward and left, of the road's middle in one photograph."""
    pairs = stripe_pairs([stripes])
    if not len(pairs):
        return np.zeros((0, 2))
    off = np.abs(ground_distances(pairs, camera) / ROAD_WIDTH_M - 1)
    found = [np.zeros((0, 2))]
    for first, second, agrees in zip(pairs.first, pairs.second, off < WIDTH_TOLERANCE, strict=True):
        if agrees.sum() < MIN_AGREEING:
            continue
        line, other = (np.column_stack(camera.ground_points(*each.T)) for each in (first, second))
        ahead = np.gradient(line, axis=0)
        ahead /= np.maximum(np.hypot(*ahead.T), 1e-9)[:, None]
        across = np.column_stack([-ahead[:, 1], ahead[:, 0]])
        away = np.nanmean(other[agrees], axis=0) - np.nanmean(line[agrees], axis=0)
        side = np.sign(across @ away)[:, None]
        middle = line + side * across * ROAD_WIDTH_M / 2
        found.append(middle[agrees & (middle[:, 0] > 0) & (middle[:, 0] < FAR_M)])
    return np.vstack(found)


def road_middle(
    by_photograph: Sequence[FloatArray], poses: Sequence[Pose]
) -> tuple[list[Pose], float]:
    """Return poses abreast of a car's, on the road's middle, and the share that was really seen.

    Where less than `MIN_KNOWN` of the way shows its middle, the car's own way is returned.

    Args:
        by_photograph: what each photograph shows of the middle, by `middle_points`.
        poses: where each was taken.
    """
    lefts = np.full(len(poses), np.nan)
    world: list[FloatArray] = []
    for number, (points, pose) in enumerate(zip(by_photograph, poses, strict=True)):
        cos, sin = math.cos(pose.heading_rad), math.sin(pose.heading_rad)
        turn = np.array([[cos, sin], [-sin, cos]])
        here = np.array([pose.x_m, pose.y_m])
        world.append(points @ turn + here)
        local = (np.vstack(world[-MEMORY:]) - here) @ turn.T
        beside = np.abs(local[:, 0]) < ABREAST_M
        beside &= np.abs(local[:, 1]) < MAX_LEFT_M
        if beside.sum() >= MIN_POINTS:
            lefts[number] = np.median(local[beside, 1])
    known = np.isfinite(lefts)
    share = float(known.mean())
    if share < MIN_KNOWN:
        return list(poses), share
    steps = [a.distance_m(b) for a, b in pairwise(poses)]
    along = np.concatenate([[0.0], np.cumsum(steps)])
    filled = np.interp(along, along[known], lefts[known])
    weights = np.exp(-(((along[:, None] - along) / SMOOTH_M) ** 2))
    smooth = weights @ filled / weights.sum(axis=1)
    return [pose.ahead(0.0, float(left)) for pose, left in zip(poses, smooth, strict=True)], share
