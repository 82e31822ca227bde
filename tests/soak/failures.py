"""`make failures`: rides while server, standby and database are killed at random.

Two server processes share a replica set of three real mongods. Fake cars on real sockets drive much
faster than real ones, and call the servers in turn. Each station books one ride after the other and
follows it to its end. Meanwhile one of the three is killed with `kill -9` every `--every` seconds:
the server that leads, the one on standby, or the primary of the database; it comes back soon after.

Prints one document. `lost`: rides that a station was promised and that the database does not
have, or has with another end; `double`: stations or cars with two rides at once, or two bookings
for one wish; `not_final`: bookings that have not ended; `not_arrived`: by state and reason;
`takeovers_s`: from the death of the server that leads until the other one answers /readyz with
200. Exit code 1 if a ride was lost, double or did not arrive, or a takeover took longer than
`--takeover` seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import ClientSession
from pymongo import AsyncMongoClient

from pixelopolis.city.model import City
from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from pixelopolis.vda5050.order import Order
from server.storage.mongo import DATABASE
from tests.support.credentials import bearer, make_known, signed_by, token_of
from tests.support.fake_car import FakeCar
from tests.support.paths import ROOT
from tests.support.replica_set import ReplicaSet

FINAL = ("arrived", "cancelled", "failed")
VANISHED = (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError, ValueError)
START_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class FailurePlan:
    """Size of the run; the seed is of destinations and of who is killed when."""

    rides: int = 10_000
    stations: int = 200
    cars: int = 20
    every_s: float = 20.0
    down_s: float = 2.0
    takeover_s: float = 5.0
    limit_s: float = 36_000.0
    city: str = "grid:6x5:1"
    seed: int = 1


@dataclass
class Wish:
    """One ride that a visitor wants, and what came of it as the station saw it."""

    name: str
    station: str
    destination: str
    booking: str = ""
    state: str = ""


@dataclass
class Facts:
    """What happened."""

    kills: Counter[str] = field(default_factory=Counter)
    takeovers_s: list[float] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)


class ServerProcess:
    """One server process at a fixed port, which can be killed and started again."""

    def __init__(self, plan: FailurePlan, uri: str, folder: Path, name: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self._plan, self._uri, self._log = plan, uri, folder / f"{name}.log"

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "pixelopolis", "server", "--city", self._plan.city),
                *("--port", str(self.port), "--log-format", "json"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "MONGODB_URI": self._uri},
            )

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def status(self, session: ClientSession, path: str) -> int:
        """Return the status of a request, 0 without an answer."""
        try:
            async with asyncio.timeout(2.0), session.get(f"{self.base}{path}") as answer:
                return answer.status
        except VANISHED:
            return 0


class RelayCar(FakeCar):
    """Drives its grants fast, and calls the servers in turn."""

    facts: Facts

    def take(self, order: Order) -> None:
        """Accept an order unless the car has already driven it, which the server learns late."""
        if not (self.finished and self.plan and order.order_id == self.plan.order_id):
            super().take(order)

    async def live(self, session: ClientSession, bases: list[str]) -> None:
        while True:
            for base in bases:
                with contextlib.suppress(*VANISHED):
                    await self._connected(session, base)
            await asyncio.sleep(0.2)

    async def _connected(self, session: ClientSession, base: str) -> None:
        async with session.post(f"{base}/api/cars/{self.id}/challenge") as answer:
            answer.raise_for_status()
            nonce = (await answer.json())["nonce"]
        url, headers = f"{base}/api/cars/{self.id}/link", signed_by(self.id, nonce)
        await self.open(await session.ws_connect(url, headers=headers))
        try:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in self._tasks:
                task.cancel()
            tasks, self._tasks = self._tasks, []
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, VANISHED):
                    self.facts.strange.append(f"{self.id}: {ended!r}"[:300])
            await self.disconnect()


class Kiosk:
    """One station: it books, follows its ride, and asks whichever server answers."""

    def __init__(self, session: ClientSession, bases: list[str], name: str, facts: Facts) -> None:
        self._session, self._bases, self._name, self._facts = session, bases, name, facts
        self._headers = bearer(token_of(name))

    async def _ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Ask the servers in turn until the one that leads has answered."""
        while True:
            for base in list(self._bases):
                try:
                    async with (
                        asyncio.timeout(10.0),
                        self._session.request(
                            method, f"{base}{path}", json=body, headers=self._headers
                        ) as answer,
                    ):
                        document = await answer.json()
                        # 429: all stations of this run come from one address
                        if answer.status not in (429, 503):
                            self._bases.remove(base)
                            self._bases.insert(0, base)
                            return answer.status, document
                except VANISHED:
                    continue
            await asyncio.sleep(0.3)

    async def serve(self, wishes: list[Wish]) -> None:
        for wish in wishes:
            await self._book(wish)
            await self._follow(wish)

    async def _book(self, wish: Wish) -> None:
        body = {
            "station_device_id": wish.station,
            "destination_id": wish.destination,
            "request_id": wish.name,
        }
        while not wish.booking:
            status, answer = await self._ask("POST", "/api/bookings", body)
            if status == 201:
                wish.booking = answer["id"]
            else:
                self._facts.strange.append(f"{wish}: {status} {answer}"[:300])
                await asyncio.sleep(1.0)

    async def _follow(self, wish: Wish) -> None:
        while wish.state not in FINAL:
            status, answer = await self._ask("GET", f"/api/bookings/{wish.booking}")
            if status != 200:
                self._facts.strange.append(f"{wish}: {status} {answer}"[:300])
                return
            wish.state = answer["state"]
            if wish.state not in FINAL:
                queued = answer["place_in_line"] or 0
                await asyncio.sleep(min(1.0 + 0.05 * queued, 10.0))


async def failures(plan: FailurePlan, folder: Path) -> dict[str, Any]:
    """Run it; return the document."""
    began_s = time.monotonic()
    facts = Facts()
    async with ReplicaSet(folder / "mongo") as replicas:
        async with AsyncMongoClient[dict[str, Any]](replicas.uri) as client:
            cars = [f"car{i}" for i in range(plan.cars)]
            stations = [f"kiosk-{i}" for i in range(plan.stations)]
            await make_known(client.get_database(DATABASE), cars, stations)
        servers = [ServerProcess(plan, replicas.uri, folder, name) for name in ("one", "two")]
        try:
            for server in servers:
                await server.start()
            connector = aiohttp.TCPConnector(limit=0)
            async with ClientSession(connector=connector) as session:
                await _leader(session, servers)
                wishes = await _rides(plan, facts, replicas, servers, session)
            document = await _judge(replicas.uri, wishes)
        finally:
            for server in servers:
                await server.kill()
    return {
        "plan": asdict(plan),
        "seconds": round(time.monotonic() - began_s, 1),
        **document,
        "kills": dict(facts.kills),
        "takeovers_s": facts.takeovers_s,
        "longest_takeover_s": max(facts.takeovers_s, default=None),
        "strange": facts.strange[:10],
    }


async def _rides(
    plan: FailurePlan,
    facts: Facts,
    replicas: ReplicaSet,
    servers: list[ServerProcess],
    session: ClientSession,
) -> list[Wish]:
    city, bases = load_city(plan.city), [server.base for server in servers]
    places = spawn_places(city, plan.cars)
    cars = [RelayCar(city, f"car{i}", place, step_m=0.8) for i, place in enumerate(places)]
    for car in cars:
        car.step_s, car.facts = 0.1, facts
    wishes = _wishes(plan, city)
    living = [asyncio.create_task(car.live(session, bases)) for car in cars]
    killing = asyncio.create_task(_kill(plan, facts, replicas, servers, session))
    by_station: dict[str, list[Wish]] = {}
    for wish in wishes:
        by_station.setdefault(wish.station, []).append(wish)
    try:
        async with asyncio.timeout(plan.limit_s):
            await asyncio.gather(
                *(
                    Kiosk(session, list(bases), name, facts).serve(theirs)
                    for name, theirs in by_station.items()
                )
            )
    except TimeoutError:
        facts.strange.append(f"not done after {plan.limit_s} s")
    finally:
        for task in (killing, *living):
            task.cancel()
        for ended in await asyncio.gather(killing, *living, return_exceptions=True):
            if isinstance(ended, Exception):
                facts.strange.append(repr(ended)[:300])
    return wishes


def _wishes(plan: FailurePlan, city: City) -> list[Wish]:
    rng = random.Random(plan.seed)
    goals = sorted(city.destinations)
    return [
        Wish(f"wish-{i}", f"kiosk-{i % plan.stations}", rng.choice(goals))
        for i in range(plan.rides)
    ]


async def _leader(session: ClientSession, servers: list[ServerProcess]) -> ServerProcess:
    """Wait for a server that leads."""
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            for server in servers:
                if await server.status(session, "/readyz") == 200:
                    return server
            await asyncio.sleep(0.05)


async def _kill(
    plan: FailurePlan,
    facts: Facts,
    replicas: ReplicaSet,
    servers: list[ServerProcess],
    session: ClientSession,
) -> None:
    """Kill one part after the other, each once the one before is back."""
    rng = random.Random(plan.seed)
    order: list[str] = []
    while True:
        await asyncio.sleep(rng.uniform(0.5, 1.5) * plan.every_s)
        order = order or rng.sample(["leader", "standby", "database"], 3)
        kind = order.pop()
        leader = await _leader(session, servers)
        other = next(server for server in servers if server is not leader)
        while await other.status(session, "/healthz") != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        facts.kills[kind] += 1
        if kind == "database":
            port = await replicas.kill_primary()
            await asyncio.sleep(plan.down_s)
            await replicas.start(port)
            continue
        victim = leader if kind == "leader" else other
        await victim.kill()
        if kind == "leader":
            died_s = time.monotonic()
            await _leader(session, [other])
            facts.takeovers_s.append(round(time.monotonic() - died_s, 2))
        await asyncio.sleep(plan.down_s)
        await victim.start()


async def _judge(uri: str, wishes: list[Wish]) -> dict[str, Any]:
    """Compare what stations were promised with what the database has."""
    async with AsyncMongoClient[dict[str, Any]](uri) as client:
        bookings = client[DATABASE]["bookings"]
        stored = {found["_id"]: found async for found in bookings.find()}
    promised = [wish for wish in wishes if wish.booking]
    lost = [
        wish
        for wish in promised
        if wish.booking not in stored or stored[wish.booking]["state"] != wish.state
    ]
    ids = Counter(wish.booking for wish in promised)
    ends = Counter(found["state"] for found in stored.values())
    why = Counter(
        f"{found['state']}: {(found['reason'] or {}).get('code')}"
        for found in stored.values()
        if found["state"] != "arrived"
    )
    active = [found for found in stored.values() if found["state"] not in FINAL]
    cars = Counter(found["car_id"] for found in active if found["car_id"])
    twice = sum(n - 1 for n in ids.values()) + sum(n - 1 for n in cars.values())
    return {
        "wished": len(wishes),
        "promised": len(promised),
        "arrived": ends["arrived"],
        "lost": len(lost),
        "double": twice + max(0, len(stored) - len(ids)),
        "not_final": len(active),
        "not_arrived": dict(why),
    }


def has_passed(report: dict[str, Any]) -> bool:
    """Whether nothing was lost or double, every ride arrived, and every takeover was in time."""
    wished = report["wished"]
    whole = (report["promised"], report["arrived"]) == (wished, wished)
    none = (report["lost"], report["double"], report["not_final"]) == (0, 0, 0)
    in_time = (report["longest_takeover_s"] or 0.0) <= report["plan"]["takeover_s"]
    return whole and none and in_time and not report["strange"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make failures", description=__doc__)
    for name in ("rides", "stations", "cars", "seed", "city"):
        default = getattr(FailurePlan, name)
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--every", type=float, default=FailurePlan.every_s, dest="every_s")
    parser.add_argument("--takeover", type=float, default=FailurePlan.takeover_s, dest="takeover_s")
    parser.add_argument("--keep", type=Path, help="folder for logs and data")
    asked = vars(parser.parse_args())
    with tempfile.TemporaryDirectory(prefix="failures-") as temporary:
        folder = asked.pop("keep") or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(failures(FailurePlan(**asked), folder))
    print(json.dumps(report, indent=1))
    return 0 if has_passed(report) else 1


if __name__ == "__main__":
    sys.exit(main())
