"""The AsyncAPI document says what the WebSockets carry."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jsonschema_rs

from pixelopolis.city.route import Place
from pixelopolis.vda5050.frames import encode
from server.http.app import OPERATIONS
from server.http.asyncapi import document
from tests.support.credentials import car_socket, event_socket
from tests.support.desktop import CITY, Desktop
from tests.support.fake_car import FakeCar

DOCUMENT = json.loads(json.dumps(document(OPERATIONS)))
EVENTS, LINK = "api_events", "api_cars_serial_link"
RIDE = "api_bookings_id_events"


def is_described(operation: str, message: Any) -> bool:
    """Return whether one of an operation's messages has a JSON value's shape."""
    said = DOCUMENT["operations"][operation]
    names = [ref["$ref"].rpartition("/")[2] for ref in said["messages"]]
    channel = said["channel"]["$ref"].rpartition("/")[2]
    payloads = [DOCUMENT["channels"][channel]["messages"][name]["payload"] for name in names]
    schema = {"anyOf": payloads, "components": DOCUMENT["components"]}
    return jsonschema_rs.is_valid(schema, message)


async def test_the_server_gives_the_document(desktop: Desktop) -> None:
    assert await (await desktop.client.get("/api/asyncapi.json")).json() == DOCUMENT


def test_every_socket_is_described_and_every_reference_leads_somewhere() -> None:
    sockets = {op.path for op in OPERATIONS if op.is_socket}
    assert {channel["address"] for channel in DOCUMENT["channels"].values()} == sockets
    said = {f"to_{EVENTS}", f"to_{RIDE}", f"to_{LINK}", f"from_{LINK}"}
    assert set(DOCUMENT["operations"]) == said
    for ref in json.dumps(DOCUMENT).split('"$ref": "#/')[1:]:
        found = DOCUMENT
        for part in ref.split('"')[0].split("/"):
            found = found[part]


async def test_what_travels_is_as_described(desktop: Desktop) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.5))
    said = json.loads(encode(car.state()))
    assert is_described(f"from_{LINK}", said)
    assert not is_described(f"to_{LINK}", said)
    del said["message"]["headerId"]
    assert not is_described(f"from_{LINK}", said)
    link = await car_socket(desktop.client, "other")
    await link.send_str("garbage")
    assert is_described(f"to_{LINK}", json.loads(await link.receive_str(timeout=30)))
    await desktop.drive_in(car)
    events = await event_socket(desktop.client, "kiosk")
    await desktop.book("kiosk", "museum")
    kinds = set()
    async with asyncio.timeout(30):
        while kinds != {"cars", "booking"}:
            event = json.loads(await events.receive_str())
            assert is_described(f"to_{EVENTS}", event)
            kinds.add(event["type"])
    assert not is_described(f"to_{EVENTS}", {"type": "booking", "booking": {}})
