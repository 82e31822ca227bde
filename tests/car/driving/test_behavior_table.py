"""Every row of the behavior table at its limits, and the priority of rows."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import pytest

from car.driving.behavior import Behavior, Situation, behave
from car.driving.freshness import Ages
from car.driving.types import DriveState
from pixelopolis.reasons import Reason, ReasonCode, reason
from pixelopolis.vehicle.speeds import CRUISE_MPS

FREE = Situation(
    has_mission=True,
    ages=Ages(camera_s=0.02, wheels_s=0.02, sight_s=0.1, link_s=0.3),
    to_stop_m=3.0,
    to_end_m=5.0,
    in_junction=False,
    arrived=False,
    has_detector=True,
)


def aged(now: Situation = FREE, **ages: float | None) -> Situation:
    return replace(now, ages=replace(now.ages, **ages))


OFF = reason(ReasonCode.OFF_ROUTE, edge="8")
SWAPPED = reason(ReasonCode.BROKEN, error="wheels")


def test_a_free_way_is_driven_at_cruise() -> None:
    assert behave(FREE, CRUISE_MPS) == Behavior(DriveState.DRIVING, CRUISE_MPS)
    turning = behave(replace(FREE, in_junction=True), CRUISE_MPS)
    assert turning == Behavior(DriveState.TURNING, CRUISE_MPS)


def test_without_more_to_say_nothing_is_assumed() -> None:
    """A car without detector, mission ahead or other cars."""
    alone = Situation(True, Ages(0.02, 0.02, None, None), 3.0, 5.0, False, False)
    assert behave(alone, CRUISE_MPS) == Behavior(DriveState.DRIVING, CRUISE_MPS)


ROWS: list[tuple[dict[str, object], DriveState, Reason | None]] = [
    ({"has_mission": False}, DriveState.IDLE, None),
    ({"faulty": SWAPPED}, DriveState.FAULTY, SWAPPED),
    ({"lost": OFF}, DriveState.LOST, OFF),
    ({"arrived": True}, DriveState.ARRIVED, None),
    ({"paused": True}, DriveState.PAUSED, reason(ReasonCode.PAUSED)),
    (
        {"ages": replace(FREE.ages, camera_s=3.0)},
        DriveState.STALE,
        reason(ReasonCode.PART_SILENT, part="camera", age_s=3.0),
    ),
    ({"to_stop_m": 0.0}, DriveState.WAITING_FOR_GRANT, reason(ReasonCode.AT_GRANT_END)),
    ({"gap_m": 0.1}, DriveState.STOPPED_FOR_CAR, reason(ReasonCode.CAR_AHEAD, gap_m=0.1)),
]


@pytest.mark.parametrize("row", range(len(ROWS)))
def test_each_row_stops_the_car_and_wins_over_all_below_it(row: int) -> None:
    changes, state, why = ROWS[row]
    expected = Behavior(state, 0.0, why)
    assert behave(replace(FREE, **changes), CRUISE_MPS) == expected
    below: dict[str, object] = {}
    for more, _, _ in ROWS[row:]:
        below |= more
    assert behave(replace(FREE, **{**below, **changes}), CRUISE_MPS) == expected


@pytest.mark.parametrize(
    ("field", "name", "slow_s", "stop_s"),
    [
        ("camera_s", "camera", 0.20, 0.50),
        ("sight_s", "detector", 0.5, 1.0),
        ("wheels_s", "wheels", 0.15, 0.40),
        ("link_s", "server", 2.0, 5.0),
    ],
)
def test_what_is_late_slows_and_what_is_silent_stops(
    field: str, name: str, slow_s: float, stop_s: float
) -> None:
    for age_s in (0.0, slow_s):
        answer = behave(aged(**{field: age_s}), CRUISE_MPS)
        assert answer == Behavior(DriveState.DRIVING, CRUISE_MPS)
    for age_s in (slow_s + 1e-6, stop_s):
        answer = behave(aged(**{field: age_s}), CRUISE_MPS)
        late = reason(ReasonCode.PART_LATE, part=name, age_s=age_s)
        assert answer == Behavior(DriveState.DRIVING, pytest.approx(0.4 * CRUISE_MPS), late)
    age_s = stop_s + 1e-6
    silent = reason(ReasonCode.PART_SILENT, part=name, age_s=age_s)
    answer = behave(aged(**{field: age_s}), CRUISE_MPS)
    assert answer == Behavior(DriveState.STALE, 0.0, silent)


@pytest.mark.parametrize(
    ("field", "name"),
    [("camera_s", "camera"), ("sight_s", "detector"), ("wheels_s", "wheels")],
)
def test_who_was_never_heard_keeps_the_car_standing(field: str, name: str) -> None:
    unheard = reason(ReasonCode.PART_UNHEARD, part=name)
    answer = behave(aged(**{field: None}), CRUISE_MPS)
    assert answer == Behavior(DriveState.STALE, 0.0, unheard)


def test_a_car_without_server_or_detector_drives() -> None:
    answer = behave(aged(link_s=None), CRUISE_MPS)
    assert answer == Behavior(DriveState.DRIVING, CRUISE_MPS)
    blind = aged(replace(FREE, has_detector=False), sight_s=None)
    assert behave(blind, CRUISE_MPS) == Behavior(DriveState.DRIVING, CRUISE_MPS)


def test_of_several_that_are_late_the_first_is_named_and_silence_wins() -> None:
    late = aged(camera_s=0.3, wheels_s=0.2, link_s=3.0)
    why = reason(ReasonCode.PART_LATE, part="camera", age_s=0.3)
    answer = behave(late, CRUISE_MPS)
    assert (answer.speed_mps, answer.reason) == (pytest.approx(0.4 * CRUISE_MPS), why)
    silent = aged(late, link_s=6.0)
    assert behave(silent, CRUISE_MPS).state is DriveState.STALE


@pytest.mark.parametrize(
    ("field", "state"),
    [
        ("to_end_m", DriveState.ARRIVED),
        ("to_stop_m", DriveState.WAITING_FOR_GRANT),
    ],
)
def test_six_millimetres_are_there(field: str, state: DriveState) -> None:
    for left_m in (-1.0, 0.0, 0.006):
        assert behave(replace(FREE, **{field: left_m}), CRUISE_MPS).state is state
    answer = behave(replace(FREE, **{field: 0.0061}), CRUISE_MPS)
    assert answer.state is DriveState.DRIVING
    assert answer.speed_mps > 0


def test_a_stop_ahead_slows() -> None:
    answer = behave(replace(FREE, to_stop_m=0.03), CRUISE_MPS)
    assert answer == Behavior(DriveState.DRIVING, pytest.approx((2 * 0.12 * 0.03) ** 0.5))


@pytest.mark.parametrize(
    ("doubted", "stopped", "gap_m", "stands"),
    [
        (False, False, 0.1799, True),
        (False, False, 0.1801, False),
        (False, True, 0.2199, True),
        (False, True, 0.2201, False),
        (True, False, 0.0800, True),
        (True, False, 0.0801, False),
        (True, True, 0.0800, True),
        (True, True, 0.0801, False),
    ],
)
def test_how_near_a_car_ahead_may_be(
    doubted: bool, stopped: bool, gap_m: float, stands: bool
) -> None:
    now = replace(FREE, gap_m=gap_m, car_doubted=doubted, stopped_for_car=stopped)
    answer = behave(now, CRUISE_MPS)
    assert (answer.state is DriveState.STOPPED_FOR_CAR) is stands
    assert (answer.speed_mps == 0.0) is stands
    if not stands:
        code = ReasonCode.CAR_AHEAD_UNSURE if doubted else ReasonCode.FOLLOWS_CAR
        assert answer.reason == reason(code)
        assert answer.speed_mps == pytest.approx(0.02 if gap_m < 0.19 else 0.0467, abs=1e-4)


def test_a_gap_is_never_said_to_be_less_than_nothing() -> None:
    answer = behave(replace(FREE, gap_m=-0.3), CRUISE_MPS)
    assert answer.reason == reason(ReasonCode.CAR_AHEAD, gap_m=0.0)
    answer = behave(replace(FREE, gap_m=0.0), CRUISE_MPS)
    assert answer.state is DriveState.STOPPED_FOR_CAR


def test_the_slower_of_two_causes_counts_and_is_named() -> None:
    """Behind a car at 0.30 m the limit is 0.10 m/s."""
    behind = reason(ReasonCode.FOLLOWS_CAR)
    answer = behave(replace(FREE, gap_m=0.30), CRUISE_MPS)
    assert answer == Behavior(DriveState.DRIVING, pytest.approx(0.10), behind)
    answer = behave(replace(FREE, gap_m=0.30, to_stop_m=0.01), CRUISE_MPS)
    assert answer == Behavior(DriveState.DRIVING, pytest.approx((2 * 0.12 * 0.01) ** 0.5))
    answer = behave(aged(replace(FREE, gap_m=0.30), link_s=3.0), CRUISE_MPS)
    late = reason(ReasonCode.PART_LATE, part="server", age_s=3.0)
    assert answer == Behavior(DriveState.DRIVING, pytest.approx(0.04), late)


@pytest.mark.parametrize(("turns", "doubted"), list(product((False, True), repeat=2)))
def test_in_a_junction_it_turns_whatever_slows_it(turns: bool, doubted: bool) -> None:
    now = replace(FREE, in_junction=turns, gap_m=0.25, car_doubted=doubted)
    expected = DriveState.TURNING if turns else DriveState.DRIVING
    assert behave(now, CRUISE_MPS).state is expected


@pytest.mark.parametrize("field", ["camera_s", "sight_s", "wheels_s", "link_s"])
@pytest.mark.parametrize("age_s", [math.nan, -1.0, -math.inf])
def test_what_comes_from_a_time_that_cannot_be_stops(field: str, age_s: float) -> None:
    answer = behave(aged(**{field: age_s}), CRUISE_MPS)
    assert (answer.state, answer.speed_mps) == (DriveState.STALE, 0.0)
    assert answer.reason is not None
    assert answer.reason.code is ReasonCode.PART_MISTIMED


@pytest.mark.parametrize(
    ("same_s", "state", "factor"),
    [
        (0.2, DriveState.DRIVING, 1.0),
        (0.201, DriveState.DRIVING, 0.4),
        (0.5, DriveState.DRIVING, 0.4),
        (0.501, DriveState.STALE, 0.0),
    ],
)
def test_one_picture_again_and_again_is_as_bad_as_none(
    same_s: float, state: DriveState, factor: float
) -> None:
    answer = behave(aged(picture_s=same_s), CRUISE_MPS)
    assert (answer.state, answer.speed_mps) == (state, pytest.approx(factor * CRUISE_MPS))
    frozen = reason(ReasonCode.PICTURE_FROZEN, age_s=same_s)
    assert answer.reason == (frozen if factor < 1 else None)
    late = aged(camera_s=0.3, picture_s=0.3)
    why = reason(ReasonCode.PART_LATE, part="camera", age_s=0.3)
    assert behave(late, CRUISE_MPS).reason == why, "the first that is late is named"


def test_an_endless_silence_is_said_as_a_long_one() -> None:
    answer = behave(aged(link_s=math.inf), CRUISE_MPS)
    assert answer.reason in (
        reason(ReasonCode.PART_SILENT, part="server", age_s=1e6),
        reason(ReasonCode.PART_MISTIMED, part="server"),
    )
    assert answer.speed_mps == 0.0
