"""The rows of the behavior table for other cars."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.behavior import SLOW_FACTOR, Situation, behave
from car.driving.freshness import Ages
from car.driving.speed_profile import (
    CREEP_MPS,
    DECELERATION_MPS2,
    PEEK_GAP_M,
    RESTART_GAP_M,
    SAFE_GAP_M,
    STOP_GAP_M,
    speed_behind_mps,
)
from car.driving.types import DriveState
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from pixelopolis.vehicle.speeds import CRUISE_MPS, MOTOR_MAX_RAD_S

FREE = Situation(
    has_mission=True,
    ages=Ages(camera_s=0.02, wheels_s=0.02, sight_s=0.1, link_s=0.3),
    to_stop_m=3.0,
    to_end_m=5.0,
    in_junction=False,
    arrived=False,
)


def aged(now: Situation = FREE, **ages: float | None) -> Situation:
    return replace(now, ages=replace(now.ages, **ages))


def test_a_car_within_the_safe_gap_stops_mine_and_says_how_near_it_is() -> None:
    answer = behave(replace(FREE, gap_m=0.12), CRUISE_MPS)
    assert (answer.state, answer.speed_mps) == (DriveState.STOPPED_FOR_CAR, 0.0)
    assert answer.reason == reason(ReasonCode.CAR_AHEAD, gap_m=0.12)


def test_it_goes_on_when_the_other_is_a_hand_farther() -> None:
    between_m = (STOP_GAP_M + RESTART_GAP_M) / 2
    stopped = replace(FREE, gap_m=between_m, stopped_for_car=True)
    assert behave(stopped, CRUISE_MPS).state is DriveState.STOPPED_FOR_CAR
    assert behave(replace(stopped, stopped_for_car=False), CRUISE_MPS).speed_mps > 0
    assert behave(replace(stopped, gap_m=RESTART_GAP_M + 0.01), CRUISE_MPS).speed_mps > 0


def test_a_paused_car_stands_wherever_it_is_but_an_arrived_one_has_arrived() -> None:
    paused = replace(FREE, paused=True)
    for now in (paused, replace(paused, in_junction=True), replace(paused, gap_m=0.1)):
        answer = behave(now, CRUISE_MPS)
        assert (answer.state, answer.speed_mps) == (DriveState.PAUSED, 0.0)
        assert answer.reason == reason(ReasonCode.PAUSED)
    assert behave(replace(paused, to_end_m=0.0), CRUISE_MPS).state is DriveState.ARRIVED
    assert behave(replace(paused, lost=reason(ReasonCode.LOST)), CRUISE_MPS).speed_mps == 0.0


def test_behind_a_car_it_slows_and_says_so() -> None:
    answer = behave(replace(FREE, gap_m=0.22), CRUISE_MPS)
    assert (answer.state, answer.reason) == (DriveState.DRIVING, reason(ReasonCode.FOLLOWS_CAR))
    assert 0 < answer.speed_mps < CRUISE_MPS
    turning = behave(replace(FREE, gap_m=0.22, in_junction=True), CRUISE_MPS)
    assert turning.state is DriveState.TURNING
    far = behave(replace(FREE, gap_m=0.6), CRUISE_MPS)
    assert (far.speed_mps, far.reason) == (CRUISE_MPS, None)


def test_towards_a_car_out_of_sight_it_creeps() -> None:
    doubted = replace(FREE, gap_m=0.12, car_doubted=True, stopped_for_car=True)
    answer = behave(doubted, CRUISE_MPS)
    assert (answer.state, answer.speed_mps) == (DriveState.DRIVING, CREEP_MPS)
    assert answer.reason == reason(ReasonCode.CAR_AHEAD_UNSURE)
    near = behave(replace(doubted, gap_m=PEEK_GAP_M), CRUISE_MPS)
    assert near.state is DriveState.STOPPED_FOR_CAR
    far = behave(replace(doubted, gap_m=0.25), CRUISE_MPS)
    assert far.speed_mps == speed_behind_mps(0.25, CRUISE_MPS)


def test_who_waits_for_a_grant_says_that_and_not_who_crosses_ahead() -> None:
    answer = behave(replace(FREE, to_stop_m=0.0, gap_m=0.1), CRUISE_MPS)
    assert answer.state is DriveState.WAITING_FOR_GRANT


@pytest.mark.parametrize(
    ("age_s", "state", "factor"),
    [
        (None, DriveState.DRIVING, 1.0),
        (0.4, DriveState.DRIVING, 1.0),
        (0.7, DriveState.DRIVING, SLOW_FACTOR),
        (1.1, DriveState.STALE, 0.0),
    ],
)
def test_a_silent_detector_slows_then_stops(
    age_s: float | None, state: DriveState, factor: float
) -> None:
    answer = behave(aged(sight_s=age_s), CRUISE_MPS)
    assert (answer.state, answer.speed_mps) == (state, pytest.approx(CRUISE_MPS * factor))
    said = {None: None, 0.4: None, 0.7: ReasonCode.PART_LATE, 1.1: ReasonCode.PART_SILENT}[age_s]
    assert answer.reason == (reason(said, part="detector", age_s=age_s) if said else None)


def test_a_detector_that_has_not_answered_yet_keeps_the_car_standing() -> None:
    unseen = aged(sight_s=None)
    answer = behave(replace(unseen, has_detector=True), CRUISE_MPS)
    assert (answer.state, answer.speed_mps) == (DriveState.STALE, 0.0)
    assert answer.reason == reason(ReasonCode.PART_UNHEARD, part="detector")
    assert behave(replace(unseen, has_detector=False), CRUISE_MPS).speed_mps == CRUISE_MPS


PARTS = {"camera_s": "camera", "sight_s": "detector", "wheels_s": "wheels", "link_s": "server"}


@pytest.mark.parametrize("age_s", [-0.001, -3.0, math.nan, -math.inf])
@pytest.mark.parametrize("part", PARTS)
def test_what_is_of_a_time_that_cannot_be_is_stale(part: str, age_s: float) -> None:
    answer = behave(replace(aged(**{part: age_s}), has_detector=True), CRUISE_MPS)
    assert (answer.state, answer.speed_mps) == (DriveState.STALE, 0.0)
    assert answer.reason == reason(ReasonCode.PART_MISTIMED, part=PARTS[part])


@given(
    st.sampled_from(sorted(PARTS)),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_a_car_drives_only_on_ages_within_their_limits(part: str, age_s: float) -> None:
    limit_s = {"camera_s": 0.5, "sight_s": 1.0, "wheels_s": 0.4, "link_s": 5.0}[part]
    answer = behave(replace(aged(**{part: age_s}), has_detector=True), CRUISE_MPS)
    assert (answer.speed_mps > 0) == (0.0 <= age_s <= limit_s)
    if answer.reason is not None:
        json.dumps(answer.reason.to_document(), allow_nan=False)


@pytest.mark.parametrize(("picture_s", "factor"), [(0.2, 1.0), (0.3, SLOW_FACTOR), (0.51, 0.0)])
def test_one_picture_again_and_again_is_as_old_as_since_it_changed(
    picture_s: float, factor: float
) -> None:
    answer = behave(aged(picture_s=picture_s), CRUISE_MPS)
    assert answer.speed_mps == pytest.approx(factor * CRUISE_MPS)
    if factor < 1:
        assert answer.reason == reason(ReasonCode.PICTURE_FROZEN, age_s=picture_s)


def test_a_car_whose_wheels_are_wrong_does_not_even_arrive() -> None:
    why = reason(ReasonCode.MOTORS_SWAPPED)
    answer = behave(replace(FREE, to_end_m=0.0, arrived=True, faulty=why), CRUISE_MPS)
    assert (answer.state, answer.speed_mps, answer.reason) == (DriveState.FAULTY, 0.0, why)


def test_late_and_behind_a_car_both_slow() -> None:
    slow = behave(replace(aged(sight_s=0.7), gap_m=0.22), CRUISE_MPS)
    assert slow.speed_mps == pytest.approx(SLOW_FACTOR * speed_behind_mps(0.22, CRUISE_MPS))
    assert slow.reason == reason(ReasonCode.PART_LATE, part="detector", age_s=0.7)


gaps = st.one_of(st.none(), st.floats(-0.5, 3.0))


@given(gaps, gaps, st.floats(-0.1, 3.0), st.booleans(), st.booleans(), st.floats(0.02, 0.2))
def test_less_room_is_never_driven_faster(
    one_m: float | None,
    other_m: float | None,
    to_stop_m: float,
    stopped: bool,
    in_junction: bool,
    cruise_mps: float,
) -> None:
    """No car counts as farther away than any car."""
    now = replace(FREE, to_stop_m=to_stop_m, stopped_for_car=stopped, in_junction=in_junction)
    near_m, far_m = sorted((one_m, other_m), key=lambda gap: 99.0 if gap is None else gap)
    near = behave(replace(now, gap_m=near_m), cruise_mps)
    far = behave(replace(now, gap_m=far_m), cruise_mps)
    assert 0.0 <= near.speed_mps <= far.speed_mps <= cruise_mps
    if near.speed_mps == 0.0:
        assert near.reason


@given(st.floats(-0.2, 3.0), st.floats(0.02, MOTOR_MAX_RAD_S * WHEEL_RADIUS_M))
def test_it_can_always_stop_before_the_safe_gap(gap_m: float, cruise_mps: float) -> None:
    """The bumpers stay apart even if the command takes effect 0.2 s late."""
    speed = behave(replace(FREE, gap_m=gap_m), cruise_mps).speed_mps
    if gap_m <= STOP_GAP_M:
        assert speed == 0.0
        return
    assert speed >= min(CREEP_MPS, cruise_mps), "who would only creep stands"
    braking_m = speed**2 / (2 * DECELERATION_MPS2)
    assert braking_m <= gap_m - SAFE_GAP_M
    assert braking_m + 0.2 * speed <= gap_m - SAFE_GAP_M + 0.04
