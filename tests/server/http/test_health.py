"""Health within a second, also while the database hangs; and figures."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pixelopolis.city.route import Place
from server.http.app import make_app
from server.http.health import ANSWER_S
from server.storage.embedded_mongod import Mongod
from tests.support.desktop import CITY, Desktop
from tests.support.fake_car import FakeCar


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_a_database_that_hangs_keeps_nobody_waiting_who_asks_for_health(
    mongodb_uri: str, tmp_path: Path
) -> None:
    """Its process is stopped, so that it neither answers nor closes connections."""
    async with Mongod(tmp_path) as uri:
        app = make_app(CITY, uri)
        async with TestClient[Any, Any](TestServer(app)) as client:
            assert (await client.get("/healthz")).status == 200
            pid = int((tmp_path / "db" / "mongod.lock").read_text())
            os.kill(pid, signal.SIGSTOP)
            try:
                for path, status in (("/healthz", 503), ("/readyz", 503), ("/livez", 200)):
                    async with asyncio.timeout(5 * ANSWER_S):
                        assert (await client.get(path)).status == status, path
            finally:
                os.kill(pid, signal.SIGCONT)


async def test_figures_tell_of_cars_rides_and_waits(desktop: Desktop) -> None:
    await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.8)))
    booking = await desktop.book("kiosk", "planetarium")
    await desktop.ends(booking["id"])
    answer = await desktop.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    lines = (await answer.text()).splitlines()
    for line in (
        "pixelopolis_leads 1.0",
        'pixelopolis_cars{state="ready"} 1.0',
        'pixelopolis_rides_ended_total{state="arrived"} 1.0',
        "pixelopolis_wait_for_car_seconds_count 1.0",
        "pixelopolis_ride_seconds_count 1.0",
        'pixelopolis_bookings_active{state="driving"} 0.0',
    ):
        assert line in lines
    steps = next(line for line in lines if line.startswith("pixelopolis_step_seconds_count"))
    assert float(steps.split()[1]) > 0


async def test_all_of_it_is_documented(desktop: Desktop) -> None:
    document = await (await desktop.client.get("/api/openapi.json")).json()
    assert {"/livez", "/healthz", "/readyz", "/metrics"} <= document["paths"].keys()
