"""A ride that ends before its car has accepted it: the car may still drive it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pixelopolis.city.route import Place
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.vda5050.frames import FromServer
from pixelopolis.vda5050.state import ActionState, PowerSupply, State
from server.traffic.car_link import RESEND_S, CarLink
from server.traffic.car_reports import take_report
from server.traffic.reservations import Ride, Traffic, held, place_car, start_ride
from server.traffic.street_graph import StreetGraph

STREETS = StreetGraph(load_city("pixelopolis"))
NOW_S = 1000.0


def ended_at_once() -> Traffic:
    placed = place_car(STREETS, Traffic(), "car1", Place("1", 1.5))
    assert isinstance(placed, Traffic)
    route = find_route(STREETS.city, Place("1", 1.5), Place("4", 1.0))
    return start_ride(placed, "car1", Ride("o1", "b1", route, 0.0, released=2, ending=True))


def still_idle() -> State:
    return State(
        header_id=0,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        serial_number="car1",
        last_node_id="at:1:1500",
        driving=False,
        power_supply=PowerSupply(state_of_charge=90),
    )


def test_what_was_released_stays_the_cars_until_it_answers_the_cancellation() -> None:
    sent: list[FromServer] = []
    link = CarLink("car1", sent.append, still_idle(), last_sent_s=NOW_S - 0.1)
    traffic = ended_at_once()
    for wait_s in (0.0, RESEND_S, 5 * RESEND_S):
        traffic, ended = take_report(STREETS, traffic, link, NOW_S + wait_s)
        assert ended is None
        assert held(STREETS, traffic.cars["car1"]).edges == {"1", "2"}
    assert len(sent) == 2, "asked again, not at every state"
    action = sent[0].actions[0]  # type: ignore[union-attr]
    answer = ActionState(action_id=action.action_id, action_status="FAILED")
    link.receive(still_idle().model_copy(update={"instant_action_states": (answer,)}))
    traffic, _ = take_report(STREETS, traffic, link, NOW_S + 100)
    assert held(STREETS, traffic.cars["car1"]).edges == {"1"}


def test_an_answer_to_an_older_cancellation_says_nothing_of_a_newer_order() -> None:
    sent: list[FromServer] = []
    link = CarLink("car1", sent.append, still_idle())
    link.send_cancel(NOW_S - 5)
    traffic = ended_at_once()
    ride = traffic.cars["car1"].ride
    assert ride is not None
    link.send_order(STREETS, ride, 0, NOW_S - 4)
    action = sent[0].actions[0]  # type: ignore[union-attr]
    answer = ActionState(action_id=action.action_id, action_status="FAILED")
    link.receive(still_idle().model_copy(update={"instant_action_states": (answer,)}))
    traffic, _ = take_report(STREETS, traffic, link, NOW_S)
    assert held(STREETS, traffic.cars["car1"]).edges == {"1", "2"}


def test_a_car_that_connects_anew_got_nothing_from_its_old_connection() -> None:
    link = CarLink("car1", lambda _: None, still_idle())
    traffic, _ = take_report(STREETS, ended_at_once(), link, NOW_S)
    assert held(STREETS, traffic.cars["car1"]).edges == {"1"}


def test_a_car_that_took_it_after_all_ends_it_where_it_is() -> None:
    traffic = ended_at_once()
    link = CarLink("car1", lambda _: None, still_idle(), last_sent_s=NOW_S - 0.1)
    traffic, _ = take_report(STREETS, traffic, link, NOW_S)
    end = {"order_id": "o1", "last_node_id": "at:2:100", "last_node_sequence_id": 4}
    link.receive(still_idle().model_copy(update=end))
    traffic, ended = take_report(STREETS, traffic, link, NOW_S + 0.5)
    assert ended is not None
    assert not ended.arrived
    assert traffic.cars["car1"] == replace(traffic.cars["car1"], place=Place("2", 0.1), ride=None)
