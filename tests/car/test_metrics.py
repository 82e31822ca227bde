"""The car's own measurements: speed, turning, and latency of commands."""

from __future__ import annotations

import pytest

from car.control_thread import ControlThread
from car.driving.types import WheelReading
from car.metrics import LoopFigures, LoopMetrics, Speedometer

BASE_M, RADIUS_M = 0.12518, 0.0315


def readings(left_rad: float, right_rad: float, *at_s: float) -> list[WheelReading]:
    """Return readings of wheels with these speeds in rad/s, at these times."""
    return [WheelReading(left_rad * s, right_rad * s, s) for s in at_s]


@pytest.mark.parametrize(
    ("left", "right", "mps", "rad_s"),
    [
        (4.0, 4.0, 4 * RADIUS_M, 0.0),
        (-4.0, -4.0, -4 * RADIUS_M, 0.0),
        (3.0, 5.0, 4 * RADIUS_M, 2 * RADIUS_M / BASE_M),  # to the left: counterclockwise
        (5.0, 3.0, 4 * RADIUS_M, -2 * RADIUS_M / BASE_M),
        (-1.0, 1.0, 0.0, 2 * RADIUS_M / BASE_M),
    ],
)
def test_speeds_are_those_of_the_wheels(
    left: float, right: float, mps: float, rad_s: float
) -> None:
    meter = Speedometer()
    for reading in readings(left, right, 1.0, 1.1, 1.2):
        meter.take(reading, reading.measured_s)
    assert meter.speeds() == (pytest.approx(mps, abs=1e-12), pytest.approx(rad_s, abs=1e-12))


def test_only_a_quarter_of_a_second_counts() -> None:
    meter = Speedometer()
    for reading in readings(4.0, 4.0, 1.0, 1.1):
        meter.take(reading, 1.1)
    standing = WheelReading(4.4, 4.4, 1.35)
    meter.take(standing, 1.35)
    assert meter.speeds()[0] == pytest.approx(0.0, abs=1e-12), "what is older is forgotten"
    meter.take(None, 2.0)
    assert meter.speeds() == (0.0, 0.0)


def test_without_two_readings_it_stands() -> None:
    meter = Speedometer()
    assert meter.speeds() == (0.0, 0.0)
    one = WheelReading(1.0, 1.0, 1.0)
    for _ in range(3):
        meter.take(one, 1.0)
    assert meter.speeds() == (0.0, 0.0)
    meter.take(WheelReading(2.0, 2.0, 1.0), 1.0)
    assert meter.speeds() == (0.0, 0.0), "two at the same time"


def test_of_many_readings_the_first_and_the_last_count() -> None:
    meter = Speedometer()
    for reading in readings(4.0, 4.0, 1.0, 1.0, 1.1):
        meter.take(reading, reading.measured_s)
    assert meter.speeds()[0] == pytest.approx(4 * RADIUS_M)


def test_a_command_that_comes_later_than_its_period_is_a_miss() -> None:
    metrics = LoopMetrics(0.075)
    assert metrics.command(1.0, None) == 0.0, "the first is never late"
    assert metrics.command(1.074, None) == 0.0
    assert metrics.command(1.150, None) == pytest.approx(0.001)
    assert metrics.command(1.250, 1.15) == pytest.approx(0.025)
    assert metrics.command(1.300, 1.28) == 0.0
    figures = metrics.figures()
    assert (figures.loop_misses, figures.frames) == (2, 2)
    assert (figures.p50_ms, figures.p99_ms) == (pytest.approx(60.0), pytest.approx(99.2))
    assert LoopMetrics(0.1).figures() == LoopFigures(None, None, 0, 0)


class _Nothing:
    """A stand-in for any part of a car."""


def test_the_control_loop_counts_what_is_75_milliseconds_late() -> None:
    loop = ControlThread(*[_Nothing()] * 4, on_event=lambda: None, on_frame=lambda: None)
    loop.metrics.command(1.0, None)
    assert loop.metrics.command(1.0749, None) == 0.0
    assert loop.metrics.command(1.15, None) == pytest.approx(0.0001, abs=1e-6)
