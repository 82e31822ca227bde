"""The path ahead as lane models predict it and datasets label it: the shared words for it.

A path is the centre line of one way on, seen from the car: its lateral places `left_m` (left of
the car's axis positive) at `STATIONS_M` along it, counted from the point of the centre line that
is abreast of the axle's middle. Forward places follow from those, since distances along a smooth
line are known: a network need not learn them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from pixelopolis.city.model import Turn
from pixelopolis.geometry import FloatArray

STATIONS_M: Final = (0.0, 0.1, 0.2, 0.3, 0.4)
"""The camera's bottom quarter shows the road from 0.2 to 0.4 m ahead of the axle."""

SCALES_M: Final = (0.10, 0.10, 0.12, 0.18, 0.28)
"""What a network answers is `left_m` over these: of size 1 at the rims of lanes and in bends."""

COLUMNS: Final = tuple(f"{turn}_{round(100 * s)}cm" for turn in Turn for s in STATIONS_M)
"""Names of a dataset's columns: straight_0cm, straight_10cm, ... right_40cm; metres, left
positive, empty where a command has no way."""


def points_of(left_m: FloatArray, stations_m: Sequence[float] | FloatArray) -> FloatArray:
    """Return the points (n, 2) forward, left of a path from its lateral places (n,).

    Between stations the line is taken as straight: 0.1 m apart, at a radius of 0.3 m, it is half a
    percent longer than that.
    """
    along = np.diff(np.asarray(stations_m))
    across = np.clip(np.diff(left_m), -0.99 * along, 0.99 * along)
    forward = np.concatenate([[0.0], np.cumsum(np.sqrt(along**2 - across**2))])
    return np.column_stack([forward, left_m])
