"""Accepted orders and updates: VDA 5050 3.0, chapters 6.1.2 to 6.1.4 and 7.1.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from car.orders.executor import OrderExecutor
from pixelopolis.city.route import Place, Route
from pixelopolis.vda5050.order import UNSUPPORTED_OF_EDGE, UNSUPPORTED_OF_POSITION, Order
from pixelopolis.vda5050.order_rules import MAX_NAMED, OrderRejectedError, accept_order
from pixelopolis.vda5050.state import ErrorType
from tests.support.vda5050_car import (
    CITY,
    WAY,
    a_car,
    about,
    action,
    an_order,
    arrives,
    case,
    changed,
    drives,
    only_error,
    says,
)
from tests.support.vda5050_standard import schema

AROUND = Route(("15", "14", "6"), 0.6, 0.2)


def idle() -> OrderExecutor:
    return a_car()


def busy() -> OrderExecutor:
    """A car with update 2 of the order: two edges released, one node passed."""
    car = a_car()
    car.take_order(an_order(1))
    car.take_order(an_order(2, 2, first=1))
    assert says(car).errors == ()
    drives(car, CITY.edges["15"].length_m - 0.5)
    return car


def cancelling() -> OrderExecutor:
    car = busy()
    car.take_action(action("cancelOrder"))
    return car


def cancelled() -> OrderExecutor:
    car = cancelling()
    arrives(car)
    return car


def finished() -> OrderExecutor:
    car = a_car()
    car.take_order(an_order(3))
    arrives(car)
    return car


def with_action(order: Order, where: str) -> Order:
    does = {"actionType": "beep", "actionId": "x1", "blockingType": "NONE"}
    return changed(order, where, 1, actions=[does])


def position(**fields: Any) -> dict[str, Any]:
    pose = CITY.edges["15"].curve.pose_at(0.6)
    own = {"x": pose.x_m, "y": pose.y_m, "theta": pose.heading_rad, "mapId": CITY.name}
    return {"nodePosition": {**own, **fields}}


# (case, car, order, error: its type and its references other than the order)
REFUSED: list[tuple[str, Callable[[], OrderExecutor], Order, str]] = [
    # 6.1.2, figure 8, step 4
    ("a new order's update id", idle, an_order(update=1, first=0), "VALIDATION_FAILURE"),
    # 6.1.4.1, and the header (7.2)
    ("another version", idle, changed(an_order(), version="2.1.0"), "VALIDATION_FAILURE"),
    ("no version", idle, changed(an_order(), version="3"), "VALIDATION_FAILURE"),
    ("another maker's", idle, changed(an_order(), manufacturer="X"), "VALIDATION_FAILURE"),
    ("another car's", idle, changed(an_order(), serialNumber="car2"), "VALIDATION_FAILURE"),
    (
        "without edges",
        idle,
        an_order(0).model_copy(update={"nodes": an_order().nodes[:1], "edges": ()}),
        "VALIDATION_FAILURE",
    ),
    (
        "ends at a junction",
        idle,
        changed(an_order(), "nodes", 3, nodeId="9"),
        "VALIDATION_FAILURE nodeId=9",
    ),
    (
        "ends on another edge",
        idle,
        changed(an_order(), "nodes", 3, nodeId="at:9:300"),
        "VALIDATION_FAILURE nodeId=at:9:300",
    ),
    (
        "begins on another edge",
        idle,
        changed(an_order(), "edges", 0, edgeId="14"),
        "VALIDATION_FAILURE edgeId=14",
    ),
    (
        "is elsewhere",
        idle,
        changed(an_order(), "nodes", 0, **position(x=0.0)),
        "VALIDATION_FAILURE nodeId=at:15:600",
    ),
    (
        "looks elsewhere",
        idle,
        changed(an_order(), "nodes", 0, **position(theta=0.5)),
        "VALIDATION_FAILURE nodeId=at:15:600",
    ),
    # 6.1.4.2 and 7.1.1
    (
        "slower than the car can",
        idle,
        changed(an_order(), "edges", 0, maximumSpeed=0.01),
        "UNSUPPORTED_PARAMETER parameter=maximumSpeed edgeId=15",
    ),
    *(
        (
            name,
            idle,
            changed(an_order(), "edges", 2, **{name: 1}),
            f"UNSUPPORTED_PARAMETER parameter=edges[2].{name}",
        )
        for name in sorted(UNSUPPORTED_OF_EDGE)
    ),
    *(
        (
            name,
            idle,
            changed(an_order(), "nodes", 0, **position(**{name: 1})),
            f"UNSUPPORTED_PARAMETER parameter=nodes[0].nodePosition.{name}",
        )
        for name in sorted(UNSUPPORTED_OF_POSITION)
    ),
    # 6.1.4.3
    (
        "an action at a node",
        idle,
        with_action(an_order(), "nodes"),
        "INVALID_ORDER_ACTION actionId=x1",
    ),
    (
        "an action on an edge",
        idle,
        with_action(an_order(), "edges"),
        "INVALID_ORDER_ACTION actionId=x1",
    ),
    (
        "an action in an update",
        busy,
        with_action(an_order(3, 3, 2), "nodes"),
        "INVALID_ORDER_ACTION actionId=x1",
    ),
    # 6.1.4.4 to 6.1.4.6
    ("an older update", busy, an_order(2, 1, first=1), "OUTDATED_ORDER_UPDATE"),
    ("the same update, other content", busy, an_order(3, 2, first=1), "SAME_ORDER_UPDATE_ID"),
    ("another order", busy, an_order(order_id="o2"), "OTHER_ORDER_ACTIVE"),
    ("another order while it cancels", cancelling, an_order(order_id="o2"), "OTHER_ORDER_ACTIVE"),
    # 6.1.4.7
    ("begins far away", idle, an_order(way=Route(WAY.edges, 0.2, 0.1)), "START_NODE_OUT_OF_RANGE"),
    (
        "begins at a junction",
        idle,
        changed(an_order(), "nodes", 0, nodeId="11"),
        "START_NODE_OUT_OF_RANGE nodeId=11",
    ),
    ("begins in the middle", idle, an_order(2, 0, first=1), "START_NODE_OUT_OF_RANGE nodeId=11"),
    ("the car is nowhere", lambda: a_car(None), an_order(), "START_NODE_OUT_OF_RANGE"),
    # 6.1.4.8
    (
        "an unknown edge",
        idle,
        changed(an_order(), "edges", 1, edgeId="99"),
        "NO_ROUTE_TO_TARGET edgeId=99",
    ),
    (
        "edges that do not join",
        idle,
        case("order_ok.json").model_copy(
            update={
                "edges": changed(case("order_ok.json"), "edges", 1, edgeId="2").edges,
                "nodes": changed(case("order_ok.json"), "nodes", 2, nodeId="at:2:100").nodes,
            }
        ),
        "NO_ROUTE_TO_TARGET edgeId=2",
    ),
    (
        "an unknown node",
        idle,
        case("order_unknown_middle_node.json"),
        "NO_ROUTE_TO_TARGET nodeId=99",
    ),
    (
        "another edge's node",
        idle,
        case("order_wrong_middle_node.json"),
        "NO_ROUTE_TO_TARGET nodeId=3",
    ),
    (
        "another edge's node in an update",
        busy,
        changed(an_order(3, 3, 1), "nodes", 0, nodeId="9"),
        "VALIDATION_FAILURE nodeId=9",
    ),
    (
        "a stop beyond its edge",
        idle,
        changed(an_order(), "nodes", 3, nodeId="at:6:99999"),
        "NO_ROUTE_TO_TARGET nodeId=at:6:99999",
    ),
    (
        "a stop behind the car",
        idle,
        an_order(way=Route(("15",), 0.6, 0.4)),
        "NO_ROUTE_TO_TARGET nodeId=at:15:400",
    ),
    # 6.1.4.10
    (
        "an unknown map",
        idle,
        changed(an_order(), "nodes", 0, **position(mapId="mars")),
        "UNKNOWN_MAP_ID nodeId=at:15:600 mapId=mars",
    ),
    (
        "an unknown map in an update",
        busy,
        changed(an_order(3, 3, 2), "nodes", 1, **position(mapId="mars")),
        "UNKNOWN_MAP_ID nodeId=at:6:100 mapId=mars",
    ),
    # 6.1.2, figure 8, steps 9 and 10
    (
        "an update from before the base's end",
        busy,
        an_order(3, 3, first=1),
        "VALIDATION_FAILURE nodeId=11",
    ),
    (
        "an update from beyond the base's end",
        busy,
        an_order(3, 3, first=3),
        "VALIDATION_FAILURE nodeId=at:6:100",
    ),
    (
        "an update that ends at a junction",
        busy,
        an_order(2, 3, 2).model_copy(update={"nodes": an_order(2, 3, 2).nodes[:1], "edges": ()}),
        "VALIDATION_FAILURE",
    ),
    (
        "an update of a finished order",
        finished,
        an_order(3, 1, first=1),
        "VALIDATION_FAILURE nodeId=11",
    ),
    # 6.1.3.1
    ("an update while it cancels", cancelling, an_order(3, 3, 2), "ORDER_UPDATE_FOLLOWING_CANCEL"),
    (
        "an update after it was cancelled",
        cancelled,
        an_order(3, 3, 2),
        "ORDER_UPDATE_FOLLOWING_CANCEL",
    ),
]


@pytest.mark.parametrize(
    ("car", "order", "right"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_an_order_that_breaks_a_rule_is_refused_and_changes_nothing(
    car: Callable[[], OrderExecutor], order: Order, right: str
) -> None:
    kind, *names = right.split()
    it = car()
    mission, before = it.mission, says(it)
    it.take_order(order)
    after = says(it)
    (error,) = [e for e in after.errors if e.error_type != "LOCALIZATION_ERROR"]
    assert error.error_type == kind
    assert error.error_level == ErrorType(kind).level
    assert error.error_description
    always = {"orderId": order.order_id, "orderUpdateId": str(order.order_update_id)}
    named = dict(pair.split("=") for pair in names)
    assert about(error) == {**always, **named}
    assert all(value in error.error_description for value in named.values())
    assert it.mission is mission
    assert after.model_copy(update={"errors": before.errors}) == before


def test_no_more_than_a_few_faults_of_a_kind_are_named() -> None:
    does = {"actionType": "beep", "actionId": "x", "blockingType": "NONE"}
    many = changed(an_order(), "nodes", 1, actions=[does] * (MAX_NAMED + 1))
    fields = dict.fromkeys(sorted(UNSUPPORTED_OF_EDGE)[: MAX_NAMED + 1], 1)
    for order in (many, changed(an_order(), "edges", 0, **fields)):
        with pytest.raises(OrderRejectedError) as caught:
            accept_order(CITY, None, order)
        assert len(caught.value.references) == MAX_NAMED


def test_a_rejection_is_an_exception_with_words() -> None:
    with pytest.raises(OrderRejectedError, match="a new order begins at 0, got 1"):
        accept_order(CITY, None, an_order(update=1))


def test_the_error_stays_until_an_order_is_accepted() -> None:
    it = busy()
    it.take_order(an_order(order_id="o2"))
    it.take_order(an_order(2, 1, first=1))
    kinds = ["OTHER_ORDER_ACTIVE", "OUTDATED_ORDER_UPDATE"]
    assert [e.error_type for e in says(it).errors] == kinds
    it.take_action(action("stateRequest"))
    assert [e.error_type for e in says(it).errors] == kinds
    it.take_order(an_order(3, 3, first=2))
    assert says(it).errors == ()


@pytest.mark.parametrize("again", [an_order(1), an_order(1, 0)])
def test_the_same_message_again_is_ignored(again: Order) -> None:
    it = a_car()
    it.take_order(an_order(1))
    mission = it.mission
    it.take_order(again.model_copy(update={"header_id": 9}))
    assert says(it).errors == ()
    assert it.mission is mission


def test_the_same_update_again_is_ignored_even_after_arrival() -> None:
    it = finished()
    it.take_order(an_order(3))
    assert says(it).errors == ()


def test_an_update_extends_the_base_and_may_change_the_horizon() -> None:
    it = busy()
    it.take_order(an_order(2, 5, first=2, way=AROUND))
    state = says(it)
    assert (state.order_update_id, state.errors) == (5, ())
    assert [n.node_id for n in state.node_states][-1] == "at:6:200"
    assert [n.released for n in state.node_states] == [True, False]
    it.take_order(an_order(3, 6, first=2, way=AROUND))
    assert all(n.released for n in says(it).node_states)
    assert it.mission is not None
    assert it.mission.granted_m == pytest.approx(it.mission.path.length_m)


def test_an_update_that_adds_nothing_is_accepted() -> None:
    it = a_car()
    it.take_order(an_order(3))
    last = an_order(3, 1, first=3)
    assert (len(last.nodes), last.edges) == (1, ())
    it.take_order(last)
    assert (says(it).order_update_id, says(it).errors) == (1, ())
    it.take_order(_continued_from_the_end())
    assert only_error(it).error_type == "NO_ROUTE_TO_TARGET"


def _continued_from_the_end() -> Order:
    """Return an update that continues from the stop place at which the order ends."""
    update, last = an_order(3, 2, 2), an_order().nodes[3]
    edge = update.edges[0].model_copy(update={"edge_id": "9", "sequence_id": 7})
    end = last.model_copy(update={"node_id": "at:9:100", "sequence_id": 8, "released": True})
    start = last.model_copy(update={"released": True})
    return update.model_copy(update={"nodes": (start, end), "edges": (edge,)})


def test_a_new_order_begins_where_the_last_one_ended() -> None:
    for it in (finished(), cancelled()):
        place = it.place
        assert place is not None
        way = Route((place.edge,), place.s_m, place.s_m + 0.1)
        it.take_order(an_order(order_id="o2", way=way))
        assert (says(it).order_id, says(it).errors) == ("o2", ())


def test_fields_that_the_standard_does_not_know_are_ignored() -> None:
    it = a_car()
    it.take_order(changed(changed(an_order(), "edges", 0, color="red"), "nodes", 0, x=1))
    assert says(it).errors == ()


def test_a_start_a_little_off_and_positions_with_rounding_are_taken() -> None:
    it = a_car(Place("15", 0.75))
    it.take_order(
        changed(an_order(), "nodes", 0, **position(x=position()["nodePosition"]["x"] + 0.05))
    )
    assert says(it).errors == ()


def test_every_optional_field_of_the_standard_is_supported_or_refused() -> None:
    defined = schema("order")["definitions"]
    supported = {"edgeDescriptor", "maximumSpeed"}
    optional = set(defined["edge"]["properties"]) - set(defined["edge"]["required"])
    assert optional - supported <= UNSUPPORTED_OF_EDGE
    # the standard's text and its schema name this field differently
    assert UNSUPPORTED_OF_EDGE - optional == {"maximumRotationSpeed"}
    of_position = defined["node"]["properties"]["nodePosition"]
    optional = set(of_position["properties"]) - set(of_position["required"])
    assert optional - {"theta"} == UNSUPPORTED_OF_POSITION
    assert set(defined["node"]["properties"]) - set(defined["node"]["required"]) == {
        "nodeDescriptor",
        "nodePosition",
    }


def test_sequence_ids_count_nodes_and_edges_together() -> None:
    order = an_order(1, 0)
    assert [n.sequence_id for n in order.nodes] == [0, 2, 4, 6]
    assert [e.sequence_id for e in order.edges] == [1, 3, 5]
    update = an_order(2, 1, first=1)
    assert [n.sequence_id for n in update.nodes] == [2, 4, 6]
    assert [e.sequence_id for e in update.edges] == [3, 5]
    assert [n.released for n in update.nodes] == [True, True, False]
    assert [e.released for e in update.edges] == [True, False]
