"""A short sample of `make strangers`, and requests made from the OpenAPI document."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pymongo import AsyncMongoClient
from yarl import URL

from server.http.app import OPERATIONS
from server.http.openapi import document
from server.identity.access import ApiAccess, Role
from tests.soak.strangers import Strangers
from tests.support.credentials import station_headers
from tests.support.desktop import Desktop
from tests.support.operators import log_in

DOCUMENT = json.loads(json.dumps(document(OPERATIONS)))
PATHS = DOCUMENT["paths"]
ACCESS = {(op.method, op.path): op.access for op in OPERATIONS}


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


@pytest.mark.parametrize("who", ["nobody", "station", *Role])
async def test_any_request_of_the_document_is_answered_as_it_says(
    who: str, desktop: Desktop, mongodb_uri: str, database: str
) -> None:
    """For each operation some requests with bodies and names made from the document, and others."""
    headers: dict[str, str] = {}
    if who == "station":
        headers = await station_headers(desktop.client, "kiosk")
    elif who != "nobody":
        headers = await log_in(desktop.client, mongodb_uri, database, Role(who))
    loop, strange = asyncio.get_running_loop(), []
    base = str(desktop.client.make_url("/")).rstrip("/")

    async def ask(method: str, path: str, body: Any) -> None:
        names = iter(body["names"])
        filled = re.sub(r"\{\w+\}", lambda _: quote(next(names), safe=""), path)
        data = body["garbage"] if body["garbage"] is not None else json.dumps(body["json"]).encode()
        async with desktop.client.session.request(
            method,
            URL(f"{base}{filled}", encoded=True),
            data=data if method != "GET" else None,
            headers={"Content-Type": "application/json", **headers},
        ) as answer:
            status, kind = answer.status, answer.content_type
            await answer.read()
        expected = PATHS[path][method.lower()]["responses"]
        if status >= 500 and path != "/readyz":
            strange.append((method, path, status, body))
        if str(status) not in expected and status != 404:
            strange.append((method, path, status, "is not in the document"))
        if status >= 400 and kind != "application/json":
            strange.append((method, path, status, kind))
        if status < 400 and not _may(who, ACCESS[method, path]):
            strange.append((method, path, status, f"{who} has no right"))

    def attempts(method: str, path: str) -> Callable[[], None]:
        @seed(1)
        @settings(
            max_examples=4,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(body=requests_of(method, path))
        def some(body: Any) -> None:
            asyncio.run_coroutine_threadsafe(ask(method, path, body), loop).result(60)

        return some

    for method, path in sorted(ACCESS):
        # no sockets; nor what would end the session, or is slowed down
        if path in PATHS and path not in ("/api/operator/logout", "/api/operator/login"):
            await asyncio.to_thread(attempts(method, path))
    assert strange == []


def requests_of(method: str, path: str) -> st.SearchStrategy[Any]:
    """Return what is sent: JSON of the document's shape or of any other, or no JSON."""
    said = PATHS[path][method.lower()].get("requestBody")
    anything = st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=5,
    )
    if said:
        name = said["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        anything |= of_shape(DOCUMENT["components"]["schemas"][name], anything)
    return st.fixed_dictionaries(
        {
            "names": st.lists(st.text(min_size=1, max_size=300), min_size=3, max_size=3),
            "json": anything,
            "garbage": st.none() | st.binary(max_size=30),
        }
    )


def of_shape(schema: Any, anything: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects with the fields of a schema, most of them as it says."""

    def field(said: Any) -> st.SearchStrategy[Any]:
        if "enum" in said:
            return st.sampled_from(said["enum"])
        if said.get("type") == "string":
            return st.from_regex(said.get("pattern", r"^.{1,40}$"), fullmatch=True) | st.text()
        if said.get("type") == "number":
            return st.floats(-10, 10)
        return anything

    return st.fixed_dictionaries({name: field(x) for name, x in schema["properties"].items()})


def _may(who: str, access: ApiAccess | Role) -> bool:
    if access is ApiAccess.PUBLIC:
        return True
    if isinstance(access, Role):
        return who in set(Role) and Role(who).includes(access)
    return who == "station" and access in (ApiAccess.STATION, ApiAccess.RIDE)
