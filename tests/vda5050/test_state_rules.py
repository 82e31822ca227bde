"""Content and time of states: VDA 5050 3.0, chapters 6.6 and 7.8."""

from __future__ import annotations

import re

import pytest

from car.driving.types import Decision, DriveState
from car.orders.state_report import MOVING_MPS, MOVING_RAD_S, NEW_BASE_M, Health
from pixelopolis.vda5050.order_progress import node_distances_m
from pixelopolis.vda5050.state import ErrorLevel, ErrorType
from tests.support.vda5050_car import CITY, a_car, action, an_order, arrives, drives, says


def test_the_first_node_is_not_among_those_ahead() -> None:
    it = a_car()
    it.take_order(an_order(1))
    state = says(it)
    assert (state.last_node_id, state.last_node_sequence_id) == ("at:15:600", 0)
    assert [(n.node_id, n.sequence_id) for n in state.node_states] == [
        ("11", 2),
        ("6", 4),
        ("at:6:100", 6),
    ]
    assert [(e.edge_id, e.sequence_id) for e in state.edge_states] == [
        ("15", 1),
        ("14", 3),
        ("6", 5),
    ]
    assert [n.released for n in state.node_states] == [True, False, False]
    assert [e.released for e in state.edge_states] == [True, False, False]


def test_a_node_is_passed_at_its_stop_line_and_that_is_news() -> None:
    it = a_car()
    it.take_order(an_order(3))
    assert it.mission is not None
    line_m = node_distances_m(it.mission.path)[1]
    drives(it, line_m - 0.02)
    assert says(it).last_node_id == "at:15:600"
    assert not drives(it, line_m - 0.01)
    drives(it, -0.1)
    assert says(it).distance_since_last_node == 0.0, "a little before the start is at the start"
    drives(it, line_m - 0.01)
    assert drives(it, line_m + 0.01), "the server must hear of it"
    state = says(it)
    assert (state.last_node_id, state.last_node_sequence_id) == ("11", 2)
    assert state.distance_since_last_node == pytest.approx(0.01)
    assert [n.sequence_id for n in state.node_states] == [4, 6]
    assert [e.sequence_id for e in state.edge_states] == [3, 5]


def test_a_longer_base_is_asked_for_in_time_and_that_is_news() -> None:
    it = a_car()
    it.take_order(an_order(1))
    assert it.mission is not None
    ask_m = it.mission.granted_m - NEW_BASE_M
    drives(it, ask_m - 0.02)
    assert not says(it).new_base_request
    assert drives(it, ask_m + 0.01)
    assert says(it).new_base_request
    it.take_order(an_order(3, 1, first=1))
    assert not says(it).new_base_request


def test_an_arrived_car_is_idle_and_keeps_its_order() -> None:
    it = a_car()
    it.take_order(an_order(3))
    arrives(it)
    state = says(it)
    assert (state.order_id, state.last_node_id) == ("o1", "at:6:100")
    assert state.last_node_sequence_id == 6
    assert (state.node_states, state.edge_states, state.driving) == ((), (), False)


@pytest.mark.parametrize(
    ("wheels", "health", "driving"),
    [
        (0.0, Health(), False),
        (4.0, Health(), True),
        (0.0, Health(speed_mps=0.08), True),
        (0.0, Health(speed_mps=-0.08), True),
        (0.0, Health(turn_rad_s=-0.5), True),
        (0.0, Health(speed_mps=MOVING_MPS / 2, turn_rad_s=MOVING_RAD_S / 2), False),
        (4.0, Health(emergency_stop="REMOTE"), False),
        (4.0, Health(speed_mps=0.05, emergency_stop="REMOTE"), True),
    ],
)
def test_driving_says_what_the_wheels_do(wheels: float, health: Health, driving: bool) -> None:
    it = a_car()
    it.take_order(an_order(3))
    it.take_decision(Decision(wheels, wheels, DriveState.DRIVING), it.mission)
    state = says(it, health)
    assert state.driving is driving
    assert state.velocity is not None
    assert (state.velocity.vx, state.velocity.omega) == (health.speed_mps, health.turn_rad_s)


def test_starting_and_stopping_is_news() -> None:
    it = a_car()
    it.take_order(an_order(3))
    assert drives(it, 0.0, DriveState.DRIVING)
    standing = Decision(0.0, 0.0, DriveState.DRIVING)
    assert it.take_decision(standing, it.mission)
    assert not it.take_decision(standing, it.mission)


def test_a_car_that_does_not_know_where_it_is_says_so_in_the_standards_words() -> None:
    it = a_car()
    it.take_decision(Decision(0.0, 0.0, DriveState.LOST, located=False), None)
    state = says(it)
    (error,) = state.errors
    assert (error.error_type, error.error_level) == ("LOCALIZATION_ERROR", "FATAL")
    assert state.mobile_robot_position is not None
    assert not state.mobile_robot_position.localized


def test_the_position_is_on_the_towns_map_and_turns_left_positive() -> None:
    it = a_car()
    position = says(it).mobile_robot_position
    assert position is not None
    pose = CITY.edges["15"].curve.pose_at(0.6)
    assert (position.x, position.y) == pytest.approx((pose.x_m, pose.y_m), abs=1e-3)
    assert position.theta == pytest.approx(pose.heading_rad)
    assert position.map_id == "pixelopolis"


def test_errors_have_the_standards_style_and_levels() -> None:
    for kind in ErrorType:
        assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", kind), kind
    grave = {kind: kind.level for kind in ErrorType if kind.level is not ErrorLevel.WARNING}
    assert grave == {
        ErrorType.UNSUPPORTED_PARAMETER: ErrorLevel.CRITICAL,
        ErrorType.LOCALIZATION_ERROR: ErrorLevel.FATAL,
    }


def test_a_paused_car_still_says_where_it_is_on_its_order() -> None:
    it = a_car()
    it.take_order(an_order(3))
    drives(it, 0.3)
    it.take_action(action("startPause"))
    drives(it, 0.31, DriveState.PAUSED)
    state = says(it)
    assert (state.paused, state.distance_since_last_node) == (True, 0.31)
    assert len(state.node_states) == 3
