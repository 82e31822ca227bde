"""Messages and orders: official schemas, round trips, and the meaning of an order."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from pixelopolis.city.model import City
from pixelopolis.city.route import Place, Route
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.errors import NoRouteError
from pixelopolis.vda5050.base import Message
from pixelopolis.vda5050.frames import (
    MalformedMessageError,
    Refusal,
    decode_from_car,
    decode_from_server,
    encode,
)
from pixelopolis.vda5050.order import (
    InstantAction,
    InstantActions,
    Order,
    parse_place,
    place_node_id,
)
from pixelopolis.vda5050.order_progress import (
    Progress,
    base_end_m,
    distance_at,
    make_order,
    node_distances_m,
    progress_at,
)
from pixelopolis.vda5050.order_rules import MergedOrder, accept_order
from pixelopolis.vda5050.state import (
    MAX_REFERENCES,
    Connection,
    ConnectionState,
    EdgeState,
    ErrorLevel,
    ErrorType,
    Info,
    MobileRobotPosition,
    NodeState,
    PowerSupply,
    Reference,
    State,
    StateError,
)
from tests.support.vda5050_standard import check

NOW = datetime(2026, 11, 30, 12, 0, 0, 123_000, tzinfo=UTC)
CITY = load_city("pixelopolis")
CITIES = [CITY, load_city("grid:2x2:1")]


def order_of(city: City, route: Route, released: int, update: int = 0, first: int = 0) -> Order:
    return make_order(
        city,
        route,
        order_id="ride-1",
        order_update_id=update,
        released_edges=released,
        first_node=first,
        header_id=update,
        serial_number="car1",
        timestamp=NOW,
    )


def build(model: type[BaseModel], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw only the given fields; st.builds would also invent values for every alias."""
    return st.fixed_dictionaries(fields).map(lambda values: model(**values))


@st.composite
def routes(draw: st.DrawFn) -> tuple[City, Route]:
    city = draw(st.sampled_from(CITIES))
    edges = list(city.edges.values())

    def place() -> Place:
        edge = draw(st.sampled_from(edges))
        return Place(edge.id, draw(st.integers(0, int(edge.length_m * 1000))) / 1000)

    start = place()
    try:
        return city, find_route(city, start, place())
    except NoRouteError:  # a city may have a street without a way back
        return city, Route((start.edge,), start.s_m, city.edges[start.edge].length_m)


texts = st.text(max_size=20)
ids = st.text(min_size=1, max_size=20)
numbers = st.floats(-1000, 1000)
times = st.datetimes(
    datetime(2000, 1, 1),
    datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]),
)
states = build(
    State,
    header_id=st.integers(0, 10**9),
    timestamp=times,
    serial_number=ids,
    order_id=texts,
    order_update_id=st.integers(0, 10**6),
    last_node_id=texts,
    last_node_sequence_id=st.integers(0, 10**6),
    distance_since_last_node=numbers,
    node_states=st.lists(
        build(NodeState, node_id=ids, sequence_id=st.integers(0, 100), released=st.booleans()),
        max_size=3,
    ).map(tuple),
    edge_states=st.lists(
        build(EdgeState, edge_id=ids, sequence_id=st.integers(0, 100), released=st.booleans()),
        max_size=3,
    ).map(tuple),
    mobile_robot_position=st.none()
    | build(
        MobileRobotPosition,
        x=numbers,
        y=numbers,
        theta=st.floats(-3.14, 3.14),
        map_id=ids,
        localized=st.booleans(),
    ),
    driving=st.booleans(),
    power_supply=build(
        PowerSupply, state_of_charge=st.floats(0, 100), battery_voltage=st.none() | numbers
    ),
    errors=st.lists(
        build(
            StateError,
            error_type=st.sampled_from(ErrorType),
            error_level=st.sampled_from(ErrorLevel),
            error_references=st.just((Reference(reference_key="orderId", reference_value="o"),)),
            error_description=st.none() | texts,
        ),
        max_size=2,
    ).map(tuple),
    information=st.lists(build(Info, info_type=ids, info_descriptor=texts), max_size=2).map(tuple),
)
connections = build(
    Connection,
    header_id=st.integers(0, 10**9),
    timestamp=times,
    serial_number=ids,
    connection_state=st.sampled_from(ConnectionState),
)
orders = st.builds(
    lambda cr, part: order_of(cr[0], cr[1], round(part * len(cr[1].edges))),
    routes(),
    st.floats(0, 1),
)
actions = build(
    InstantActions,
    header_id=st.integers(0, 10**9),
    timestamp=times,
    serial_number=ids,
    actions=st.lists(build(InstantAction, action_type=ids, action_id=ids), max_size=3).map(tuple),
)


refusals = build(
    Refusal,
    header_id=st.integers(0, 10**9),
    timestamp=times,
    serial_number=ids,
    refused_topic=texts,
    refused_header_id=st.none() | st.integers(0, 10**9),
    description=texts,
)


@given(states | connections | orders | actions)
def test_frames_match_the_official_schemas(message: Any) -> None:
    frame = json.loads(encode(message))
    assert frame["topic"] == message.topic
    check(frame["topic"], frame["message"])
    assert frame["message"]["timestamp"].endswith("Z")
    assert len(frame["message"]["timestamp"]) == len("1991-03-11T11:40:03.123Z")


@given(states | connections)
def test_what_a_car_sends_comes_back_the_same(message: Any) -> None:
    assert decode_from_car(encode(message)) == message


@given(orders | actions | refusals)
def test_what_the_server_sends_comes_back_the_same(message: Any) -> None:
    assert decode_from_server(encode(message)) == message


@given(st.sampled_from(sorted(CITY.edges)), st.integers(0, 100_000))
def test_a_place_is_a_node_id(edge: str, millimetres: int) -> None:
    place = Place(edge, millimetres / 1000)
    assert parse_place(place_node_id(place)) == place


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
@pytest.mark.parametrize(
    ("decode", "topic"), [(decode_from_car, "state"), (decode_from_server, "order")]
)
def test_a_time_that_is_none_in_utc_is_named(
    decode: Callable[[str], Message], topic: str, time: str
) -> None:
    text = json.dumps({"topic": topic, "message": {"timestamp": time}})
    with pytest.raises(MalformedMessageError, match=r"message.timestamp: .*out of range in UTC"):
        decode(text)


FILLED: dict[str, Any] = {
    "errors": [{"errorType": "a", "errorLevel": "FATAL", "errorReferences": [0] * 2000}] * 200,
    "information": [{"infoType": "a", "infoReferences": [0] * 2000}] * 200,
    **{name: [0] * 3000 for name in ("nodeStates", "edgeStates", "actionStates", "nodes", "edges")},
    "instantActionStates": [{}] * 3000,
    "actions": [{"actionParameters": [0] * 3000}] * 50,
    "protocolFeatures": {"mobileRobotActions": [{"actionParameters": [0] * 3000}] * 50},
    "mobileRobotGeometry": {"envelopes2d": [{"vertices": [0] * 3000}] * 50},
}


@pytest.mark.parametrize(
    ("decode", "topic"),
    [
        (decode_from_car, "state"),
        (decode_from_car, "factsheet"),
        (decode_from_server, "order"),
        (decode_from_server, "instantActions"),
    ],
)
def test_a_frame_of_nothing_but_faults_is_not_read_to_its_end(
    decode: Callable[[str], Message], topic: str
) -> None:
    with pytest.raises(MalformedMessageError) as caught:
        decode(json.dumps({"topic": topic, "message": FILLED}))
    assert isinstance(caught.value.__cause__, ValidationError)
    assert caught.value.__cause__.error_count() <= 20


@pytest.mark.parametrize(
    ("field", "entry"),
    [
        ("errors", {"errorType": "a", "errorLevel": "FATAL", "errorReferences": []}),
        ("information", {"infoType": "a", "infoReferences": []}),
    ],
)
def test_references_are_no_endless_list(field: str, entry: dict[str, Any]) -> None:
    key = next(key for key in entry if key.endswith("References"))
    entry = {**entry, key: [{"referenceKey": "a", "referenceValue": "b"}] * (MAX_REFERENCES + 1)}
    text = json.dumps({"topic": "state", "message": {field: [entry]}})
    with pytest.raises(MalformedMessageError) as caught:
        decode_from_car(text)
    assert isinstance(caught.value.__cause__, ValidationError)
    places = [fault["loc"] for fault in caught.value.__cause__.errors()]
    assert ("state", "message", field, 0, key) in places


def test_other_ids_are_no_places() -> None:
    assert [parse_place(t) for t in ("7", "", "at:7", "at:7:x", "at:7:-5", "xat:7:5")] == [None] * 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda o: o["edges"].pop(), "edges"),
        (lambda o: o["nodes"][1].update(sequenceId=3), "sequenceId 2 expected"),
        (lambda o: o["nodes"][2].update(released=True), "without a gap"),
        (lambda o: o["edges"][1].update(released=True), "begin and end with a node"),
        (lambda o: o["nodes"][0].update(released=False), "without a gap"),
        (lambda o: o.update(orderUpdateId=-1), "orderUpdateId"),
        (lambda o: o.update(timestamp="2026-11-30T12:00:00"), "timestamp"),
    ],
)
def test_a_malformed_order_is_named(change: Any, words: str) -> None:
    route = find_route(CITY, Place("1", 0.5), Place("4", 1.0))
    frame = json.loads(encode(order_of(CITY, route, 1)))
    change(frame["message"])
    with pytest.raises(MalformedMessageError, match=words):
        decode_from_server(json.dumps(frame))


@given(routes(), st.data())
def test_a_car_rebuilds_the_order_from_its_updates(
    city_route: tuple[City, Route], data: st.DataObject
) -> None:
    city, route = city_route
    count = len(route.edges)
    steps = sorted(data.draw(st.sets(st.integers(0, count), max_size=4)) | {count})
    limits = tuple(city.edges[edge].speed_limit_mps for edge in route.edges)
    plan = accept_order(city, None, order_of(city, route, steps[0]))
    assert plan == MergedOrder("ride-1", 0, route, steps[0], limits)
    for update, (before, after) in enumerate(pairwise(steps), start=1):
        plan = accept_order(city, plan, order_of(city, route, after, update, before))
        assert plan == MergedOrder("ride-1", update, route, after, limits)
    path = RoutePath(city, route)
    assert base_end_m(path, count) == pytest.approx(path.length_m)


@given(routes(), st.floats(0, 1))
def test_progress_and_distance_are_one_thing(city_route: tuple[City, Route], part: float) -> None:
    path = RoutePath(*city_route)
    distance_m = part * path.length_m
    progress = progress_at(path, distance_m)
    assert distance_at(path, progress) == pytest.approx(distance_m, abs=1e-9)
    last = Progress(len(city_route[1].edges), 0.0)
    assert progress_at(path, path.length_m - 0.01, arrived=True) == last
    nodes = node_distances_m(path)
    assert list(nodes) == sorted(nodes)
    assert distance_at(path, Progress(5000, 0.1)) == pytest.approx(path.length_m + 0.1)
