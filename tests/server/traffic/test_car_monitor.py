"""Reliability of cars: every limit of the car monitor, without a server."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pixelopolis.city.route import Place, Route
from pixelopolis.city.sources import load_city
from pixelopolis.reasons import Reason, ReasonCode, reason
from pixelopolis.vda5050.state import (
    ErrorLevel,
    ErrorType,
    PowerSupply,
    Reference,
    State,
    StateError,
)
from server.peer_faults import PeerFaultLog
from server.traffic.car_link import CarLink
from server.traffic.car_monitor import LONGEST_ASIDE_S, TRY_AGAIN_S, CarMonitor
from server.traffic.granting import Wait
from server.traffic.operator_rules import OperatorRules
from server.traffic.reservations import Car, Ride, Traffic
from server.traffic.ride_watch import MAX_ORDERS
from server.traffic.street_graph import StreetGraph

STREETS = StreetGraph(load_city("pixelopolis"))
SILENT = reason(ReasonCode.SILENT)
WAY = Route(("9", "11", "13", "7"), 0.1, 0.1)


def watch(started_s: float = 0.0) -> CarMonitor:
    return CarMonitor(started_s, PeerFaultLog(logging.getLogger("watch"), lambda: 0.0))


def state(progress_m: float | None = None, **fields: Any) -> State:
    """Return a car's state: idle at 0.1 m of edge 9, or at a distance on its route."""
    about: dict[str, Any] = {
        "header_id": 0,
        "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
        "serial_number": "car1",
        "last_node_id": "at:9:100",
        "driving": False,
        "power_supply": PowerSupply(state_of_charge=80.0),
    }
    if progress_m is not None:
        from pixelopolis.vda5050.state import EdgeState

        about |= {
            "order_id": "o1",
            "distance_since_last_node": progress_m,
            "edge_states": (EdgeState(edge_id="9", sequence_id=1, released=True),),
        }
    return State(**{**about, **fields})


def link(said: State | None = None, problem: Reason | None = None) -> CarLink:
    return CarLink("car1", lambda message: None, said, problem=problem)


def riding(progress_m: float = 0.0, released: int = 1, **fields: Any) -> Traffic:
    ride = Ride("o1", "b1", WAY, 1000.0, released, progress_m=progress_m, taken=True)
    return Traffic().put(Car("car1", Place("9", 0.1), replace(ride, **fields)))


def frozen_after(
    it: CarMonitor,
    traffic: Traffic,
    now_s: float,
    said: State | None = None,
    waits: dict[str, Wait] | None = None,
) -> Reason | None:
    links = {"car1": link(said)} if said else {}
    after, _ = it.process_reports(STREETS, traffic, links, waits or {}, now_s)
    return after.cars["car1"].frozen


@pytest.mark.parametrize(("age_s", "silent"), [(3.0, False), (3.001, True)])
def test_who_was_not_heard_for_three_seconds_is_silent(age_s: float, silent: bool) -> None:
    for heard in (True, False):
        it = watch(started_s=50.0)
        if heard:
            it.heard("car1", 60.0)
        begin_s = 60.0 if heard else 50.0
        frozen = frozen_after(it, Traffic().put(Car("car1", Place("9", 0.1))), begin_s + age_s)
        assert frozen == (SILENT if silent else None)


def test_who_only_says_what_cannot_be_used_is_set_aside_for_that() -> None:
    it = watch()
    it.heard("car1", 10.0)
    refused = reason(ReasonCode.MESSAGE_REFUSED, fault="x")
    known = link(state())
    known.refused = refused
    traffic = Traffic().put(Car("car1", Place("9", 0.1)))
    after, _ = it.process_reports(STREETS, traffic, {"car1": known}, {}, 20.0)
    assert after.cars["car1"].frozen == refused


@pytest.mark.parametrize(("stood_s", "stuck"), [(30.0, False), (30.1, True)])
def test_who_may_drive_and_does_not_for_half_a_minute_is_stuck(stood_s: float, stuck: bool) -> None:
    it = watch()
    for now_s in (100.0, 100.0 + stood_s):
        it.heard("car1", now_s)
        frozen = frozen_after(it, riding(0.2), now_s, state(0.2))
    assert frozen == (reason(ReasonCode.STUCK) if stuck else None)


@pytest.mark.parametrize(
    ("traffic", "moves"),
    [
        (riding(0.209), False),
        (riding(0.2101), True),
        (riding(0.2, released=2), True),
        (riding(0.2, order_id="o1"), False),
    ],
)
def test_a_centimetre_or_a_grant_is_progress(traffic: Traffic, moves: bool) -> None:
    it = watch()
    ride = traffic.cars["car1"].ride
    assert ride is not None
    said = state(ride.progress_m)
    for now_s, known, words in ((100.0, riding(0.2), state(0.2)), (125.0, traffic, said)):
        it.heard("car1", now_s)
        assert frozen_after(it, known, now_s, words) is None
    it.heard("car1", 131.0)
    assert (frozen_after(it, traffic, 131.0, said) is None) is moves


def test_who_waits_or_has_no_ride_is_never_stuck() -> None:
    waits = {"car1": Wait((), SILENT)}
    for known, told in ((riding(0.2), waits), (Traffic().put(Car("car1", Place("9", 0.1))), {})):
        it = watch()
        said = state(0.2) if told else state()
        for now_s in (100.0, 150.0, 200.0):
            it.heard("car1", now_s)
            assert frozen_after(it, known, now_s, said, told) is None
    # standing while it waited does not count
    it = watch()
    for now_s, told in ((100.0, {}), (120.0, waits), (140.0, {}), (165.0, {})):
        it.heard("car1", now_s)
        assert frozen_after(it, riding(0.2), now_s, state(0.2), told) is None


def test_one_car_s_nonsense_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from server.traffic import car_monitor as module

    def report(streets, traffic, link, now_s):
        if link.car == "car1":
            raise IndexError("beyond")
        return traffic, None

    monkeypatch.setattr(module, "take_report", report)
    it = watch()
    for car in ("car1", "car2"):
        it.heard(car, 10.0)
    both = Traffic().put(Car("car1", Place("9", 0.1)), Car("car2", Place("4", 0.1)))
    bad, good = link(state()), replace(link(state(last_node_id="at:4:100")), car="car2")
    after, ended = it.process_reports(STREETS, both, {"car1": bad, "car2": good}, {}, 10.0)
    nonsense = reason(ReasonCode.NO_SENSE, error="IndexError")
    assert after.cars["car1"].frozen == nonsense == bad.problem
    assert after.cars["car2"].frozen is None
    assert ended == []
    unplaced, _ = it.process_reports(STREETS, Traffic(), {"car1": bad}, {}, 10.0)
    assert unplaced.cars == {}


def test_an_order_that_is_over_is_told() -> None:
    traffic = riding(0.5, released=4)
    end = state(order_id="o1", last_node_id="at:7:100", last_node_sequence_id=8)
    it = watch()
    it.heard("car1", 10.0)
    after, ended = it.process_reports(STREETS, traffic, {"car1": link(end)}, {}, 10.0)
    assert [(e.car, e.arrived) for e in ended] == [("car1", True)]
    assert after.cars["car1"].ride is None


STANDS = Car("car1", Place("9", 0.1))


def dropped(it: CarMonitor, order_id: str, now_s: float) -> Reason | None:
    """Let an idle car refuse an order to make way; return the reason for setting it aside."""
    error = StateError(
        error_type=ErrorType.START_NODE_OUT_OF_RANGE,
        error_level=ErrorLevel.WARNING,
        error_references=(Reference(reference_key="orderId", reference_value=order_id),),
    )
    it.heard("car1", now_s)
    traffic = riding(order_id=order_id, booking_id=None, taken=False)
    links = {"car1": link(state(errors=(error,)))}
    after, _ = it.process_reports(STREETS, traffic, links, {}, now_s)
    it.forget(after, links, now_s)
    assert after.cars["car1"].ride is None
    return after.cars["car1"].frozen


def test_a_car_that_drops_every_order_is_set_aside_until_it_takes_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    it = watch()
    drops_orders = reason(ReasonCode.DROPS_ORDERS)
    seen = [dropped(it, f"way-{i}", i / 10) for i in range(MAX_ORDERS + 1)]
    assert seen == [None] * MAX_ORDERS + [drops_orders]
    assert len(caplog.records) == 1, "not one a turn"
    assert "car1 has dropped order way-0" in caplog.text

    def stands(now_s: float) -> Reason | None:
        it.heard("car1", now_s)
        return frozen_after(it, Traffic().put(STANDS), now_s, state())

    last_s = MAX_ORDERS / 10
    assert stands(last_s + TRY_AGAIN_S - 0.1) == drops_orders
    # after a while it gets another one, and drops that too
    assert stands(last_s + TRY_AGAIN_S) is None
    assert dropped(it, "way-x", 200.0) == drops_orders
    # accepting one clears it
    it.heard("car1", 201.0)
    it.process_reports(STREETS, riding(taken=False), {"car1": link(state(0.1))}, {}, 201.0)
    assert stands(201.1) is None
    assert dropped(it, "way-y", 202.0) is None


def test_who_is_not_needed_is_forgotten() -> None:
    it = watch(started_s=0.0)
    it.heard("car1", 100.0)
    it.forget(Traffic().put(STANDS), {}, 102.0)
    assert frozen_after(it, Traffic().put(STANDS), 102.0) is None
    it.forget(Traffic(), {"car1": link()}, 102.0)
    assert frozen_after(it, Traffic().put(STANDS), 102.0) is None, "it is connected"
    it.forget(Traffic(), {}, 102.0)
    assert frozen_after(it, Traffic().put(STANDS), 102.0) == SILENT, "as never heard"
    it.heard("car1", 103.0)
    frozen_after(it, riding(0.2), 103.0, state(0.2))
    assert it._progress
    it.forget(Traffic(), {"car1": link()}, 103.0)
    assert it._progress == {}, "it has no ride any more"


def test_who_was_taken_off_a_ride_is_set_aside_longer_each_time_until_it_arrives() -> None:
    it = watch()
    stuck = reason(ReasonCode.STUCK)

    def stands(now_s: float) -> Reason | None:
        it.heard("car1", now_s)
        return frozen_after(it, Traffic().put(STANDS), now_s, state())

    it.set_aside("car1", stuck, 0.0)
    assert stands(TRY_AGAIN_S - 0.1) == stuck
    assert stands(TRY_AGAIN_S) is None
    it.set_aside("car1", stuck, 200.0)
    assert stands(200.0 + 2 * TRY_AGAIN_S - 0.1) == stuck
    assert stands(200.0 + 2 * TRY_AGAIN_S) is None
    for _ in range(10):
        it.set_aside("car1", stuck, 1000.0)
    assert stands(1000.0 + LONGEST_ASIDE_S - 0.1) == stuck
    assert stands(1000.0 + LONGEST_ASIDE_S) is None
    it.set_aside("car1", stuck, 5000.0)
    it.forgive("car1")
    assert stands(5000.1) is None, "an operator says so"
    it.set_aside("car1", stuck, 6000.0)
    it.heard("car1", 6001.0)
    end = state(order_id="o1", last_node_id="at:7:100", last_node_sequence_id=8)
    it.process_reports(STREETS, riding(0.5, released=4), {"car1": link(end)}, {}, 6001.0)
    assert stands(6001.1) is None, "it has arrived"


HELD = {"car1": Wait((), SILENT)}


@pytest.mark.parametrize(
    ("ride", "said", "why"),
    [
        (riding(0.2), state(0.2), None),
        (riding(0.2), state(0.2, driving=True), ReasonCode.STUCK),
        (riding(taken=False), state(), ReasonCode.NOT_TAKEN),
    ],
)
def test_only_who_has_taken_its_order_and_says_that_it_stands_is_held(
    ride: Traffic, said: State, why: ReasonCode | None
) -> None:
    it = watch()
    for now_s in (100.0, 130.1):
        it.heard("car1", now_s)
        frozen = frozen_after(it, ride, now_s, said, HELD)
    assert frozen == (why and reason(why))


def test_who_must_stand_by_an_operator_is_halted() -> None:
    it = watch()
    halted = reason(ReasonCode.HALTED)
    for rules in (OperatorRules(is_halted=True), OperatorRules(paused=frozenset({"car1"}))):
        it.heard("car1", 10.0)
        traffic = replace(Traffic().put(STANDS), rules=rules)
        assert frozen_after(it, traffic, 10.0, state()) == halted
        other = replace(traffic, rules=OperatorRules(paused=frozenset({"car2"})))
        assert frozen_after(it, other, 10.0, state()) is None


def test_who_was_set_aside_is_not_fit_by_going_away_for_a_moment() -> None:
    it = watch()
    stuck = reason(ReasonCode.STUCK)
    it.set_aside("car1", stuck, 100.0)
    it.forget(Traffic(), {}, 101.0)
    it.heard("car1", 102.0)
    assert frozen_after(it, Traffic().put(STANDS), 102.0, state()) == stuck
    it.forget(Traffic(), {}, 100.0 + 2 * TRY_AGAIN_S)
    assert it._aside == {}


def test_what_a_car_dropped_is_forgotten_once_it_counts_no_more() -> None:
    it = watch()
    dropped(it, "way-0", 10.0)
    it.forget(Traffic(), {}, 10.0 + TRY_AGAIN_S - 0.1)
    assert it._drops
    it.forget(Traffic(), {}, 10.0 + TRY_AGAIN_S)
    assert it._drops == {}
