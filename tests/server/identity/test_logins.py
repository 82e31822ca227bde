"""Sessions end, and logins do not wait for each other for long."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from pixelopolis.city.sources import load_city
from pixelopolis.refusals import RequestRefusedError
from server.identity.access import Role
from server.identity.logins import MAX_WAITING, SESSION_S, Logins
from server.identity.operator_store import Operator, OperatorStore
from server.storage.mongo import Store
from tests.support.operators import PASSWORD, add_operator

CITY = load_city("pixelopolis")


async def test_a_session_ends_by_itself_and_with_its_operator(
    mongodb_uri: str, database: str
) -> None:
    now_s = 1000.0
    async with Store(mongodb_uri, CITY.name, database) as store:
        operators = OperatorStore(store.database)
        held = Logins(operators, lambda: now_s, lambda: now_s)
        await add_operator(mongodb_uri, database, Role.VIEWER, "ada")
        token, _ = await held.log_in("ada", PASSWORD, "here")
        now_s += SESSION_S - 1
        assert (await held.operator(token)) is not None
        now_s += 1
        assert await held.operator(token) is None
        token, _ = await held.log_in("ada", PASSWORD, "here")
        assert await operators.remove("ada")
        assert await held.operator(token) is None
        await add_operator(mongodb_uri, database, Role.VIEWER, "ada")
        assert await held.operator(token) is None, "an old session came back with the name"


async def test_another_password_ends_a_login_that_is_under_way(
    mongodb_uri: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncMongoClient[dict[str, Any]](mongodb_uri) as client:
        store = OperatorStore(client[database])
        old = Operator("ada", Role.ADMIN, "old hash")
        await store.put(old)
        logins = Logins(store, lambda: 0.0, lambda: 1000.0)
        began, goes_on = threading.Event(), threading.Event()

        def slowly(_: str | None, __: str) -> bool:
            began.set()
            return goes_on.wait(30)

        monkeypatch.setattr("server.identity.logins.is_password", slowly)
        login = asyncio.create_task(logins.log_in("ada", "old", "here"))
        await asyncio.to_thread(began.wait, 30)
        await store.put(replace(old, password="new hash"))
        goes_on.set()
        token, _ = await login
        assert await logins.operator(token) is None


async def test_nobody_waits_behind_many_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr("server.identity.logins.is_password", lambda *_: goes_on.wait(30))

    class Empty:
        async def find(self, _: str) -> None:
            return None

    logins = Logins(Empty(), lambda: 0.0, lambda: 0.0)  # type: ignore[arg-type]
    tries = [asyncio.create_task(logins.log_in(f"n{i}", "x", f"a{i}")) for i in range(MAX_WAITING)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(RequestRefusedError) as caught:
        await logins.log_in("ada", "x", "here")
    assert caught.value.status == 429
    goes_on.set()
    ends = await asyncio.gather(*tries, return_exceptions=True)
    assert all(isinstance(end, RequestRefusedError) and end.status == 401 for end in ends)
