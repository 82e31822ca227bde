"""Wheel registers: goals within limits and not too old, continuous angles."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.board.wheel_units import (
    GOAL_MAX_AGE_S,
    Goal,
    LineQuality,
    WheelCounter,
    safe_units,
    scaled,
    velocity_units,
)
from pixelopolis.vehicle.control_table import PULSES_PER_TURN
from pixelopolis.vehicle.speeds import MOTOR_MAX_UNITS, MOTOR_UNIT_RAD_S

speeds = st.floats(-50, 50)


@given(speeds)
def test_velocity_units_stay_within_the_motors_limit(rad_s: float) -> None:
    units = velocity_units(rad_s)
    assert abs(units) <= MOTOR_MAX_UNITS
    if abs(units) < MOTOR_MAX_UNITS:
        assert units * MOTOR_UNIT_RAD_S == pytest.approx(rad_s, abs=MOTOR_UNIT_RAD_S)
    else:
        assert abs(rad_s) >= (MOTOR_MAX_UNITS - 0.5) * MOTOR_UNIT_RAD_S - 1e-9


@given(speeds, speeds, st.floats(0, 1))
def test_only_a_fresh_goal_moves_the_wheels(left: float, right: float, age_s: float) -> None:
    units = safe_units(Goal(left, right, 100.0), 100.0 + age_s)
    if 100.0 + age_s - 100.0 > GOAL_MAX_AGE_S:
        assert units == {1: 0, 2: 0}
    else:
        assert units == {1: velocity_units(left), 2: velocity_units(right)}


def test_no_goal_means_standing_still() -> None:
    assert safe_units(None, 5.0) == {1: 0, 2: 0}


@given(st.integers(-(2**31), 2**31 - 1), st.lists(st.integers(-80, 80), max_size=50))
def test_angles_follow_the_counter_through_its_wrap(start: int, steps: list[int]) -> None:
    counter = WheelCounter()
    position, now_s = start, 0.0
    counter.update(position, now_s)
    for step in steps:
        position = (position + step + 2**31) % 2**32 - 2**31
        now_s += 0.02
        angle = counter.update(position, now_s)
        assert angle == counter.angle_rad
    assert counter.angle_rad == pytest.approx(sum(steps) * 2 * math.pi / PULSES_PER_TURN)


def test_a_motor_that_forgot_its_turns_makes_no_jump() -> None:
    counter = WheelCounter()
    counter.update(10 * PULSES_PER_TURN, 0.0)
    before = counter.update(10 * PULSES_PER_TURN + 40, 0.02)
    assert counter.update(48, 0.04) == before
    assert counter.update(58, 0.06) == pytest.approx(before + 10 * 2 * math.pi / PULSES_PER_TURN)


def test_a_reconnected_wheel_starts_anew() -> None:
    counter = WheelCounter()
    counter.update(0, 0.0)
    counter.forget()
    assert counter.update(100, 0.02) == 0.0


@given(st.lists(st.booleans(), max_size=300))
def test_a_line_is_slow_only_while_it_is_bad(cycles: list[bool]) -> None:
    line = LineQuality()
    for good in cycles:
        before = line.factor
        line.note(good)
        assert 0 <= line.failed <= 1
        if line.factor < before:
            assert not good
            assert line.failed > LineQuality.SLOW_ABOVE
        if line.factor > before:
            assert good
            assert line.failed < LineQuality.FULL_BELOW


def test_half_of_the_packets_lost_is_not_yet_bad_and_four_of_five_are() -> None:
    line = LineQuality()
    for number in range(200):
        line.note(number % 2 == 0)
    assert line.factor == 1.0
    for number in range(200):
        line.note(number % 5 == 0)
    assert line.factor == LineQuality.SLOW_FACTOR
    for _ in range(50):
        line.note(True)
    assert line.factor == 1.0


@given(st.integers(-265, 265), st.integers(-265, 265))
def test_slower_keeps_the_curve(left: int, right: int) -> None:
    slow = scaled({1: left, 2: right}, 0.4)
    assert slow[1] == pytest.approx(0.4 * left, abs=0.5)
    assert slow[2] == pytest.approx(0.4 * right, abs=0.5)
