"""The path ahead, as predicted by lane models and labeled in datasets.

A path is the center line of one possible way, relative to the car: its lateral positions `left_m`
(left of the car's axis positive) at `STATIONS_M` along it, counted from the point abreast of the
axle's center. Forward positions follow from these, since distances along a smooth line are known,
so a network need not learn them.
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
"""A network's output is `left_m` divided by these: about 1 at lane borders and in bends."""

STATIONS: Final[FloatArray] = np.array(STATIONS_M)
WEIGHTS: Final[FloatArray] = np.array(SCALES_M) / np.mean(SCALES_M)
"""(stations,): how much surer or less sure than on average a network is of each."""

COLUMNS: Final = tuple(f"{turn}_{round(100 * s)}cm" for turn in Turn for s in STATIONS_M)
"""Columns of a dataset: straight_0cm, straight_10cm, ... right_40cm; meters, left positive, empty
if a command has no path."""


def points_of(left_m: FloatArray, stations_m: Sequence[float] | FloatArray) -> FloatArray:
    """Return the points (n, 2) (forward, left) of a path from its lateral positions (n,).

    The line is taken as straight between stations: 0.1 m apart, at a radius of 0.3 m, it is half a
    percent longer than that.
    """
    along = np.diff(np.asarray(stations_m))
    across = np.clip(np.diff(left_m), -0.99 * along, 0.99 * along)
    forward = np.concatenate([[0.0], np.cumsum(np.sqrt(along**2 - across**2))])
    return np.column_stack([forward, left_m])
