"""The stations' interface: validation, clear refusals, events, and its OpenAPI description."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer

from pixelopolis.city.route import Place
from pixelopolis.city.sources import load_city
from server.http.app import OPERATIONS, make_app
from server.http.openapi import document
from tests.support.credentials import car_socket, event_socket, station_headers
from tests.support.fake_car import FakeCar

CITY = load_city("pixelopolis")
Client = TestClient[Any, Any]


@pytest.fixture
async def client(mongodb_uri: str, database: str, tmp_path: Path) -> AsyncIterator[Client]:
    (tmp_path / "index.html").write_text("<h1>station</h1>", encoding="utf-8")
    (tmp_path / "main.js").write_text("export {};", encoding="utf-8")
    (tmp_path / "__init__.py").write_text("", encoding="utf-8")
    app = make_app(
        CITY,
        mongodb_uri,
        database=database,
        bird_url="http://sim/bird.mjpg",
        station_folder=tmp_path,
    )
    async with TestClient(TestServer(app)) as running:
        yield running


async def refusal(
    client: Client, method: str, path: str, body: Any = None, headers: Any = None
) -> tuple[int, Any]:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    said = {"Content-Type": "application/json", **(headers or {})}
    answer = await client.request(method, path, data=data, headers=said)
    error = (await answer.json())["error"]
    assert set(error) == {"code", "message", "next_step"}
    assert all(error.values())
    return answer.status, error


async def test_the_town_is_described(client: Client) -> None:
    answer = await client.get("/api/city", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    city = await answer.json()
    assert city["name"] == "pixelopolis"
    assert city["bird_url"] == "http://sim/bird.mjpg"
    assert {edge["id"] for edge in city["edges"]} == set(CITY.edges)
    assert len(city["movements"]) == len(CITY.movements)
    assert {n["id"] for n in city["nodes"]} == set(CITY.nodes)
    assert {s["class"] for s in city["signs"]} == {s.sign_class for s in CITY.signs}
    museum = next(d for d in city["destinations"] if d["id"] == "museum")
    assert museum["names"]["ja"] == "博物館"
    assert (museum["kind"], museum["edge"]) == ("museum", "7")
    first = city["edges"][0]
    length = sum(
        ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5
        for a, b in zip(first["points_m"], first["points_m"][1:], strict=False)
    )
    assert length == pytest.approx(CITY.edges[first["id"]].length_m, rel=0.01)


async def test_pages_and_health(client: Client) -> None:
    assert "station" in await (await client.get("/")).text()
    assert (await client.get("/main.js")).status == 200
    assert await (await client.get("/healthz")).json() == {
        "status": "ok",
        "city": "pixelopolis",
        "cars_online": 0,
    }
    status, error = await refusal(client, "GET", "/nothing")
    assert (status, error["code"]) == (404, "not_found")
    for path in ("/%2e%2e/%2e%2e/etc/hosts", "/__init__.py", "/api"):
        status, _ = await refusal(client, "GET", path)
        assert status == 404


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/api/stations", "not json", "Invalid JSON"),
        ("/api/stations", {}, "device_id: Field required"),
        ("/api/stations", {"device_id": ""}, "device_id"),
        ("/api/stations", {"device_id": {"$ne": 1}}, "device_id"),
        ("/api/stations", {"device_id": 7}, "got 7"),
        ("/api/stations", {"device_id": "k", "more": 1}, "more"),
        ("/api/stations", [1], "Input should be an object"),
        ("/api/bookings", {"station_device_id": "k"}, "destination_id"),
        (
            "/api/bookings",
            {"station_device_id": "k", "destination_id": "museum", "language": "<b>"},
            "language",
        ),
    ],
)
async def test_a_wrong_body_is_named_with_field_and_value(
    client: Client, path: str, body: Any, words: str
) -> None:
    headers = await station_headers(client, "k")
    status, error = await refusal(client, "POST", path, body, headers)
    assert (status, error["code"]) == (400, "invalid_body")
    assert words in error["message"]


async def test_too_large_a_body_is_refused(client: Client) -> None:
    status, _ = await refusal(client, "POST", "/api/stations", {"device_id": "x" * 20_000})
    assert status == 413


async def test_bookings_that_cannot_be_made(client: Client) -> None:
    body = {"station_device_id": "kiosk", "destination_id": "museum"}
    status, error = await refusal(client, "POST", "/api/bookings", body)
    assert (status, error["code"]) == (401, "unauthenticated")
    headers = await station_headers(client, "kiosk")
    answer = await client.post("/api/bookings", json=body, headers=headers)
    assert (answer.status, (await answer.json())["state"]) == (201, "queued")
    for wrong, expected in (
        (body, (409, "station_busy")),
        ({**body, "station_device_id": "other"}, (403, "other_station")),
        ({**body, "destination_id": "moon"}, (404, "unknown_destination")),
    ):
        status, error = await refusal(client, "POST", "/api/bookings", wrong, headers)
        assert (status, error["code"]) == expected
    assert "'moon'" in error["message"]
    assert "museum" in error["next_step"]
    for method in ("GET", "DELETE"):
        status, error = await refusal(client, method, "/api/bookings/none", headers=headers)
        assert (status, error["code"]) == (404, "unknown_booking")
    status, error = await refusal(client, "POST", "/api/cars/a%20b/challenge")
    assert (status, error["code"]) == (400, "invalid_serial")


async def next_event(socket: Any, kind: str) -> Any:
    async with asyncio.timeout(30):
        while True:
            event = await socket.receive_json()
            if event["type"] == kind:
                return event


async def test_a_station_sees_cars_and_its_own_ride_live(client: Client) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.8), step_m=0.02)
    mine = await event_socket(client, "kiosk")
    other = await event_socket(client, "other")
    assert (await next_event(mine, "cars"))["cars"] == []
    await car.connect(client)
    shown = (await next_event(mine, "cars"))["cars"]
    start = CITY.edges["1"].curve.pose_at(0.8)
    assert [(c["id"], c["state"], c["online"]) for c in shown] == [("car1", "ready", True)]
    assert (shown[0]["x_m"], shown[0]["y_m"]) == pytest.approx((start.x_m, start.y_m), abs=0.002)
    body = {"station_device_id": "kiosk", "destination_id": "international-town"}
    headers = await station_headers(client, "kiosk")
    assert (await client.post("/api/bookings", json=body, headers=headers)).status == 201
    states = []
    places = set()
    while "arrived" not in states:
        event = json.loads((await mine.receive()).data)
        if event["type"] == "booking":
            states.append(event["booking"]["state"])
        else:
            places.add((event["cars"][0]["x_m"], event["cars"][0]["y_m"]))
    assert "driving" in states
    assert "booked" not in states[1:]
    assert len(places) > 3, "the marker moves"
    # a page that is opened later gets the end of the ride at once; other stations do not
    late = await event_socket(client, "kiosk")
    assert (await next_event(late, "booking"))["booking"]["state"] == "arrived"
    while True:
        try:
            async with asyncio.timeout(0.5):
                assert (await other.receive_json())["type"] == "cars"
        except TimeoutError:
            break
    await car.disconnect()


async def test_garbage_from_a_car_does_no_harm(client: Client) -> None:
    socket = await car_socket(client, "car1")
    for text in ("", "{", '{"topic": "state", "message": {}}', '{"topic": "order"}'):
        await socket.send_str(text)
    await socket.send_bytes(b"\x00")
    await FakeCar(CITY, "car2", Place("1", 0.5)).connect(client)
    events = await event_socket(client, "kiosk")
    async with asyncio.timeout(30):
        while not (await next_event(events, "cars"))["cars"]:
            pass
    assert not socket.closed


async def test_what_is_served_is_what_is_described(client: Client) -> None:
    described = await (await client.get("/api/openapi.json")).json()
    assert described == json.loads(json.dumps(document(OPERATIONS)))
    routes = {
        (route.method, route.resource.canonical)
        for route in client.app.router.routes()
        if route.resource is not None
    }
    for operation in OPERATIONS:
        assert (operation.method, operation.path) in routes
        shown = described["paths"].get(operation.path, {})
        assert (operation.method.lower() in shown) is not operation.is_socket
    names = set(described["components"]["schemas"])
    assert {"BookingView", "BookingRequest", "CityView", "ErrorView"} <= names
    text = json.dumps(described)
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= names


async def test_a_station_may_not_ask_for_bookings_all_the_time(client: Client) -> None:
    headers = await station_headers(client, "kiosk")
    body = {"station_device_id": "kiosk", "destination_id": "museum"}
    tries = [
        asyncio.create_task(client.post("/api/bookings", json=body, headers=headers))
        for _ in range(60)
    ]
    statuses = [(await each).status for each in tries]
    assert statuses.count(201) == 1
    assert statuses.count(409) <= 12
    assert statuses.count(429) >= 47


async def test_a_language_is_no_place_to_store_things(client: Client) -> None:
    headers = await station_headers(client, "kiosk")
    body = {
        "station_device_id": "kiosk",
        "destination_id": "museum",
        "language": "en" + "-abcd" * 7,
    }
    status, error = await refusal(client, "POST", "/api/bookings", body, headers)
    assert (status, error["code"]) == (400, "invalid_body")


async def test_a_station_has_a_few_pages_and_no_more(client: Client) -> None:
    pages = [await event_socket(client, "kiosk") for _ in range(5)]
    with pytest.raises(WSServerHandshakeError) as caught:
        await event_socket(client, "kiosk")
    assert caught.value.status == 429
    await event_socket(client, "another")
    await pages[0].close()
    async with asyncio.timeout(30):
        while True:
            try:
                await event_socket(client, "kiosk")
                break
            except WSServerHandshakeError:
                await asyncio.sleep(0.01)
