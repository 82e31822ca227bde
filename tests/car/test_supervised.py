"""Every thread and task of a car fails once, and the car drives on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

import car.live_view.pictures
from car.board.base import BoardThread
from car.board.original.board import OriginalBoard
from car.camera.thread import CameraThread
from car.detector_thread import DetectorThread
from car.driving.driver import Driver
from car.metrics import LoopMetrics
from car.process import CarProcess
from car.shared_state import SharedState
from pixelopolis.supervision import keep_working
from pixelopolis.vda5050.state import ErrorLevel
from pixelopolis.web.mjpeg import Broadcast
from sim.live.camera_sockets import CameraSocket
from tests.car.orders.test_server_link import FakeServer, order
from tests.car.test_process import (
    CITY,
    WAIT_S,
    SeesASign,
    Wheels,
    camera,
    frames,
    identity,
    opened,
    running,
    server,
    settings,
    state_with,
    status,
    wheels,
)
from tests.support.lane_models import Steers
from tests.support.original_car import OriginalCar

pytestmark = pytest.mark.realtime

__all__ = ["camera", "server", "wheels"]

KILLS: dict[str, tuple[Any, str]] = {
    "camera": (CameraThread, "_keep"),
    "control": (Driver, "step"),
    "detector": (DetectorThread, "_look"),
    "board": (BoardThread, "_pause"),
    "link": (SharedState, "report"),
    "live view": (Broadcast, "put"),
    "drawing": (car.live_view.pictures, "thought_of"),
    "figures": (LoopMetrics, "command"),
}
"""Functions that each worker calls repeatedly."""

THREADS = {"camera", "control", "detector", "board"}
TASKS = {"link", "live view"}


def explode(patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    """Make the next call raise an unexpected error."""
    real: Callable[..., Any] = getattr(owner, name)
    left = [1]

    def once(*args: Any, **more: Any) -> Any:
        if left and left.pop():
            raise RuntimeError(f"unexpected in {name}")
        return real(*args, **more)

    patch.setattr(owner, name, once)


def own_tasks() -> set[str]:
    """Return the running tasks with code of the car; of supervised ones, the worker's."""
    folder = str(Path(car.__file__).parent)
    names = set()
    for task in asyncio.all_tasks():
        code = cast(Any, task.get_coro()).cr_code
        if code is keep_working.__code__:
            names.add(task.get_name())
        elif code.co_filename.startswith(folder):
            names.add(code.co_qualname)
    return names


async def test_every_thread_and_task_is_supervised_and_survives_what_nobody_expects(
    tmp_path: Path,
    wheels: Wheels,
    camera: CameraSocket,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = set(threading.enumerate())
    process = CarProcess(settings(tmp_path, server), CITY, Steers(), identity(server), SeesASign())
    async with running(process), frames(camera), asyncio.timeout(3 * WAIT_S):
        await server.next_state()
        await server.send(order())
        await state_with(server, "driving")
        started = {thread.name for thread in set(threading.enumerate()) - before}
        # asyncio's own threads run one function each, whose failure its caller gets
        assert {name for name in started if not name.startswith("asyncio_")} == THREADS
        # the link awaits its two; the process contains all others
        children = {"ServerLink._read", "ServerLink._write", "CarProcess.run"}
        assert own_tasks() == TASKS | children
        workers = {w.name: w for w in (*process.driving_workers, *process.display_workers)}
        assert workers.keys() == KILLS.keys()
        assert workers.keys() >= THREADS | TASKS

        async with aiohttp.ClientSession() as session, session.get(opened(process)) as video:
            for name, (owner, method) in KILLS.items():
                with monkeypatch.context() as patch:
                    explode(patch, owner, method)
                    while not workers[name].restarts:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                assert "RuntimeError" in workers[name].trouble
                shown = (await status(process))["workers"][name]
                assert shown["restarts"] == 1
                while True:
                    state = await server.next_state()
                    said = [e for e in state.errors if name in (e.error_description or "")]
                    if said:
                        break
                fatal = said[0].error_level is ErrorLevel.FATAL
                assert fatal == (name in {w.name for w in process.driving_workers})
                await state_with(server, "driving", "waiting_for_grant")
            await video.content.readuntil(b"\xff\xd9")
        assert all(worker.restarts == 1 for worker in workers.values())


async def test_a_stop_guard_that_dies_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OriginalCar(tmp_path / "car1.bus"):
        board = OriginalBoard(str(tmp_path / "car1.bus"))
        board.start()
        try:
            await asyncio.to_thread(board.wait_connected, WAIT_S)
            first = board._guard
            assert first is not None
            first.kill()
            async with asyncio.timeout(WAIT_S):
                while board._guard in (None, first):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert "code -9" in board.workers[-1].trouble
            assert board._guard is not None
            assert board._guard.poll() is None
        finally:
            await asyncio.to_thread(board.close)
