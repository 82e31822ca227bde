"""A small `make crowd`: the line is fair and nobody asks twice."""

from __future__ import annotations

from tests.soak.crowd import CrowdPlan, crowd


def test_in_line_nobody_is_overtaken_and_nobody_asks_again() -> None:
    plan = CrowdPlan(city="grid:3x2:5", stations=12, cars=3, arrive_s=10.0)
    report = crowd(plan)
    line, retries = report["line"], report["retries"]
    assert (line["arrived"], retries["arrived"]) == (12, 12)
    assert (line["overtaken"], line["asked"]) == (0, 12)
    assert retries["overtaken"] > 0
    assert retries["asked"] > 12
