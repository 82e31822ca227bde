"""A running server with a real database, and actions of stations and cars."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from pixelopolis.city.sources import load_city
from server.fleet_manager import FleetManager
from server.http.app import make_app
from server.http.keys import FLEET
from tests.support.credentials import bearer, ride_headers, station_headers, token_of
from tests.support.fake_car import FakeCar

CITY = load_city("pixelopolis")
PATIENCE_S = 60.0


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition; the limit is for broken code only."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@dataclass
class Desktop:
    """A running server, and actions of a station."""

    client: TestClient[Any, Any]
    fleet: FleetManager
    cars: list[FakeCar] = field(default_factory=list)

    async def drive_in(self, *cars: FakeCar) -> None:
        for car in cars:
            await car.connect(self.client)
            self.cars.append(car)
            await until(
                lambda car=car: (
                    car.id in self.fleet.traffic.cars
                    and any(c.id == car.id for c in self.fleet.cars())
                )
            )

    async def register(self, station: str) -> None:
        await station_headers(self.client, station)

    async def ask(self, station: str, destination: str) -> tuple[int, Any]:
        body = {
            "station_device_id": station,
            "destination_id": destination,
            "language": "ja",
        }
        headers = bearer(token_of(station))
        answer = await self.client.post("/api/bookings", json=body, headers=headers)
        return answer.status, await answer.json()

    async def book(self, station: str, destination: str) -> Any:
        await self.register(station)
        status, booking = await self.ask(station, destination)
        assert status == 201, booking
        return booking

    async def booking(self, id_: str) -> Any:
        headers = ride_headers(self.client, id_)
        answer = await self.client.get(f"/api/bookings/{id_}", headers=headers)
        assert answer.status == 200
        return await answer.json()

    async def cancel(self, id_: str) -> tuple[int, Any]:
        headers = ride_headers(self.client, id_)
        answer = await self.client.delete(f"/api/bookings/{id_}", headers=headers)
        return answer.status, await answer.json()

    async def ends(self, id_: str, state: str = "arrived") -> Any:
        return await self.becomes(id_, state, or_ends=True)

    async def becomes(self, id_: str, state: str, or_ends: bool = False) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                booking = await self.booking(id_)
                ended = booking["state"] in ("arrived", "cancelled", "failed")
                if booking["state"] == state or (ended and or_ends):
                    assert booking["state"] == state, booking
                    return booking
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running(uri: str, database: str) -> AsyncIterator[Desktop]:
    app = make_app(CITY, uri, database=database)
    async with TestClient(TestServer(app)) as client:
        desktop = Desktop(client, app[FLEET])
        yield desktop
        for car in desktop.cars:
            await car.disconnect()
