"""Operators log in; without a session, or with too small a role, nothing is answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from pixelopolis.city.sources import load_city
from server.http import app as whole
from server.http.operations import Operation
from server.identity.access import ApiAccess, Role
from server.identity.tokens import TokenKind, new_token
from server.storage.mongo import Store
from tests.support.operators import PASSWORD, add_operator, log_in

CITY = load_city("pixelopolis")
Client = TestClient[Any, Any]


@pytest.fixture
async def client(mongodb_uri: str, database: str) -> AsyncIterator[Client]:
    app = whole.make_app(CITY, mongodb_uri, database=database)
    async with TestClient(TestServer(app)) as running:
        yield running


async def login(client: Client, name: str, password: str) -> tuple[int, Any]:
    answer = await client.post("/api/operator/login", json={"name": name, "password": password})
    return answer.status, await answer.json()


async def whoami(client: Client, token: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = await client.get("/api/operator/whoami", headers=headers)
    return answer.status, await answer.json()


async def test_an_operator_logs_in_asks_who_it_is_and_logs_out(
    client: Client, mongodb_uri: str, database: str
) -> None:
    await add_operator(mongodb_uri, database, Role.OPERATOR, "ada")
    status, session = await login(client, "ada", PASSWORD)
    assert (status, session["name"], session["role"]) == (200, "ada", "operator")
    assert session["ends_in_s"] == 8 * 3600
    assert await whoami(client, session["token"]) == (200, {"name": "ada", "role": "operator"})
    headers = {"Authorization": f"Bearer {session['token']}"}
    assert (await client.post("/api/operator/logout", headers=headers)).status == 204
    status, answer = await whoami(client, session["token"])
    assert (status, answer["error"]["code"]) == (401, "unauthenticated")


async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(
    client: Client, mongodb_uri: str, database: str
) -> None:
    await add_operator(mongodb_uri, database, Role.ADMIN, "ada")
    answers = [await login(client, *said) for said in (("ada", "wrong"), ("eve", PASSWORD))]
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


async def test_guessing_is_slowed_down_and_does_not_lock_out_another_name(
    client: Client, mongodb_uri: str, database: str
) -> None:
    for name in ("ada", "bob"):
        await add_operator(mongodb_uri, database, Role.ADMIN, name)
    statuses = [(await login(client, "ada", f"guess {n}"))[0] for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    answer = await client.post("/api/operator/login", json={"name": "ada", "password": PASSWORD})
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 30
    for _ in range(10):  # right passwords do not count
        assert (await login(client, "bob", PASSWORD))[0] == 200


async def test_what_is_stored_of_a_session_is_of_no_use(
    client: Client, mongodb_uri: str, database: str
) -> None:
    headers = await log_in(client, mongodb_uri, database, Role.ADMIN)
    token = headers["Authorization"].split()[1]
    async with Store(mongodb_uri, CITY.name, database) as store:
        stored = await store.database["sessions"].find().to_list()
    assert len(stored) == 1
    assert token not in json.dumps(stored)
    assert (await whoami(client, stored[0]["_id"]))[0] == 401


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YWRhOmFkYQ=="},
        {"Authorization": f"bearer {new_token(TokenKind.OPERATOR)}"},
        {"Authorization": f"Bearer {new_token(TokenKind.OPERATOR)}"},
        {"Authorization": f"Bearer {new_token(TokenKind.STATION)}"},
        {"Authorization": "Bearer \u00e9"},
    ],
)
async def test_without_a_session_nobody_is_anybody(client: Client, said: dict[str, str]) -> None:
    answer = await client.get("/api/operator/whoami", headers=said)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("role", Role)
async def test_a_role_opens_what_it_includes_and_nothing_more(
    role: Role, mongodb_uri: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def done(_: web.Request) -> web.Response:
        return web.json_response({})

    ops = [Operation("POST", f"/api/try/{r}", done, r, "Try.", None) for r in Role]
    monkeypatch.setattr(whole, "OPERATIONS", (*whole.OPERATIONS, *ops))
    app = whole.make_app(CITY, mongodb_uri, database=database)
    async with TestClient(TestServer(app)) as client:
        headers = await log_in(client, mongodb_uri, database, role)
        for needed in Role:
            answer = await client.post(f"/api/try/{needed}", headers=headers)
            assert answer.status == (200 if role.includes(needed) else 403)
            assert (await client.post(f"/api/try/{needed}")).status == 401


def test_everything_served_under_api_is_in_the_table(tmp_path: Path) -> None:
    app = whole.make_app(CITY, "mongodb://nowhere", station_folder=tmp_path)
    table = {(op.method, op.path) for op in whole.OPERATIONS}
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    others = {("GET", "/api/openapi.json"), ("GET", "/api/asyncapi.json"), ("GET", "/{name}")}
    assert served - others == table
    assert all(op.access is not ApiAccess.PUBLIC or op.summary for op in whole.OPERATIONS)
