"""The server's reaction to a car's messages that are invalid, or meaningless here."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from pixelopolis.city.route import Place
from pixelopolis.city.routing import find_route
from pixelopolis.reasons import ReasonCode
from pixelopolis.vda5050.frames import MalformedMessageError, Refusal, decode_from_server, encode
from pixelopolis.vda5050.order import Order
from pixelopolis.vda5050.state import (
    EdgeState,
    ErrorLevel,
    ErrorType,
    MobileRobotPosition,
    NodeState,
    PowerSupply,
    Reference,
    State,
    StateError,
)
from server.traffic.car_link import GOOD_STATES, CarLink, needs_person, refuses_town
from server.traffic.car_reports import take_report
from server.traffic.reservations import Ride, Traffic, place_car, start_ride
from server.traffic.street_graph import StreetGraph
from server.views.build import car_view
from tests.support.credentials import car_socket
from tests.support.desktop import CITY, Desktop, until
from tests.support.fake_car import FakeCar

STREETS = StreetGraph(CITY)


def state(**fields: Any) -> State:
    pose = CITY.edges["8"].curve.pose_at(1.0)
    known = {
        "header_id": 7,
        "timestamp": datetime.now(UTC),
        "serial_number": "car1",
        "last_node_id": "at:8:1000",
        "driving": False,
        "power_supply": PowerSupply(state_of_charge=90),
        "mobile_robot_position": MobileRobotPosition(
            x=pose.x_m, y=pose.y_m, theta=pose.heading_rad, map_id=CITY.name, localized=True
        ),
    }
    return State(**{**known, **fields})


def frame(**fields: Any) -> str:
    """Return a state as a frame with other fields on the wire; None removes one."""
    text = json.loads(encode(state()))
    body = {**text["message"], **fields}
    text["message"] = {key: value for key, value in body.items() if value is not None}
    return json.dumps(text)


UNUSABLE = {
    "no JSON": ("nonsense", "JSON"),
    "no topic": ("{}", "topic"),
    "an unknown topic": ('{"topic": "visualization", "message": {}}', "topic"),
    "a field missing": (frame(driving=None), "message.driving"),
    "a wrong type": (frame(driving="no"), "message.driving"),
    "a number too large": (frame(orderUpdateId=2**32), "message.orderUpdateId"),
    "another version": (frame(version="2.1.0"), "version: '2.1.0'"),
    "another maker": (frame(manufacturer="ACME"), "manufacturer: 'ACME'"),
    "another car": (frame(serialNumber="car9"), "serialNumber: 'car9'"),
    "bytes": (b"\x00", "binary"),
}


@pytest.mark.parametrize(("sent", "said"), UNUSABLE.values(), ids=UNUSABLE)
async def test_an_invalid_message_is_answered_logged_and_shown(
    desktop: Desktop, sent: str | bytes, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    socket = await car_socket(desktop.client, "car1")
    await (socket.send_bytes(sent) if isinstance(sent, bytes) else socket.send_str(sent))
    answer = decode_from_server(await socket.receive_str())
    assert isinstance(answer, Refusal)
    assert said in answer.description
    assert answer.serial_number == "car1"
    if isinstance(sent, str) and sent.startswith('{"topic":"state"'):
        assert (answer.refused_topic, answer.refused_header_id) == ("state", 7)
    await until(desktop.fleet.cars)
    (view,) = desktop.fleet.cars()
    assert (view.id, view.state, view.x_m) == ("car1", "blocked", None)
    assert view.reason_code is ReasonCode.MESSAGE_REFUSED
    assert said in view.reason
    assert any("car1" in record.getMessage() for record in caplog.records)
    await socket.send_str(frame())
    await until(lambda: [car.state for car in desktop.fleet.cars()] == ["ready"])
    await socket.close()


def test_a_refusal_is_forgotten_after_enough_good_states() -> None:
    link = CarLink("car1", lambda _: None)
    link.refuse("state", 7, "driving: missing")
    for _ in range(GOOD_STATES):
        assert link.refused is not None
        link.receive(state())
    assert link.refused is None


def test_a_message_with_many_faults_gets_a_short_answer() -> None:
    nodes = [{"nodeId": 5} for _ in range(1500)]
    with pytest.raises(MalformedMessageError) as caught:
        decode_from_server(json.dumps({"topic": "order", "message": {"nodes": nodes}}))
    assert len(caught.value.description) <= 1000
    assert "more" in caught.value.description


# --- another city -----------------------------------------------------------------------------


def on_mars(**fields: Any) -> State:
    position = MobileRobotPosition(x=1.0, y=1.0, theta=0.0, map_id="mars", localized=True)
    return state(mobile_robot_position=position, **fields)


def test_a_car_of_another_map_is_not_ready_and_says_why() -> None:
    link = CarLink("car1", lambda _: None, on_mars())
    traffic, ended = take_report(STREETS, Traffic(), link, 0.0)
    assert (traffic.cars, ended) == ({}, None)
    view = car_view(CITY, None, link, None, False)
    assert view is not None
    assert (view.state, view.x_m, view.y_m) == ("blocked", None, None)
    assert view.reason_code is ReasonCode.OTHER_MAP
    assert "'mars'" in view.reason


def test_a_car_that_says_so_on_its_ride_keeps_what_it_holds_until_a_person_looks() -> None:
    traffic = place_car(STREETS, Traffic(), "car1", Place("8", 1.0))
    assert isinstance(traffic, Traffic)
    route = find_route(CITY, Place("8", 1.0), Place("2", 0.1))
    traffic = start_ride(traffic, "car1", Ride("o1", "b1", route, 0.0, 1, taken=True))
    ahead = {
        "node_states": (NodeState(node_id="1", sequence_id=2, released=True),),
        "edge_states": (EdgeState(edge_id="8", sequence_id=1, released=True),),
    }
    link = CarLink("car1", lambda _: None, on_mars(order_id="o1", **ahead))
    after, ended = take_report(STREETS, traffic, link, 0.0)
    assert ended is None
    frozen = after.cars["car1"].frozen
    assert frozen is not None
    assert frozen.code is ReasonCode.OTHER_MAP
    assert after.cars["car1"].ride == traffic.cars["car1"].ride
    view = car_view(CITY, after.cars["car1"], link, None, True)
    assert view is not None
    assert view.x_m != 1.0, "a place on another map is none on this one"


async def test_a_car_of_another_map_is_booked_by_nobody(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("8", 1.0))
    car.speech = lambda said: encode(on_mars(header_id=said.header_id))
    await car.connect(desktop.client)
    desktop.cars.append(car)
    await until(desktop.fleet.cars)
    assert [(c.state, c.reason_code) for c in desktop.fleet.cars()] == [
        ("blocked", ReasonCode.OTHER_MAP)
    ]
    await desktop.register("kiosk")
    status, booking = await desktop.ask("kiosk", "museum")
    assert (status, booking["state"], booking["expected_wait_s"]) == (201, "queued", None)


# --- pause, and the first message of an order -------------------------------------------------


def test_a_paused_car_cannot_be_counted_on() -> None:
    why = needs_person(state(paused=True))
    assert why is not None
    assert why.code is ReasonCode.PAUSED
    assert needs_person(state()) is None


def test_an_order_that_a_car_has_not_taken_yet_begins_at_update_0_again() -> None:
    sent: list[Any] = []
    link = CarLink("car1", sent.append)
    route = find_route(CITY, Place("8", 1.0), Place("4", 0.1))
    ride = Ride("o1", "b1", route, 0.0, released=2, update_id=3)
    link.send_order(STREETS, ride, 0, 0.0)
    link.send_order(STREETS, ride, 2, 0.0)
    whole, update = sent
    assert isinstance(whole, Order)
    assert (whole.order_update_id, whole.nodes[0].sequence_id) == (0, 0)
    assert (update.order_update_id, update.nodes[0].sequence_id) == (3, 4)


# --- a car that refuses all orders ------------------------------------------------------------


class Stubborn(FakeCar):
    """Refuses every new order for the same reason."""

    def take(self, order: Order) -> None:
        self.orders.append(order)
        about = {"orderId": order.order_id, "orderUpdateId": str(order.order_update_id)}
        self._rejection = StateError(
            error_type=ErrorType.NO_ROUTE_TO_TARGET,
            error_level=ErrorLevel.WARNING,
            error_references=tuple(
                Reference(reference_key=key, reference_value=value) for key, value in about.items()
            ),
        )


async def test_a_car_that_refuses_the_towns_orders_is_not_asked_for_ever(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.traffic.ride_watch.GIVE_UP_S", 0.5)
    car = Stubborn(CITY, "car1", Place("8", 1.0))
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk", "museum")
    ended = await desktop.ends(booking["id"], "failed")
    assert ended["reason_code"] == "order_refused"
    assert "NO_ROUTE_TO_TARGET" in ended["reason"]
    assert len(car.orders) == 1


def test_who_refuses_an_update_may_take_a_whole_order() -> None:
    route = find_route(CITY, Place("8", 1.0), Place("2", 0.1))
    ride = Ride("o1", "b1", route, 0.0, 2, update_id=1)

    def refuses(update: str, kind: ErrorType) -> bool:
        error = StateError(
            error_type=kind,
            error_level=kind.level,
            error_references=(
                Reference(reference_key="orderId", reference_value="o1"),
                Reference(reference_key="orderUpdateId", reference_value=update),
            ),
        )
        return refuses_town(state(errors=(error,)), ride) is not None

    assert refuses("0", ErrorType.VALIDATION_FAILURE)
    assert not refuses("1", ErrorType.VALIDATION_FAILURE)
    assert not refuses("0", ErrorType.START_NODE_OUT_OF_RANGE)
