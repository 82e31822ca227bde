"""What an order means on the road, for the server that writes it and the car that drives it.

Node 0 of an order is the place where the car stood, node n the place where it shall stop, and the
nodes between are junctions. A junction's node lies on the path at its stop line: the end of the
edge that leads into it. So a car has reached junction i once its axle passed that line, and its
`distanceSinceLastNode` counts from there, through the junction and along the edge behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pixelopolis.city import City
from pixelopolis.order_messages import (
    NodePosition,
    Order,
    OrderEdge,
    OrderNode,
    parse_place,
    place_node_id,
)
from pixelopolis.routing import Place, Route, RoutePath
from pixelopolis.state_messages import ErrorType


class OrderRejectedError(Exception):
    """An order that a car does not take; what it has stays as it is.

    `error_type` is what its state reports, with `description`.
    """

    def __init__(self, error_type: ErrorType, description: str) -> None:
        super().__init__(description)
        self.error_type = error_type
        self.description = description


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a car is: the index of the last node it reached, and metres driven since."""

    node: int
    since_m: float

    @property
    def sequence_id(self) -> int:
        return 2 * self.node


def node_distances_m(path: RoutePath) -> tuple[float, ...]:
    """Return where each node of an order lies along its path: n edges, n + 1 nodes."""
    return (0.0, *path.node_stops_m(), path.length_m)


def progress_at(path: RoutePath, distance_m: float, arrived: bool = False) -> Progress:
    """Return the progress of a car at a path distance; `arrived` counts as the last node."""
    nodes = node_distances_m(path)
    last = len(nodes) - 1
    if arrived:
        return Progress(last, max(0.0, distance_m - nodes[last]))
    reached = max((i for i in range(last) if nodes[i] <= distance_m), default=0)
    return Progress(reached, max(0.0, distance_m - nodes[reached]))


def distance_at(path: RoutePath, progress: Progress) -> float:
    """Return the path distance of a progress."""
    nodes = node_distances_m(path)
    return nodes[min(progress.node, len(nodes) - 1)] + progress.since_m


def base_end_m(path: RoutePath, released_edges: int) -> float:
    """Return where a car must stop when the first `released_edges` edges are released."""
    return node_distances_m(path)[released_edges]


def node_ids(city: City, route: Route) -> tuple[str, ...]:
    """Return the ids of an order's nodes."""
    junctions = [city.edges[edge].to_node for edge in route.edges[:-1]]
    start = place_node_id(Place(route.edges[0], route.start_s_m))
    return (start, *junctions, place_node_id(Place(route.edges[-1], route.end_s_m)))


def make_order(
    city: City,
    route: Route,
    *,
    order_id: str,
    order_update_id: int,
    released_edges: int,
    first_node: int = 0,
    header_id: int,
    serial_number: str,
    timestamp: datetime,
) -> Order:
    """Return the message for a route of which the first `released_edges` edges are released.

    Args:
        city: the town; its name is the map id.
        route: the whole way, from where the car stood when it took the order.
        order_id: the order.
        order_update_id: 0 for the first message.
        released_edges: length of the base in edges.
        first_node: index of the first node to send: 0, or the last node of the base before.
        header_id: counts the messages of this topic.
        serial_number: the car.
        timestamp: now, in UTC.
    """
    ids = node_ids(city, route)
    nodes = tuple(
        OrderNode(
            node_id=ids[i],
            sequence_id=2 * i,
            released=i <= released_edges,
            node_position=_node_position(city, ids[i]),
        )
        for i in range(first_node, len(ids))
    )
    edges = tuple(
        OrderEdge(
            edge_id=route.edges[i],
            sequence_id=2 * i + 1,
            released=i < released_edges,
            maximum_speed=city.edges[route.edges[i]].speed_limit_mps,
        )
        for i in range(first_node, len(route.edges))
    )
    return Order(
        header_id=header_id,
        timestamp=timestamp,
        serial_number=serial_number,
        order_id=order_id,
        order_update_id=order_update_id,
        nodes=nodes,
        edges=edges,
    )


def _node_position(city: City, node_id: str) -> NodePosition:
    place = parse_place(node_id)
    if place is None:
        node = city.nodes[node_id]
        return NodePosition(x=node.x_m, y=node.y_m, map_id=city.name)
    pose = city.edges[place.edge].curve.pose_at(place.s_m)
    return NodePosition(x=pose.x_m, y=pose.y_m, theta=pose.heading_rad, map_id=city.name)


@dataclass(frozen=True, slots=True)
class Plan:
    """An order as a car keeps it: every update merged, from node 0 on."""

    order_id: str
    order_update_id: int
    route: Route
    released_edges: int


def accept_order(city: City, plan: Plan | None, order: Order) -> Plan:
    """Return the plan after an order message.

    Args:
        city: the town.
        plan: the order that the car is busy with; None when it is idle (nothing yet, arrived or
            cancelled).
        order: the message.

    Raises:
        OrderRejectedError: with the standard's error type; the plan stays as it was.
    """
    if plan is None:
        return _first_plan(city, order)
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
            f"orderUpdateId {order.order_update_id} is known already.",
        )
    joint = plan.released_edges
    expected = node_ids(city, plan.route)[joint]
    first = order.nodes[0]
    if (first.sequence_id, first.node_id) != (2 * joint, expected):
        raise OrderRejectedError(
            ErrorType.VALIDATION_FAILURE,
            f"nodes[0] must be the last node of the base, {expected!r} with sequenceId "
            f"{2 * joint}; got {first.node_id!r} with {first.sequence_id}.",
        )
    if not order.edges:
        route = replace(plan.route, edges=plan.route.edges[:joint])
        if parse_place(expected) is None or not route.edges:
            raise OrderRejectedError(
                ErrorType.VALIDATION_FAILURE, "an order must end with a stop place."
            )
    else:
        edges = (*plan.route.edges[:joint], *(edge.edge_id for edge in order.edges))
        route = _route(city, edges, plan.route.start_s_m, order)
    return Plan(
        plan.order_id, order.order_update_id, route, joint + sum(e.released for e in order.edges)
    )


def _first_plan(city: City, order: Order) -> Plan:
    start = parse_place(order.nodes[0].node_id)
    if start is None or order.nodes[0].sequence_id != 0:
        raise OrderRejectedError(
            ErrorType.START_NODE_OUT_OF_RANGE,
            f"a first order starts at a stop place with sequenceId 0; got "
            f"{order.nodes[0].node_id!r} with {order.nodes[0].sequence_id}.",
        )
    edges = tuple(edge.edge_id for edge in order.edges)
    if not edges:
        raise OrderRejectedError(ErrorType.VALIDATION_FAILURE, "edges: at least one is needed.")
    if edges[0] != start.edge:
        raise OrderRejectedError(
            ErrorType.VALIDATION_FAILURE,
            f"edges[0] is {edges[0]!r}, but the car starts on {start.edge!r}.",
        )
    route = _route(city, edges, start.s_m, order)
    return Plan(order.order_id, order.order_update_id, route, sum(e.released for e in order.edges))


def _route(city: City, edges: Sequence[str], start_s_m: float, order: Order) -> Route:
    end = parse_place(order.nodes[-1].node_id)
    if end is None or end.edge != edges[-1]:
        raise OrderRejectedError(
            ErrorType.VALIDATION_FAILURE,
            f"the last node must be a stop place on edge {edges[-1]!r}, "
            f"got {order.nodes[-1].node_id!r}.",
        )
    unknown = [edge for edge in edges if edge not in city.edges]
    if unknown:
        raise OrderRejectedError(
            ErrorType.NO_ROUTE_TO_TARGET, f"edge {unknown[0]!r} is not in city {city.name!r}."
        )
    # stop places are rounded to millimetres
    limit_m = city.edges[end.edge].length_m
    if end.s_m > limit_m + 0.001 or (len(edges) == 1 and end.s_m < start_s_m):
        raise OrderRejectedError(
            ErrorType.NO_ROUTE_TO_TARGET, f"{order.nodes[-1].node_id!r} cannot be reached."
        )
    route = Route(tuple(edges), start_s_m, min(end.s_m, limit_m))
    if missing := [key for key in route.movements if key not in city.movements]:
        raise OrderRejectedError(
            ErrorType.NO_ROUTE_TO_TARGET,
            f"no movement leads from edge {missing[0][0]!r} to {missing[0][1]!r}.",
        )
    return route
