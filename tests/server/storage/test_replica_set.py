"""A replica set of three real mongods whose primary is killed in mid-ride."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pixelopolis.city.route import Place
from tests.support.desktop import CITY, running, until
from tests.support.fake_car import FakeCar
from tests.support.replica_set import ReplicaSet

LIMIT_S = 240.0


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_a_ride_goes_on_while_the_primary_of_the_database_is_killed(
    mongodb_uri: str, tmp_path: Path
) -> None:
    car = FakeCar(CITY, "car1", Place("1", 0.2), step_m=0.005)
    async with (
        asyncio.timeout(LIMIT_S),
        ReplicaSet(tmp_path) as replicas,
        running(replicas.uri, "town") as desktop,
    ):
        await desktop.drive_in(car)
        booking = await desktop.book("kiosk", "planetarium")
        await until(lambda: car.driving)
        killed = await replicas.kill_primary()
        assert await replicas.primary() != killed
        car.step_m = 0.1
        arrived = await desktop.ends(booking["id"])
        assert (arrived["car_id"], car.cancels) == ("car1", 0)
        assert len({order.order_id for order in car.orders}) == 1
        await replicas.start(killed)
        await desktop.ends((await desktop.book("kiosk", "museum"))["id"])
