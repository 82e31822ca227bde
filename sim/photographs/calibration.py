"""The error that a model states against the one it makes, on photographs. Pure.

The truth is the way that the recording's car took afterwards, as its later pictures show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pixelopolis.geometry import FloatArray, Pose
from pixelopolis.model_io.lane_path import STATIONS, STATIONS_M


def driven_path_m(poses: Sequence[Pose], number: int) -> FloatArray | None:
    """Return where a car drove after a picture, as a path (stations,); None if it ends before."""
    here = poses[number]
    points, along = [(0.0, 0.0)], [0.0]
    for pose in poses[number + 1 :]:
        point = here.to_local(pose.x_m, pose.y_m)
        step = float(np.hypot(point[0] - points[-1][0], point[1] - points[-1][1]))
        if step > 1e-4:
            points.append(point)
            along.append(along[-1] + step)
        if along[-1] >= STATIONS_M[-1]:
            return np.interp(STATIONS, along, [left for _, left in points])
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
