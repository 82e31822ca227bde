"""Speeds of motors and car."""

from __future__ import annotations

import math
from typing import Final

MOTOR_UNIT_RAD_S: Final = 0.229 * 2 * math.pi / 60
"""One unit of the XL430-W250's velocity registers (ROBOTIS e-manual: 0.229 rpm)."""
MOTOR_MAX_UNITS: Final = 265
"""XL430-W250's default Velocity Limit (ROBOTIS e-manual), 0.2 m/s at our wheels."""
MOTOR_MAX_RAD_S: Final = MOTOR_MAX_UNITS * MOTOR_UNIT_RAD_S

CRUISE_MPS: Final = 0.136
"""The original's cruise speed, 180 motor units."""

SLOWEST_MPS: Final = 0.02
"""Minimum speed limit: the motors' speeds have steps of 0.8 mm/s."""
