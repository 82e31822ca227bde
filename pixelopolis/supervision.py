"""Supervises threads and tasks: failures are logged, and the work restarts.

Every permanent thread or task runs under a `Worker`. Its failure is logged and shown for a while,
and it restarts after a pause. Expected faults (a damaged picture, a strange packet) are handled by
the work itself; this is for unexpected ones.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

PAUSE_S: Final = (0.2, 2.0)
"""First and longest pause before a restart; doubled with every failure."""

STEADY_S: Final = 5.0
"""Work that has run for this long counts as recovered."""

log = logging.getLogger(__name__)


class Worker:
    """The state of one thread or task. Written by its own thread, readable by others.

    Args:
        name: name for people.
        clock: monotonic seconds.

    Attributes:
        restarts: number of restarts.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.restarts = 0
        self._clock = clock
        self._pause_s = PAUSE_S[0]
        self._failed: tuple[str, float] | None = None

    @property
    def trouble(self) -> str:
        """The recent failure; empty if there is none, or after `STEADY_S` of work."""
        failed = self._failed
        return failed[0] if failed and self._clock() < failed[1] + STEADY_S else ""

    def ended(self, error: BaseException | None) -> float:
        """Record an unexpected end; `error` is None if the work just returned.

        Returns:
            Seconds to wait before the restart.
        """
        kind = type(error).__name__ if error is not None else "it just ended"
        if not self.trouble:
            self._pause_s = PAUSE_S[0]
        if not self.trouble.startswith(kind):  # log it once, not on every retry
            log.error("%s failed and is restarting.", self.name, exc_info=error)
        pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, PAUSE_S[1])
        self._failed = f"{kind}: {error}" if error else kind, self._clock() + pause_s
        self.restarts += 1
        return pause_s


def trouble_of(workers: Iterable[Worker]) -> str:
    """Return what is wrong with any of them, in words; empty if nothing."""
    troubled = ((worker.name, worker.trouble) for worker in workers)
    return "; ".join(f"{name}: {trouble}" for name, trouble in troubled if trouble)


@contextmanager
def guarded(worker: Worker) -> Iterator[None]:
    """Log the failure of a step that will be repeated anyway, and continue."""
    try:
        yield
    except Exception as error:
        worker.ended(error)


class WorkerThread(Worker):
    """A thread that works until told to stop, whatever happens.

    Args:
        name: name of thread and worker.
        work: returns soon after `stopping` is set; until then it should not return.
        stopping: the event that ends the thread.
        after: called in the thread whenever the work has ended, with its error; must not fail.
        pause: waits for a number of seconds, less if something urgent happens; by default until
            `stopping`.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        stopping: threading.Event,
        after: Callable[[BaseException | None], None] = lambda _: None,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name, clock)
        self._work = work
        self._stopping = stopping
        self._after = after
        self._pause = pause or stopping.wait
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Tell it to stop and wait for its end; never raises. A hanging thread is left behind."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            error: BaseException | None = None
            try:
                self._work()
            except BaseException as unexpected:  # a SystemExit would end it silently
                error = unexpected
            self._after(error)
            if self._stopping.is_set():
                return
            self._pause(self.ended(error))


async def keep_working(worker: Worker, work: Callable[[], Awaitable[None]]) -> None:
    """Await work that should never end, restarting it until this is canceled."""
    while True:
        error: BaseException | None = None
        try:
            await work()
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            error = cancelled  # raised by something it awaited
        except Exception as unexpected:
            error = unexpected
        await asyncio.sleep(worker.ended(error))


class Tasks:
    """One owner's tasks that end by themselves; a failure is reported to the owner.

    Args:
        on_failure: called in the event loop with a task's error.
    """

    def __init__(self, on_failure: Callable[[Exception], None]) -> None:
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            log.error("%s failed.", task.get_name(), exc_info=error)
            self._on_failure(error)
