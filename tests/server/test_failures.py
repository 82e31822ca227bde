"""A short, seeded `make failures`: server, standby and database killed, and no ride lost."""

from __future__ import annotations

from pathlib import Path

from tests.soak.failures import FailurePlan, failures


async def test_no_ride_is_lost_while_parts_are_killed(mongodb_uri: str, tmp_path: Path) -> None:
    plan = FailurePlan(
        rides=24, stations=6, cars=3, every_s=3.0, down_s=0.5, city="grid:3x2:5", limit_s=240.0
    )
    report = await failures(plan, tmp_path)
    assert (report["wished"], report["promised"], report["arrived"]) == (24, 24, 24), report
    assert (report["lost"], report["double"], report["not_final"]) == (0, 0, 0)
    assert report["not_arrived"] == {}
    assert report["strange"] == []
    assert sum(report["kills"].values()) > 0
