"""A few seconds of `make soak`: real server and mongod, hostile peers, and honest cars."""

from __future__ import annotations

from pathlib import Path

from tests.soak.run import Plan, soak


async def test_a_short_soak_ends_no_part_and_every_booking(
    mongodb_uri: str, tmp_path: Path
) -> None:
    plan = Plan(
        city="grid:3x2:5",
        hostile_cars=5,
        honest_cars=4,
        stations=8,
        seconds=6.0,
        settle_s=0.0,
        burst_s=0.1,
        seed=1,
    )
    report = await soak(plan, tmp_path)
    assert report["parts_ended"] == []
    assert report["strange"] == []
    assert report["bookings_not_final"] == 0
    assert report["hostile_messages"] > 50
    assert report["honest_messages"] > 50
    assert report["requests"] > 5
    assert report["log_lines"] < 500
