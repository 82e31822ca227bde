"""A whole car in the real-time simulator whose `board.mirrored` is wrong."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
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
from tests.e2e.conftest import post
from tests.support.credentials import identity_of

CITY = load_city("pixelopolis")
(START,) = spawn_places(CITY, 1)
WAIT_S = 120.0

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A simulator with one car for all tests; yield its folder."""
    folder = tmp_path_factory.mktemp("sim")
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "pixelopolis", "sim", "--cars", "1"),
            *("--dir", str(folder), "--http-port", "0"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            end_s = time.monotonic() + WAIT_S
            while not (folder / "ready").exists():
                assert process.poll() is None
                assert time.monotonic() < end_s
                time.sleep(0.05)
            yield folder
        finally:
            process.terminate()


def put_at_start(simulator: Path) -> None:
    """Put the car where it began."""
    place = {"car": "car1", "edge": START.edge, "s_m": START.s_m}
    status, answer = post(f"{json.loads((simulator / 'ready').read_text())['url']}/place", place)
    assert status == 200, answer


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
    put_at_start(simulator)
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
    car = CarProcess(settings, CITY, load_lane_model(None), identity_of("car1"))
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
