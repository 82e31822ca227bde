"""One soak: hostile traffic for a while, then a calm phase until every booking is final."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from pymongo import AsyncMongoClient

from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from server.storage.mongo import DATABASE
from tests.soak.peers import HonestCar, HostileCar, Station, Viewer, World, again_and_again
from tests.soak.served import Served
from tests.support.credentials import bearer, make_known, token_of

MESSAGES_A_DAY = 20 * 2 * 86_400
"""Messages of twenty cars in 24 hours: two states a second each."""

FLAT = 1.15
"""Largest ratio of the memory at the end to that after warming up."""


@dataclass(frozen=True)
class Plan:
    """Size and duration of the soak.

    Args:
        city: the city.
        hostile_cars: send anything.
        honest_cars: drive what they are granted.
        stations: each with a viewer.
        seconds: of hostile traffic; a fifth of it is warming up.
        settle_s: time for bookings to end by themselves afterwards; then stations cancel them.
        burst_s: mean pause between a hostile car's bursts.
        seed: for everything.
        source: checkout whose server is tested; empty for this one.
    """

    city: str = "grid:4x3:1"
    hostile_cars: int = 12
    honest_cars: int = 8
    stations: int = 50
    seconds: float = 600.0
    settle_s: float = 90.0
    burst_s: float = 0.02
    seed: int = 1
    source: str = ""


async def soak(plan: Plan, folder: Path) -> dict[str, Any]:
    """Run the soak; return the report."""
    served = Served(plan.city, folder, plan.source)
    await served.start()
    watcher = asyncio.create_task(served.watch())
    try:
        return await _soak(plan, served)
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
        await served.stop()


async def _soak(plan: Plan, served: Served) -> dict[str, Any]:
    city = load_city(plan.city)
    places = spawn_places(city, plan.hostile_cars + plan.honest_cars)
    timeout = aiohttp.ClientTimeout(total=20.0)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        world = World(served.base, city, session)
        hostile, honest = _peers(plan, world, places)
        async with AsyncMongoClient[dict[str, Any]](served.mongodb_uri()) as client:
            cars = (f"car{i}" for i in range(len(places)))
            stations = (f"kiosk-{i}" for i in range(plan.stations))
            await make_known(client[DATABASE], cars, stations)
        began_s, cpu_s = time.monotonic(), served.cpu_s()
        honest_tasks = [asyncio.create_task(life) for life in honest]
        hostile_tasks = [asyncio.create_task(life) for life in hostile]
        await asyncio.sleep(plan.seconds)
        ended_s = time.monotonic()
        counts = world.counts.copy()
        await _end(hostile_tasks)
        cpu_s = served.cpu_s() - cpu_s
        warm_mb, end_mb = served.memory(began_s + plan.seconds / 5)
        ended = await served.ended()
        bookings = await _settle(plan, served, world)
        await _end(honest_tasks)
    messages = counts["hostile_messages"] + counts["honest_messages"]
    return {
        "seed": plan.seed,
        "seconds": round(ended_s - began_s, 1),
        "car_messages": messages,
        "hours_worth": round(24 * messages / MESSAGES_A_DAY, 1),
        **{key: counts[key] for key in sorted(counts)},
        **bookings,
        "server_cpu_s": round(cpu_s, 1),
        "warm_mb": warm_mb,
        "end_mb": end_mb,
        "server_mb": served.series(),
        "memory_flat": end_mb <= FLAT * warm_mb,
        "parts_ended": ended,
        "strange": world.strange[:20],
        **served.log_facts(),
    }


Lives = list[Coroutine[Any, Any, None]]


def _peers(plan: Plan, world: World, places: Any) -> tuple[Lives, Lives]:
    hostile: Lives = []
    honest: Lives = []
    for i, place in enumerate(places):
        name = f"car{i}"
        if i >= plan.honest_cars:
            bad = HostileCar(world, name, place, f"{plan.seed} {name}", plan.burst_s)
            hostile.append(again_and_again(bad.live, bad.rng))
        else:
            car = HonestCar(world.city, name, place)
            car.world_counts = world.counts
            rng = HostileCar(world, name, place, f"{plan.seed} {name}", plan.burst_s).rng
            honest.append(again_and_again(lambda car=car: car.live(world), rng))  # type: ignore[misc]
    for i in range(plan.stations):
        station = Station(world, f"kiosk-{i}", f"{plan.seed} station {i}")
        viewer = Viewer(world, f"kiosk-{i}", f"{plan.seed} viewer {i}")
        hostile.append(again_and_again(station.live, station.rng))
        hostile.append(again_and_again(viewer.live, viewer.rng))
    return hostile, honest


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


async def _settle(plan: Plan, served: Served, world: World) -> dict[str, Any]:
    """Wait until every booking is final; stations cancel the remaining ones."""
    async with AsyncMongoClient[dict[str, Any]](served.mongodb_uri()) as client:
        bookings = client[DATABASE]["bookings"]
        end_s = time.monotonic() + plan.settle_s
        while await bookings.count_documents({"active": True}) and time.monotonic() < end_s:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        left = await bookings.find({"active": True}).to_list()
        for found in left:
            token = bearer(token_of(found["station_device_id"]))
            await world.ask("DELETE", f"/api/bookings/{found['_id']}", headers=token)
        ends = await bookings.aggregate([{"$group": {"_id": "$state", "n": {"$sum": 1}}}])
        honest = [f"car{i}" for i in range(plan.honest_cars)]
        served_rides = {"state": "arrived", "car_id": {"$in": honest}}
        return {
            "booking_states": {found["_id"]: found["n"] async for found in ends},
            "honest_arrived": await bookings.count_documents(served_rides),
            "bookings_cancelled_at_the_end": len(left),
            "bookings_not_final": await bookings.count_documents({"active": True}),
        }


def has_passed(report: dict[str, Any]) -> bool:
    """Whether nothing ended, memory stayed constant, and every booking is final."""
    return (
        not report["parts_ended"]
        and not report["strange"]
        and report["memory_flat"]
        and report["bookings_not_final"] == 0
        and report["honest_arrived"] > 0
    )
