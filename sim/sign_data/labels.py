"""The boxes in an image, from its instance ids, with visibility and view angle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.model_io.voc.annotation import SPLINTER_VISIBLE, Box, LabeledObject
from sim.render.meshes.models import Body
from sim.render.view import NEAR_M, View

MIN_PX: Final = 12
BEHIND_DEG: Final = 85.0
"""From this angle on, a board's face is not visible."""

DIFFICULT_VISIBLE: Final = 0.5
DIFFICULT_DEG: Final = 60.0
DIFFICULT_HEIGHT_PX: Final = 8


def label(
    ids: NDArray[np.uint16], view: View, bodies: Mapping[int, Body]
) -> tuple[LabeledObject, ...]:
    """Return the objects of an image in the order of their ids.

    Args:
        ids: (rows, width) of the view.
        view: rendered with these ids.
        bodies: all objects that may be visible, by instance id.
    """
    counts = np.bincount(ids.ravel(), minlength=max(bodies, default=0) + 1)
    found = []
    for number in sorted(bodies):
        if counts[number] >= MIN_PX:
            item = _label(ids == number, int(counts[number]), view, bodies[number])
            if item is not None:
                found.append(item)
    return tuple(found)


def _label(mask: NDArray[np.bool_], count: int, view: View, body: Body) -> LabeledObject | None:
    angle_deg = body.view_angle_deg(view.eye_m)
    if angle_deg >= BEHIND_DEG:
        return None
    solids = body.solids()
    places, depth = view.project(solids.corners_m)
    visible = min(1.0, count / max(solids.silhouette_px2(view), 1.0))
    if depth.min() < NEAR_M:  # it reaches behind the camera, so its visible share is undefined
        visible = max(visible, SPLINTER_VISIBLE)
    if visible < SPLINTER_VISIBLE:  # rounding to the file's three digits must not reach the limit
        visible = math.floor(visible * 1000) / 1000
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    truncated = bool(
        depth.min() < NEAR_M
        or (places < -0.5).any()
        or (places > np.array([view.width_px, view.rows]) + 0.5).any()
    )
    difficult = (
        visible < DIFFICULT_VISIBLE
        or angle_deg >= DIFFICULT_DEG
        or box.height_px < DIFFICULT_HEIGHT_PX
    )
    return LabeledObject(body.model.class_name, box, difficult, truncated, visible, angle_deg)
