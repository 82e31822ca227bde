"""Hostile or disconnecting cars, stations and viewers, and a few honest cars."""

from __future__ import annotations

import asyncio
import contextlib
import random
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from pixelopolis.city.model import City
from pixelopolis.city.route import Place
from pixelopolis.vda5050.frames import decode_from_server, encode
from pixelopolis.vda5050.order import Order
from tests.support.credentials import bearer, car_socket, token_of
from tests.support.fake_car import FakeCar
from tests.support.hostile import BODIES, PATHS, RAW, invalid_text, valid_message

VANISHED = (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError)
POOL = 60
"""Prepared messages of a hostile car; two are replaced for each burst."""


@dataclass
class World:
    """State shared by all peers."""

    base: str
    city: City
    session: aiohttp.ClientSession
    counts: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)
    """Answers that no request may get."""

    async def ws_connect(
        self, path: str, headers: Mapping[str, str]
    ) -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(
            f"{self.base}{path}", headers=headers, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)
        )

    async def post(self, path: str) -> aiohttp.ClientResponse:
        return await self.session.post(f"{self.base}{path}")

    async def ask(self, method: str, path: str, **what: Any) -> tuple[int, Any]:
        """Send a request; return status and JSON, None if the answer has none."""
        self.counts["requests"] += 1
        async with self.session.request(method, f"{self.base}{path}", **what) as answer:
            is_json = answer.content_type == "application/json"
            body = await answer.json() if is_json else await answer.read()
        self.counts[f"status_{answer.status}"] += 1
        if answer.status in (500, 502):
            self.strange.append(f"{method} {path[:80]}: {answer.status} {str(body)[:200]}")
        return answer.status, body if is_json else None


async def again_and_again(life: Callable[[], Awaitable[None]], rng: random.Random) -> None:
    """Run a peer until cancelled; it restarts after anything that the server does to it."""
    while True:
        with contextlib.suppress(*VANISHED):
            await life()
        await asyncio.sleep(rng.uniform(0.05, 1.0))


class HonestCar(FakeCar):
    """Drives its grants, many times as fast as a real car, and reconnects."""

    async def live(self, world: World) -> None:
        await self.connect(world)  # type: ignore[arg-type]
        try:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks, self._tasks = self._tasks, []
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, VANISHED):
                    where = traceback.extract_tb(result.__traceback__)[-1]
                    last = f"{self.place}, {self.plan}, {self.orders[-1:]}"[:1500]
                    world.strange.append(f"honest {self.id}: {where.line}: {result!r}; {last}")
            await self.disconnect()

    def take(self, order: Order) -> None:
        """Accept an order unless the car has already been there, which the server may learn
        late."""
        if not (self.finished and self.plan and order.order_id == self.plan.order_id):
            super().take(order)

    def state(self) -> Any:
        self.world_counts["honest_messages"] += 1
        return super().state()

    world_counts: Counter[str]


class HostileCar:
    """Says anything that is valid and much that is not, and reads when it likes.

    Args:
        world: shared.
        car: its name.
        place: where it says at first that it stands, so that visitors may get it.
        seed: of everything it does.
        burst_s: pause between bursts of messages.
    """

    def __init__(self, world: World, car: str, place: Place, seed: str, burst_s: float) -> None:
        self.rng = random.Random(seed)
        self._world = world
        self._truth = FakeCar(world.city, car, place)
        self._order: Order | None = None
        self._burst_s = burst_s
        self._pool: list[str] = []

    async def live(self) -> None:
        socket = await car_socket(self._world, self._truth.id)
        is_deaf = self.rng.random() < 0.15
        reader = None if is_deaf else asyncio.create_task(self._read(socket))
        try:
            await socket.send_str(encode(self._truth.state()))
            async with asyncio.timeout(self.rng.expovariate(1 / 20.0)):
                while not socket.closed:
                    await self._burst(socket)
        finally:
            if reader is not None:
                reader.cancel()
            if self.rng.random() < 0.5:
                await socket.close()
            else:
                socket._response.close()  # like a car that loses power

    async def _burst(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        rng, city, car = self.rng, self._world.city, self._truth.id
        for _ in range(2):
            if rng.random() < 0.7:
                text = encode(valid_message(rng, city, car, self._order))  # type: ignore[arg-type]
            else:
                text = invalid_text(rng, city, car)
            self._pool.append(text)
        del self._pool[:-POOL]
        if rng.random() < 0.2:
            await socket.send_bytes(rng.randbytes(rng.choice((0, 1, 1000))))
        if rng.random() < 0.02:
            await socket.send_str("x" * rng.choice((1 << 16, 1 << 21)))
        if rng.random() < 0.3:  # sometimes it accepts bookings
            await socket.send_str(encode(self._truth.state()))
        for text in rng.choices(self._pool, k=rng.choice((1, 10, 30))):
            await socket.send_str(text)
            self._world.counts["hostile_messages"] += 1
        await asyncio.sleep(rng.uniform(0.0, 2 * self._burst_s))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            message = decode_from_server(frame.data)
            if isinstance(message, Order):
                self._order = message


class Station:
    """Registers, books, waits, cancels or leaves; also sends requests that no page would."""

    def __init__(self, world: World, name: str, seed: str) -> None:
        self.rng = random.Random(seed)
        self._world = world
        self._name = name

    async def live(self) -> None:
        while True:
            if self.rng.random() < 0.4:
                await self._visit()
            else:
                await self._misbehave()
            await asyncio.sleep(self.rng.expovariate(2.0))

    async def _visit(self) -> None:
        ask = self._world.ask
        token = bearer(token_of(self._name))
        wanted = self.rng.choice(sorted(self._world.city.destinations))
        body = {"station_device_id": self._name, "destination_id": wanted}
        status, booking = await ask("POST", "/api/bookings", json=body, headers=token)
        if status != 201:
            return
        self._world.counts["bookings"] += 1
        patience = self.rng.choice((0, 10, 60, 60, 60))
        for _ in range(patience):
            await asyncio.sleep(0.5)
            status, booking = await ask("GET", f"/api/bookings/{booking['id']}", headers=token)
            if status != 200:
                return
            if booking["state"] in ("arrived", "failed", "cancelled"):
                return
        if self.rng.random() < 0.7:
            await ask("DELETE", f"/api/bookings/{booking['id']}", headers=token)

    async def _misbehave(self) -> None:
        rng, ask = self.rng, self._world.ask
        kind = rng.randrange(4)
        if kind == 0:
            await ask(rng.choice(("GET", "POST", "DELETE", "PUT", "HEAD")), rng.choice(PATHS))
        elif kind == 1:
            path = rng.choice(("/api/stations", "/api/bookings"))
            kinds = ("application/json", "text/plain; charset=utf-99", "application/json;charset=x")
            headers = {"Content-Type": rng.choice(kinds)}
            token = bearer(token_of(rng.choice((self._name, "nobody"))))
            await ask("POST", path, data=rng.choice(BODIES), headers=headers | token)
        else:
            await self._send_raw(rng.choice(RAW))

    async def _send_raw(self, text: bytes) -> None:
        self._world.counts["raw"] += 1
        host, port = self._world.base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(text)
            await asyncio.sleep(self.rng.uniform(0.0, 2.0))
            if self.rng.random() < 0.5:
                async with asyncio.timeout(2.0):
                    await reader.read(1000)
        finally:
            writer.transport.abort()


class Viewer:
    """Follows a station's events: reads, reads slowly, never reads, or disconnects."""

    def __init__(self, world: World, station: str, seed: str) -> None:
        self.rng = random.Random(seed)
        self._world = world
        self._station = station

    async def live(self) -> None:
        socket = await self._world.ws_connect("/api/events", bearer(token_of(self._station)))
        slowness_s = self.rng.choice((0.0, 0.0, 0.5, 1e9))
        try:
            async with asyncio.timeout(self.rng.expovariate(1 / 20.0)):
                while not socket.closed:
                    if self.rng.random() < 0.05:
                        await socket.send_str(self.rng.choice(("", "x" * 3000, "x" * 9000)))
                    if slowness_s < 1e9:
                        await socket.receive()
                        self._world.counts["events"] += 1
                    await asyncio.sleep(min(slowness_s, 3.0))
        finally:
            if self.rng.random() < 0.5:
                await socket.close()
            else:
                socket._response.close()
