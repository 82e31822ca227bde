"""How exactly an order must match the city, and the references of a refusal."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pixelopolis.city.route import Route
from pixelopolis.city.sources import load_city
from pixelopolis.vda5050.order import Order
from pixelopolis.vda5050.order_progress import make_order
from pixelopolis.vda5050.order_rules import MergedOrder, OrderRejectedError, accept_order
from pixelopolis.vda5050.state import ErrorType
from pixelopolis.vehicle.speeds import SLOWEST_MPS

CITY = load_city("pixelopolis")
WAY = Route(("9", "11", "13"), 0.1, 0.5)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def order(released: int = 1, update: int = 0, first: int = 0, way: Route = WAY) -> Order:
    return make_order(
        CITY,
        way,
        order_id="o1",
        order_update_id=update,
        released_edges=released,
        first_node=first,
        header_id=0,
        serial_number="car1",
        timestamp=NOW,
    )


def with_node(message: Order, i: int, **fields: Any) -> Order:
    nodes = list(message.nodes)
    nodes[i] = nodes[i].model_copy(update=fields)
    return message.model_copy(update={"nodes": tuple(nodes)})


def with_edge(message: Order, i: int, **fields: Any) -> Order:
    edges = list(message.edges)
    edges[i] = edges[i].model_copy(update=fields)
    return message.model_copy(update={"edges": tuple(edges)})


def moved(i: int, x: float = 0.0, y: float = 0.0, theta: float = 0.0) -> Order:
    position = order().nodes[i].node_position
    assert position is not None
    turned = None if position.theta is None else position.theta + theta
    there = position.model_copy(update={"x": position.x + x, "y": position.y + y, "theta": turned})
    return with_node(order(), i, node_position=there)


def refusal(message: Order, plan: MergedOrder | None = None) -> OrderRejectedError:
    with pytest.raises(OrderRejectedError) as caught:
        accept_order(CITY, plan, message)
    return caught.value


def test_a_first_order_is_a_plan() -> None:
    plan = accept_order(CITY, None, order(2))
    assert plan == MergedOrder("o1", 0, WAY, 2, (0.136,) * 3)
    assert accept_order(CITY, plan, order(2)) is plan, "the same again"


@pytest.mark.parametrize("i", [0, 1, 3])
@pytest.mark.parametrize(
    ("x", "y", "fits"),
    [(0.099, 0.0, True), (0.0, -0.099, True), (0.101, 0.0, False), (-0.08, 0.08, False)],
)
def test_a_node_may_be_ten_centimetres_off(i: int, x: float, y: float, fits: bool) -> None:
    message = moved(i, x, y)
    if fits:
        accept_order(CITY, None, message)
        return
    error = refusal(message)
    assert error.error_type is ErrorType.VALIDATION_FAILURE
    assert error.references == (("nodeId", message.nodes[i].node_id),)


@pytest.mark.parametrize("i", [0, 3])
@pytest.mark.parametrize(
    ("turned", "fits"), [(0.29, True), (-0.29, True), (0.31, False), (2 * math.pi, True)]
)
def test_a_stop_place_may_be_turned_by_0_3_rad(i: int, turned: float, fits: bool) -> None:
    if fits:
        accept_order(CITY, None, moved(i, theta=turned))
    else:
        assert refusal(moved(i, theta=turned)).error_type is ErrorType.VALIDATION_FAILURE


def test_positions_may_be_left_out() -> None:
    message = order()
    for i in range(len(message.nodes)):
        message = with_node(message, i, node_position=None)
    assert accept_order(CITY, None, message).route == WAY


@pytest.mark.parametrize(("over_m", "fits"), [(0.0, True), (0.0005, True), (0.002, False)])
def test_stop_places_are_rounded_to_millimetres(over_m: float, fits: bool) -> None:
    """A start or end slightly beyond its edge counts as its end."""
    length_m = CITY.edges["1"].length_m  # 1.7712
    start = with_node(
        order(way=Route(("1", "2"), 0.1, 0.1)),
        0,
        node_id=f"at:1:{math.ceil((length_m + over_m) * 1000) if not fits else 1772}",
        node_position=None,
    )
    end = with_node(
        order(way=Route(("8", "1"), 0.1, 0.1)),
        -1,
        node_id=f"at:1:{1772 if fits else 1774}",
        node_position=None,
    )
    if fits:
        assert accept_order(CITY, None, start).route.start_s_m == length_m
        assert accept_order(CITY, None, end).route.end_s_m == length_m
        return
    error = refusal(start)
    assert error.error_type is ErrorType.NO_ROUTE_TO_TARGET
    assert error.references == (("edgeId", "1"),)
    assert refusal(end).references == (("nodeId", end.nodes[-1].node_id),)


def test_who_shall_stop_behind_itself_cannot() -> None:
    back = with_node(order(way=Route(("9",), 0.5, 0.6)), -1, node_id="at:9:499", node_position=None)
    assert refusal(back).error_type is ErrorType.NO_ROUTE_TO_TARGET
    here = with_node(order(way=Route(("9",), 0.5, 0.6)), -1, node_id="at:9:500", node_position=None)
    assert accept_order(CITY, None, here).route == Route(("9",), 0.5, 0.5)


@pytest.mark.parametrize(
    ("message", "kind", "references"),
    [
        (with_edge(order(), 1, edge_id="nowhere"), ErrorType.NO_ROUTE_TO_TARGET, "nowhere"),
        (with_edge(order(), 1, edge_id="10"), ErrorType.NO_ROUTE_TO_TARGET, None),
        (with_edge(order(), 0, edge_id="4"), ErrorType.VALIDATION_FAILURE, "4"),
        (with_node(order(), 2, node_id="1"), ErrorType.NO_ROUTE_TO_TARGET, "1"),
        (with_node(order(), 0, node_id="9"), ErrorType.START_NODE_OUT_OF_RANGE, "9"),
        (with_node(order(), 3, node_id="7"), ErrorType.VALIDATION_FAILURE, "7"),
        (with_node(order(), 3, node_id="at:4:100"), ErrorType.VALIDATION_FAILURE, "at:4:100"),
    ],
)
def test_a_refusal_points_at_what_is_wrong(
    message: Order, kind: ErrorType, references: str | None
) -> None:
    error = refusal(message)
    assert error.error_type is kind
    assert references is None or [value for _, value in error.references] == [references]


def test_edges_that_do_not_follow_each_other_are_named() -> None:
    """14 and 6 both end at a junction that 9 does not reach."""
    straight = order(way=Route(("7", "9", "10"), 0.1, 0.5))
    swapped = with_edge(with_node(straight, 2, node_id=CITY.edges["8"].to_node), 1, edge_id="8")
    error = refusal(with_node(swapped, 3, node_position=None))
    assert error.error_type is ErrorType.NO_ROUTE_TO_TARGET
    assert ("edgeId", "10") in error.references


@pytest.mark.parametrize(("mps", "fits"), [(SLOWEST_MPS, True), (SLOWEST_MPS * 0.99, False)])
def test_no_edge_may_be_slower_than_a_car_can_drive(mps: float, fits: bool) -> None:
    message = with_edge(order(), 1, maximum_speed=mps)
    if fits:
        assert accept_order(CITY, None, message).maximum_mps == (0.136, mps, 0.136)
        return
    error = refusal(message)
    assert error.error_type is ErrorType.UNSUPPORTED_PARAMETER
    assert error.references == (("parameter", "maximumSpeed"), ("edgeId", "11"))


# --- updates --------------------------------------------------------------------------------------


def plan(released: int = 2, update: int = 3) -> MergedOrder:
    return replace(accept_order(CITY, None, order(released)), order_update_id=update)


def test_an_update_goes_on_from_the_last_node_of_the_base() -> None:
    after = accept_order(CITY, plan(), order(3, update=4, first=2))
    assert after == MergedOrder("o1", 4, WAY, 3, (0.136,) * 3)
    slower = with_edge(order(3, update=4, first=2), 0, maximum_speed=0.1)
    assert accept_order(CITY, plan(), slower).maximum_mps == (0.136, 0.136, 0.1)
    bare = replace(plan(), maximum_mps=())
    assert accept_order(CITY, bare, slower).maximum_mps == (None, None, 0.1)
    for first in (1, 3):
        error = refusal(order(3, update=4, first=first), plan())
        assert error.error_type is ErrorType.VALIDATION_FAILURE


@pytest.mark.parametrize(
    ("update", "kind"),
    [(2, ErrorType.OUTDATED_ORDER_UPDATE), (3, ErrorType.SAME_ORDER_UPDATE_ID), (4, None)],
)
def test_updates_count_up(update: int, kind: ErrorType | None) -> None:
    message = order(3, update=update, first=2)
    if kind is None:
        accept_order(CITY, plan(), message)
    else:
        assert refusal(message, plan()).error_type is kind


def test_another_way_may_follow_behind_the_base() -> None:
    other = order(3, update=4, first=2, way=Route(("9", "11", "12"), 0.1, 0.1))
    assert accept_order(CITY, plan(), other).route.edges == ("9", "11", "12")


def test_behind_its_stop_place_an_order_does_not_go_on() -> None:
    whole = plan(released=3)
    longer = order(4, update=4, first=3, way=Route(("9", "11", "13", "7"), 0.1, 0.1))
    longer = with_node(longer, 0, node_id="at:13:500", node_position=None)
    error = refusal(longer, whole)
    assert error.error_type is ErrorType.NO_ROUTE_TO_TARGET
    assert error.references == (("nodeId", "at:13:500"),)
