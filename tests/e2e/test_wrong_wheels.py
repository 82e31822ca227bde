"""A whole car in the real-time simulator whose `board.mirrored` is wrong."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from car.orders.health import ERROR_WHEELS
from car.perception.lane_network import load_lane_model
from car.process import CarProcess
from car.settings import CarSettings
from pixelopolis.city.route import Place
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from pixelopolis.vda5050.order_progress import make_order
from pixelopolis.vda5050.state import ErrorLevel, State, StateError
from tests.car.orders.test_server_link import FakeServer

CITY = load_city("pixelopolis")
(START,) = spawn_places(CITY, 1)
WAIT_S = 120.0

pytestmark = pytest.mark.e2e


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Path]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pixelopolis", "sim", "--cars", "1"),
        *("--dir", str(tmp_path), "--http-port", "0"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(WAIT_S):
        while not (tmp_path / "ready").exists():  # noqa: ASYNC110 (another process makes it)
            await asyncio.sleep(0.05)
    yield tmp_path
    process.terminate()
    await process.wait()


async def faulty(server: FakeServer) -> tuple[State, StateError]:
    async with asyncio.timeout(WAIT_S):
        while True:
            state = await server.next_state()
            for error in state.errors:
                if error.error_type == ERROR_WHEELS:
                    return state, error


@pytest.mark.parametrize(
    ("mirrored", "named"), [(["left"], "both wheels"), (["left", "right"], "its left wheel")]
)
async def test_it_stops_at_once_and_tells_the_desk_which(
    mirrored: list[str], named: str, simulator: Path
) -> None:
    server = FakeServer()
    await server.server.start_server()
    settings = CarSettings.model_validate(
        {
            "id": "car1",
            "city": "pixelopolis",
            "start": {"edge": START.edge, "s_m": START.s_m},
            "camera": {"source": f"virtual:{simulator / 'car1.camera'}"},
            "board": {"port": str(simulator / "car1.bus"), "mirrored": mirrored},
            "server": {"url": str(server.server.make_url("")).replace("http", "ws")},
            "detector": {"use": False},
        }
    )
    route = find_route(CITY, START, Place("6", 0.1))
    car = CarProcess(settings, CITY, load_lane_model(None))
    task = asyncio.create_task(car.run())
    try:
        await server.next_state()
        await server.send(
            make_order(
                CITY,
                route,
                order_id="o1",
                order_update_id=0,
                released_edges=len(route.edges),
                first_node=0,
                header_id=0,
                serial_number="car1",
                timestamp=datetime.now(UTC),
            )
        )
        state, error = await faulty(server)
    finally:
        car.stop()
        await task
        await server.server.close()
    assert state.info("driveState") == "faulty"
    assert state.distance_since_last_node < 0.35
    assert error.error_level is ErrorLevel.FATAL
    assert named in (error.error_description or "")
    assert "board.mirrored" in (error.error_hint or "")
