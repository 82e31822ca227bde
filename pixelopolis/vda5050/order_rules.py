"""Which orders a car accepts: the rules of VDA 5050 3.0, chapters 6.1.2 and 6.1.4. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pixelopolis.city.model import City
from pixelopolis.city.route import Route
from pixelopolis.geometry import wrap_rad
from pixelopolis.vda5050.order import NodePosition, Order, OrderEdge, OrderNode, parse_place
from pixelopolis.vda5050.order_progress import node_ids, node_positions
from pixelopolis.vda5050.state import ErrorType
from pixelopolis.vehicle.speeds import SLOWEST_MPS

MAX_NAMED: Final = 5
"""Maximum number of an order's faults of one kind that are named."""

POSITION_TOLERANCE_M: Final = 0.1
HEADING_TOLERANCE_RAD: Final = 0.3
"""Tolerance of a node's position in an order relative to the town's."""


class OrderRejectedError(Exception):
    """A rejected order; the car's current one stays unchanged.

    Attributes:
        error_type: the error type that the car's state reports, with `description`.
        references: what the error refers to besides the order, as (key, value).
    """

    def __init__(
        self,
        error_type: ErrorType,
        description: str,
        references: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(description)
        self.error_type = error_type
        self.description = description
        self.references = references


@dataclass(frozen=True, slots=True)
class MergedOrder:
    """A car's order with all updates merged, from node 0 on."""

    order_id: str
    order_update_id: int
    route: Route
    released_edges: int
    maximum_mps: tuple[float | None, ...] = ()
    """The order's own speed limit of every edge of the route; empty if it has none."""
    newest: tuple[tuple[OrderNode, ...], tuple[OrderEdge, ...]] | None = field(
        default=None, compare=False, repr=False
    )
    """Nodes and edges of the newest message, to recognize a repetition."""


def accept_order(city: City, plan: MergedOrder | None, order: Order) -> MergedOrder:
    """Return the plan after an order message; the same one if the message is already known.

    Args:
        city: the town.
        plan: the car's current order; None if it is idle (nothing yet, arrived or canceled).
        order: the message.

    Raises:
        OrderRejectedError: with the standard's error type; the plan stays unchanged.
    """
    if plan is not None and is_known(plan, order):
        return plan
    joint = _joint(city, plan, order)
    _check_content(city, order)
    if plan is None or joint is None:
        return _new_plan(city, order)
    if not order.edges:
        return _without_horizon(plan, order, joint)
    edges = (*plan.route.edges[:joint], *(edge.edge_id for edge in order.edges))
    route = _route(city, edges, plan.route.start_s_m, order, joint)
    maximum_mps = (
        *_padded(plan.maximum_mps, len(plan.route.edges))[:joint],
        *(edge.maximum_speed for edge in order.edges),
    )
    return MergedOrder(
        plan.order_id,
        order.order_update_id,
        route,
        joint + sum(edge.released for edge in order.edges),
        maximum_mps,
        (order.nodes, order.edges),
    )


def is_known(plan: MergedOrder, order: Order) -> bool:
    """Whether a message repeats the newest one of a plan; it is then ignored."""
    return (
        order.order_id == plan.order_id
        and order.order_update_id == plan.order_update_id
        and (order.nodes, order.edges) == plan.newest
    )


def _joint(city: City, plan: MergedOrder | None, order: Order) -> int | None:
    """Return the index of the node that an update continues from, None for a new order."""
    if plan is None:
        if order.order_update_id != 0:
            raise OrderRejectedError(
                ErrorType.VALIDATION_FAILURE,
                f"orderUpdateId: a new order begins at 0, got {order.order_update_id}.",
            )
        return None
    if order.order_id != plan.order_id:
        raise OrderRejectedError(
            ErrorType.OTHER_ORDER_ACTIVE,
            f"orderId {order.order_id!r} came while {plan.order_id!r} is not finished.",
        )
    if order.order_update_id < plan.order_update_id:
        raise OrderRejectedError(
            ErrorType.OUTDATED_ORDER_UPDATE,
            f"orderUpdateId {order.order_update_id} is older than {plan.order_update_id}.",
        )
    if order.order_update_id == plan.order_update_id:
        raise OrderRejectedError(
            ErrorType.SAME_ORDER_UPDATE_ID,
            f"orderUpdateId {order.order_update_id} is known already, with another content.",
        )
    joint, first = plan.released_edges, order.nodes[0]
    expected = node_ids(city, plan.route)[joint]
    if (first.sequence_id, first.node_id) != (2 * joint, expected):
        raise OrderRejectedError(
            ErrorType.VALIDATION_FAILURE,
            f"nodes[0] must be the last node of the base, {expected!r} with sequenceId "
            f"{2 * joint}; got {first.node_id!r} with {first.sequence_id}.",
            (("nodeId", first.node_id),),
        )
    if joint == len(plan.route.edges) and order.edges:
        raise _no_route(
            f"an order ends at its stop place {expected!r}; what follows is a new order.",
            "nodeId",
            expected,
        )
    return joint


def _check_content(city: City, order: Order) -> None:
    """Reject what the car cannot do, wherever it is requested."""
    if unsupported := order.unsupported_fields:
        raise OrderRejectedError(
            ErrorType.UNSUPPORTED_PARAMETER,
            f"the car cannot act on {', '.join(unsupported[:MAX_NAMED])}.",
            tuple(("parameter", name) for name in unsupported[:MAX_NAMED]),
        )
    of_nodes = (action for node in order.nodes for action in node.actions)
    actions = [*of_nodes, *(action for edge in order.edges for action in edge.actions)]
    if actions:
        raise OrderRejectedError(
            ErrorType.INVALID_ORDER_ACTION,
            f"the car has no actions for nodes or edges; got {actions[0].action_type!r} "
            f"(actionId {actions[0].action_id!r}).",
            tuple(("actionId", action.action_id) for action in actions[:MAX_NAMED]),
        )
    for node in order.nodes:
        if node.node_position is not None and node.node_position.map_id != city.name:
            raise OrderRejectedError(
                ErrorType.UNKNOWN_MAP_ID,
                f"node {node.node_id!r} is on map {node.node_position.map_id!r}; "
                f"the car knows {city.name!r}.",
                (("nodeId", node.node_id), ("mapId", node.node_position.map_id)),
            )
    for edge in order.edges:
        if edge.maximum_speed is not None and edge.maximum_speed < SLOWEST_MPS:
            raise OrderRejectedError(
                ErrorType.UNSUPPORTED_PARAMETER,
                f"maximumSpeed of edge {edge.edge_id!r}: {edge.maximum_speed} m/s is slower than "
                f"the car can drive, {SLOWEST_MPS} m/s.",
                (("parameter", "maximumSpeed"), ("edgeId", edge.edge_id)),
            )


def _new_plan(city: City, order: Order) -> MergedOrder:
    first = order.nodes[0]
    start = parse_place(first.node_id)
    if start is None or first.sequence_id != 0:
        raise OrderRejectedError(
            ErrorType.START_NODE_OUT_OF_RANGE,
            f"an order begins at a stop place with sequenceId 0; got {first.node_id!r} with "
            f"{first.sequence_id}.",
            (("nodeId", first.node_id),),
        )
    edges = tuple(edge.edge_id for edge in order.edges)
    if not edges:
        raise OrderRejectedError(ErrorType.VALIDATION_FAILURE, "edges: at least one is needed.")
    if edges[0] != start.edge:
        raise OrderRejectedError(
            ErrorType.VALIDATION_FAILURE,
            f"edges[0] is {edges[0]!r}, but the order begins on {start.edge!r}.",
            (("edgeId", edges[0]),),
        )
    route = _route(city, edges, start.s_m, order, 0)
    return MergedOrder(
        order.order_id,
        0,
        route,
        sum(edge.released for edge in order.edges),
        tuple(edge.maximum_speed for edge in order.edges),
        (order.nodes, order.edges),
    )


def _without_horizon(plan: MergedOrder, order: Order, joint: int) -> MergedOrder:
    """Return a plan without its horizon, after an update removed it: it ends with its base."""
    if joint != len(plan.route.edges):
        raise OrderRejectedError(
            ErrorType.VALIDATION_FAILURE, "an order must end with a stop place."
        )
    return replace(plan, order_update_id=order.order_update_id, newest=(order.nodes, order.edges))


def _route(city: City, edges: Sequence[str], start_s_m: float, order: Order, joint: int) -> Route:
    """Return the route of an order whose nodes begin at index `joint` of the route's."""
    end = parse_place(order.nodes[-1].node_id)
    if end is None or end.edge != edges[-1]:
        raise OrderRejectedError(
            ErrorType.VALIDATION_FAILURE,
            f"the last node must be a stop place on edge {edges[-1]!r}, "
            f"got {order.nodes[-1].node_id!r}.",
            (("nodeId", order.nodes[-1].node_id),),
        )
    if unknown := [edge for edge in edges if edge not in city.edges]:
        raise _no_route(f"edge {unknown[0]!r} is not in city {city.name!r}.", "edgeId", unknown[0])
    for node, edge in zip(order.nodes[1:], edges[joint:-1], strict=False):
        if node.node_id != city.edges[edge].to_node:
            raise _no_route(
                f"edge {edge!r} leads to node {city.edges[edge].to_node!r}, not to "
                f"{node.node_id!r}.",
                "nodeId",
                node.node_id,
            )
    # stop places are rounded to millimeters
    starts_at_m, ends_at_m = city.edges[edges[0]].length_m, city.edges[end.edge].length_m
    if start_s_m > starts_at_m + 0.001:
        raise _no_route(f"edge {edges[0]!r} ends before the start.", "edgeId", edges[0])
    if end.s_m > ends_at_m + 0.001 or (len(edges) == 1 and end.s_m < start_s_m):
        last = order.nodes[-1].node_id
        raise _no_route(f"{last!r} cannot be reached.", "nodeId", last)
    route = Route(tuple(edges), min(start_s_m, starts_at_m), min(end.s_m, ends_at_m))
    if missing := [key for key in route.movements if key not in city.movements]:
        raise _no_route(
            f"no movement leads from edge {missing[0][0]!r} to {missing[0][1]!r}.",
            "edgeId",
            missing[0][1],
        )
    for node, position in zip(order.nodes, node_positions(city, route)[joint:], strict=True):
        if node.node_position is not None and _is_off(node.node_position, position):
            raise OrderRejectedError(
                ErrorType.VALIDATION_FAILURE,
                f"nodePosition of {node.node_id!r} is not where the town has that node.",
                (("nodeId", node.node_id),),
            )
    return route


def _no_route(description: str, key: str, value: str) -> OrderRejectedError:
    return OrderRejectedError(ErrorType.NO_ROUTE_TO_TARGET, description, ((key, value),))


def _is_off(said: NodePosition, known: NodePosition) -> bool:
    away_m = math.hypot(said.x - known.x, said.y - known.y)
    turned_rad = 0.0
    if said.theta is not None and known.theta is not None:
        turned_rad = abs(wrap_rad(said.theta - known.theta))
    return away_m > POSITION_TOLERANCE_M or turned_rad > HEADING_TOLERANCE_RAD


def _padded(values: tuple[float | None, ...], count: int) -> tuple[float | None, ...]:
    return values or (None,) * count
