"""A fault of one car, station or viewer harms no other, is named, and shows to the operator."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import server.fleet_manager
import server.http.car_socket
import server.traffic.car_monitor
from pixelopolis.city.route import Place
from pixelopolis.reasons import ReasonCode
from pixelopolis.vda5050.frames import encode
from pixelopolis.vda5050.state import NodeState, State
from server.identity.rate_limit import Rate
from tests.support.credentials import car_socket
from tests.support.desktop import CITY, Desktop, until
from tests.support.fake_car import FakeCar

CASES = Path(__file__).parent / "cases"


def shown(desktop: Desktop, car: str) -> tuple[str, ReasonCode | None]:
    view = next(view for view in desktop.fleet.cars() if view.id == car)
    return view.state, view.reason_code


def framed(message: Any) -> str:
    return json.dumps({"topic": "state", "message": message})


def as_in_the_case(car: FakeCar) -> Callable[[State], str]:
    case = json.loads((CASES / "state_sequence_5000.json").read_text())

    def speech(state: State) -> str:
        return framed({**case, "serialNumber": car.id, "orderId": state.order_id})

    return speech


def with_released(sequence_id: int) -> Callable[[State], str]:
    node = NodeState(node_id="x", sequence_id=sequence_id, released=True)
    return lambda state: encode(state.model_copy(update={"node_states": (node,)}))


def at_sequence(sequence_id: int) -> Callable[[State], str]:
    return lambda state: encode(state.model_copy(update={"last_node_sequence_id": sequence_id}))


@pytest.mark.parametrize(
    "speech",
    [as_in_the_case, *(lambda _, s=s: s for s in (with_released(3), at_sequence(4000)))],
    ids=["case", "odd node", "far node"],
)
async def test_a_car_that_speaks_of_nodes_it_was_not_given_is_set_aside_until_it_makes_sense(
    desktop: Desktop,
    speech: Callable[[FakeCar], Callable[[State], str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.traffic.car_reports.RESEND_S", 0.0)
    bad = FakeCar(CITY, "bad", Place("3", 0.1), step_m=0.0)
    good = FakeCar(CITY, "good", Place("13", 0.1))
    await desktop.drive_in(bad)
    its_ride = await desktop.book("kiosk-1", "planetarium")
    await until(lambda: bad.plan)
    await desktop.drive_in(good)
    bad.speech = speech(bad)
    waiting = await desktop.becomes(its_ride["id"], "waiting")
    assert waiting["reason_code"] == "beyond_order"
    assert waiting["reason"].startswith("bad reports node ")
    assert shown(desktop, "bad") == ("blocked", ReasonCode.BEYOND_ORDER)
    others = await desktop.book("kiosk-2", "museum")
    await desktop.ends(others["id"])
    assert (await desktop.client.get("/healthz")).status == 200
    bad.speech, bad.step_m = encode, 0.1
    await desktop.ends(its_ride["id"])


async def test_what_nobody_expected_of_a_car_stays_its_own(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    take_report, is_broken = server.traffic.car_monitor.take_report, True

    def breaks(streets: Any, traffic: Any, link: Any, now_s: float) -> Any:
        if link.car == "bad" and is_broken:
            raise IndexError("nobody thought of this")
        return take_report(streets, traffic, link, now_s)

    bad, good = FakeCar(CITY, "bad", Place("8", 1.0)), FakeCar(CITY, "good", Place("1", 0.8))
    await desktop.drive_in(bad, good)
    monkeypatch.setattr(server.traffic.car_monitor, "take_report", breaks)
    await until(lambda: shown(desktop, "bad") == ("blocked", ReasonCode.NO_SENSE))
    ride = await desktop.book("kiosk-1", "planetarium")
    assert ride["car_id"] == "good"
    await desktop.ends(ride["id"])
    view = next(view for view in desktop.fleet.cars() if view.id == "bad")
    assert view.reason == "bad sent a report that the server cannot use (IndexError)"
    named = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert [r.getMessage() for r in named] == [
        "bad sent a report that the server cannot use: nobody thought of this"
    ], "once, not at every turn"
    assert named[0].exc_info
    is_broken = False
    await until(lambda: shown(desktop, "bad") == ("ready", None))
    caplog.clear()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", ReasonCode.MESSAGE_REFUSED),
        ('{"topic": "' + "x" * 100_000 + '"}', ReasonCode.MESSAGE_REFUSED),
        (framed({"serialNumber": "bad"}), ReasonCode.MESSAGE_REFUSED),
        (framed({"nodeStates": [{}] * 2000}), ReasonCode.MESSAGE_REFUSED),
        ("", ReasonCode.MESSAGE_REFUSED),
    ],
    ids=["half", "long", "fields", "many faults", "empty"],
)
async def test_a_car_that_sends_only_garbage_is_named_once_and_shown(
    desktop: Desktop,
    text: str,
    code: ReasonCode,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(server.traffic.car_monitor, "LEASE_S", 0.3)
    monkeypatch.setattr(server.http.car_socket, "UNUSABLE", Rate(10_000, 1))
    monkeypatch.setattr(server.http.car_socket, "CHARACTERS", Rate(1e9, 1e9))
    bad = FakeCar(CITY, "bad", Place("8", 1.0))
    await desktop.drive_in(bad)
    bad.refusals = 0
    bad.speech = lambda _: text
    await until(lambda: shown(desktop, "bad") == ("blocked", code) and bad.refusals)
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(said) == 1
    assert said[0].startswith("bad sent a message that cannot be used: ")
    assert len(said[0]) < 1000
    bad.speech = encode
    await until(lambda: shown(desktop, "bad") == ("ready", None))


async def test_a_car_that_was_never_understood_is_shown_by_name(desktop: Desktop) -> None:
    socket = await car_socket(desktop.client, "never")
    await socket.send_str("{")
    await until(lambda: [v.id for v in desktop.fleet.cars()] == ["never"])
    assert shown(desktop, "never") == ("blocked", ReasonCode.MESSAGE_REFUSED)
    assert desktop.fleet.cars()[0].x_m is None


async def test_a_turn_that_fails_is_said_shown_and_followed_by_the_next(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    advance, fails = server.fleet_manager.advance, True

    def broken(*args: Any) -> Any:
        if fails:
            raise KeyError("nobody thought of this")
        return advance(*args)

    await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.8)))
    ride = await desktop.book("kiosk-1", "planetarium")
    monkeypatch.setattr(server.fleet_manager, "advance", broken)
    async with asyncio.timeout(30):
        while (answer := await desktop.client.get("/healthz")).status == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (503, "part_failed")
    assert "fleet manager: KeyError" in error["message"]
    assert any("fleet manager failed and is restarting" in r.getMessage() for r in caplog.records)
    fails = False
    await desktop.ends(ride["id"])


async def test_what_fails_for_one_booking_leaves_the_others(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking_status = server.fleet_manager.booking_status

    def breaks(booking: Any, *rest: Any) -> Any:
        if booking.station_device_id == "kiosk-1":
            raise RuntimeError("nobody thought of this")
        return booking_status(booking, *rest)

    monkeypatch.setattr(server.fleet_manager, "booking_status", breaks)
    cars = FakeCar(CITY, "car1", Place("8", 1.0)), FakeCar(CITY, "car2", Place("1", 0.8))
    await desktop.drive_in(*cars)
    first = await desktop.book("kiosk-1", "museum")
    second = await desktop.book("kiosk-2", "planetarium")
    await desktop.ends(second["id"])
    await desktop.ends(first["id"])


async def test_a_car_that_does_not_read_is_hung_up_on(
    desktop: Desktop, caplog: pytest.LogCaptureFixture
) -> None:
    await desktop.drive_in(FakeCar(CITY, "deaf", Place("1", 0.8)))
    link = desktop.fleet.links["deaf"]
    for _ in range(10_000):
        link.send_cancel(0.0)
    await until(lambda: "deaf" not in desktop.fleet.links)
    assert any("deaf does not read" in r.getMessage() for r in caplog.records)
