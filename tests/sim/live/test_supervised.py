"""Every task of the simulator handles unexpected errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

import sim.live.process
from car.board.motor_bus import MotorBus
from pixelopolis.vehicle.control_table import BOARD_ID, BUS_BAUD
from sim.hardware.bus import VirtualBus
from sim.live.process import Realtime, RealtimeSettings
from sim.live.renderer_link import RendererLink
from sim.live.town import LiveTown

WAIT_S = 60.0


@asynccontextmanager
async def running(
    folder: Path, cars: int = 1
) -> AsyncIterator[tuple[Realtime, asyncio.Task[None], str]]:
    """A city with some cars, its main task, and its URL."""
    realtime, stop = Realtime(RealtimeSettings("figure-eight", cars, folder)), asyncio.Event()
    task = asyncio.create_task(realtime.run(stop), name="town")
    try:
        async with asyncio.timeout(WAIT_S):
            while not (folder / "ready").exists():
                assert not task.done(), task.exception()
                await asyncio.sleep(0.05)
        url = json.loads((folder / "ready").read_text())["url"]
        yield realtime, task, url
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await condition():  # noqa: ASYNC110 (nothing tells a test)
            await asyncio.sleep(0.02)


def own_tasks() -> set[str]:
    folder = str(Path(sim.__file__).parent)
    codes = (cast(Any, task.get_coro()).cr_code for task in asyncio.all_tasks())
    return {code.co_qualname for code in codes if code.co_filename.startswith(folder)}


async def test_one_cars_board_or_one_request_fails_alone_and_the_town_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, cars=2) as (realtime, town, url):
        # each of these either ends the city with its error, or reports it and continues
        assert own_tasks() == {
            "Realtime.run",
            "Realtime._physics",
            "RendererLink.wait_gone",
            "RendererLink._listen",
            "Boards.wait_broken",
        }
        bad = realtime.town.cars["car1"].bus
        real = VirtualBus.receive

        def receive(bus: VirtualBus, *args: Any) -> bytes:
            if bus is bad:
                raise RuntimeError("a packet that nobody expects")
            return real(bus, *args)

        monkeypatch.setattr(VirtualBus, "receive", receive)
        buses = {car: MotorBus(str(tmp_path / f"{car}.bus"), BUS_BAUD) for car in ("car1", "car2")}

        async def answers(car: str) -> bool:
            return await asyncio.to_thread(buses[car].ping, BOARD_ID) is not None

        try:
            assert not await answers("car1")
            await until(lambda: answers("car2"))
            async with aiohttp.ClientSession() as session:

                async def troubles() -> list[str]:
                    async with session.get(f"{url}/state") as state:
                        return [car["board"]["trouble"] for car in (await state.json())["cars"]]

                async def told() -> bool:
                    return any(await troubles())

                await until(told)
                assert await troubles() == ["RuntimeError: a packet that nobody expects", ""]
                monkeypatch.setattr(VirtualBus, "receive", real)
                await until(lambda: answers("car1"))
                with monkeypatch.context() as patch:
                    patch.setattr(LiveTown, "state", lambda _: {}["cars"])
                    async with session.get(f"{url}/state") as answer:
                        assert answer.status == 500
                async with session.get(f"{url}/state") as answer:
                    assert answer.status == 200
                assert not town.done()
        finally:
            for bus in buses.values():
                bus.close()


@pytest.mark.parametrize(
    ("owner", "method"), [(LiveTown, "step"), (RendererLink, "show")], ids=["physics", "scenes"]
)
async def test_a_town_that_cannot_go_on_ends_with_what_it_failed_of(
    owner: Any, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as (_, town, _url):

        def fail(*_: Any) -> None:
            raise RuntimeError("no ground")

        monkeypatch.setattr(owner, method, fail)
        async with asyncio.timeout(WAIT_S):
            with pytest.raises(RuntimeError, match="no ground"):
                await town
    assert not (tmp_path / "ready").exists()
