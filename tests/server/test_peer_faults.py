"""Records of peers' faults: how often, how much, and for how long."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pixelopolis.city.route import Place
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.reasons import ReasonCode, from_parts
from pixelopolis.vda5050.state import EdgeState, NodeState, PowerSupply, State
from server.peer_faults import (
    EVERY_S,
    MAX_NAMED_PEERS,
    MAX_REMEMBERED,
    PeerFaultLog,
    RateLimitFilter,
)
from server.traffic.car_link import CarLink
from server.traffic.reservations import Car, Ride, Traffic, fits, place_car, start_ride
from server.traffic.street_graph import StreetGraph

STREETS = StreetGraph(load_city("pixelopolis"))
log = logging.getLogger("server.test")


def on_a_ride(released: int = 2) -> Traffic:
    placed = place_car(STREETS, Traffic(), "car1", Place("1", 0.2))
    assert isinstance(placed, Traffic)
    route = find_route(STREETS.city, Place("1", 0.2), Place("4", 1.0))
    return start_ride(placed, "car1", Ride("o1", "b1", route, 0.0, released, taken=True))


def says(since_m: float = 0.0) -> CarLink:
    state = State(
        header_id=0,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        serial_number="car1",
        order_id="o1",
        last_node_id="at:1:200",
        distance_since_last_node=since_m,
        node_states=(NodeState(node_id="2", sequence_id=2, released=True),),
        edge_states=(EdgeState(edge_id="1", sequence_id=1, released=True),),
        driving=True,
        power_supply=PowerSupply(state_of_charge=90),
    )
    return CarLink("car1", lambda _: None, state)


def test_what_was_stored_of_another_town_does_not_fit() -> None:
    car = on_a_ride().cars["car1"]
    assert car.ride is not None
    assert fits(STREETS, car)
    assert fits(STREETS, Car("car1", Place("4", 0.1)))
    assert not fits(STREETS, Car("car1", Place("gone", 0.1)))
    for edges in (("1", "gone"), ("1", "9")):
        route = replace(car.ride.route, edges=edges)
        assert not fits(STREETS, replace(car, ride=replace(car.ride, route=route)))


# --- reports -----------------------------------------------------------------------------------


def test_a_fault_is_said_once_a_minute_with_how_often_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now_s = 0.0
    peer_faults = PeerFaultLog(log, lambda: now_s)
    for i in range(500):
        now_s = i / 100
        peer_faults.report("car1", "sent %s", f"nonsense {i}")
    peer_faults.report("car2", "sent %s", "a\nb\x1b[31m")
    peer_faults.report("car1", "does not read")
    now_s = EVERY_S + 1
    peer_faults.report("car1", "sent %s", "x" * 1000)
    named = [r.getMessage() for r in caplog.records]
    assert named[:3] == ["car1 sent nonsense 0", "car2 sent a?b?[31m", "car1 does not read"]
    assert named[3] == f"car1 sent {'x' * 300}... (499 times more since)"
    assert len(named) == 4


def test_a_peer_with_many_names_fills_no_memory() -> None:
    peer_faults = PeerFaultLog(log, lambda: 0.0)
    for i in range(3 * MAX_REMEMBERED):
        peer_faults.report(f"car{i}", "sent %s", "nonsense")
    assert len(peer_faults._logged) == MAX_REMEMBERED


def test_a_peer_with_ever_new_names_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    now_s = 0.0
    peer_faults = PeerFaultLog(log, lambda: now_s)
    for i in range(5000):
        peer_faults.report(f"car{i}", "sent %s", "nonsense")
    named = [r.getMessage() for r in caplog.records]
    assert len(named) == MAX_NAMED_PEERS
    assert named[-1].endswith("sent nonsense (others who do so are only counted for 60 s)")
    peer_faults.report("car1", "does not read")
    assert caplog.records[-1].getMessage() == "car1 does not read", "another kind"
    now_s = EVERY_S
    peer_faults.report("car1", "sent %s", "nonsense")
    assert caplog.records[-1].getMessage().endswith("(so did 4950 others, who are not named)")
    peer_faults.report("car2", "sent %s", "nonsense")
    assert caplog.records[-1].getMessage() == "car2 sent nonsense"


def test_other_peoples_loggers_say_one_kind_once_a_minute() -> None:
    now_s = 0.0
    seldom = RateLimitFilter((KeyError,), lambda: now_s)
    records = []

    def passes(error: Exception) -> bool:
        exc_info = (type(error), error, None)
        record = log.makeRecord("x", logging.ERROR, "f", 1, "Error from %s", ("a",), exc_info)
        records.append(record)
        return bool(seldom.filter(record))

    assert [passes(ValueError()), passes(ValueError()), passes(KeyError())] == [True, False, True]
    assert (records[0].levelname, records[0].exc_info is None) == ("ERROR", False)
    assert (records[2].levelname, records[2].exc_info) == ("WARNING", None)
    assert records[2].getMessage() == "Error from a: KeyError"
    now_s = EVERY_S + 1
    assert passes(ValueError())


@pytest.mark.parametrize(
    "values",
    [
        {"age_s": "nan"},
        {"age_s": "inf"},
        {"\x00": "x"},
        {"$a.b": "x"},
        {f"v{'x' * 50}": "x"},
        {chr(97 + i): "x" for i in range(20)},
    ],
    ids=str,
)
def test_a_reason_that_cannot_be_stored_or_shown_is_taken_as_its_words(values: Any) -> None:
    why = from_parts("part_late", {"part": "camera", "age_s": "1", **values}, "words")
    assert (why.code, dict(why.values)) == (ReasonCode.OTHER, {"text": "words"})


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("http://car/video.mjpg", True),
        ("https://car/video.mjpg", True),
        ("javascript:alert(1)", False),
        ("http://192.0.2.7:8000/video.mjpg?a=b%20c", True),
        ("http://[2001:db8::1]:8000/video.mjpg", True),
        ("http://car-1.local.:8000/video.mjpg", True),
        ("http://" + "x" * 300, False),
        ("http://", False),
        ("http://my car:8080/v", False),
        ("http://x:99999/v", False),
        ("http://x:y/v", False),
        ("http://[fe80::1%eth0]:8080/v", False),
        ("http://[fe80::1%25eth0]:8080/v", False),
        ("http://[::1/v", False),
        ("http://256.1.1.1/v", False),
        ("http://car.1/v", False),
        ("http://a..b/v", False),
        ("http://a%/v", False),
        ("http://user:secret@car/v", False),
        ("http://car/\n", False),
        ("", False),
    ],
)
def test_the_address_of_a_live_view_is_short_and_of_the_web(address: str, kept: bool) -> None:
    link = says()
    assert link.state is not None
    info = {"info_type": "video", "info_descriptor": address}
    link.receive(State.model_validate({**link.state.model_dump(), "information": [info]}))
    assert link.video_url == (address if kept else None)
