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
CAR_LENGTH_M: Final = CAR_FRONT_M + CAR_REAR_M
CAR_WIDTH_M: Final = 0.15
CAR_HEIGHT_M: Final = 0.22
"""Of the camera on its mast."""
CAR_SILL_M: Final = 0.018
CAR_BELT_M: Final = 0.068
"""Height range where a car's body is widest; only the wheels touch the road."""
MAST_M: Final = ((0.006, 0.028), (-0.024, 0.024))
"""Where the camera on the mast is in the car's frame: from and to, forward and left."""
