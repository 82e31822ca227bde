"""Wheel registers: units of speed, age of goals, and continuous angles."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.board.wheel_units import (
    Goal,
    LineQuality,
    WheelCounter,
    safe_units,
    scaled,
    velocity_units,
)

UNIT_RAD_S = 0.229 * 2 * math.pi / 60


@pytest.mark.parametrize(
    ("units", "register"), [(0.4, 0), (0.6, 1), (-7.4, -7), (265, 265), (266, 265), (-300, -265)]
)
def test_a_speed_is_a_number_of_units_within_the_motor_s_limit(units: float, register: int) -> None:
    assert velocity_units(units * UNIT_RAD_S) == register


@pytest.mark.parametrize(("age_s", "drives"), [(0.0, True), (0.25, True), (0.2501, False)])
def test_a_goal_holds_for_a_quarter_of_a_second(age_s: float, drives: bool) -> None:
    goal = Goal(20 * UNIT_RAD_S, -10 * UNIT_RAD_S, 0.0)
    assert safe_units(goal, age_s) == ({1: 20, 2: -10} if drives else {1: 0, 2: 0})


def test_without_a_goal_the_wheels_stand() -> None:
    assert safe_units(None, 5.0) == {1: 0, 2: 0}


def test_both_wheels_are_slowed_alike() -> None:
    assert scaled({1: 100, 2: -50}, 0.4) == {1: 40, 2: -20}
    assert scaled({1: 100, 2: -50}, 1.0) == {1: 100, 2: -50}


def quality_after(*cycles: bool) -> LineQuality:
    quality = LineQuality()
    for good in cycles:
        quality.note(good)
    return quality


def test_a_bad_line_slows_the_wheels_until_it_is_better() -> None:
    """Averages over 25 cycles: more than 60 percent failed slow, less than 40 free again."""
    assert quality_after().factor == 1.0
    assert quality_after(*[False] * 22).factor == 1.0  # 1 - 0.96 ** 22 = 0.593
    assert quality_after(*[False] * 23).factor == 0.4
    assert quality_after(*[False] * 23).failed == pytest.approx(1 - 0.96**23)
    slow = [False] * 23
    assert quality_after(*slow, *[True] * 10).factor == 0.4  # 0.61 * 0.96 ** 10 = 0.405
    assert quality_after(*slow, *[True] * 11).factor == 1.0
    assert quality_after(*[True] * 100).failed == 0.0


@given(st.lists(st.integers(-900, 900), max_size=30), st.integers(-(2**31), 2**31 - 1))
def test_an_angle_has_no_jumps_where_the_register_wraps(steps: list[int], start: int) -> None:
    counter = WheelCounter()
    at, now_s, total = start, 0.0, 0
    assert counter.update(at, now_s) == 0.0
    for step in steps:
        at = (at + step + 2**31) % 2**32 - 2**31
        now_s += 1.0
        total += step
        assert counter.update(at, now_s) == pytest.approx(total * 2 * math.pi / 4096)


@pytest.mark.parametrize(("over_rad", "counts"), [(-0.01, True), (0.01, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_no_motor_can_turn_is_a_new_beginning(
    over_rad: float, counts: bool, sign: int
) -> None:
    """One and a half times its highest speed, and half a radian."""
    limit_rad = 1.5 * 265 * UNIT_RAD_S * 0.1 + 0.5 + over_rad
    pulses = round(sign * limit_rad / (2 * math.pi) * 4096)
    counter = WheelCounter()
    counter.update(0, 5.0)
    angle = counter.update(pulses, 5.1)
    assert (angle != 0.0) is counts
    # from there on it counts again
    assert counter.update(pulses + 100, 5.2) - angle == pytest.approx(100 * 2 * math.pi / 4096)


def test_what_is_to_be_forgotten_is_not_counted() -> None:
    counter = WheelCounter()
    counter.update(0, 0.0)
    assert counter.update(100, 1.0) > 0
    before = counter.angle_rad
    counter.forget()
    assert counter.update(400, 2.0) == before
    assert counter.update(500, 3.0) > before
