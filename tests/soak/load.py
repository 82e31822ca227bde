"""`make load`: many honest cars and stations at a real pace; how late are grants?

A real server and mongod. Cars send two states a second over real sockets and drive what they are
granted, at a car's speed; each station books one ride after the other and listens to its events.
Prints one document: `order_ms` is the time from a station's request to the car's first order, for
requests that get a car at once; `update_ms` the time from the newest state of any car to a longer
base, at most the time that the server took to grant it; memory and CPU of the server. Exit code 1
if memory is not flat, a part ended, or a car or station met anything strange.

`--source DIR` tests the server of another checkout, also one without identities; `--tls` lets the
cars come over TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import ssl
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from pymongo import AsyncMongoClient

from pixelopolis.city.model import City
from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from pixelopolis.vda5050.order import Order
from pixelopolis.vehicle.speeds import CRUISE_MPS
from server.storage.mongo import DATABASE
from tests.soak.run import FLAT
from tests.soak.served import Served
from tests.support.credentials import bearer, make_known, signed_by, token_of
from tests.support.fake_car import FakeCar

STATE_S = 0.5
VANISHED = (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError)


@dataclass(frozen=True)
class LoadPlan:
    """Size of the run; the seed is of destinations and pauses."""

    city: str = "grid:12x10:1"
    cars: int = 200
    stations: int = 200
    minutes: float = 10.0
    seed: int = 1
    source: str = ""
    tls: bool = False


@dataclass
class Seen:
    """What cars and stations saw. Times are monotonic seconds."""

    order_ms: list[float] = field(default_factory=list)
    update_ms: list[float] = field(default_factory=list)
    asked_s: dict[str, float] = field(default_factory=dict)
    """For a car that a booking has just got: when its station asked."""
    stated_s: float = 0.0
    """When any car sent its newest state."""
    states: int = 0
    bookings: int = 0
    waited: int = 0
    """Bookings that had to wait in line, or were refused because no car was free."""
    events: int = 0
    arrived: int = 0
    strange: list[str] = field(default_factory=list)


class LoadCar(FakeCar):
    """An honest car that notes when its orders come."""

    seen: Seen

    def state(self) -> Any:
        self.seen.states += 1
        self.seen.stated_s = time.monotonic()
        return super().state()

    def take(self, order: Order) -> None:
        now_s = time.monotonic()
        if order.order_update_id == 0 and self.id in self.seen.asked_s:
            self.seen.order_ms.append(1000 * (now_s - self.seen.asked_s.pop(self.id)))
        elif order.order_update_id > 0:
            self.seen.update_ms.append(1000 * (now_s - self.seen.stated_s))
        super().take(order)

    async def live(self, town: Town) -> None:
        headers = await town.link_headers(self.id)
        url = f"{town.car_base}/api/cars/{self.id}/link"
        await self.open(await town.session.ws_connect(url, headers=headers, ssl=town.ssl))
        await asyncio.gather(*self._tasks)


@dataclass
class Town:
    """The server, and how to reach it."""

    base: str
    car_base: str
    session: aiohttp.ClientSession
    ssl: ssl.SSLContext | bool
    city: City
    seen: Seen

    async def link_headers(self, car: str) -> dict[str, str]:
        url = f"{self.car_base}/api/cars/{car}/challenge"
        async with self.session.post(url, ssl=self.ssl) as answer:
            if answer.status in (404, 405):  # a server without identities
                return {}
            return signed_by(car, (await answer.json())["nonce"])

    async def events(self, station: str) -> None:
        """Listen to a station's events."""
        url, headers = f"{self.base}/api/events?station={station}", bearer(token_of(station))
        async with self.session.ws_connect(url, headers=headers) as socket:
            async for _ in socket:
                self.seen.events += 1

    async def book(self, station: str, rng: random.Random) -> None:
        """Book one ride after the other."""
        await self.session.post(f"{self.base}/api/stations", json={"device_id": station})
        headers, goals = bearer(token_of(station)), sorted(self.city.destinations)
        while True:
            wish = {"station_device_id": station, "destination_id": rng.choice(goals)}
            asked_s = time.monotonic()
            async with self.session.post(
                f"{self.base}/api/bookings", json=wish, headers=headers
            ) as answer:
                booking = await answer.json()
            if answer.status == 201:
                self.seen.bookings += 1
                if booking["car_id"]:
                    self.seen.asked_s.setdefault(booking["car_id"], asked_s)
                else:
                    self.seen.waited += 1
                await self._follow(booking["id"], headers)
            elif answer.status == 409:  # no car is free, or none can get there
                self.seen.waited += 1
            else:
                self.seen.strange.append(f"{station}: {answer.status} {booking}"[:300])
            await asyncio.sleep(rng.uniform(1.0, 5.0))

    async def _follow(self, id_: str, headers: dict[str, str]) -> None:
        state = "booked"
        while state not in ("arrived", "failed", "cancelled"):
            await asyncio.sleep(5.0)
            async with self.session.get(f"{self.base}/api/bookings/{id_}", headers=headers) as got:
                state = (await got.json())["state"]
        self.seen.arrived += state == "arrived"


async def load(plan: LoadPlan, folder: Path) -> dict[str, Any]:
    """Run it; return the document."""
    served = Served(plan.city, folder, plan.source, with_tls=plan.tls)
    await served.start()
    watching = asyncio.create_task(served.watch())
    try:
        return await _load(plan, served)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await served.stop()


async def _load(plan: LoadPlan, served: Served) -> dict[str, Any]:
    city, seen = load_city(plan.city), Seen()
    cars = [
        LoadCar(city, f"car{i}", place, step_m=CRUISE_MPS * STATE_S)
        for i, place in enumerate(spawn_places(city, plan.cars))
    ]
    stations = [f"kiosk-{i}" for i in range(plan.stations)]
    async with AsyncMongoClient[dict[str, Any]](served.mongodb_uri()) as client:
        await make_known(client[DATABASE], [car.id for car in cars], stations)
    context: ssl.SSLContext | bool = True
    if plan.tls:
        context = ssl.create_default_context(cafile=served.ca)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        car_base = served.tls_base if plan.tls else served.base
        town = Town(served.base, car_base, session, context, city, seen)
        began_s, cpu_s = time.monotonic(), served.cpu_s()
        lives = []
        for car in cars:
            car.seen, car.step_s = seen, STATE_S
            lives.append(asyncio.create_task(car.live(town), name=car.id))
        async with asyncio.timeout(120.0):
            while any(car._socket is None for car in cars):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        connected_s, connect_cpu_s = time.monotonic() - began_s, served.cpu_s() - cpu_s
        for i, station in enumerate(stations):
            rng = random.Random(f"{plan.seed} {i}")
            lives.append(asyncio.create_task(town.events(station), name=f"events of {station}"))
            lives.append(asyncio.create_task(town.book(station, rng), name=station))
        cpu_s = served.cpu_s()
        await asyncio.wait(lives, timeout=60 * plan.minutes, return_when=asyncio.FIRST_EXCEPTION)
        cpu_s = served.cpu_s() - cpu_s
        warm_mb, end_mb = served.memory(began_s + 12 * plan.minutes)
        ended = await served.ended()
        for life in lives:
            life.cancel()
        for life, end in zip(
            lives, await asyncio.gather(*lives, return_exceptions=True), strict=True
        ):
            if isinstance(end, Exception) and not isinstance(end, VANISHED):
                seen.strange.append(f"{life.get_name()}: {end!r}"[:300])
    seconds = time.monotonic() - began_s
    return {
        "plan": asdict(plan),
        "seconds": round(seconds, 1),
        "connected_s": round(connected_s, 2),
        "connect_cpu_s": round(connect_cpu_s, 2),
        "states_per_s": round(seen.states / seconds, 1),
        "events": seen.events,
        "bookings": seen.bookings,
        "waited": seen.waited,
        "arrived": seen.arrived,
        "order_ms": spread(seen.order_ms),
        "update_ms": spread(seen.update_ms),
        "server_cpu_pct": round(100 * cpu_s / seconds, 1),
        "warm_mb": warm_mb,
        "end_mb": end_mb,
        "server_mb": served.series(),
        "memory_flat": end_mb <= FLAT * warm_mb,
        "parts_ended": ended,
        "strange": seen.strange[:20],
        **served.log_facts(),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Return how many there are, the median, the 99th percentile and the largest."""
    ranked = sorted(values)
    if not ranked:
        return {"count": 0}
    return {
        "count": len(ranked),
        "p50": round(ranked[len(ranked) // 2], 1),
        "p99": round(ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)], 1),
        "max": round(ranked[-1], 1),
    }


def has_passed(report: dict[str, Any]) -> bool:
    """Whether nothing ended, nothing strange was met, and memory stayed constant."""
    return not report["parts_ended"] and not report["strange"] and bool(report["memory_flat"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    for name in ("city", "cars", "stations", "minutes", "seed", "source"):
        default = getattr(LoadPlan, name)
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--tls", action="store_true", help="let cars come over TLS")
    plan = LoadPlan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        report = asyncio.run(load(plan, Path(folder)))
    print(json.dumps(report, indent=1))
    return 0 if has_passed(report) else 1


if __name__ == "__main__":
    sys.exit(main())
