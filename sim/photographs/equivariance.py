"""Whether a model's answer follows when the virtual camera moves sideways or turns.

A camera that is moved d to the left must see the same path d further right: slope -1. One that is
turned by an angle must see the path's point s ahead moved by -s times the angle: slope -1 again.
Each answer is compared with that of the same photograph unmoved, so that no label is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from car.driving.lane_keeper import TURNS, steering_alone
from car.driving.types import LaneModel, LaneView
from pixelopolis.city.model import Turn
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import Image
from pixelopolis.model_io.lane_path import STATIONS

SHIFTS_M: Final = (-0.06, -0.04, -0.02, 0.02, 0.04, 0.06)
SIGN_SHIFT_M: Final = 0.04
HEADINGS_RAD: Final = tuple(math.radians(deg) for deg in (-10, -5, 5, 10))
SIGN_HEADING_RAD: Final = math.radians(5)
MIN_SEEN: Final = 0.7
"""A view of which the photograph shows less says nothing."""
COMMAND: Final = Turn.STRAIGHT

Views = Callable[[Pose], tuple[Image, float]]
"""Returns the crop from a pose, and the share of it that the photograph shows."""


@dataclass
class _Follows:
    """Sums over one kind of movement."""

    expected_moved: float = 0.0
    expected_squared: float = 0.0
    right: int = 0
    signs: int = 0

    def figures(self, name: str) -> dict[str, Any]:
        slope = self.expected_moved / self.expected_squared if self.expected_squared else None
        sign_pct = 100 * self.right / self.signs if self.signs else None
        return {f"{name}_slope": slope, f"{name}_sign_pct": sign_pct}


@dataclass
class Equivariance:
    """Gathers how a model follows, over photographs."""

    model: LaneModel
    _sideways: _Follows = field(default_factory=_Follows)
    _heading: _Follows = field(default_factory=_Follows)
    views: int = 0

    def see(self, views: Views) -> None:
        """Take in one photograph from all poses."""
        unmoved, seen = self._look(views, Pose(0.0, 0.0, 0.0))
        if seen < MIN_SEEN:
            return
        for shift in SHIFTS_M:
            self._compare(
                self._sideways,
                views,
                Pose(0.0, shift, 0.0),
                unmoved,
                np.full(len(STATIONS), shift),
                abs(shift) == SIGN_SHIFT_M,
            )
        for heading in HEADINGS_RAD:
            self._compare(
                self._heading,
                views,
                Pose(0.0, 0.0, heading),
                unmoved,
                heading * STATIONS,
                abs(heading) == SIGN_HEADING_RAD,
            )

    def _compare(
        self,
        follows: _Follows,
        views: Views,
        at: Pose,
        unmoved: LaneView,
        moved_m: Any,
        counts_sign: bool,
    ) -> None:
        view, seen = self._look(views, at)
        if seen < MIN_SEEN:
            return
        self.views += 1
        if view.paths_left_m is not None and unmoved.paths_left_m is not None:
            change = (view.paths_left_m - unmoved.paths_left_m)[TURNS.index(COMMAND)]
            follows.expected_moved += float((change * moved_m).sum())
            follows.expected_squared += float((moved_m**2).sum())
            against = float((change * moved_m).sum())
        else:  # to the right is positive
            before, after = (steering_alone(each, COMMAND) for each in (unmoved, view))
            against = (before - after) * float(moved_m.sum())
        if counts_sign:
            follows.signs += 1
            follows.right += against < 0

    def _look(self, views: Views, at: Pose) -> tuple[LaneView, float]:
        crop, seen = views(at)
        self.model.reset()
        return self.model.look(crop), seen

    def figures(self) -> dict[str, Any]:
        """Return slopes (right is -1; None for steering models) and the shares of right signs."""
        return {
            **self._sideways.figures("equivariance"),
            **self._heading.figures("heading"),
            "moved_views": self.views,
        }
