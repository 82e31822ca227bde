"""Books and follows rides as stations do, by HTTP, events and live view."""

from __future__ import annotations

import asyncio
import math
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Final

import aiohttp

from pixelopolis.city.model import LANGUAGES

ASK_AGAIN_S: Final = 1.0
"""Pause before a station asks again when the server cannot take its request."""
RIDE_TIMEOUT_S: Final = 600.0
"""A ride fails if it takes longer, from request to arrival."""
FINAL: Final = ("arrived", "cancelled", "failed")

Booked = dict[str, Any]
"""A booking as the server answers it."""


@dataclass
class VisitorRide:
    number: int
    station: str
    destination: str
    language: str
    state: str = "asking"
    car: str | None = None
    asked_again: int = 0
    """How often the server could not take the request."""
    wait_s: float | None = None
    """From the first request until it has a car."""
    distance_m: float | None = None
    """Length of the planned route."""
    ride_s: float | None = None
    """From the first car to arrival."""
    video_frames: int = 0
    video_fps: float | None = None
    states: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    """Why the car stood, in order."""
    problem: str = ""

    @property
    def arrived(self) -> bool:
        return self.state == "arrived"


@dataclass(frozen=True)
class RidePlan:
    """What to book: `rides` visitors at `stations` stations, which work in parallel."""

    rides: int
    stations: int
    seed: int


async def book_rides(url: str, plan: RidePlan, say: Callable[[str], None]) -> list[VisitorRide]:
    """Book rides to random destinations and follow each to its end.

    Args:
        url: the server's address.
        plan: how many, at how many stations, and the seed of destinations and languages.
        say: called with a line of text whenever a ride begins or ends.
    """
    async with aiohttp.ClientSession(
        base_url=url, timeout=aiohttp.ClientTimeout(total=30)
    ) as session:
        async with session.get("/api/city") as answer:
            city = await answer.json()
        waiting = visitors(plan, [place["id"] for place in city["destinations"]])
        stations = [_Station(session, [*waiting[n :: plan.stations]], say) for n in _to(plan)]
        await asyncio.gather(*(station.serve() for station in stations))
        return waiting


def _to(plan: RidePlan) -> range:
    return range(min(plan.stations, plan.rides))


def visitors(plan: RidePlan, destinations: list[str]) -> list[VisitorRide]:
    """Return each visitor's destination; consecutive visitors of a station get different ones."""
    rng = random.Random(plan.seed)
    rides: list[VisitorRide] = []
    for number in range(plan.rides):
        last = rides[-1].destination if rides else None
        others = [place for place in destinations if place != last] or destinations
        rides.append(
            VisitorRide(
                number=number + 1,
                station=f"headless-{plan.seed}-{number % plan.stations + 1}",
                destination=rng.choice(others),
                language=rng.choice(LANGUAGES),
            )
        )
    return rides


class _Station:
    """One station, whose visitors come one after the other."""

    def __init__(
        self, session: aiohttp.ClientSession, rides: list[VisitorRide], say: Callable[[str], None]
    ) -> None:
        self._session = session
        self._rides = rides
        self._say = say
        self._device_id = ""
        self._headers: dict[str, str] = {}
        """With the station's token."""

    async def serve(self) -> None:
        for ride in self._rides:
            try:
                async with asyncio.timeout(RIDE_TIMEOUT_S):
                    await self._serve(ride)
            except TimeoutError:
                ride.problem = ride.problem or f"no arrival within {RIDE_TIMEOUT_S:.0f} s"
            outcome = ride.state if ride.arrived else f"{ride.state}: {ride.problem}"
            took = f" after {ride.ride_s:.0f} s" if ride.ride_s is not None else ""
            self._say(f"Ride {ride.number} to {ride.destination} with {ride.car}: {outcome}{took}.")

    async def _serve(self, ride: VisitorRide) -> None:
        began_s = time.monotonic()
        await self._register(ride.station)
        booking = await self._book(ride)
        if booking is None:
            return
        views: list[asyncio.Task[None]] = []

        def note(booking: Booked) -> None:
            if booking["car_id"] and booking["car_id"] != ride.car:
                ride.car = booking["car_id"]
                ride.wait_s = ride.wait_s or round(time.monotonic() - began_s, 2)
                self._say(f"Ride {ride.number} to {ride.destination}: {ride.car} is booked.")
                views.append(asyncio.create_task(self._view(ride, booking)))
            self._note(ride, booking)

        try:
            await self._follow(ride, booking, note)
        finally:
            for view in views:
                view.cancel()
            await asyncio.gather(*views, return_exceptions=True)
        if ride.wait_s is not None:
            ride.ride_s = round(time.monotonic() - began_s - ride.wait_s, 2)

    async def _register(self, name: str) -> None:
        """Register this station once, by a name that nobody else has."""
        while not self._headers:
            self._device_id = f"{name}-{secrets.token_hex(4)}"
            try:
                async with self._session.post(
                    "/api/stations", json={"device_id": self._device_id}
                ) as answer:
                    answer.raise_for_status()
                    token = (await answer.json())["token"]
                    self._headers = {"Authorization": f"Bearer {token}"}
            except (aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.sleep(ASK_AGAIN_S)  # the server is restarting

    async def _book(self, ride: VisitorRide) -> dict[str, Any] | None:
        body = {
            "station_device_id": self._device_id,
            "destination_id": ride.destination,
            "language": ride.language,
        }
        while True:
            try:
                async with self._session.post(
                    "/api/bookings", json=body, headers=self._headers
                ) as answer:
                    document: dict[str, Any] = await answer.json()
                    if answer.status == 201:
                        return document
                    if answer.status not in (409, 503):
                        ride.state, ride.problem = "refused", str(document.get("error", document))
                        return None
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                ride.problem = f"asking again: {error}"
            ride.asked_again += 1
            await asyncio.sleep(ASK_AGAIN_S)

    async def _follow(
        self, ride: VisitorRide, booking: Booked, note: Callable[[Booked], None]
    ) -> None:
        """Listen to events; after losing the server, ask for the current state."""
        note(booking)
        while ride.state not in FINAL:
            try:
                async with self._session.ws_connect(
                    "/api/events", headers=self._headers, heartbeat=5.0
                ) as events:
                    note(await self._ask(booking["id"]))
                    while ride.state not in FINAL:
                        event = await events.receive_json()
                        if event["type"] == "booking" and event["booking"]["id"] == booking["id"]:
                            note(event["booking"])
            except (aiohttp.ClientError, OSError, TimeoutError, TypeError):
                await asyncio.sleep(ASK_AGAIN_S)

    async def _ask(self, booking_id: str) -> Booked:
        async with self._session.get(
            f"/api/bookings/{booking_id}", headers=self._headers
        ) as answer:
            answer.raise_for_status()
            booking: Booked = await answer.json()
            return booking

    @staticmethod
    def _note(ride: VisitorRide, booking: Booked) -> None:
        ride.state = booking["state"]
        reason = booking.get("reason") or ""
        if way := booking.get("path_m"):
            ride.distance_m = round(sum(math.dist(a, b) for a, b in pairwise(way)), 2)
        if not ride.states or ride.states[-1] != ride.state:
            ride.states.append(ride.state)
        if reason and (not ride.reasons or ride.reasons[-1] != reason):
            ride.reasons.append(reason)
        if ride.state in ("cancelled", "failed"):
            ride.problem = reason or "no reason was given"

    async def _view(self, ride: VisitorRide, booking: dict[str, Any]) -> None:
        """Watch the car's live view as the visitor's page does, and count its frames."""
        if not booking.get("video_url"):
            return
        async with self._session.post(
            f"/api/bookings/{booking['id']}/view", headers=self._headers
        ) as answer:
            answer.raise_for_status()
            video_url = (await answer.json())["url"]
        began_s, last_s = None, 0.0
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
            session.get(video_url) as video,
        ):
            async for line in video.content:
                if not line.startswith(b"Content-Length:"):
                    continue
                await video.content.readline()
                await video.content.readexactly(int(line.split(b":")[1]))
                last_s = time.monotonic()
                if began_s is None:
                    began_s = last_s
                    continue
                ride.video_frames += 1
                ride.video_fps = round(ride.video_frames / (last_s - began_s), 2)


def summary(rides: list[VisitorRide]) -> dict[str, Any]:
    """Return the rides part of the JSON document."""
    rates = sorted(ride.video_fps for ride in rides if ride.video_fps is not None)
    return {
        "rides": len(rides),
        "arrived": sum(ride.arrived for ride in rides),
        "video_fps": rates[len(rates) // 2] if rates else None,
        "video_fps_min": rates[0] if rates else None,
        "each": [asdict(ride) for ride in rides],
    }
