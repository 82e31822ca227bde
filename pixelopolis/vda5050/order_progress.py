"""The meaning of an order on the road, shared by server and car.

Node 0 of an order is the place where the car stood, node n the place where it must stop, and the
nodes between are junctions. A junction's node lies on the path at its stop line: the end of the
edge that leads into it. A car has reached junction i once its axle passed that line, and its
`distanceSinceLastNode` counts from there, through the junction and along the edge after it.
`order_rules` defines which orders a car accepts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pixelopolis.city.model import City
from pixelopolis.city.route import Place, Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.vda5050.order import NodePosition, Order, OrderEdge, OrderNode, place_node_id


@dataclass(frozen=True, slots=True)
class Progress:
    """A car's progress: the index of the last node it reached, and meters driven since."""

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
    nodes = node_distances_m(path)
    return nodes[min(progress.node, len(nodes) - 1)] + progress.since_m


def base_end_m(path: RoutePath, released_edges: int) -> float:
    """Return where a car must stop when the first `released_edges` edges are released."""
    return node_distances_m(path)[released_edges]


def node_ids(city: City, route: Route) -> tuple[str, ...]:
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
        route: the whole route, from where the car stood when it accepted the order.
        order_id: the order's id.
        order_update_id: 0 for the first message.
        released_edges: length of the base in edges.
        first_node: index of the first node to send: 0, or the last node of the previous base.
        header_id: counts the messages of this topic.
        serial_number: the car's id.
        timestamp: now, in UTC.
    """
    ids = node_ids(city, route)
    positions = node_positions(city, route)
    nodes = tuple(
        OrderNode(
            node_id=ids[i],
            sequence_id=2 * i,
            released=i <= released_edges,
            node_position=positions[i],
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


def node_positions(city: City, route: Route) -> tuple[NodePosition, ...]:
    """Return the positions of an order's nodes: stop places on lanes, junctions at town nodes.

    A junction's position has no `theta`, since movements through it differ.
    """
    nodes = [city.nodes[city.edges[edge].to_node] for edge in route.edges[:-1]]
    start = _stop_position(city, Place(route.edges[0], route.start_s_m))
    end = _stop_position(city, Place(route.edges[-1], route.end_s_m))
    between = (NodePosition(x=node.x_m, y=node.y_m, map_id=city.name) for node in nodes)
    return (start, *between, end)


def _stop_position(city: City, place: Place) -> NodePosition:
    pose = city.edges[place.edge].curve.pose_at(place.s_m)
    return NodePosition(x=pose.x_m, y=pose.y_m, theta=pose.heading_rad, map_id=city.name)
