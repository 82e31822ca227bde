"""Stations and viewers that send garbage, disconnect or are slow affect no other client."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

import pixelopolis.web.request_body
from pixelopolis.city.route import Place
from server.identity.stations import Stations
from tests.support.credentials import event_socket, station_headers
from tests.support.desktop import CITY, Desktop, until
from tests.support.fake_car import FakeCar
from tests.support.hostile import BODIES, PATHS, RAW

CODES = {400, 401, 404, 405, 408, 409, 413, 414, 415}
TOO_LARGE = {"content_too_large", "request_entity_too_large"}


async def answer_of(desktop: Desktop, method: str, path: str, **what: Any) -> tuple[int, str]:
    answer = await desktop.client.request(method, path, **what)
    if method != "HEAD" and answer.status >= 400 and answer.content_type == "application/json":
        error = json.loads(await answer.read())["error"]
        assert all(error.values())
        return answer.status, error["code"]
    return answer.status, ""


@pytest.mark.parametrize("path", ["/api/stations", "/api/bookings"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-99"])
async def test_any_body_gets_an_answer_that_names_the_fault(
    desktop: Desktop, path: str, kind: str
) -> None:
    for body in BODIES:
        headers = {"Content-Type": kind}
        headers |= await station_headers(desktop.client, "k")
        status, code = await answer_of(desktop, "POST", path, data=body, headers=headers)
        assert status in CODES, (body[:40], status)
        assert code in TOO_LARGE | {
            "invalid_body",
            "unknown_destination",
            "unsupported_media_type",
        }, body[:40]


async def test_any_path_gets_an_answer(desktop: Desktop) -> None:
    for path in PATHS:
        for method in ("GET", "POST", "DELETE", "HEAD"):
            status, _ = await answer_of(desktop, method, path)
            assert status in CODES | {200, 426}, (method, path[:40], status)


async def test_what_nobody_expected_is_a_clear_error_and_said_once(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> Any:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(Stations, "register", fails)
    for _ in range(3):
        answer = await answer_of(desktop, "POST", "/api/stations", json={"device_id": "k"})
        assert answer == (500, "internal_error")
    assert sum("POST '/api/stations'" in r.getMessage() for r in caplog.records) == 1
    assert (await desktop.client.get("/api/city")).status == 200


async def test_a_body_that_does_not_come_is_not_waited_for(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixelopolis.web.request_body, "BODY_TIMEOUT_S", 0.1)

    async def never() -> Any:
        yield b"{"
        await asyncio.sleep(60)

    kind = {"Content-Type": "application/json"}
    status = await answer_of(desktop, "POST", "/api/stations", data=never(), headers=kind)
    assert status == (408, "body_late")


async def test_bytes_that_are_no_request_harm_nobody(desktop: Desktop) -> None:
    await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.8)))
    ride = await desktop.book("kiosk", "planetarium")
    port = desktop.client.port
    rng = random.Random(1)
    writers = []
    for text in RAW * 3:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(text)
        writers.append(writer)
    await desktop.ends(ride["id"])
    for writer in writers:
        if rng.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()
    assert (await desktop.client.get("/healthz")).status == 200


async def test_viewers_that_never_read_or_vanish_keep_nobody_waiting(desktop: Desktop) -> None:
    deaf = [await event_socket(desktop.client, f"deaf-{i}") for i in range(5)]
    gone = [await event_socket(desktop.client, f"gone-{i}") for i in range(5)]
    await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.8)))
    for socket in gone:
        connection = socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
    ride = await desktop.book("kiosk", "planetarium")
    await desktop.ends(ride["id"])
    for socket in deaf:
        await socket.close()


async def test_a_viewer_outlives_a_database_that_does_not_answer(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, is_down = desktop.fleet.newest_booking, True

    async def flaky(station: str) -> Any:
        if is_down:
            raise AutoReconnect("no answer")
        return await newest(station)

    monkeypatch.setattr(desktop.fleet, "newest_booking", flaky)
    socket = await event_socket(desktop.client, "kiosk")
    assert (await socket.receive_json())["type"] == "cars"
    await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.8)))
    ride = await desktop.book("kiosk", "planetarium")
    await until(lambda: desktop.fleet.traffic.cars["car1"].ride)
    is_down = False
    async with asyncio.timeout(30):
        while (event := await socket.receive_json())["type"] != "booking":
            pass
    assert event["booking"]["id"] == ride["id"]
