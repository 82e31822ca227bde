"""Nobody takes another's place: cars, stations, rides and live views have their own credentials.

The first tests are faults that strangers found in a server without identities.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import ClientResponse, WSMsgType, WSServerHandshakeError
from pymongo import AsyncMongoClient

import server.http.car_socket
import server.http.station_socket
from car.identity import CarIdentity
from car.identity import enroll as enroll_car
from pixelopolis.city.route import Place
from pixelopolis.identity.signatures import public_key
from pixelopolis.identity.view_token import opens_view
from pixelopolis.vda5050.frames import Refusal, decode_from_server
from server.http.keys import IDENTITY
from server.http.station_socket import MAX_SOCKETS
from server.identity.access import Role
from server.identity.rate_limit import Rate
from tests.car.test_identity import settings
from tests.support.credentials import (
    bearer,
    car_socket,
    enroll,
    event_socket,
    key_of,
    link_headers,
    ride_headers,
    signed_by,
    station_headers,
    token_of,
)
from tests.support.desktop import CITY, Desktop, until
from tests.support.fake_car import FakeCar
from tests.support.operators import log_in


async def refused_socket(desktop: Desktop, path: str, **how: Any) -> int:
    """Return the status with which a socket is refused."""
    with pytest.raises(WSServerHandshakeError) as refused:
        await desktop.client.ws_connect(path, **how)
    return refused.value.status


# --- cars ---------------------------------------------------------------------------------------


async def test_a_second_link_does_not_take_over_a_car_and_its_ride(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.01)
    await desktop.drive_in(car)
    booking = await desktop.book("kiosk", "planetarium")
    await until(lambda: car.orders)
    link = desktop.fleet.links["car1"]
    for how in ({}, {"origin": "http://evil.example"}, {"headers": {"Authorization": "x y"}}):
        assert await refused_socket(desktop, "/api/cars/car1/link", **how) in (401, 403)
    assert desktop.fleet.links["car1"] is link
    car.step_m = 0.1
    assert (await desktop.ends(booking["id"]))["car_id"] == "car1"


async def test_invented_cars_neither_connect_nor_hold_a_street(desktop: Desktop) -> None:
    sockets = [refused_socket(desktop, f"/api/cars/unknown-{i}/link") for i in range(300)]
    assert set(await asyncio.gather(*sockets)) == {401}
    signed = await link_headers(desktop.client, "stranger")
    assert await refused_socket(desktop, "/api/cars/stranger/link", headers=signed) == 401
    assert desktop.fleet.cars() == []
    assert desktop.fleet.traffic.cars == {}


async def test_a_signature_counts_once_and_for_its_car(desktop: Desktop) -> None:
    for serial in ("car1", "car2"):
        await enroll(desktop.client, serial)
    headers = await link_headers(desktop.client, "car1")
    assert await refused_socket(desktop, "/api/cars/car2/link", headers=headers) == 401
    first = await desktop.client.ws_connect("/api/cars/car1/link", headers=headers)
    await first.close()
    assert await refused_socket(desktop, "/api/cars/car1/link", headers=headers) == 401
    answer = await desktop.client.post("/api/cars/car1/challenge")
    nonce = (await answer.json())["nonce"]
    stolen = signed_by("car1", nonce, key_of("car2"))
    assert await refused_socket(desktop, "/api/cars/car1/link", headers=stolen) == 401


async def test_a_second_link_with_the_same_key_is_refused_while_the_first_is_heard(
    desktop: Desktop, caplog: pytest.LogCaptureFixture
) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2))
    car.refusals = 0
    await desktop.drive_in(car)
    headers = await link_headers(desktop.client, "car1")
    answer = await desktop.client.get("/api/cars/car1/link", headers=headers)
    assert answer.status == 409, "the second is told"
    assert (await answer.json())["error"]["code"] == "car_connected"
    assert answer.headers["Retry-After"] == "3"
    await until(lambda: car.refusals)  # the first is told
    assert desktop.fleet.cars()[0].state == "ready", "and that is not held against it"
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert any("car1 has a link; another with its key" in line for line in said)


async def test_a_link_that_went_silent_is_replaced_and_told_so(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    silent = await car_socket(desktop.client, "car1")
    monkeypatch.setattr("server.traffic.car_link.LEASE_S", 0.0)
    again = await car_socket(desktop.client, "car1")
    async with asyncio.timeout(30):
        closed = await silent.receive()
    assert (closed.data, closed.extra) == (4002, "replaced by a connection from 127.0.0.1")
    assert any("car1 connected again from 127.0.0.1" in r.getMessage() for r in caplog.records)
    assert not again.closed
    await until(lambda: "car1" in desktop.fleet.links)


async def test_of_two_links_at_once_one_is_refused(desktop: Desktop) -> None:
    await enroll(desktop.client, "car1")
    signed = [await link_headers(desktop.client, "car1") for _ in range(5)]
    opened = await asyncio.gather(
        *(desktop.client.ws_connect("/api/cars/car1/link", headers=each) for each in signed),
        return_exceptions=True,
    )
    refused = [each for each in opened if isinstance(each, WSServerHandshakeError)]
    assert [each.status for each in refused] == [409] * 4


async def test_a_revoked_car_is_disconnected_and_stays_out(
    desktop: Desktop, mongodb_uri: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.http.car_socket, "REVOKED_WITHIN_S", 0.02)
    admin = await log_in(desktop.client, mongodb_uri, database, Role.ADMIN)
    socket = await car_socket(desktop.client, "car1")
    keys = await (await desktop.client.get("/api/operator/keys", headers=admin)).json()
    assert [each["serial"] for each in keys["keys"]] == ["car1"]
    path = "/api/operator/keys/car1"
    assert (await desktop.client.delete(path, headers=admin)).status == 204
    async with asyncio.timeout(30):
        closed = await socket.receive()
    assert (closed.data, closed.extra) == (4001, "the key of this car is revoked")
    signed = await link_headers(desktop.client, "car1")
    assert await refused_socket(desktop, "/api/cars/car1/link", headers=signed) == 401
    assert (await desktop.client.delete(path, headers=admin)).status == 404


@pytest.mark.parametrize(("text", "rate"), [("{", "UNUSABLE"), ("", "MESSAGES")])
async def test_a_car_that_sends_too_much_garbage_or_too_much_is_disconnected(
    desktop: Desktop, text: str, rate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.http.car_socket, rate, Rate(5, 0.001))
    socket = await car_socket(desktop.client, "car1")
    for _ in range(6):
        await socket.send_str(text)
    heard = []
    async with asyncio.timeout(30):
        async for frame in socket:
            heard.append(frame)
    assert socket.close_code == 1008
    assert all(isinstance(decode_from_server(frame.data), Refusal) for frame in heard)
    await until(lambda: "car1" not in desktop.fleet.links)


# --- stations and rides -------------------------------------------------------------------------


@pytest.fixture
async def ridden(desktop: Desktop) -> Any:
    await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.001))
    return await desktop.book("kiosk", "planetarium")


async def answers(desktop: Desktop, id_: str, headers: Any) -> list[ClientResponse]:
    """Return the answers to all that can be asked about a ride."""
    path = f"/api/bookings/{id_}"
    return [
        await desktop.client.get(path, headers=headers),
        await desktop.client.post(f"{path}/view", headers=headers),
        await desktop.client.delete(path, headers=headers),
    ]


async def test_who_guesses_a_stations_name_learns_nothing_and_cancels_nothing(
    desktop: Desktop, ridden: Any
) -> None:
    for how in ({}, {"headers": {"Origin": "http://evil.example"}}):
        assert await refused_socket(desktop, "/api/events?station=kiosk", **how) in (401, 403)
    taken = await desktop.client.post("/api/stations", json={"device_id": "kiosk"})
    assert taken.status == 409
    for answer in await answers(desktop, ridden["id"], {}):
        assert answer.status == 401
    other = await station_headers(desktop.client, "other")
    for answer in await answers(desktop, ridden["id"], other):
        assert (answer.status, (await answer.json())["error"]["code"]) == (404, "unknown_booking")
    elsewhere = ride_headers(desktop.client, "another ride")
    for answer in await answers(desktop, ridden["id"], elsewhere):
        assert answer.status == 401
    book = {"station_device_id": "kiosk", "destination_id": "museum"}
    answer = await desktop.client.post("/api/bookings", json=book, headers=other)
    assert (answer.status, (await answer.json())["error"]["code"]) == (403, "other_station")
    assert (await desktop.booking(ridden["id"]))["state"] in ("booked", "driving")


async def test_a_ride_has_a_token_of_its_own_that_opens_nothing_else(
    desktop: Desktop, ridden: Any
) -> None:
    token = bearer(ridden["token"])
    assert ridden["token"].startswith("pxr_")
    assert [each.status for each in await answers(desktop, ridden["id"], token)] == [200] * 3
    book = {"station_device_id": "kiosk", "destination_id": "museum"}
    assert (await desktop.client.post("/api/bookings", json=book, headers=token)).status == 401
    assert await refused_socket(desktop, "/api/events", headers=token) == 401


async def test_a_rides_code_opens_its_events_and_no_other_rides(
    desktop: Desktop, ridden: Any
) -> None:
    ride = f"/api/bookings/{ridden['id']}"
    kiosk = bearer(token_of("kiosk"))
    link = await (await desktop.client.get(f"{ride}/link", headers=kiosk)).json()
    address, _, fragment = link["url"].partition("/#ride=")
    assert address == str(desktop.client.make_url("")).rstrip("/")
    id_, _, token = fragment.partition(".")
    assert (id_, token) == (ridden["id"], ridden["token"])
    assert link["qr_svg"].startswith('<svg xmlns="http://www.w3.org/2000/svg"'), "a whole picture"
    offers = ("pixelopolis.events", f"bearer.{token}")
    socket = await desktop.client.ws_connect(f"{ride}/events", protocols=offers)
    said = [await socket.receive_json(), await socket.receive_json()]
    assert [each["type"] for each in said] == ["cars", "booking"]
    assert said[1]["booking"]["id"] == ridden["id"]
    await socket.close()
    other = await station_headers(desktop.client, "other")
    assert (await desktop.client.get(f"{ride}/link", headers=other)).status == 404
    assert await refused_socket(desktop, f"{ride}/events", headers=other) == 404
    assert await refused_socket(desktop, f"{ride}/events", headers={}) == 401


async def test_who_photographs_a_rides_code_does_not_shut_the_station_out(
    desktop: Desktop, ridden: Any
) -> None:
    ride = f"/api/bookings/{ridden['id']}/events"
    token = bearer(ridden["token"])
    sockets = [await desktop.client.ws_connect(ride, headers=token) for _ in range(MAX_SOCKETS)]
    assert await refused_socket(desktop, ride, headers=token) == 429
    kiosk = await desktop.client.ws_connect("/api/events", headers=bearer(token_of("kiosk")))
    assert (await kiosk.receive_json())["type"] == "cars"
    for socket in (*sockets, kiosk):
        await socket.close()


async def test_an_operators_session_is_no_stations_token(
    desktop: Desktop, ridden: Any, mongodb_uri: str, database: str
) -> None:
    admin = await log_in(desktop.client, mongodb_uri, database, Role.ADMIN)
    for answer in await answers(desktop, ridden["id"], admin):
        assert answer.status == 403


async def test_a_page_shows_its_token_as_a_subprotocol(desktop: Desktop) -> None:
    token = (await station_headers(desktop.client, "kiosk"))["Authorization"].split()[1]
    socket = await desktop.client.ws_connect(
        "/api/events", protocols=("pixelopolis.events", f"bearer.{token}")
    )
    assert socket.protocol == "pixelopolis.events", "the token does not come back"
    assert (await socket.receive_json())["type"] == "cars"


async def test_a_socket_ends_with_its_token(
    desktop: Desktop, mongodb_uri: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.http.station_socket, "TOKEN_WATCH_S", 0.02)
    socket = await event_socket(desktop.client, "kiosk")
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as client:
        await client[database]["stations"].delete_one({"_id": "kiosk"})
    async with asyncio.timeout(30):
        while not socket.closed:
            closed = await socket.receive()
    assert (socket.close_code, closed.extra) == (1008, "the token has ended")


async def test_a_station_that_talks_is_disconnected(desktop: Desktop) -> None:
    socket = await event_socket(desktop.client, "kiosk")
    for _ in range(20):
        await socket.send_str("hello")
    async with asyncio.timeout(30):
        async for _ in socket:
            pass
    assert socket.close_code == 1008


# --- live views ---------------------------------------------------------------------------------


async def test_a_live_view_is_opened_with_a_token_for_this_car_while_the_ride_goes_on(
    desktop: Desktop, ridden: Any, mongodb_uri: str, database: str
) -> None:
    key = public_key(desktop.client.app[IDENTITY].secrets.view_key)  # type: ignore[index]
    viewer = await log_in(desktop.client, mongodb_uri, database, Role.VIEWER)
    mine = ride_headers(desktop.client, ridden["id"])
    path = f"/api/bookings/{ridden['id']}/view"
    for where, headers in ((path, mine), ("/api/operator/cars/car1/view", viewer)):
        view = await (await desktop.client.post(where, headers=headers)).json()
        assert view["url"].startswith(f"{ridden['video_url']}?token=")
        token = parse_qs(urlsplit(view["url"]).query)["token"][0]
        now_s = asyncio.get_running_loop().time()
        assert not opens_view(key, token, "car2", now_s)
        until_s = float(token.split("~")[1])
        assert opens_view(key, token, "car1", until_s)
        assert not opens_view(key, token, "car1", until_s + 10)
        assert "token" not in (await desktop.booking(ridden["id"]))["video_url"]
    assert (await desktop.client.post("/api/operator/cars/car1/view")).status == 401
    await desktop.cancel(ridden["id"])
    assert (await desktop.client.post(path, headers=mine)).status == 409


# --- enrollment over HTTP -----------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_only_administrators_make_codes_and_revoke(
    role: Role, desktop: Desktop, mongodb_uri: str, database: str
) -> None:
    await enroll(desktop.client, "car1")
    headers = await log_in(desktop.client, mongodb_uri, database, role)
    for method, path in (("POST", "enrollments"), ("DELETE", "keys/car1")):
        answer = await desktop.client.request(method, f"/api/operator/{path}", headers=headers)
        assert (answer.status, (await answer.json())["error"]["code"]) == (403, "forbidden")


async def test_a_car_enrolls_with_an_administrators_code(
    desktop: Desktop, mongodb_uri: str, database: str, tmp_path: Any
) -> None:

    admin = await log_in(desktop.client, mongodb_uri, database, Role.ADMIN)
    made = await desktop.client.post("/api/operator/enrollments", headers=admin)
    code = (await made.json())["code"]
    url = str(desktop.client.make_url("/")).replace("http", "ws")
    wanted = settings(tmp_path, url)
    await enroll_car(wanted, code)
    identity = CarIdentity.load(wanted)
    headers = await identity.authorize(desktop.client.session, url)
    socket = await desktop.client.ws_connect("/api/cars/car1/link", headers=headers)
    assert not socket.closed
    secrets = desktop.client.app[IDENTITY].secrets  # type: ignore[index]
    assert identity.opens_view(secrets.view_token("car1", time.time()))


async def test_a_car_that_says_too_much_is_disconnected(desktop: Desktop) -> None:
    socket = await car_socket(desktop.client, "car1")
    assert "Sec-WebSocket-Extensions" not in socket._response.headers, "nothing is unpacked"
    large = '{"topic": "state", "message": {"x": "' + "a" * 900_000 + '"}}'
    with contextlib.suppress(ConnectionError):
        for _ in range(4):
            await socket.send_str(large)
    async with asyncio.timeout(60):
        while (message := await socket.receive()).type is WSMsgType.TEXT:
            pass
    assert (message.type, socket.close_code) == (WSMsgType.CLOSE, 1008)
    assert "too many messages" in str(message.extra)


async def test_what_administrators_do_and_who_logs_in_is_in_the_audit_log(
    desktop: Desktop, mongodb_uri: str, database: str
) -> None:
    admin = await log_in(desktop.client, mongodb_uri, database, Role.ADMIN)
    await desktop.client.post("/api/operator/enrollments", headers=admin)
    await desktop.client.delete("/api/operator/keys/nobody", headers=admin)
    await desktop.client.post("/api/operator/cars/car1/view", headers=admin)
    audit = await (await desktop.client.get("/api/operator/audit", headers=admin)).json()
    said = [(e["operator"], e["action"], e["target"], e["outcome"]) for e in audit["entries"]]
    assert said[::-1] == [
        ("admin", "login", "127.0.0.1", "done"),
        ("admin", "invite", "a car", "done"),
        ("admin", "revoke", "nobody", "unknown_car"),
        ("admin", "view", "car1", "no_view"),
    ]
