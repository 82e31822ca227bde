"""The meaning of an order's numbers on the road."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.city.route import Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.sources import load_city
from pixelopolis.vda5050.order import Order
from pixelopolis.vda5050.order_progress import (
    Progress,
    base_end_m,
    distance_at,
    make_order,
    node_distances_m,
    node_ids,
    node_positions,
    progress_at,
)

CITY = load_city("pixelopolis")
WAY = Route(("9", "11", "13", "7"), 0.1, 0.15)
PATH = RoutePath(CITY, WAY)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def lines_m() -> list[float]:
    """Return the positions of the stop lines on the route, summed by hand."""
    at, lines = -0.1, []
    for edge, key in zip(WAY.edges, WAY.movements, strict=False):
        at += CITY.edges[edge].length_m
        lines.append(at)
        at += CITY.movements[key].length_m
    return lines


def order(released: int, first: int = 0) -> Order:
    return make_order(
        CITY,
        WAY,
        order_id="o1",
        order_update_id=7,
        released_edges=released,
        first_node=first,
        header_id=3,
        serial_number="car1",
        timestamp=NOW,
    )


def test_nodes_lie_at_the_start_at_each_stop_line_and_at_the_end() -> None:
    end_m = lines_m()[-1] + CITY.movements["13", "7"].length_m + 0.15
    assert node_distances_m(PATH) == pytest.approx((0.0, *lines_m(), end_m))
    for released in range(5):
        assert base_end_m(PATH, released) == node_distances_m(PATH)[released]


def test_a_junction_is_reached_at_its_stop_line() -> None:
    first = node_distances_m(PATH)[1]
    assert progress_at(PATH, first - 0.01) == Progress(0, pytest.approx(first - 0.01))
    assert progress_at(PATH, first) == Progress(1, 0.0)
    assert progress_at(PATH, first + 0.2) == Progress(1, pytest.approx(0.2))
    assert progress_at(PATH, -0.05) == Progress(0, 0.0)


def test_the_last_node_is_reached_by_arriving_only() -> None:
    end_m = node_distances_m(PATH)[4]
    near = progress_at(PATH, end_m + 0.002)
    assert near.node == 3
    assert near.since_m == pytest.approx(end_m + 0.002 - node_distances_m(PATH)[3])
    assert progress_at(PATH, end_m + 0.002, arrived=True) == Progress(4, pytest.approx(0.002))
    assert progress_at(PATH, end_m - 0.002, arrived=True) == Progress(4, 0.0)


@given(st.floats(0.0, 5.0))
def test_progress_says_where_the_car_is(distance_m: float) -> None:
    progress = progress_at(PATH, distance_m)
    assert distance_at(PATH, progress) == pytest.approx(distance_m)
    assert progress.sequence_id == 2 * progress.node


def test_beyond_the_last_node_is_beyond_the_end() -> None:
    end_m = node_distances_m(PATH)[4]
    assert distance_at(PATH, Progress(4, 0.1)) == pytest.approx(end_m + 0.1)
    assert distance_at(PATH, Progress(9, 0.1)) == pytest.approx(end_m + 0.1)


def test_nodes_are_named_by_place_junction_place() -> None:
    between = [CITY.edges[edge].to_node for edge in ("9", "11", "13")]
    assert node_ids(CITY, WAY) == ("at:9:100", *between, "at:7:150")


@pytest.mark.parametrize(
    ("released", "first"), [(1, 0), (2, 0), (4, 0), (1, 1), (2, 1), (4, 1), (4, 3)]
)
def test_an_order_counts_nodes_evenly_and_edges_oddly(released: int, first: int) -> None:
    """VDA 5050: sequenceIds count nodes and edges alternately; only the base is released."""
    message = order(released, first)
    assert [n.sequence_id for n in message.nodes] == list(range(2 * first, 9, 2))
    assert [e.sequence_id for e in message.edges] == list(range(2 * first + 1, 9, 2))
    assert [n.node_id for n in message.nodes] == list(node_ids(CITY, WAY)[first:])
    assert [e.edge_id for e in message.edges] == list(WAY.edges[first:])
    assert [n.released for n in message.nodes] == [i <= released for i in range(first, 5)]
    assert [e.released for e in message.edges] == [i < released for i in range(first, 4)]
    assert {e.maximum_speed for e in message.edges} == {0.136}
    header = (message.order_id, message.order_update_id, message.header_id, message.serial_number)
    assert header == ("o1", 7, 3, "car1")
    assert message.timestamp == NOW


def test_positions_are_those_of_the_town() -> None:
    positions = node_positions(CITY, WAY)
    for place, (edge, s_m) in ((positions[0], ("9", 0.1)), (positions[-1], ("7", 0.15))):
        pose = CITY.edges[edge].curve.pose_at(s_m)
        assert (place.x, place.y, place.theta) == pytest.approx(
            (pose.x_m, pose.y_m, pose.heading_rad)
        )
    for place, edge in zip(positions[1:-1], WAY.edges[:-1], strict=True):
        node = CITY.nodes[CITY.edges[edge].to_node]
        assert (place.x, place.y, place.theta) == (node.x_m, node.y_m, None)
    assert {place.map_id for place in positions} == {"pixelopolis"}
    assert [n.node_position for n in order(2, 1).nodes] == list(positions[1:])
