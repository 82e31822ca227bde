"""`pixelopolis fleet` over a real server: log in, look, command, and be told what went wrong."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pixelopolis.city.route import Place
from pixelopolis.cli import fleet as module
from pixelopolis.cli.main import app, as_known
from server import operator_desk
from server.identity.access import Role
from tests.server.conftest import database, mongodb_uri  # noqa: F401
from tests.support.desktop import CITY, Desktop, running
from tests.support.fake_car import FakeCar
from tests.support.operators import PASSWORD, add_operator


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("PIXELOPOLIS_TOKEN", raising=False)
    return tmp_path / "pixelopolis"


@pytest.fixture
async def desktop(mongodb_uri: str, database: str) -> AsyncIterator[Desktop]:  # noqa: F811
    async with running(mongodb_uri, database) as opened:
        await add_operator(mongodb_uri, database, Role.OPERATOR, "ada")
        await opened.drive_in(FakeCar(CITY, "car1", Place("1", 0.2)))
        yield opened


async def fleet(desktop: Desktop, *words: str, typed: str = "") -> Result:
    url = str(desktop.client.make_url("")).rstrip("/")
    line = ["fleet", *words, "--server", url]
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, line, input=typed))


def why(result: Result) -> str:
    assert isinstance(result.exception, Exception), result.output
    return str(as_known(result.exception))


async def test_an_operator_s_day(desktop: Desktop, home: Path) -> None:
    assert "fleet login" in why(await fleet(desktop, "cars"))
    logged_in = await fleet(desktop, "login", "ada", typed=f"{PASSWORD}\n")
    assert "ada is logged in as operator" in logged_in.stdout
    assert PASSWORD not in logged_in.output
    assert stat.S_IMODE((home / module.SESSION_FILE).stat().st_mode) == 0o600
    booking = await desktop.book("kiosk", "museum")
    assert "car1" in (await fleet(desktop, "cars")).stdout
    assert booking["id"] in (await fleet(desktop, "bookings")).stdout
    assert (await fleet(desktop, "stop", "--all")).stdout == (
        "All cars are stopped; confirmed by car1.\n"
    )
    assert "ALL CARS ARE STOPPED" in (await fleet(desktop, "cars")).stdout
    assert (await fleet(desktop, "resume", "--all")).exit_code == 0
    assert "is cancelled" in (await fleet(desktop, "end", booking["id"])).stdout
    for words in (
        ("pause", "car1"),
        ("resume", "car1"),
        ("stop", "car1"),
        ("resume", "car1"),
        ("home", "car1"),
        ("park", "car1"),
        ("retire", "car1"),
        ("close", "9"),
        ("open", "9"),
        ("remove", "car1"),
        ("place", "car1", "1", "0.2"),
        ("waits",),
    ):
        done = await fleet(desktop, *words)
        assert done.exit_code == 0, (words, done.exception)
    entries = json.loads((await fleet(desktop, "audit", "--json")).stdout)["entries"]
    assert len(entries) == 15
    assert {entry["outcome"] for entry in entries} == {"done"}
    assert "place car1 1 0.2: done" in (await fleet(desktop, "audit")).stdout
    assert (await fleet(desktop, "logout")).exit_code == 0
    assert "fleet login" in why(await fleet(desktop, "cars"))


async def test_what_goes_wrong_is_told_and_is_an_error(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_desk, "READ_BACK_S", 0.2)
    await fleet(desktop, "login", "ada", typed=f"{PASSWORD}\n")
    desktop.cars[0].is_obedient = False
    result = await fleet(desktop, "stop", "--all")
    assert result.exit_code == 1
    assert "NOT CONFIRMED" in why(result)
    assert "car1" in why(result)
    assert "no 'car9'" in why(await fleet(desktop, "park", "car9"))
    for words in (("stop",), ("stop", "car1", "--all")):
        assert (await fleet(desktop, *words)).exit_code == 2


def test_a_server_that_is_not_there_is_named() -> None:
    result = CliRunner().invoke(app, ["fleet", "cars", "--server", "http://127.0.0.1:9"])
    assert "--server 'http://127.0.0.1:9': it does not answer" in why(result)


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "ws://127.0.0.1:8080", "", "ftp://x"])
def test_what_is_no_address_of_a_server_is_named(address: str) -> None:
    result = CliRunner().invoke(app, ["fleet", "cars", "--server", address])
    assert "no address of a server" in why(result)


async def test_a_role_that_is_too_small_is_told_whom_to_ask(
    desktop: Desktop,
    mongodb_uri: str,  # noqa: F811
    database: str,  # noqa: F811
) -> None:
    await add_operator(mongodb_uri, database, Role.VIEWER, "eve")
    assert (await fleet(desktop, "login", "eve", typed=f"{PASSWORD}\n")).exit_code == 0
    said = why(await fleet(desktop, "stop", "--all"))
    assert "your role does not allow this" in said
    assert "server users add NAME --role" in said
