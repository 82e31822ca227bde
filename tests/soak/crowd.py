"""`make crowd`: more visitors than cars, in the line and, beside it, asking again at random.

The real fleet manager with cars that drive what they are granted, at a car's speed; the clock is
turned by hand, so that half an hour takes a minute. Both runs have the same town, cars, visitors
and times of arrival. Prints one document: for each way of waiting the mean, the 90th percentile
and the longest wait for a car in seconds, and how many visitors were overtaken by somebody who
came later.
Exit code 1 if anybody in the line was overtaken, or a ride did not arrive.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from dataclasses import asdict, dataclass
from unittest import mock

from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from pixelopolis.vehicle.speeds import CRUISE_MPS
from server.booking import Booking, BookingState
from server.fleet_manager import FleetManager
from server.storage import mongo as store_module
from server.storage.mongo import Store
from server.traffic.dispatch import ready_places
from tests.support.fake_mongo import FakeMongo
from tests.support.scripted_fleet import Clocks, ScriptedCar

TURN_S = 0.5


@dataclass(frozen=True)
class CrowdPlan:
    """A crowd: `stations` visitors arrive within `arrive_s`, and ask again every `retry_s`."""

    city: str = "grid:6x5:1"
    stations: int = 200
    cars: int = 20
    arrive_s: float = 60.0
    retry_s: float = 5.0
    limit_s: float = 7200.0
    seed: int = 1


@dataclass
class Visitor:
    """One visitor, and when things happened to it, in seconds since the beginning."""

    station: str
    destination: str
    came_s: float
    asks_s: float
    booking: Booking | None = None
    got_car_s: float | None = None
    expected_s: float | None = None
    """The first expected wait that the visitor was told."""
    is_done: bool = False


@dataclass(frozen=True)
class Waits:
    """How a crowd waited, in seconds."""

    arrived: int
    mean_s: float
    p90_s: float
    longest_s: float
    overtaken: int
    asked: int
    """Requests for a car."""
    expected_error_s: float | None
    """Median difference between the expected wait that was told at first, and the wait."""


class Crowd:
    """One run."""

    def __init__(self, plan: CrowdPlan, in_line: bool) -> None:
        self._plan = plan
        self._in_line = in_line
        self._rng = random.Random(plan.seed)
        self._city = load_city(plan.city)
        goals = sorted(self._city.destinations)
        self.visitors = [
            Visitor(f"kiosk-{i}", self._rng.choice(goals), came_s, came_s)
            for i, came_s in enumerate(
                sorted(self._rng.uniform(0.0, plan.arrive_s) for _ in range(plan.stations))
            )
        ]
        self.asked = 0

    async def run(self) -> Waits:
        clocks, mongo = Clocks(), FakeMongo()
        with mock.patch.object(store_module, "AsyncMongoClient", mongo):
            async with Store("mongodb://fake", self._city.name) as store:
                fleet = FleetManager(self._city, store, clocks.monotonic, clocks.epoch)
                await fleet.restore()
                places = spawn_places(self._city, self._plan.cars)
                cars = [ScriptedCar(fleet, f"car{i}", place) for i, place in enumerate(places)]
                began_s = clocks.now_s
                while not all(visitor.is_done for visitor in self.visitors):
                    now_s = clocks.now_s - began_s
                    if now_s > self._plan.limit_s:
                        break
                    for car in cars:
                        car.listens()
                        if car.executor.mission is None:
                            car.says()
                        else:
                            car.drives(CRUISE_MPS * TURN_S)
                    await self._turn(fleet, now_s)
                    await fleet.step()
                    self._note(fleet, now_s)
                    clocks.now_s += TURN_S
        return self._waits()

    async def _turn(self, fleet: FleetManager, now_s: float) -> None:
        """Let everybody ask who has come and has no booking."""
        for visitor in self.visitors:
            if visitor.booking is not None or now_s < visitor.asks_s:
                continue
            if visitor.came_s == visitor.asks_s:
                fleet.rides.presence.opened(visitor.station)
            self.asked += 1
            busy = {b.car_id for b in fleet.bookings}
            if self._in_line or ready_places(fleet.traffic, fleet.links, busy):
                visitor.booking = await fleet.book(visitor.station, visitor.destination, "en")
                visitor.expected_s = fleet.view(visitor.booking).expected_wait_s
            else:
                visitor.asks_s = now_s + self._rng.expovariate(1 / self._plan.retry_s)

    def _note(self, fleet: FleetManager, now_s: float) -> None:
        active = {booking.id: booking for booking in fleet.bookings}
        for visitor in self.visitors:
            if visitor.booking is None or visitor.is_done:
                continue
            booking = active.get(visitor.booking.id)
            is_waiting = booking is not None and booking.state is BookingState.QUEUED
            if visitor.got_car_s is None and not is_waiting:
                visitor.got_car_s = now_s
            visitor.is_done = booking is None

    def _waits(self) -> Waits:
        served = [v for v in self.visitors if v.got_car_s is not None]
        waits_s = sorted((v.got_car_s or 0.0) - v.came_s for v in served)
        overtaken = sum(
            any((w.got_car_s or 0.0) < (v.got_car_s or 0.0) for w in self.visitors[i + 1 :])
            for i, v in enumerate(self.visitors)
        )
        errors_s = sorted(
            abs((v.got_car_s or 0.0) - v.came_s - v.expected_s)
            for v in served
            if v.expected_s is not None
        )
        return Waits(
            arrived=sum(v.is_done for v in self.visitors),
            mean_s=round(sum(waits_s) / len(waits_s), 1),
            p90_s=round(waits_s[int(0.9 * (len(waits_s) - 1))], 1),
            longest_s=round(waits_s[-1], 1),
            overtaken=overtaken,
            asked=self.asked,
            expected_error_s=round(errors_s[len(errors_s) // 2], 1) if errors_s else None,
        )


def crowd(plan: CrowdPlan) -> dict[str, dict[str, object]]:
    """Return how the crowd waits in line, and how by asking again at random."""
    ways = {"line": True, "retries": False}
    runs = {way: asyncio.run(Crowd(plan, in_line).run()) for way, in_line in ways.items()}
    return {"plan": asdict(plan), **{way: asdict(waits) for way, waits in runs.items()}}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make crowd", description=__doc__)
    for name, kind in (("city", str), ("stations", int), ("cars", int), ("seed", int)):
        parser.add_argument(f"--{name}", type=kind, default=getattr(CrowdPlan, name))
    report = crowd(CrowdPlan(**vars(parser.parse_args())))
    print(json.dumps(report, indent=1))
    line = report["line"]
    is_whole = line["arrived"] == report["plan"]["stations"]
    return 0 if is_whole and line["overtaken"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
