"""Every task of the server, and mongod, has a supervisor that notices its end."""

from __future__ import annotations

import ast
import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import AsyncMongoClient

import server.fleet_manager
import server.http.station_socket
import server.storage.embedded_mongod
from pixelopolis.city.route import Place
from pixelopolis.errors import StoreError
from server.storage.embedded_mongod import Mongod
from tests.support.credentials import car_socket, event_socket
from tests.support.desktop import CITY, Desktop, until
from tests.support.fake_car import FakeCar

SUPERVISED = {
    # tasks of the server by name, and their supervisors
    "fleet manager": "pixelopolis.supervision.keep_working",
    "watch of keys": "pixelopolis.supervision.keep_working",
    "lease": "pixelopolis.supervision.keep_working",
    "retention": "pixelopolis.supervision.keep_working",
    "stop": "server.http.app.serve waits for it",
    "mongod": "server.http.app.serve waits for it, and ends with what it failed of",
    "mongod again": "server.storage.embedded_mongod.Mongod.keep_running waits for it",
    "socket of car1": "server.http.sockets.serve_socket",
    "socket of station kiosk": "server.http.sockets.serve_socket",
}
MAKERS = {
    "server/http/app.py": 3,
    "server/http/sockets.py": 1,
    "server/storage/embedded_mongod.py": 1,
}
"""Number of tasks that each module makes; new ones belong into `SUPERVISED`."""


def test_tasks_are_made_where_their_supervisor_is() -> None:
    root = Path(server.__file__).parents[1]
    made: dict[str, int] = {}
    for path in sorted((root / "server").glob("**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
            if name in ("create_task", "ensure_future", "Thread", "TaskGroup", "run_in_executor"):
                key = str(path.relative_to(root))
                made[key] = made.get(key, 0) + 1
    assert made == MAKERS


async def test_every_task_that_runs_is_known(desktop: Desktop) -> None:
    before = asyncio.all_tasks()
    car = FakeCar(CITY, "car1", Place("1", 0.8))
    await desktop.drive_in(car)
    viewer = await event_socket(desktop.client, "kiosk")
    await viewer.receive()
    ours = {task for task in asyncio.all_tasks() if _is_of_server(task)}
    assert {task.get_name() for task in ours} == SUPERVISED.keys() - {
        "stop",
        "mongod",
        "mongod again",
    }
    await viewer.close()
    await car.disconnect()
    await until(lambda: {t for t in asyncio.all_tasks() if _is_of_server(t)} <= before)


def _is_of_server(task: asyncio.Task[Any]) -> bool:
    coroutine: Any = task.get_coro()
    file = coroutine.cr_code.co_filename
    return ("/server/" in file and "/tests/" not in file) or file.endswith("/supervision.py")


@pytest.mark.parametrize("name", ["socket of car1", "socket of station kiosk"])
async def test_a_socket_whose_task_fails_is_closed_and_the_peer_may_come_back(
    desktop: Desktop, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("nobody thought of this")

    with monkeypatch.context() as patch:
        patch.setattr("server.http.car_socket._take", fail)
        patch.setattr("server.http.station_socket._must_send", fail)
        patch.setattr(desktop.fleet, "cars", fail)
        is_car = "car1" in name
        if is_car:
            socket = await car_socket(desktop.client, "car1")
        else:
            socket = await event_socket(desktop.client, "kiosk")
        if is_car:
            await socket.send_str("hello")
        async with asyncio.timeout(30):
            closed = await socket.receive()
        assert closed.data == 1011, closed
        assert any("ZeroDivisionError" in (r.exc_text or str(r.exc_info)) for r in caplog.records)
        assert any(name.removeprefix("socket of ") in r.getMessage() for r in caplog.records)
    again = await event_socket(desktop.client, "kiosk")
    assert (await again.receive_json())["type"] == "cars"


async def test_the_desk_that_is_cancelled_from_within_goes_on(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance, cancels = server.fleet_manager.advance, 2

    def cancelled(*args: Any) -> Any:
        nonlocal cancels
        cancels -= 1
        if cancels >= 0:
            raise asyncio.CancelledError
        return advance(*args)

    monkeypatch.setattr("server.fleet_manager.advance", cancelled)
    await desktop.drive_in(FakeCar(CITY, "car1", Place("1", 0.8)))
    await desktop.ends((await desktop.book("kiosk", "planetarium"))["id"])
    assert cancels < 0


# --- mongod ------------------------------------------------------------------------------------


@pytest.fixture
async def kept(
    mongodb_uri: str, tmp_path: Path
) -> AsyncIterator[tuple[Mongod, asyncio.Task[None]]]:
    mongod = Mongod(tmp_path)
    await mongod.start()
    keeper = asyncio.create_task(mongod.keep_running())
    try:
        yield mongod, keeper
    finally:
        await mongod.stop()
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


def process_of(mongod: Mongod) -> psutil.Process:
    assert mongod._process is not None
    return psutil.Process(mongod._process.pid)


async def test_a_mongod_that_is_killed_is_started_again_with_its_data(
    kept: tuple[Mongod, asyncio.Task[None]],
) -> None:
    mongod, keeper = kept
    uri, killed = mongod.uri, process_of(mongod)
    async with AsyncMongoClient[dict[str, int]](uri) as client:
        await client["t"]["t"].insert_one({"kept": 1})
        killed.send_signal(signal.SIGKILL)
        async with asyncio.timeout(60):
            while mongod._process is None or mongod._process.pid == killed.pid:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            while not await _answers(client):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert mongod.uri == uri, "who knows its address finds it again"
    assert not keeper.done()
    await mongod.stop()
    async with asyncio.timeout(30):
        await keeper  # a mongod that we stopped needs no supervision


async def test_a_mongod_that_is_stopped_while_it_starts_again_stays_stopped(
    kept: tuple[Mongod, asyncio.Task[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mongod, keeper = kept
    killed = process_of(mongod)
    starting = asyncio.Event()

    async def not_yet(self: Mongod, end_s: float) -> None:
        starting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Mongod, "_become_primary", not_yet)
    killed.kill()
    async with asyncio.timeout(60):
        await starting.wait()
    second = process_of(mongod)
    await mongod.stop()
    async with asyncio.timeout(30):
        await keeper
    assert mongod._process is None
    assert not second.is_running()


async def _answers(client: AsyncMongoClient[dict[str, int]]) -> bool:
    try:
        return await client["t"]["t"].count_documents({}) == 1
    except server.storage.embedded_mongod.PyMongoError:
        return False


async def test_a_mongod_that_ends_again_and_again_is_given_up(
    kept: tuple[Mongod, asyncio.Task[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mongod, keeper = kept
    monkeypatch.setattr(server.storage.embedded_mongod, "MAX_ENDS", 0)
    process_of(mongod).kill()
    with pytest.raises(StoreError, match="ended 1 times within 60 s"):
        async with asyncio.timeout(60):
            await keeper
