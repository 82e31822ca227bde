"""The speedometer: speeds and signs as the state's velocity has them."""

from __future__ import annotations

import pytest

from car.metrics import Speedometer
from car.observation import WheelReading
from pixelopolis.vehicle import WHEEL_BASE_M, WHEEL_RADIUS_M


@pytest.mark.parametrize(
    ("left", "right", "speed", "turn"),
    [
        (2.0, 2.0, 2.0, 0.0),
        (1.0, 2.0, 1.5, 1.0),  # the right wheel is faster: anticlockwise
        (2.0, 1.0, 1.5, -1.0),
        (-1.0, -1.0, -1.0, 0.0),
    ],
)
def test_speed_is_the_wheels_mean_and_turning_left_is_positive(
    left: float, right: float, speed: float, turn: float
) -> None:
    meter = Speedometer()
    for i in range(20):
        at_s = 0.05 * i
        meter.take(WheelReading(left * at_s, right * at_s, at_s), at_s)
    vx, omega = meter.speeds()
    assert vx == pytest.approx(speed * WHEEL_RADIUS_M)
    assert omega == pytest.approx(turn * WHEEL_RADIUS_M / WHEEL_BASE_M)


def test_old_readings_say_nothing() -> None:
    meter = Speedometer()
    for i in range(5):
        meter.take(WheelReading(i, i, 0.05 * i), 0.05 * i)
    last = WheelReading(5, 5, 0.25)
    meter.take(last, 0.25)
    assert meter.speeds()[0] > 0
    meter.take(last, 0.6)
    assert meter.speeds() == (0.0, 0.0)
