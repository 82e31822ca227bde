"""The demo's own administrator, who enrolls the cars as a person would."""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import aiohttp

from car.identity import enroll
from car.settings import load_settings
from pixelopolis.errors import MissingPartError
from server.identity.access import Role
from server.identity.operator_store import Operator, OperatorStore
from server.identity.passwords import hash_password
from server.storage.mongo import Store
from server.storage.reach import reach_database

NAME: Final = "demo"
ANSWER_S: Final = 10.0


class DemoOperator:
    """An administrator who is logged in.

    Args:
        url: the server's address.
        name: to log in with.
        password: to log in with.
    """

    def __init__(self, url: str, name: str, password: str) -> None:
        self.name = name
        self.password = password
        self._url = url
        self._token = ""
        self._token_ends_s = 0.0

    async def enroll(self, config: Path) -> None:
        """Enroll the car of a settings file; an older key of its id is revoked."""
        settings = load_settings(config)
        await self._ask("DELETE", f"/api/operator/keys/{settings.id}")
        status, code = await self._ask("POST", "/api/operator/enrollments")
        if status != 201:
            raise MissingPartError(f"the server makes no enrollment code: {code}.", "See its log.")
        await enroll(settings, code["code"])

    async def view_token(self, car: str) -> str | None:
        """Return a token for a car's live view and status; None while the car has no link."""
        try:
            status, view = await self._ask("POST", f"/api/operator/cars/{car}/view")
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
        return parse_qs(urlsplit(view["url"]).query)["token"][0] if status == 200 else None

    async def _ask(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with aiohttp.ClientSession(base_url=self._url, timeout=timeout) as session:
            if time.monotonic() > self._token_ends_s:
                login = {"name": self.name, "password": self.password}
                async with session.post("/api/operator/login", json=login) as answer:
                    answer.raise_for_status()
                    said = await answer.json()
                self._token = said["token"]
                self._token_ends_s = time.monotonic() + said["ends_in_s"] / 2
            headers = {"Authorization": f"Bearer {self._token}"}
            async with session.request(method, path, headers=headers, **body) as answer:
                return answer.status, await answer.json() if answer.status != 204 else None


async def make_operator(url: str, data: Path) -> DemoOperator:
    """Return a new administrator with a random password, of the server at an address.

    Args:
        url: the server's address.
        data: its data folder.
    """
    password = secrets.token_urlsafe(16)
    stored = await asyncio.to_thread(hash_password, password)
    async with reach_database("", data) as uri, Store(uri, "") as store:
        await OperatorStore(store.database).put(Operator(NAME, Role.ADMIN, stored))
    return DemoOperator(url, NAME, password)
