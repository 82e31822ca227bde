"""The camera on the car: size, lens and pose, shared by the car, the simulator and training."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera, level by default, as it is mounted on the car.

    Portrait 3:4 as the original's phone: its bottom quarter is then 3:1, exactly 120x40. Height
    and field of view suit both our lane model and the original's (docs/decisions).
    """

    width_px: int = 240
    height_px: int = 320
    across_rad: float = math.radians(81.2)
    """Horizontal field of view."""
    height_m: float = 0.20
    """Of the optical centre above the road."""
    forward_m: float = 0.03
    """Of the optical centre ahead of the axle."""
    pitch_rad: float = 0.0
    """Downwards positive."""
    roll_rad: float = 0.0

    @property
    def focal_px(self) -> float:
        return self.width_px / 2 / math.tan(self.across_rad / 2)
