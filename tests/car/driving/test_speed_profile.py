"""Speeds before a stop line, behind a car and at the wheels, checked by physics."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.speed_profile import speed_before_stop_mps, speed_behind_mps, wheel_speeds_rad_s
from pixelopolis.vehicle.speeds import CRUISE_MPS

BRAKING_MPS2 = 0.12


@given(st.floats(0.0061, 3.0))
def test_before_a_line_it_brakes_comfortably_and_creeps_up_to_it(remaining_m: float) -> None:
    speed = speed_before_stop_mps(remaining_m, CRUISE_MPS)
    braking = math.sqrt(remaining_m * 2 * BRAKING_MPS2)
    assert speed == pytest.approx(min(CRUISE_MPS, max(braking, 0.02)))


@pytest.mark.parametrize(
    ("remaining_m", "speed_mps"),
    [(-1.0, 0.0), (0.0, 0.0), (0.006, 0.0), (0.00601, 0.0379789), (0.0771, CRUISE_MPS)],
)
def test_a_line_is_reached_at_six_millimetres(remaining_m: float, speed_mps: float) -> None:
    assert speed_before_stop_mps(remaining_m, CRUISE_MPS) == pytest.approx(speed_mps, abs=1e-6)


def test_cruise_is_left_over_the_last_eight_centimetres() -> None:
    assert speed_before_stop_mps(0.078, CRUISE_MPS) == CRUISE_MPS
    assert speed_before_stop_mps(0.076, CRUISE_MPS) < CRUISE_MPS


def test_slow_cars_are_not_made_faster_by_creeping() -> None:
    assert speed_before_stop_mps(0.007, 0.01) == 0.01
    assert speed_before_stop_mps(0.0007 + 0.006, 1.0) == pytest.approx(0.04009988)


@pytest.mark.parametrize(
    ("gap_m", "speed_mps"),
    [
        (-0.2, 0.0),
        (0.15, 0.0),
        (0.18, 0.0),
        (0.1801, 0.02007),  # 3 cm over the safe gap in 1.5 s
        (0.24, 0.06),
        (0.30, 0.10),
        (0.354, CRUISE_MPS),
        (2.0, CRUISE_MPS),
    ],
)
def test_behind_a_car_a_second_and_a_half_is_kept(gap_m: float, speed_mps: float) -> None:
    assert speed_behind_mps(gap_m, CRUISE_MPS) == pytest.approx(speed_mps, abs=1e-5)


def test_a_fast_car_brakes_behind_another_as_before_a_line() -> None:
    """From 0.54 m on, braking is the stricter limit than the headway."""
    assert speed_behind_mps(1.15, 2.0) == pytest.approx(math.sqrt(2 * BRAKING_MPS2 * 1.0))
    assert speed_behind_mps(0.65, 2.0) == pytest.approx(0.5 / 1.5)


@given(st.floats(-1, 1), st.floats(0.0, 0.2))
def test_the_outer_wheel_has_the_speed_that_was_asked_for(steering: float, mps: float) -> None:
    left, right = wheel_speeds_rad_s(steering, mps)
    assert max(left, right) * 0.0315 == pytest.approx(mps)
    if steering < 0 < mps:
        assert left <= right
