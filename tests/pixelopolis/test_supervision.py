from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from pixelopolis.supervision import (
    PAUSE_S,
    STEADY_S,
    Tasks,
    Worker,
    WorkerThread,
    keep_working,
    trouble_of,
)

WAIT_S = 10.0


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_trouble_is_shown_until_the_work_has_been_steady() -> None:
    clock = Clock()
    worker = Worker("camera", clock)
    assert worker.trouble == ""
    pause_s = worker.ended(ValueError("no picture"))
    assert (worker.trouble, worker.restarts) == ("ValueError: no picture", 1)
    clock.now_s += pause_s + STEADY_S - 0.01
    assert worker.trouble
    clock.now_s += 0.02
    assert worker.trouble == ""
    assert worker.restarts == 1


def test_pauses_grow_while_it_fails_and_are_short_again_afterwards() -> None:
    clock = Clock()
    worker = Worker("camera", clock)
    pauses_s = []
    for _ in range(6):
        pauses_s.append(worker.ended(ValueError("no picture")))
        clock.now_s += pauses_s[-1]
    assert pauses_s[0] == PAUSE_S[0]
    assert pauses_s == sorted(pauses_s)
    assert pauses_s[-1] == PAUSE_S[1]
    clock.now_s += STEADY_S
    assert worker.ended(None) == PAUSE_S[0]
    assert worker.trouble == "it just ended"


def test_the_same_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    worker = Worker("camera", clock)
    with caplog.at_level(logging.ERROR):
        for number in range(5):
            clock.now_s += worker.ended(ValueError(f"picture {number}"))
        assert len(caplog.records) == 1
        worker.ended(KeyError("another"))
        assert len(caplog.records) == 2
        clock.now_s += PAUSE_S[1] + STEADY_S
        worker.ended(KeyError("later"))
        assert len(caplog.records) == 3
    assert "camera failed" in caplog.records[0].message


def test_troubles_are_named() -> None:
    well, ill = Worker("board"), Worker("camera")
    ill.ended(ValueError("no picture"))
    assert trouble_of([well, ill]) == "camera: ValueError: no picture"
    assert trouble_of([well]) == ""


@pytest.mark.parametrize("failure", [ValueError("x"), SystemExit(3), KeyboardInterrupt(), None])
def test_a_thread_works_again_whatever_it_ended_of(failure: BaseException | None) -> None:
    stopping, again = threading.Event(), threading.Event()
    ends: list[BaseException | None] = []

    def work() -> None:
        if not ends:
            if failure is not None:
                raise failure
            return
        again.set()
        stopping.wait()

    thread = WorkerThread(
        "t", work, stopping, after=ends.append, pause=lambda _: None, clock=Clock()
    )
    thread.start()
    assert again.wait(WAIT_S)
    assert thread.restarts == 1
    thread.close(WAIT_S)
    assert ends == [failure, None]
    assert "t" not in {each.name for each in threading.enumerate()}


async def test_a_task_works_again_whatever_it_ended_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelopolis.supervision.PAUSE_S", (0.0, 0.0))
    worker, done = Worker("link"), asyncio.Event()
    waited = asyncio.get_running_loop().create_future()
    waited.cancel()

    async def work() -> None:
        match worker.restarts:
            case 0:
                raise ValueError("no server")
            case 1:
                await waited  # cancelled by somebody else
            case 2:
                return
            case _:
                done.set()
                await asyncio.Event().wait()

    task = asyncio.create_task(keep_working(worker, work))
    async with asyncio.timeout(WAIT_S):
        await done.wait()
    assert worker.restarts == 3
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_short_task_that_fails_reaches_its_owner() -> None:
    failed: asyncio.Queue[Exception] = asyncio.Queue()

    async def fails() -> None:
        raise OSError("no port")

    tasks = Tasks(failed.put_nowait)
    tasks.spawn(fails(), "restart")
    async with asyncio.timeout(WAIT_S):
        assert str(await failed.get()) == "no port"
    hanging = tasks.spawn(asyncio.Event().wait(), "hang")  # type: ignore[arg-type]
    await tasks.close()
    assert hanging.cancelled()
    assert failed.empty()
