"""After any failure the wheels stop and the car drives again; times are not tested here."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sim.evaluation.stops import FAILURES, measure_stops
from sim.hardware.firmware_program import BoardKind
from tests.support.firmware_build import build_board

pytestmark = pytest.mark.realtime


async def stops_of(kind: BoardKind) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="px") as folder:
        return await measure_stops(kind, Path(folder), rounds=1, seed=2)


async def test_every_failure_stops_the_wheels_and_the_car_drives_again() -> None:
    for kind in BoardKind:
        build_board(kind)
    # in parallel, which would falsify a measurement
    for rows in await asyncio.gather(*map(stops_of, BoardKind)):
        assert set(rows) == {failure.name for failure in FAILURES}
        assert rows.pop("battery low")["reported_ms"] > 0
        for row in rows.values():
            assert row["at_rest_ms"] >= row["goal_zero_ms"]
            assert row["at_rest_ms"] > 0
            assert row["drives_again_ms"] > 0
