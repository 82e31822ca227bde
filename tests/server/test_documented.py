"""A short sample of `make schemathesis`."""

from __future__ import annotations

from pathlib import Path

from tests.soak.documented import ask_all, has_passed


async def test_every_answer_is_as_the_document_says(tmp_path: Path) -> None:
    report = await ask_all(1, seed=1, folder=tmp_path, callers=("nobody", "station", "admin"))
    assert has_passed(report), report
    assert all(run["cases"] > 300 for run in report["as"].values())
