from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.driver import Driver
from car.driving.types import (
    CarAhead,
    Decision,
    DriveState,
    Frame,
    Mission,
    Observation,
    WheelReading,
)
from car.orders.executor import OrderExecutor
from car.orders.faults import blocked_edge
from car.orders.state_report import Health
from car.orders.task import stop_place_m
from pixelopolis.city.model import City
from pixelopolis.city.route import Place, Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.model_io.crops import Image
from pixelopolis.reasons import Reason, ReasonCode, reason
from pixelopolis.vda5050.frames import Refusal, encode
from pixelopolis.vda5050.order import InstantAction, Order
from pixelopolis.vda5050.order_progress import make_order, node_ids
from pixelopolis.vda5050.state import State
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from tests.support.lane_models import Steers

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@cache
def town() -> City:
    return load_city("pixelopolis")


START, END = Place("13", 0.6), Place("6", 0.2)


def order(released: int, update: int = 0, *, first: int = 0, order_id: str = "o1") -> Order:
    return make_order(
        town(),
        find_route(town(), START, END),
        order_id=order_id,
        order_update_id=update,
        released_edges=released,
        first_node=first,
        header_id=0,
        serial_number="car1",
        timestamp=NOW,
    )


def executor() -> OrderExecutor:
    return OrderExecutor(town(), "car1", START)


def report(executor: OrderExecutor, health: Health | None = None) -> State:
    return executor.report(3, NOW, health or Health())


def cancel(action_id: str = "a1") -> InstantAction:
    return InstantAction(action_type="cancelOrder", action_id=action_id)


class Drive:
    """The real driver with ideal wheels along the order's path."""

    def __init__(self, executor: OrderExecutor) -> None:
        self.executor = executor
        self.driver = Driver(Steers())
        self.now_s = 0.0
        self.rolled_m = 0.0

    def until(self, *states: DriveState, limit_m: float = 100.0) -> Decision:
        begin_m = self.rolled_m
        frame = Frame(_BLACK, 0.0)
        for _ in range(20_000):
            self.now_s += 0.05
            mission = self.executor.mission
            frame = Frame(_BLACK, self.now_s)
            angle = self.rolled_m / WHEEL_RADIUS_M
            wheels = WheelReading(angle, angle, self.now_s)
            paused = self.executor.paused
            now = Observation(self.now_s, frame, wheels, mission, paused=paused)
            decision = self.driver.step(now)
            self.executor.take_decision(decision, mission)
            self.rolled_m += decision.left_rad_s * WHEEL_RADIUS_M * 0.05
            if decision.state in states or self.rolled_m - begin_m > limit_m:
                return decision
        raise AssertionError(f"never {states}: {decision}")


def _black() -> Image:
    import numpy as np

    return np.zeros((40, 120, 3), np.uint8)


_BLACK = _black()


def test_before_any_order_the_car_is_at_its_place() -> None:
    state = report(executor())
    assert (state.order_id, state.last_node_id, state.last_node_sequence_id) == (
        "",
        "at:13:600",
        0,
    )
    assert (state.node_states, state.edge_states, state.driving) == ((), (), False)
    assert (state.order_id, state.order_update_id, state.new_base_request) == ("", 0, False)
    assert state.mobile_robot_position is not None
    pose = town().edges["13"].curve.pose_at(0.6)
    assert state.mobile_robot_position.x == pytest.approx(pose.x_m, abs=1e-3)


def test_drives_to_the_end_of_the_base_and_on_when_more_is_granted() -> None:
    it = executor()
    it.take_order(order(1))
    drive = Drive(it)
    drive.until(DriveState.WAITING_FOR_GRANT)
    state = report(it)
    route = find_route(town(), START, END)
    assert state.last_node_id == "at:13:600"
    assert 0.4 < state.distance_since_last_node < town().edges["13"].length_m - 0.6
    assert state.new_base_request
    assert state.info("waiting")
    assert not state.driving
    it.take_order(order(3, 1, first=1))
    assert it.mission is not None
    drive.until(DriveState.WAITING_FOR_GRANT, DriveState.ARRIVED)
    state = report(it)
    assert (state.order_update_id, state.last_node_sequence_id) == (1, 4)
    assert state.last_node_id == town().edges[route.edges[1]].to_node
    it.take_order(order(len(route.edges), 2, first=3))
    drive.until(DriveState.ARRIVED)
    state = report(it)
    assert state.last_node_id == "at:6:200"
    assert state.last_node_sequence_id == 2 * len(route.edges)
    assert not state.new_base_request, "all is granted"
    assert (state.node_states, state.edge_states) == ((), ())
    assert it.place.edge == "6"
    assert it.place.s_m == pytest.approx(0.2, abs=0.02)


def test_node_and_edge_states_are_what_is_still_ahead() -> None:
    it = executor()
    it.take_order(order(2))
    route = find_route(town(), START, END)
    ids = node_ids(town(), route)
    state = report(it)
    assert [n.node_id for n in state.node_states] == list(ids[1:])
    assert [n.released for n in state.node_states] == [True, True] + [False] * (len(ids) - 3)
    assert [e.edge_id for e in state.edge_states] == list(route.edges)
    assert [e.released for e in state.edge_states] == [True, True] + [False] * (
        len(route.edges) - 2
    )


@pytest.mark.parametrize(
    ("wrong", "error_type"),
    [
        (order(2, 0), "SAME_ORDER_UPDATE_ID"),
        (order(2, 1, first=0), "VALIDATION_FAILURE"),
        (order(2, order_id="other"), "OTHER_ORDER_ACTIVE"),
    ],
)
def test_a_wrong_update_is_reported_and_changes_nothing(wrong: Order, error_type: str) -> None:
    it = executor()
    it.take_order(order(1))
    before = it.mission
    it.take_order(wrong)
    assert it.mission is before
    (error,) = report(it).errors
    assert error.error_type == error_type
    assert error.error_description
    assert error.error_references[0].reference_value == wrong.order_id
    it.take_order(order(2, 1, first=1))
    assert report(it).errors == ()


def test_an_order_from_elsewhere_is_refused() -> None:
    it = OrderExecutor(town(), "car1", Place("15", 0.3))
    it.take_order(order(1))
    (error,) = report(it).errors
    assert error.error_type == "START_NODE_OUT_OF_RANGE"
    assert "at:15:300" in (error.error_description or "")
    assert it.mission is None


def test_the_order_may_start_a_little_before_or_behind_the_car() -> None:
    it = OrderExecutor(town(), "car1", Place("13", 0.65))
    it.take_order(order(1))
    assert it.mission is not None
    assert it.mission.start_m == pytest.approx(0.05)


def test_a_second_order_goes_on_from_where_the_first_ended() -> None:
    it = executor()
    edges = len(find_route(town(), START, END).edges)
    it.take_order(order(edges))
    drive = Drive(it)
    drive.until(DriveState.ARRIVED)
    back = find_route(town(), Place("6", 0.2), START)
    second = make_order(
        town(),
        back,
        order_id="o2",
        order_update_id=0,
        released_edges=len(back.edges),
        header_id=1,
        serial_number="car1",
        timestamp=NOW,
    )
    it.take_order(order(edges, 1))
    (error,) = report(it).errors
    assert error.error_type == "VALIDATION_FAILURE"
    assert "last node of the base, 'at:6:200'" in (error.error_description or "")
    it.take_order(second)
    assert report(it).errors == ()
    assert report(it).order_id == "o2"
    drive.until(DriveState.ARRIVED)
    assert it.place.edge == "13"
    assert it.place.s_m == pytest.approx(0.6, abs=0.02)


def test_pause_stops_the_car_within_its_base_and_it_goes_on_afterwards() -> None:
    it = executor()
    it.take_order(order(1))
    drive = Drive(it)
    drive.until(DriveState.ARRIVED, limit_m=0.2)
    it.take_action(InstantAction(action_type="startPause", action_id="p1"))
    decision = drive.until(DriveState.PAUSED)
    assert (decision.left_rad_s, decision.right_rad_s) == (0.0, 0.0)
    stood_m = drive.rolled_m
    drive.until(DriveState.PAUSED)
    assert drive.rolled_m == stood_m < 0.25
    state = report(it)
    assert (state.paused, state.driving, state.order_id) == (True, False, "o1")
    assert state.waiting_for == reason(ReasonCode.PAUSED)
    it.take_order(order(3, 1, first=1))
    assert drive.until(DriveState.PAUSED).left_rad_s == 0.0, "an update ends no pause"
    it.take_action(InstantAction(action_type="stopPause", action_id="p2"))
    drive.until(DriveState.WAITING_FOR_GRANT)
    state = report(it)
    assert (state.paused, state.last_node_sequence_id) == (False, 4)


def test_cancel_stops_soon_and_keeps_the_place() -> None:
    it = executor()
    edges = len(find_route(town(), START, END).edges)
    it.take_order(order(edges))
    drive = Drive(it)
    drive.until(DriveState.ARRIVED, limit_m=0.2)
    begin_m = drive.rolled_m
    it.take_action(cancel())
    assert report(it).instant_action_states[0].action_status == "RUNNING"
    drive.until(DriveState.ARRIVED)
    state = report(it)
    assert drive.rolled_m - begin_m < 0.2
    assert state.instant_action_states[0].action_status == "FINISHED"
    assert (state.order_id, state.node_states, state.edge_states) == ("o1", (), ())
    assert state.last_node_id == f"at:13:{round(it.place.s_m * 1000)}" or it.place.s_m > 0.7
    it.take_order(order(edges, 1))
    assert report(it).errors[0].error_type == "ORDER_UPDATE_FOLLOWING_CANCEL"
    assert it.mission is not None
    assert it.mission.path.route.edges == ("13",)


def test_a_car_that_stands_is_cancelled_where_it_is() -> None:
    it = executor()
    it.take_order(order(1))
    drive = Drive(it)
    drive.until(DriveState.WAITING_FOR_GRANT)
    it.take_action(cancel())
    before_m = drive.rolled_m
    drive.until(DriveState.ARRIVED)
    assert drive.rolled_m == before_m
    assert it.place.edge == "13"


def test_nothing_to_cancel_is_an_error() -> None:
    it = executor()
    it.take_action(cancel("a7"))
    state = report(it)
    assert state.errors[0].error_type == "NO_ORDER_TO_CANCEL"
    assert state.instant_action_states[0].action_status == "FAILED"


def test_an_unknown_action_fails() -> None:
    it = executor()
    it.take_action(InstantAction(action_type="fly", action_id="a1"))
    assert report(it).instant_action_states[0].action_status == "FAILED"


@pytest.mark.parametrize("status", ["FINISHED", "FAILED"])
def test_an_emergency_stop_ends_as_the_board_says(status: Any) -> None:
    it = executor()
    it.take_action(InstantAction(action_type="emergencyStop", action_id="s1"))
    asked = Health(emergency_stop="REMOTE", emergency_stop_status="RUNNING")
    state = it.report(1, NOW, asked)
    assert state.instant_action_states[0].action_status == "RUNNING"
    assert state.safety_state.active_emergency_stop == "REMOTE"
    it.take_action(cancel("a7"))
    state = it.report(2, NOW, replace(asked, emergency_stop_status=status))
    assert state.instant_action_states[0].action_status == status
    it.take_action(InstantAction(action_type="releaseEmergencyStop", action_id="s2"))
    assert it.report(3, NOW, asked).instant_action_states[2].action_status == "RUNNING"
    state = it.report(4, NOW, Health())
    assert state.instant_action_states[2].action_status == "FINISHED"
    assert state.instant_action_states[0].action_status == status
    assert state.safety_state.active_emergency_stop == "NONE"


@given(data=st.data())
def test_a_stop_place_is_granted_ahead_and_outside_junctions(data: st.DataObject) -> None:
    city = town()
    edges = data.draw(st.sampled_from(sorted(city.edges)))
    goal = data.draw(st.sampled_from(sorted(city.edges)))
    start = Place(edges, city.edges[edges].length_m * data.draw(st.floats(0.1, 0.9)))
    route = find_route(city, start, Place(goal, city.edges[goal].length_m * 0.6))
    path = RoutePath(city, route)
    granted = data.draw(st.sampled_from([*path.node_stops_m(), path.length_m]))
    mission = Mission("o", path, granted)
    # a car keeps the stop distance to a closed line
    limit_m = granted if granted == path.length_m else granted - 0.10
    here_m = data.draw(st.floats(0.0, 1.0)) * max(limit_m, 0.0)
    stop_m = stop_place_m(mission, here_m, here_m + 0.12)
    assert here_m <= stop_m <= max(here_m, limit_m) + 1e-9
    leg = path.leg_at(stop_m)
    assert leg.movement is None or granted == path.length_m or limit_m < 0


@pytest.mark.parametrize(("ungranted_m", "left_m"), [(0.0, 0.0), (0.5, 0.6), (0.001, 0.101)])
def test_a_stop_place_may_be_the_end_only_of_a_way_that_is_granted_to_its_end(
    ungranted_m: float, left_m: float
) -> None:
    path = RoutePath(town(), find_route(town(), START, Place("4", 1.2)))
    mission = Mission("o", path, path.length_m - ungranted_m)
    stop_m = stop_place_m(mission, path.length_m - 0.7, path.length_m)
    assert path.length_m - stop_m == pytest.approx(left_m)


def test_what_the_server_could_not_use_is_reported() -> None:
    it = executor()
    it.take_refusal(
        Refusal(
            header_id=1,
            timestamp=NOW,
            serial_number="car1",
            refused_topic="state",
            refused_header_id=7,
            description="driving: 'maybe' is no boolean.",
        )
    )
    (error,) = report(it).errors
    assert error.error_type == "MESSAGE_REFUSED"
    assert "driving: 'maybe'" in (error.error_description or "")
    assert [r.reference_value for r in error.error_references] == ["state", "7"]


def silent(part: str, age_s: float) -> Reason:
    return reason(ReasonCode.PART_SILENT, part=part, age_s=age_s)


def test_news_is_what_changes_not_what_counts() -> None:
    it = executor()
    it.take_order(order(1))
    mission = it.mission
    late = Decision(0.0, 0.0, DriveState.STALE, silent("camera", 1.2))
    assert it.take_decision(late, mission)
    assert not it.take_decision(
        Decision(0.0, 0.0, DriveState.STALE, silent("camera", 1.3)), mission
    )
    assert it.take_decision(Decision(0.0, 0.0, DriveState.STALE, silent("wheels", 0.5)), mission)
    assert it.take_decision(
        Decision(0.0, 0.0, DriveState.STALE, silent("wheels", 0.5), events=("node:9",)), mission
    )
    old = Mission("o0", RoutePath(town(), Route(("13",), 0.0, 0.5)), 0.5)
    assert not it.take_decision(Decision(1.0, 1.0, DriveState.DRIVING), old)
    assert not report(it).driving


def stands(distance_m: float, gap_m: float = 0.15, blocked: bool = False) -> Decision:
    ahead = CarAhead(gap_m, 0.0, (0.3, 0.4, 0.7, 0.75))
    return Decision(
        0.0,
        0.0,
        DriveState.STOPPED_FOR_CAR,
        reason(ReasonCode.CAR_AHEAD, gap_m=gap_m),
        distance_m,
        car_ahead=ahead,
        blocked=blocked,
    )


def test_a_car_ahead_is_why_it_waits_and_an_error_once_it_has_stood_long() -> None:
    it = executor()
    it.take_order(order(2))
    assert it.take_decision(stands(0.1), it.mission)
    state = report(it)
    assert (state.info("waiting"), state.errors) == ("a car stands ahead, 0.15 m", ())
    assert not it.take_decision(stands(0.1, 0.16), it.mission), "the number alone is no news"
    assert it.take_decision(stands(0.1, blocked=True), it.mission)
    (error,) = report(it).errors
    assert (error.error_type, error.error_level) == ("BLOCKED_BY_CAR", "WARNING")
    assert [(r.reference_key, r.reference_value) for r in error.error_references] == [
        ("edgeId", "13")
    ]
    assert it.take_decision(Decision(1.0, 1.0, DriveState.DRIVING, distance_m=0.1), it.mission)
    assert not report(it).errors


def test_the_blocked_edge_is_where_the_other_stands_or_goes() -> None:
    it = executor()
    it.take_order(order(3))
    mission = it.mission
    assert mission is not None
    first, junction, second = mission.path.legs[:3]
    assert blocked_edge(mission, stands(first.end_m - 0.5)) == first.edge
    for there_m in (junction.start_m + 0.05, second.start_m + 0.05):
        assert blocked_edge(mission, stands(there_m - 0.35)) == second.edge


def test_health_goes_into_the_state() -> None:
    state = report(executor(), Health("http://c/v.mjpg", 11.1, 44.0, 0.13, -0.2))
    assert state.info("video") == "http://c/v.mjpg"
    assert state.power_supply.battery_voltage == 11.1
    assert state.velocity is not None
    assert (state.velocity.vx, state.velocity.omega) == (0.13, -0.2)
    assert '"infoType":"video"' in encode(state)


def off_route(place: Place, distance_m: float = 0.3) -> Decision:
    return Decision(
        0.0,
        0.0,
        DriveState.LOST,
        reason(ReasonCode.OFF_ROUTE, edge=place.edge),
        distance_m,
        place=place,
        off_route=True,
    )


def test_a_car_that_is_not_on_its_way_drops_its_order_and_says_where_it_is() -> None:
    it = executor()
    it.take_order(order(3))
    assert it.take_decision(off_route(Place("9", 0.4)), it.mission)
    assert it.mission is None
    state = report(it)
    assert (state.order_id, state.last_node_id, state.node_states) == ("", "at:9:400", ())
    (error,) = [e for e in state.errors if e.error_type == "OFF_ROUTE"]
    assert [(r.reference_key, r.reference_value) for r in error.error_references] == [
        ("orderId", "o1")
    ]
    assert state.mobile_robot_position is not None
    assert state.mobile_robot_position.localized
    it.take_order(order(3, order_id="o2"))
    assert it.mission is None, "an order from where it is not is refused"
    again = make_order(
        town(),
        find_route(town(), Place("9", 0.4), END),
        order_id="o3",
        order_update_id=0,
        released_edges=1,
        header_id=0,
        serial_number="car1",
        timestamp=NOW,
    )
    it.take_order(again)
    assert it.mission is not None
    assert not report(it).errors


def test_a_car_that_was_carried_after_its_arrival_tells_no_error() -> None:
    it = executor()
    it.take_order(order(5))
    it.take_decision(Decision(0.0, 0.0, DriveState.ARRIVED, distance_m=9.0), it.mission)
    it.take_decision(off_route(Place("2", 0.2)), it.mission)
    state = report(it)
    assert (state.last_node_id, state.errors) == ("at:2:200", ())


def test_a_car_that_nobody_placed_says_so_until_it_finds_itself() -> None:
    it = OrderExecutor(town(), "car1", None)
    state = report(it)
    assert state.last_node_id == ""
    assert state.mobile_robot_position is not None
    assert not state.mobile_robot_position.localized
    it.take_order(order(1))
    assert [e.error_type for e in report(it).errors] == [
        "START_NODE_OUT_OF_RANGE",
        "LOCALIZATION_ERROR",
    ]
    it.take_decision(Decision(0.0, 0.0, DriveState.LOST, located=False), None)
    assert report(it).last_node_id == ""
    assert it.take_decision(Decision(0.0, 0.0, DriveState.IDLE, place=START), None)
    state = report(it)
    assert state.last_node_id == "at:13:600"
    assert state.mobile_robot_position is not None
    assert state.mobile_robot_position.localized


def test_a_standing_car_that_wavers_by_centimetres_stays_where_it_is() -> None:
    it = executor()
    near = Place(START.edge, START.s_m + 0.1)
    it.take_decision(Decision(0.0, 0.0, DriveState.IDLE, place=near), None)
    assert report(it).last_node_id == "at:13:600"
    it.take_decision(Decision(0.0, 0.0, DriveState.IDLE, place=Place("1", 0.5)), None)
    assert report(it).last_node_id == "at:1:500"


def test_who_has_an_order_and_no_decision_yet_does_not_drive() -> None:
    it = OrderExecutor(town(), "car1", Place("13", 0.5))
    it.take_order(order(1))
    assert not it.decision.drives
    assert (it.decision.left_rad_s, it.decision.right_rad_s) == (0.0, 0.0)
    assert it.decision.distance_m == pytest.approx(-0.1), "it stands a little before the start"
    state = report(it)
    assert not state.driving


def test_a_car_that_leaves_its_way_while_it_is_cancelled_has_ended_that() -> None:
    it = executor()
    it.take_order(order(2))
    it.take_decision(Decision(4.0, 4.0, DriveState.DRIVING, distance_m=0.2), it.mission)
    it.take_action(cancel("c1"))
    off = Decision(0.0, 0.0, DriveState.LOST, place=Place("9", 0.3), off_route=True)
    assert it.take_decision(off, it.mission)
    (ended,) = report(it).instant_action_states
    assert (ended.action_id, ended.action_status) == ("c1", "FINISHED")
    assert it.place == Place("9", 0.3)


def test_a_car_that_knows_no_place_says_the_origin_and_that_it_is_not_there() -> None:
    state = report(OrderExecutor(town(), "car1", None))
    at = state.mobile_robot_position
    assert at is not None
    assert (at.x, at.y, at.theta, at.localized) == (0.0, 0.0, 0.0, False)


def test_places_and_ways_are_told_to_a_tenth_of_a_millimetre() -> None:
    it = executor()
    it.take_order(order(2))
    it.take_decision(Decision(4.0, 4.0, DriveState.DRIVING, distance_m=0.123456), it.mission)
    state, pose = report(it), it.pose
    assert state.distance_since_last_node == 0.1235
    assert state.mobile_robot_position is not None
    assert state.mobile_robot_position.x == round(pose.x_m, 4) != round(pose.x_m, 3)
    assert state.mobile_robot_position.y == pytest.approx(pose.y_m, abs=5e-5)


@pytest.mark.parametrize(("said_m", "kept_m"), [(-0.02, 0.0), (0.7, 0.7), (9.9, None)])
def test_a_place_lies_on_its_edge(said_m: float, kept_m: float | None) -> None:
    it = OrderExecutor(town(), "car1", None)
    at = Decision(0.0, 0.0, DriveState.IDLE, place=Place("9", said_m))
    it.take_decision(at, None)
    assert it.place is not None
    length_m = town().edges["9"].length_m
    assert it.place == Place("9", length_m if kept_m is None else kept_m)


def test_a_path_is_made_anew_only_for_another_way() -> None:
    it = executor()
    it.take_order(order(1))
    first = it.mission
    assert first is not None
    it.take_order(order(2, 1, first=1))
    second = it.mission
    assert second is not None
    assert second.path is first.path
    assert second.granted_m > first.granted_m


AHEAD = reason(ReasonCode.CAR_AHEAD, gap_m=0.1)


@pytest.mark.parametrize(
    ("changes", "is_news"),
    [
        ({}, False),
        ({"distance_m": 0.22}, False),
        ({"state": DriveState.TURNING}, True),
        ({"blocked": True}, True),
        ({"left_rad_s": 0.0, "right_rad_s": 0.0}, True),
        ({"left_rad_s": 3.0}, False),
        ({"events": ("node:9",)}, True),
        ({"reason": AHEAD}, True),
        ({"distance_m": 1.3}, True),  # passes a node
        ({"distance_m": 0.35}, True),  # requests a longer base
    ],
)
def test_any_single_change_is_news_to_the_server(changes: dict[str, Any], is_news: bool) -> None:
    it = executor()
    it.take_order(order(2))
    assert not it.take_decision(Decision(0.0, 0.0, DriveState.IDLE), it.mission)
    driving = Decision(4.0, 4.0, DriveState.DRIVING, distance_m=0.2)
    it.take_decision(driving, it.mission)
    mission = it.mission
    assert mission is not None
    if changes.get("distance_m") == 0.35:
        changes = {"distance_m": mission.granted_m - 0.39}
        it.take_decision(replace(driving, distance_m=mission.granted_m - 0.41), mission)
    assert it.take_decision(replace(driving, **changes), mission) is is_news


def test_another_gap_to_the_same_car_is_no_news() -> None:
    it = executor()
    it.take_order(order(2))
    stands = Decision(0.0, 0.0, DriveState.STOPPED_FOR_CAR, AHEAD, distance_m=0.2)
    it.take_decision(stands, it.mission)
    nearer = replace(stands, reason=reason(ReasonCode.CAR_AHEAD, gap_m=0.09))
    assert not it.take_decision(nearer, it.mission)


def test_an_old_order_s_decision_is_no_news_and_changes_nothing() -> None:
    it = executor()
    it.take_order(order(1))
    old = it.mission
    it.take_order(order(2, 1, first=1))
    before = it.decision
    driving = Decision(4.0, 4.0, DriveState.DRIVING, distance_m=0.2)
    assert not it.take_decision(driving, old)
    assert it.decision is before
    assert it.take_decision(driving, it.mission)


def test_without_an_order_only_being_found_or_lost_is_news() -> None:
    it = executor()
    stands = Decision(0.0, 0.0, DriveState.IDLE, place=Place("13", 0.6))
    assert not it.take_decision(stands, None)
    assert it.take_decision(replace(stands, located=False), None)
    assert not it.take_decision(replace(stands, located=False, state=DriveState.LOST), None)
    assert it.take_decision(stands, None)


@pytest.mark.parametrize(("away_m", "moves"), [(0.149, False), (0.151, True)])
def test_a_standing_car_was_carried_when_it_is_fifteen_centimetres_away(
    away_m: float, moves: bool
) -> None:
    it = OrderExecutor(town(), "car1", Place("9", 0.3))
    there = Place("9", 0.3 + away_m)
    it.take_decision(Decision(0.0, 0.0, DriveState.IDLE, place=there), None)
    assert (it.place == there) is moves
    assert moves or it.place == Place("9", 0.3)


@pytest.mark.parametrize(("drives", "stops_m"), [(True, 0.42), (False, 0.30)])
def test_a_cancelled_car_that_drives_has_twelve_centimetres_to_stop(
    drives: bool, stops_m: float
) -> None:
    it = executor()
    it.take_order(order(2))
    speed = 4.0 if drives else 0.0
    state = DriveState.DRIVING if drives else DriveState.STOPPED_FOR_CAR
    it.take_decision(Decision(speed, speed, state, distance_m=0.30), it.mission)
    it.take_action(cancel())
    assert it.mission is not None
    assert it.mission.path.length_m == pytest.approx(stops_m)
    assert it.mission.granted_m == it.mission.path.length_m


@pytest.mark.parametrize(("left_m", "asks"), [(0.399, True), (0.401, False)])
def test_a_longer_base_is_wanted_forty_centimetres_before_its_end(
    left_m: float, asks: bool
) -> None:
    it = executor()
    it.take_order(order(2))
    assert it.mission is not None
    at_m = it.mission.granted_m - left_m
    it.take_decision(Decision(4.0, 4.0, DriveState.DRIVING, distance_m=at_m), it.mission)
    assert report(it).new_base_request is asks
