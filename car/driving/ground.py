"""What the driver asks of whatever sees the ground move, and how two answers are compared."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pixelopolis.model_io.crops import Image

Relief = NDArray[np.float32]
"""A picture of the ground (40, 120) without its slow shading, in units of its own contrast."""

OUTSIDE: Final = 1000.0
"""A difference that means: the earlier picture did not reach there."""
Variations = tuple[tuple[float, float], ...]
"""Parts of a motion, and turns (rad) that are added to it."""

TRIED: Final[Variations] = ((1.0, 0.0), (1.0, 0.012), (1.0, -0.012), (0.85, 0.0), (1.15, 0.0))
"""What any motion is granted."""
TRIED_WIDELY: Final[Variations] = (
    *TRIED,
    *((part, more_rad) for part in (0.85, 1.15) for more_rad in (0.012, -0.012)),
)
"""A camera whose focal length or pitch is not as drawn changes way and turn together."""
MIN_SHARED: Final = 0.1
"""Part of the picture that both must show."""


class GroundModel(Protocol):
    """How well a motion over the ground explains what changed between two pictures of it.

    Attributes:
        is_usable: the whole bottom quarter shows ground; otherwise nothing can be told.
    """

    is_usable: bool

    def relief(self, crop_rgb: Image) -> Relief:
        """Return the ground in the lane model's part of a frame (h, w, 3) RGB."""
        ...

    def difference(
        self,
        before: Relief,
        after: Relief,
        way_m: float,
        turn_rad: float,
        tried: Variations = TRIED,
    ) -> Relief | None:
        """Return how far from the later picture the earlier one is after a motion.

        The motion is taken as roughly known: wheels slip and differ, cameras are not quite as
        drawn. So a little more or less way and turn are tried, and what fits best counts.

        Args:
            before: the earlier picture.
            after: the later one.
            way_m: of the axle's middle along an arc, forward positive.
            turn_rad: anticlockwise positive.
            tried: how much more or less.

        Returns:
            The difference of each pixel in contrasts, `OUTSIDE` where the earlier picture did not
            reach; None when they share too little.
        """
        ...


def compare(first: Relief, second: Relief) -> tuple[float, float]:
    """Return the mean differences of two motions where both can be judged; zeros for nowhere."""
    both = (first < OUTSIDE) & (second < OUTSIDE)
    if both.mean() < MIN_SHARED:
        return 0.0, 0.0
    return float(first[both].mean()), float(second[both].mean())
