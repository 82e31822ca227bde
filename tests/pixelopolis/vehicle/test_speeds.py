import pytest

from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS, MOTOR_MAX_RAD_S, MOTOR_UNIT_RAD_S


def test_cruise_is_180_motor_units() -> None:
    cruise_mps = 180 * MOTOR_UNIT_RAD_S * WHEEL_RADIUS_M
    assert cruise_mps == pytest.approx(CRUISE_MPS, abs=5e-4)
    fastest_mps = MOTOR_MAX_RAD_S * WHEEL_RADIUS_M
    assert fastest_mps == pytest.approx(0.2, abs=5e-4)
