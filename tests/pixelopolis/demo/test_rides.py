from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

import pixelopolis.demo.rides
from pixelopolis.demo.rides import RidePlan, VisitorRide, book_rides, summary, visitors


@given(st.integers(1, 40), st.integers(1, 5), st.integers(), st.integers(1, 6))
def test_visitors_are_the_same_for_a_seed_and_go_somewhere_else(
    rides: int, stations: int, seed: int, places: int
) -> None:
    plan = RidePlan(rides, stations, seed)
    destinations = [f"place-{n}" for n in range(places)]
    people = visitors(plan, destinations)
    assert people == visitors(plan, destinations)
    assert [ride.number for ride in people] == list(range(1, rides + 1))
    assert len({ride.station for ride in people}) == min(rides, stations)
    if places > 1:
        assert all(a.destination != b.destination for a, b in pairwise(people))


class Desk:
    """A server with one car, which takes a moment for each ride."""

    def __init__(self) -> None:
        self.bookings: dict[str, dict[str, Any]] = {}
        self.sockets: set[web.WebSocketResponse] = set()
        self.stations: set[str] = set()
        self.end_state = "arrived"
        app = web.Application()
        app.add_routes(
            [
                web.get("/api/city", self.city),
                web.post("/api/stations", self.station),
                web.post("/api/bookings", self.book),
                web.get("/api/bookings/{id}", self.booking),
                web.post("/api/bookings/{id}/view", self.view),
                web.get("/api/events", self.events),
                web.get("/video.mjpg", self.video),
            ]
        )
        self.server = TestServer(app)
        self.tasks: set[asyncio.Task[None]] = set()

    async def city(self, _: web.Request) -> web.Response:
        return web.json_response({"destinations": [{"id": "museum"}, {"id": "tower"}]})

    async def station(self, request: web.Request) -> web.Response:
        device_id = (await request.json())["device_id"]
        self.stations.add(device_id)
        return web.json_response({"device_id": device_id, "token": f"of {device_id}"}, status=201)

    async def view(self, request: web.Request) -> web.Response:
        booking = self.bookings[request.match_info["id"]]
        assert request.headers["Authorization"] == f"Bearer of {booking['station_device_id']}"
        return web.json_response({"url": f"{booking['video_url']}?token=1", "ends_in_s": 60.0})

    async def book(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert asked["station_device_id"] in self.stations
        is_busy = any(b["state"] == "driving" for b in self.bookings.values())
        booking = {
            "id": str(len(self.bookings)),
            "state": "queued" if is_busy else "driving",
            "car_id": None if is_busy else "car1",
            "reason": "",
            "video_url": str(self.server.make_url("/video.mjpg")),
            "path_m": [[0, 0], [3, 4]],
            **asked,
        }
        self.bookings[str(booking["id"])] = booking
        if not is_busy:
            self.drive(booking)
        return web.json_response(booking, status=201)

    def drive(self, booking: dict[str, Any]) -> None:
        booking |= {"state": "driving", "car_id": "car1"}
        self.tasks.add(asyncio.create_task(self.arrive(booking)))

    async def arrive(self, booking: dict[str, Any]) -> None:
        await asyncio.sleep(0.1)
        booking["state"], booking["reason"] = self.end_state, "because"
        for waiting in [b for b in self.bookings.values() if b["state"] == "queued"][:1]:
            self.drive(waiting)
        for each in self.bookings.values():
            for socket in self.sockets:
                await socket.send_json({"type": "booking", "booking": each})

    async def booking(self, request: web.Request) -> web.Response:
        return web.json_response(self.bookings[request.match_info["id"]])

    async def events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.add(socket)
        await socket.send_json({"type": "cars", "cars": []})
        async for _ in socket:
            pass
        self.sockets.discard(socket)
        return socket

    async def video(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            try:
                await response.write(b"--frame\r\nContent-Length: 4\r\n\r\nJPEG\r\n")
            except ConnectionError:
                return response
            await asyncio.sleep(0.01)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(pixelopolis.demo.rides, "ASK_AGAIN_S", 0.02)
    desk = Desk()
    await desk.server.start_server()
    yield desk
    await asyncio.gather(*desk.tasks)
    await desk.server.close()


async def test_more_stations_than_cars_take_turns(desk: Desk) -> None:
    said: list[str] = []
    rides = await book_rides(str(desk.server.make_url("")), RidePlan(5, 2, 1), said.append)
    assert [ride.state for ride in rides] == ["arrived"] * 5
    assert len(desk.bookings) == 5
    assert sum(ride.asked_again for ride in rides) == 0, "who waits is in line"
    assert any("queued" in ride.states for ride in rides)
    assert all(ride.distance_m == 5.0 and ride.car == "car1" for ride in rides)
    assert any(ride.video_frames > 0 for ride in rides)
    assert len(said) == 10
    document = summary(rides)
    assert (document["rides"], document["arrived"]) == (5, 5)
    assert document["video_fps"] > 0
    json.dumps(document)


async def test_a_failed_ride_says_why(desk: Desk) -> None:
    desk.end_state = "failed"
    (ride,) = await book_rides(str(desk.server.make_url("")), RidePlan(1, 1, 1), lambda _: None)
    assert (ride.state, ride.problem, ride.arrived) == ("failed", "because", False)
    assert summary([ride])["arrived"] == 0


async def test_a_ride_that_never_ends_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixelopolis.demo.rides, "RIDE_TIMEOUT_S", 0.5)
    desk.end_state = "waiting"
    (ride,) = await book_rides(str(desk.server.make_url("")), RidePlan(1, 1, 1), lambda _: None)
    assert not ride.arrived
    assert "no arrival within" in ride.problem


def test_a_summary_without_pictures_has_no_rate() -> None:
    ride = VisitorRide(1, "station", "museum", "en", state="arrived")
    assert summary([ride])["video_fps"] is None
