"""Lane models that need no image."""

from __future__ import annotations

from car.driving.types import LaneView
from pixelopolis.model_io.crops import LANE_PART, Image


class Steers:
    """Returns constant steering for (straight, left, right)."""

    part = LANE_PART
    has_commands = True

    def __init__(self, straight: float = 0.0, left: float = 0.0, right: float = 0.0) -> None:
        self.steering = (straight, left, right)

    def look(self, _picture_rgb: Image) -> LaneView:
        return LaneView(steering=self.steering)

    def reset(self) -> None:
        pass
