"""The driver's interface to a model of ground motion, and the comparison of two of its results."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pixelopolis.model_io.crops import Image

Relief = NDArray[np.float32]
"""A ground picture (40, 120) with slow shading removed, scaled by its own contrast."""

OUTSIDE: Final = 1000.0
"""Difference where the earlier picture does not reach."""
Variations = tuple[tuple[float, float], ...]
"""(factor of a motion, turn in rad added to it)."""

TRIED: Final[Variations] = ((1.0, 0.0), (1.0, 0.012), (1.0, -0.012), (0.85, 0.0), (1.15, 0.0))
"""Tolerance for any motion."""
TRIED_WIDELY: Final[Variations] = (
    *TRIED,
    *((part, more_rad) for part in (0.85, 1.15) for more_rad in (0.012, -0.012)),
)
"""A wrong focal length or pitch scales distance and turn together."""
MIN_SHARED: Final = 0.1
"""Minimum fraction of the picture that both must show."""


class GroundModel(Protocol):
    """How well a motion over the ground explains the change between two pictures.

    Attributes:
        is_usable: the whole bottom quarter shows ground; otherwise results mean nothing.
    """

    is_usable: bool

    def relief(self, crop_rgb: Image) -> Relief:
        """Return the ground relief of the lane model's part of a frame (h, w, 3) RGB."""
        ...

    def difference(
        self,
        before: Relief,
        after: Relief,
        way_m: float,
        turn_rad: float,
        tried: Variations = TRIED,
    ) -> Relief | None:
        """Return how much the earlier picture, moved by a motion, differs from the later one.

        The motion is only roughly known because of wheel slip and camera tolerances, so variations
        of it are tried and the best fit counts.

        Args:
            before: the earlier picture.
            after: the later one.
            way_m: distance of the axle's center along an arc, forward positive.
            turn_rad: counterclockwise positive.
            tried: the variations to try.

        Returns:
            The difference of each pixel in contrasts, `OUTSIDE` where the earlier picture does not
            reach; None if they overlap too little.
        """
        ...


def compare(first: Relief, second: Relief) -> tuple[float, float]:
    """Return the mean differences of two motions where both are valid; zeros if nowhere."""
    both = (first < OUTSIDE) & (second < OUTSIDE)
    if np.count_nonzero(both) / both.size < MIN_SHARED:
        return 0.0, 0.0
    return float(first[both].mean()), float(second[both].mean())
