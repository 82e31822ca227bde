"""Any valid messages in any order: the server continues, and honest cars' rides arrive."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pymongo import AsyncMongoClient

from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from pixelopolis.refusals import RequestRefusedError
from pixelopolis.vda5050.frames import FromServer
from pixelopolis.vda5050.order import InstantActions, Order
from pixelopolis.vda5050.state import State
from server.fleet_manager import FleetManager
from server.storage.mongo import Store
from server.traffic.car_link import CarLink
from server.traffic.reservations import closed_by
from tests.support.fake_car import FakeCar
from tests.support.hostile import valid_state

CITY = load_city("grid:3x2:5")
ROUND_S = 0.5
CHAOS = 70
"""Rounds with hostile cars; a car counts as stuck after sixty."""
PEACE = 1200
"""Largest number of further rounds, without hostile cars, until all rides are over: two minutes
without progress and five without any car that could come, with room for the rides between."""


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Table:
    """A server without sockets, its cars, and one clock."""

    fleet: FleetManager
    rng: random.Random
    clock: Clock
    honest: dict[str, FakeCar] = field(default_factory=dict)
    hostile: dict[str, CarLink] = field(default_factory=dict)
    links: dict[str, CarLink] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)

    def join(self, name: str, car: FakeCar | None) -> None:
        def send(message: FromServer) -> None:
            assert message.serial_number == name
            if isinstance(message, Order):
                self.orders[name] = message
                if car is not None:
                    car.take(message)
            elif isinstance(message, InstantActions) and car is not None:
                car.act(message)

        link = self.links[name] = self.fleet.car_connected(name, send)
        if car is not None:
            self.honest[name] = car
        else:
            self.hostile[name] = link

    async def play(self) -> None:
        """Let all cars report in random order, then the server act."""
        self.clock.now_s += ROUND_S
        for name in self.rng.sample(sorted(self.links), len(self.links)):
            for state in self._says(name):
                self.fleet.car_reported(self.links[name], state)
        await self.fleet.step()

    def _says(self, name: str) -> Iterator[State]:
        car = self.honest.get(name)
        if car is not None:
            car.move()
            yield car.state()
        elif name in self.hostile:
            for _ in range(self.rng.choice((0, 1, 1, 3))):
                yield valid_state(self.rng, CITY, name, self.orders.get(name))

    def excused(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether an honest car cannot arrive: no route is open, or it waits for such a car."""
        car = self.fleet.traffic.cars.get(name)
        if car is None or car.ride is None or name in seen:
            return True
        frozen = [c for c in self.fleet.traffic.cars.values() if c.frozen and c.id != name]
        closed = closed_by(self.fleet.streets, frozen)
        goal = car.ride.route.edges[-1]
        if car.frozen or not (
            car.edge == goal or self.fleet.streets.way(car.edge, goal, closed) is not None
        ):
            return True
        wait = self.fleet.waits.get(name)
        return wait is not None and all(self.excused(c, seen | {name}) for c in wait.cars)


@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # a smaller seed is not simpler
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), hostile=st.integers(1, 4))
async def test_the_desk_goes_on_whatever_cars_say(
    seed: int, hostile: int, mongodb_uri: str, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncMongoClient[Any](mongodb_uri) as client:
        for name in ("bookings", "traffic"):
            await client[database][name].delete_many({})
    async with Store(mongodb_uri, CITY.name, database) as store:
        clock = Clock()
        fleet = FleetManager(CITY, store, clock, clock)
        table = Table(fleet, random.Random(seed), clock)
        places = spawn_places(CITY, 3 + hostile)
        for i, place in enumerate(places):
            name = f"car{i}"
            table.join(name, FakeCar(CITY, name, place, step_m=0.15) if i < 3 else None)
        mine: list[str] = []
        for round_ in range(CHAOS):
            await table.play()
            if round_ % 5 == 2:
                try:
                    goal = table.rng.choice(sorted(CITY.destinations))
                    booking = await fleet.book(f"kiosk-{round_ // 5 % 6}", goal, "en")
                except RequestRefusedError:
                    continue
                mine.append(booking.id)
        for link in table.hostile.values():
            fleet.car_disconnected(link)
            del table.links[link.car]
        for round_ in range(PEACE):
            await table.play()
            if round_ % 10:
                continue
            states = [await fleet.booking(id_) for id_ in mine]
            if not any(view.state in ("queued", "booked", "driving", "waiting") for view in states):
                break
        assert mine
        for view in states:
            assert view.state in ("failed", "arrived", "cancelled"), "nobody waits forever"
            if view.car_id in table.honest:
                assert view.state == "arrived" or table.excused(view.car_id), view
        assert not any(car.rejections for car in table.honest.values())
    unexpected = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert not unexpected, "isolated, but nobody had thought of it"
