"""The server with the car's own link and order executor over a real socket; driving is faked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from car.driving.driver import DriverSettings
from car.driving.types import Decision, DriveState
from car.orders.executor import OrderExecutor
from car.orders.server_link import ServerLink
from car.orders.state_report import Health
from pixelopolis.city.route import Place
from pixelopolis.city.sources import load_city
from pixelopolis.vda5050.factsheet import Factsheet
from pixelopolis.vda5050.frames import MalformedMessageError, Refusal
from pixelopolis.vda5050.order import InstantActions, Order
from pixelopolis.vda5050.state import State
from server.fleet_manager import FleetManager
from server.http.app import make_app
from server.http.keys import FLEET
from tests.support.credentials import enroll, identity_of, ride_headers, station_headers

CITY = load_city("pixelopolis")
STEP_M = 0.1
STEP_S = 0.02
STOP_BEFORE_M = DriverSettings().stop_before_m


class Ghost:
    """The car's order executor, with a driver that follows the order exactly."""

    def __init__(self, place: Place) -> None:
        self.executor = OrderExecutor(CITY, "car1", place)
        self.orders: list[str] = []
        self.distance_m = 0.0
        self._order_id = ""

    def take_order(self, order: Order) -> None:
        self.orders.append(order.order_id)
        self.executor.take_order(order)

    def take_actions(self, actions: InstantActions) -> bool:
        self.executor.take_actions(actions)
        return False

    def refuse(self, error: MalformedMessageError) -> None:
        raise error

    def take_refusal(self, refusal: Refusal) -> None:
        raise AssertionError(refusal.description)

    def factsheet(self, header_id: int, timestamp: datetime) -> Factsheet:
        raise AssertionError("nobody asked")

    def heard(self, now_s: float) -> None:
        pass

    def report(self, header_id: int, timestamp: datetime) -> State:
        health = Health(video_url="http://127.0.0.1:1/video.mjpg")
        return self.executor.report(header_id, timestamp, health)

    def drive(self) -> bool:
        mission = self.executor.mission
        if mission is None:
            return False
        if mission.order_id != self._order_id:
            self._order_id, self.distance_m = mission.order_id, mission.start_m
        whole = mission.granted_m >= mission.path.length_m - 1e-6
        limit_m = mission.granted_m - (0.0 if whole else STOP_BEFORE_M)
        before_m = self.distance_m
        self.distance_m = max(before_m, min(limit_m, before_m + STEP_M))
        arrived = whole and self.distance_m >= limit_m - 1e-6
        state = (
            DriveState.ARRIVED
            if arrived
            else DriveState.DRIVING
            if self.distance_m > before_m
            else DriveState.WAITING_FOR_GRANT
        )
        speed = 1.0 if state is DriveState.DRIVING else 0.0
        decision = Decision(speed, speed, state, distance_m=self.distance_m)
        return self.executor.take_decision(decision, mission)


@pytest.fixture
async def client(mongodb_uri: str, database: str) -> AsyncIterator[TestClient[Any, Any]]:
    app = make_app(CITY, mongodb_uri, database=database)
    async with TestClient(TestServer(app)) as running:
        yield running


@contextlib.asynccontextmanager
async def on_the_road(client: TestClient[Any, Any], ghost: Ghost) -> AsyncIterator[None]:
    await enroll(client, "car1")
    url = str(client.make_url("/")).replace("http", "ws")
    link = ServerLink([url], "car1", ghost, identity_of("car1").authorize)

    async def drive() -> None:
        while True:
            if ghost.drive():
                link.send_soon()
            await asyncio.sleep(STEP_S)

    tasks = [asyncio.create_task(link.run()), asyncio.create_task(drive())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def book(client: TestClient[Any, Any], destination: str) -> Any:
    fleet: FleetManager = client.app[FLEET]  # type: ignore[index]
    async with asyncio.timeout(30):
        while not any(car.state == "ready" for car in fleet.cars()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    headers = await station_headers(client, "kiosk")
    body = {"station_device_id": "kiosk", "destination_id": destination, "language": "en"}
    answer = await client.post("/api/bookings", json=body, headers=headers)
    assert answer.status == 201, await answer.text()
    return await answer.json()


async def ends(client: TestClient[Any, Any], id_: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            headers = ride_headers(client, id_)
            booking = await (await client.get(f"/api/bookings/{id_}", headers=headers)).json()
            if booking["state"] in ("arrived", "cancelled", "failed"):
                return booking
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("destination", ["planetarium", "museum"])
async def test_the_cars_own_link_takes_a_ride(
    client: TestClient[Any, Any], destination: str
) -> None:
    ghost = Ghost(Place("1", 0.9))
    async with on_the_road(client, ghost):
        booking = await book(client, destination)
        ended = await ends(client, booking["id"])
    assert ended["state"] == "arrived"
    assert ended["video_url"] == "http://127.0.0.1:1/video.mjpg"
    assert ghost.executor.place.edge == CITY.destinations[destination].edge
    assert len(set(ghost.orders)) == 1


async def test_the_cars_own_link_takes_ride_after_ride_and_a_cancellation(
    client: TestClient[Any, Any],
) -> None:
    ghost = Ghost(Place("1", 0.9))
    async with on_the_road(client, ghost):
        first = await book(client, "museum")
        async with asyncio.timeout(30):
            while ghost.distance_m < 1.0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await client.delete(
            f"/api/bookings/{first['id']}", headers=ride_headers(client, first["id"])
        )
        assert (await ends(client, first["id"]))["state"] == "cancelled"
        for destination in ("landmark", "wedding-hall"):
            booking = await book(client, destination)
            assert (await ends(client, booking["id"]))["state"] == "arrived"
            assert ghost.executor.place.edge == CITY.destinations[destination].edge
