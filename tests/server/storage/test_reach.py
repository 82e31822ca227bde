"""Commands reach a server's database, whether it runs or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelopolis.errors import SettingsError
from pixelopolis.folder_lock import lock_folder
from server.storage.reach import URI_FILE, own_mongod, reach_database


async def test_a_named_database_is_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reach_database("mongodb://named", tmp_path) as uri:
        assert uri == "mongodb://named"
    monkeypatch.setenv("MONGODB_URI", "mongodb://environment")
    async with reach_database("", tmp_path) as uri:
        assert uri == "mongodb://environment"


async def test_the_mongod_that_runs_is_used_and_one_is_started_where_none_runs(
    tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MONGODB_URI", raising=False)
    async with own_mongod(tmp_path) as mongod, reach_database("", tmp_path) as uri:
        assert uri == mongod.uri
    assert not (tmp_path / URI_FILE).exists()
    async with reach_database("", tmp_path) as uri:
        assert uri == (tmp_path / URI_FILE).read_text()


async def test_a_folder_that_something_else_uses_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MONGODB_URI", raising=False)
    with lock_folder(tmp_path / "db", "--data"), pytest.raises(SettingsError, match="in use"):
        async with reach_database("", tmp_path):
            pass
