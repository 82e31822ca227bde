"""The car's dimensions, shared by the car, the simulator and training."""

from __future__ import annotations

from typing import Final

WHEEL_BASE_M: Final = 0.12518
"""Distance between the wheels' centers; the original's constant L."""
WHEEL_RADIUS_M: Final = 0.0315
"""The original's constant R."""
WHEEL_WIDTH_M: Final = 0.024
CAR_FRONT_M: Final = 0.14
"""From the axle to the front of the body."""
CAR_REAR_M: Final = 0.06
"""From the axle to the back of the body."""
CAR_WIDTH_M: Final = 0.15
CAR_HEIGHT_M: Final = 0.22
