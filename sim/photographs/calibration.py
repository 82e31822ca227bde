"""The error that a model states against the one it makes, on photographs. Pure.

The truth is the road's middle as later pictures show it, or else the way that the car then took.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.model_io.lane_path import STATIONS, STATIONS_M


def path_ahead_m(here: Pose, way: Sequence[Pose]) -> FloatArray | None:
    """Return a way as a path (stations,) of the car at a pose; None if it ends before.

    Args:
        here: the car's pose.
        way: poses from abreast of it on.
    """
    points = [here.to_local(pose.x_m, pose.y_m) for pose in way]
    along = [0.0]
    for (x0, y0), (x1, y1) in pairwise(points):
        along.append(along[-1] + float(np.hypot(x1 - x0, y1 - y0)))
        if along[-1] >= STATIONS_M[-1]:
            lefts = [left for _, left in points[: len(along)]]
            return np.interp(STATIONS, along, lefts)
    return None


def calibration(stated_m: FloatArray, real_m: FloatArray) -> dict[str, Any]:
    """Return stated and real mean absolute errors (n,), in all and by thirds of what is stated."""
    if len(stated_m) < 3:
        return {"stated_mm": None, "real_mm": None, "rank_correlation": None, "by_third": []}
    order = np.argsort(stated_m, kind="stable")
    stated, real = (
        np.argsort(np.argsort(values, kind="stable")).astype(float) for values in (stated_m, real_m)
    )
    return {
        "stated_mm": 1000 * float(stated_m.mean()),
        "real_mm": 1000 * float(real_m.mean()),
        "rank_correlation": float(np.corrcoef(stated, real)[0, 1]),
        "by_third": [
            {
                "stated_mm": 1000 * float(stated_m[third].mean()),
                "real_mm": 1000 * float(real_m[third].mean()),
            }
            for third in np.array_split(order, 3)
        ],
    }
