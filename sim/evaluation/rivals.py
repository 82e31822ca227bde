"""Rivals of a model: drivers that see nothing, and stand beside it in every table.

What a car that sees nothing does as well says nothing about sight: the map and the wheels did it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from car.driving.types import LaneView
from pixelopolis.city.model import Turn
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import LANE_HEIGHT_PX, LANE_PART, LANE_WIDTH_PX, Image
from pixelopolis.model_io.lane_path import STATIONS
from sim.physics.vehicle import BodyMotion

BLIND: Final = "blind"
WHEELS_AND_MAP: Final = "wheels_and_map"
NO_MAP: Final = "no_map"
SEES_NOBODY: Final = "sees_nobody"

BLIND_SPREAD_M: Final = 0.1
"""Error that the blind driver states: as much as a path varies ahead of a car."""
NO_OPINION_M: Final = 1000.0
"""With so large an error a view corrects nothing: wheels and map are left."""

SHARE: Final = 0.1
"""Rivals drive this share of a run, at least one look in each city."""


class Blind:
    """A lane model that sees nothing and drives straight on: the null model.

    Args:
        spread_m: mean absolute error that it states.
    """

    part = LANE_PART

    def __init__(self, spread_m: float = BLIND_SPREAD_M) -> None:
        self._spread_m = spread_m

    def reset(self) -> None:
        """Forget nothing."""

    def look(self, picture_rgb: Image) -> LaneView:  # noqa: ARG002
        """Return the path straight ahead."""
        count = len(Turn)
        return LaneView(
            paths_left_m=np.zeros((count, len(STATIONS))), spread_m=np.full(count, self._spread_m)
        )


def wheels_and_map() -> Blind:
    """Return the lane model of a car that only counts its wheels and knows its route's shape."""
    return Blind(NO_OPINION_M)


def no_picture(_pose: Pose, _motion: BodyMotion) -> Image:
    """Stand in for a camera: black, wherever the car is."""
    return np.zeros((LANE_HEIGHT_PX, LANE_WIDTH_PX, 3), dtype=np.uint8)


def shared_looks(looks: int, cities: int = 1) -> int:
    """Return how many of a run's first looks rivals drive: `SHARE`, in all cities equally many."""
    return min(looks, cities * math.ceil(SHARE * looks / cities))


def what_sight_adds(
    model: Mapping[str, Any], rivals: Mapping[str, Mapping[str, Any]], against: str, *names: str
) -> dict[str, Any]:
    """Return the model's figures, and its headline figures `names` without and with sight.

    Args:
        model: figures of the model over the rivals' share.
        rivals: figures of its rivals by name.
        against: the rival that sees nothing.
        names: the headline figures.
    """
    without = rivals[against]
    headline = {name: {"without": without[name], "with": model[name]} for name in names}
    return {"against": against, "model": dict(model), **headline}
