"""A short sample of `make strangers`."""

from __future__ import annotations

from typing import Any

from pymongo import AsyncMongoClient

from tests.soak.strangers import Strangers
from tests.support.desktop import Desktop


async def test_no_stranger_is_let_through(
    desktop: Desktop, mongodb_uri: str, database: str
) -> None:
    base = str(desktop.client.make_url("/")).rstrip("/")
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as client:
        report = await Strangers(base, client[database], seed=2).attack(150)
    assert report["let_through"] == []
    assert report["server_errors"] == []
    assert len(report["kinds"]) > 12
    assert report["attempts"] > 140
