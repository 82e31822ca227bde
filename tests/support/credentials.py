"""Keys of cars and tokens of stations, the same in each run, for servers under test."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from car.identity import CarIdentity
from pixelopolis.identity.key_file import write_key_file
from pixelopolis.identity.signatures import LINK_SCHEME, link_proof, public_text, sign, to_text
from pixelopolis.identity.view_token import make_view_token
from server.http.keys import IDENTITY
from server.identity.car_store import CarStore, EnrolledCar
from server.identity.tokens import digest

Client = TestClient[Any, Any]
SERVER_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"server").digest())


def view_token(serial: str) -> str:
    """Return a token that opens a car's view now, of the server that it was enrolled with."""
    return make_view_token(SERVER_KEY, serial, time.time())


def key_of(serial: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(serial.encode()).digest())


def write_key(file: Path, serial: str) -> None:
    """Write the key file of a car that `SERVER_KEY`'s server has enrolled."""
    write_key_file(file, key_of(serial), SERVER_KEY.public_key())


def identity_of(serial: str) -> CarIdentity:
    """Return an enrolled car's identity; `SERVER_KEY` signs the tokens of its views."""
    return CarIdentity(serial, key_of(serial), SERVER_KEY.public_key())


async def enroll(client: Any, serial: str) -> None:
    """Make a car known to the server under test, unless that is in another process."""
    if isinstance(client, TestClient):
        store = client.app[IDENTITY].cars.store
        await store.add(enrolled(serial))


def enrolled(serial: str) -> EnrolledCar:
    return EnrolledCar(serial, public_text(key_of(serial).public_key()), 0.0)


def signed_by(serial: str, nonce: str, key: Ed25519PrivateKey | None = None) -> dict[str, str]:
    """Return the headers of a car's link, by default with its own key."""
    signature = sign(key or key_of(serial), link_proof(serial, nonce))
    return {"Authorization": f"{LINK_SCHEME} {nonce}.{signature}"}


async def link_headers(client: Any, serial: str) -> dict[str, str]:
    """Return the headers that open a car's link once; `client` has `post`."""
    answer = await client.post(f"/api/cars/{serial}/challenge")
    assert answer.status == 200, await answer.text()
    return signed_by(serial, (await answer.json())["nonce"])


async def car_socket(client: Any, serial: str) -> aiohttp.ClientWebSocketResponse:
    """Return the open link of an enrolled car."""
    await enroll(client, serial)
    headers = await link_headers(client, serial)
    socket: aiohttp.ClientWebSocketResponse = await client.ws_connect(
        f"/api/cars/{serial}/link", headers=headers
    )
    return socket


def token_of(station: str) -> str:
    return f"pxs_{to_text(hashlib.sha256(station.encode()).digest())}"


async def station_headers(client: Client, station: str) -> dict[str, str]:
    """Register a station, if it is new; return the headers with its token."""
    await _register(client.app[IDENTITY].stations._stations, station)  # type: ignore[index]
    return bearer(token_of(station))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _register(stations: AsyncCollection[dict[str, Any]], station: str) -> None:
    known = {"token": digest(token_of(station)), "registered_s": 0.0, "seen_s": time.time()}
    await stations.update_one({"_id": station}, {"$set": known}, upsert=True)


async def make_known(
    database: AsyncDatabase[dict[str, Any]], cars: Iterable[str], stations: Iterable[str]
) -> None:
    """Enroll cars and register stations in the database of a server in another process."""
    for car in cars:
        await CarStore(database).add(enrolled(car))
    for station in stations:
        await _register(database["stations"], station)


async def event_socket(client: Client, station: str) -> aiohttp.ClientWebSocketResponse:
    """Return the open socket of a station's events."""
    return await client.ws_connect("/api/events", headers=await station_headers(client, station))


def ride_headers(client: Client, booking: str) -> Mapping[str, str]:
    """Return the headers with a ride's token."""
    return bearer(client.app[IDENTITY].secrets.ride_token(booking))  # type: ignore[index]
