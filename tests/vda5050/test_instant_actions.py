"""Instant actions: VDA 5050 3.0, chapters 6.1.3, 6.2.1 and 6.2.3."""

from __future__ import annotations

from typing import Any

import pytest

from car.driving.types import Decision, DriveState
from car.orders.executor import OrderExecutor
from car.orders.instant_actions import MAX_ACTION_STATES
from car.orders.state_report import Health
from pixelopolis.vda5050.order import ACTION_PARAMETERS, InstantAction
from tests.support.vda5050_car import (
    a_car,
    about,
    action,
    actions,
    an_order,
    arrives,
    drives,
    only_error,
    says,
)


def status(car: OrderExecutor, action_id: str = "a1", health: Health | None = None) -> str:
    by_id = {state.action_id: state for state in says(car, health).instant_action_states}
    return by_id[action_id].action_status


@pytest.mark.parametrize("kind", sorted(ACTION_PARAMETERS))
def test_every_action_that_the_factsheet_lists_is_carried_out(kind: str) -> None:
    it = a_car()
    it.take_order(an_order())
    it.take_actions(actions(action(kind)))
    stopping = Health(emergency_stop="REMOTE", emergency_stop_status="RUNNING")
    (state,) = says(it, stopping).instant_action_states
    assert (state.action_id, state.action_type) == ("a1", kind)
    assert state.action_status in ("RUNNING", "FINISHED")
    assert says(it).errors == ()


@pytest.mark.parametrize(
    "wrong",
    [
        action("dance"),
        action("startHibernation"),
        action("startPause", duration="5"),
        action("cancelOrder", orderId=3),
        action("cancelOrder", order="o1"),
    ],
)
def test_an_action_that_cannot_be_carried_out_fails_with_an_error(wrong: InstantAction) -> None:
    it = a_car()
    it.take_order(an_order())
    assert it.take_actions(actions(wrong)) == ()
    assert status(it) == "FAILED"
    error = only_error(it)
    assert (error.error_type, error.error_level) == ("INVALID_INSTANT_ACTION", "WARNING")
    assert about(error) == {"actionId": "a1"}
    assert error.error_description
    it.take_order(an_order(2, 1, first=1))
    assert only_error(it) == error, "an order does not mend an action"
    it.take_actions(actions(action("stateRequest", "a2")))
    assert says(it).errors == ()


@pytest.mark.parametrize(
    "header", [{"version": "9.0.0"}, {"manufacturer": "ACME"}, {"serial_number": "car2"}]
)
def test_actions_that_are_not_for_this_car_are_refused(header: dict[str, Any]) -> None:
    it = a_car()
    assert it.take_actions(actions(action("startPause"), **header)) == ()
    assert not says(it).paused
    assert only_error(it).error_type == "INVALID_INSTANT_ACTION"


def test_an_action_that_comes_again_is_carried_out_once() -> None:
    it = a_car()
    it.take_order(an_order(3))
    assert it.take_actions(actions(action("cancelOrder"))) != ()
    arrives(it)
    assert status(it) == "FINISHED"
    assert it.take_actions(actions(action("cancelOrder"))) == ()
    assert (status(it), says(it).errors) == ("FINISHED", ())
    assert it.take_actions(actions(action("startPause"))) == ()
    assert (status(it), says(it).paused) == ("FINISHED", False)
    assert only_error(it).error_type == "INVALID_INSTANT_ACTION"


def test_ended_actions_stay_until_they_are_cleared_and_running_ones_longer() -> None:
    it = a_car()
    it.take_order(an_order(3))
    it.take_actions(actions(action("stateRequest", "a1"), action("cancelOrder", "a2")))
    it.take_actions(actions(action("clearInstantActions", "a3")))
    assert [s.action_id for s in says(it).instant_action_states] == ["a2", "a3"]


def test_no_running_action_makes_room_for_new_ones() -> None:
    it = a_car()
    it.take_order(an_order(3))
    it.take_action(action("cancelOrder", "first"))
    for i in range(2 * MAX_ACTION_STATES):
        it.take_action(action("stateRequest", f"s{i}"))
    said = [s.action_id for s in says(it).instant_action_states]
    assert len(said) == MAX_ACTION_STATES
    assert (said[0], said[-1]) == ("first", f"s{2 * MAX_ACTION_STATES - 1}")


# --- cancel -----------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [{}, {"orderId": "o1"}])
def test_cancel_ends_the_order_once_the_car_stands(parameters: dict[str, str]) -> None:
    it = a_car()
    it.take_order(an_order(3))
    drives(it, 0.2)
    it.take_actions(actions(action("cancelOrder", **parameters)))
    assert status(it) == "RUNNING"
    arrives(it)
    state = says(it)
    assert status(it) == "FINISHED"
    assert (state.order_id, state.order_update_id) == ("o1", 0)
    assert (state.node_states, state.edge_states, state.errors) == ((), (), ())


@pytest.mark.parametrize("parameters", [{}, {"orderId": "o9"}])
def test_nothing_to_cancel(parameters: dict[str, str]) -> None:
    it = a_car()
    if parameters:
        it.take_order(an_order(3))
    mission = it.mission
    it.take_actions(actions(action("cancelOrder", **parameters)))
    assert status(it) == "FAILED"
    error = only_error(it)
    assert (error.error_type, error.error_level) == ("NO_ORDER_TO_CANCEL", "WARNING")
    assert about(error) == {"actionId": "a1"}
    assert it.mission is mission


def test_an_order_that_was_cancelled_cannot_be_again() -> None:
    it = a_car()
    it.take_order(an_order(3))
    it.take_actions(actions(action("cancelOrder", "a1")))
    arrives(it)
    it.take_actions(actions(action("cancelOrder", "a2")))
    assert status(it, "a2") == "FAILED"


# --- pause ------------------------------------------------------------------------------------

ROLLS = Health(speed_mps=0.1)


def test_pause_stops_the_car_and_is_finished_once_it_stands() -> None:
    it = a_car()
    it.take_order(an_order(3))
    drives(it, 0.2)
    it.take_actions(actions(action("startPause")))
    assert it.paused
    assert status(it, health=ROLLS) == "RUNNING"
    drives(it, 0.21, DriveState.PAUSED)
    assert status(it, health=ROLLS) == "RUNNING"
    assert status(it) == "FINISHED"
    state = says(it)
    assert (state.paused, state.driving) == (True, False)
    assert state.order_id == "o1"
    assert state.node_states
    it.take_actions(actions(action("stopPause", "a2")))
    assert status(it, "a2") == "FINISHED"
    assert not says(it).paused
    assert not it.paused


def test_a_pause_that_is_ended_before_the_car_stands_has_failed() -> None:
    it = a_car()
    it.take_order(an_order(3))
    drives(it, 0.2)
    it.take_actions(actions(action("startPause", "a1"), action("stopPause", "a2")))
    assert (status(it, "a1"), status(it, "a2")) == ("FAILED", "FINISHED")


def test_a_paused_car_takes_orders_and_cancels_them_where_it_stands() -> None:
    it = a_car()
    it.take_actions(actions(action("startPause")))
    assert (status(it), says(it).paused) == ("FINISHED", True)
    it.take_order(an_order(3))
    assert says(it).order_id == "o1"
    assert it.paused
    it.take_actions(actions(action("cancelOrder", "a2")))
    it.take_decision(Decision(0.0, 0.0, DriveState.ARRIVED), it.mission)
    assert (status(it, "a2"), says(it).paused) == ("FINISHED", True)
