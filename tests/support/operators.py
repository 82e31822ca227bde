"""Operators of a server under test."""

from __future__ import annotations

from typing import Any

from aiohttp.test_utils import TestClient
from pymongo import AsyncMongoClient

from server.identity.access import Role
from server.identity.operator_store import Operator, OperatorStore
from server.identity.passwords import hash_password

PASSWORD = "correct horse battery staple"
_STORED = hash_password(PASSWORD)


async def add_operator(uri: str, database: str, role: Role, name: str = "") -> None:
    """Add an operator, by default named as the role, whose password is `PASSWORD`."""
    async with AsyncMongoClient[dict[str, Any]](uri) as client:
        store = OperatorStore(client.get_database(database))
        await store.put(Operator(name or role, role, _STORED))


async def log_in(
    client: TestClient[Any, Any], uri: str, database: str, role: Role
) -> dict[str, str]:
    """Add an operator with a role, and return the headers of a session."""
    await add_operator(uri, database, role)
    answer = await client.post(
        "/api/operator/login", json={"name": str(role), "password": PASSWORD}
    )
    assert answer.status == 200, await answer.text()
    return {"Authorization": f"Bearer {(await answer.json())['token']}"}
