"""The car's own key: made on the car, kept for its owner alone."""

from __future__ import annotations

import asyncio
import stat
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from car.identity import CarIdentity, enroll
from car.settings import CarSettings
from pixelopolis.errors import SettingsError
from pixelopolis.identity.signatures import (
    enrollment_proof,
    is_signed,
    link_proof,
    public_key,
    public_text,
)
from pixelopolis.identity.view_token import make_view_token
from tests.support.credentials import SERVER_KEY, key_of, write_key


def settings(tmp_path: Path, url: str = "ws://127.0.0.1:9", **more: Any) -> CarSettings:
    known = {
        "id": "car1",
        "city": "pixelopolis",
        "start": {"edge": "13", "s_m": 0.6},
        "camera": {"source": "virtual:none"},
        "board": {"port": "none"},
        "server": {"url": url, **more},
    }
    file = tmp_path / "car.key"
    return CarSettings.model_validate(known).model_copy(update={"key": file})


class Desk:
    """Enrolls anybody who has the code."""

    def __init__(self) -> None:
        self.enrolled: dict[str, Any] = {}
        self.refusal: Any = None
        app = web.Application()
        app.router.add_post("/api/cars/enroll", self.enroll)
        app.router.add_post("/api/cars/car1/challenge", self.challenge)
        self.server = TestServer(app)

    async def enroll(self, request: web.Request) -> web.Response:
        if self.refusal is not None:
            return web.json_response(self.refusal, status=403)
        self.enrolled = await request.json()
        view_key = public_text(SERVER_KEY.public_key())
        return web.json_response({"serial": "car1", "view_key": view_key}, status=201)

    async def challenge(self, _: web.Request) -> web.Response:
        return web.json_response({"nonce": "n1", "server_time_s": time.time() + 5000})


@pytest.fixture
async def desk() -> Any:
    desk = Desk()
    await desk.server.start_server()
    yield desk
    await desk.server.close()


def url_of(desk: Desk) -> str:
    return str(desk.server.make_url("")).replace("http", "ws").rstrip("/")


async def test_a_car_makes_its_key_and_keeps_it_to_itself(tmp_path: Path, desk: Desk) -> None:
    wanted = settings(tmp_path, url_of(desk))
    file = await enroll(wanted, "CODE")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = desk.enrolled
    assert (said["serial"], said["code"]) == ("car1", "CODE")
    key = public_key(said["public_key"])
    assert is_signed(key, enrollment_proof("car1", "CODE"), said["proof"])
    assert "PRIVATE" not in str(said)
    identity = CarIdentity.load(wanted)
    async with aiohttp.ClientSession() as session:
        headers = await identity.authorize(session, url_of(desk))
    nonce, _, signature = headers["Authorization"].removeprefix("PixelopolisCar ").partition(".")
    assert nonce == "n1"
    assert is_signed(key, link_proof("car1", "n1"), signature)
    # tokens are as old as the server says, whatever this car's clock says
    assert identity.opens_view(make_view_token(SERVER_KEY, "car1", time.time() + 5000))
    assert not identity.opens_view(make_view_token(SERVER_KEY, "car1", time.time()))
    with pytest.raises(SettingsError, match="exists: this car was enrolled"):
        await enroll(wanted, "CODE")


async def test_a_refusal_is_told_in_the_servers_words_and_leaves_no_key(
    tmp_path: Path, desk: Desk
) -> None:
    desk.refusal = {
        "error": {"code": "invalid_code", "message": "code: wrong.", "next_step": "Ask."}
    }
    with pytest.raises(SettingsError, match="code: wrong"):
        await enroll(settings(tmp_path, url_of(desk)), "CODE")
    desk.refusal = ["nonsense"]
    with pytest.raises(SettingsError, match=r"server\.url"):
        await enroll(settings(tmp_path, url_of(desk)), "CODE")
    with pytest.raises(SettingsError, match=r"server\.url: ws://127\.0\.0\.1:9 does not answer"):
        await enroll(settings(tmp_path), "CODE")
    assert await asyncio.to_thread(lambda: [*tmp_path.iterdir()]) == []


def test_a_car_without_a_key_is_told_how_to_enroll(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not enrolled") as refused:
        CarIdentity.load(settings(tmp_path))
    assert "pixelopolis server enroll" in refused.value.next_step


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_use_is_not_used(tmp_path: Path, mode: int) -> None:
    wanted = settings(tmp_path)
    assert wanted.key is not None
    write_key(wanted.key, "car1")
    CarIdentity.load(wanted)
    wanted.key.chmod(mode)
    with pytest.raises(SettingsError, match=f"mode 0{mode:o}"):
        CarIdentity.load(wanted)


@pytest.mark.parametrize("damage", [b"", b"nothing", b"-----BEGIN PUBLIC KEY-----"])
def test_a_damaged_key_file_is_named(tmp_path: Path, damage: bytes) -> None:
    wanted = settings(tmp_path)
    assert wanted.key is not None
    write_key(wanted.key, "car1")
    wanted.key.write_bytes(damage)
    with pytest.raises(SettingsError, match="is no key file"):
        CarIdentity.load(wanted)


def test_an_authority_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    wanted = settings(tmp_path, ca=str(tmp_path / "none.pem"))
    assert wanted.key is not None
    write_key(wanted.key, "car1")
    with pytest.raises(SettingsError, match=r"server\.ca: '.*none\.pem' cannot be used"):
        CarIdentity.load(wanted)
    assert key_of("car1") is not key_of("car2")
