"""Processes of this machine that work for this one, each on one item at a time.

Every worker has a pipe of its own and shares no lock: one that dies, however it dies, harms no
other one. Its item is tried again in a fresh process. Workers never outlive the process that
started them, and Ctrl-C reaches that one alone.
"""

from __future__ import annotations

import faulthandler
import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final, TypeVar

from pixelopolis.errors import WorkerError
from pixelopolis.reaper import end_with_parent
from sim.work.lost_work import TRIES, Loss, lost, oom_kills

END_S: Final = 5.0
"""How long a worker without work may take to end by itself."""

PROGRAM: Final = """
import sys
sys.path[:] = {path!r}
from sim.work.processes import work
work({pipe}, {parent})
"""

Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger(__name__)


def over_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    name: Callable[[Item], str],
) -> Iterator[Result]:
    """Yield `function(item)` for every item, in the order of items; see `sim.work.workers.run_all`.

    Raises:
        WorkerError: an item whose processes ended without an answer, `TRIES` in a row, or no
            process can be started.
        Exception: whatever `function` raises.
    """
    upcoming = deque(range(len(items)))
    losses: dict[int, list[Loss]] = {}
    answers: dict[int, _Answer] = {}
    workers: list[_Worker] = []
    end = len(items)  # the first that fails: what comes after it is never asked for
    try:
        for wanted in range(len(items)):
            while wanted not in answers:
                while upcoming and len(_busy(workers)) < jobs:
                    number = upcoming.popleft()
                    _idle(workers).begin(number, pickle.dumps((function, items[number])))
                for worker in _reported(workers):
                    number, answer = worker.take()
                    if answer is None:
                        workers.remove(worker)
                        so_far = losses.setdefault(number, [])
                        so_far.append(worker.loss())
                        if number > end:
                            continue
                        what = name(items[number])
                        if len(so_far) < TRIES:
                            log.warning("%s: its process %s; tried again.", what, so_far[-1].how)
                            upcoming.appendleft(number)
                            continue
                        answer = _Answer(error=lost(what, so_far))
                    answers[number] = answer
                    if answer.error is not None:
                        end = min(end, number)
                        upcoming = deque(other for other in upcoming if other < end)
            yield answers.pop(wanted).result()
    finally:
        _end(workers)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an item came to: what the function returned, or an error."""

    value: Any = None
    error: Exception | None = None

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class _Worker:
    """One process, as the one that started it sees it.

    Attributes:
        number: of the item that it works on, None while it waits for one.
        pipe: readable when it has answered or ended.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._oom_kills = oom_kills()
        self.pipe, its = multiprocessing.Pipe()
        with its:
            pipe = its.fileno()
            program = PROGRAM.format(path=sys.path, pipe=pipe, parent=os.getpid())
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", program],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[pipe],
                    start_new_session=True,  # Ctrl-C is for us; we end it
                )
            except OSError as error:
                raise WorkerError(
                    f"no process can be started: {error.strerror}.", "Try fewer --jobs."
                ) from error

    def begin(self, number: int, work: bytes) -> None:
        self.number = number
        with suppress(OSError):  # it is gone already, which its pipe will tell
            self.pipe.send_bytes(work)

    def take(self) -> tuple[int, _Answer | None]:
        """Return its item's number and what that came to, None when it ended without an answer."""
        number, self.number = self.number, None
        assert number is not None, "it works"
        try:
            answer: _Answer = self.pipe.recv()
        except (EOFError, OSError):
            return number, None
        return number, answer

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def loss(self) -> Loss:
        """Wait for its end, and say how it came."""
        self.pipe.close()
        return Loss(self._process.wait(), self._oom_kills, oom_kills())

    def dismiss(self) -> None:
        """Let it end: by the end of its input when it waits for work, else at once."""
        self.pipe.close()
        if self.number is not None:
            self._process.kill()

    def await_end(self) -> None:
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _busy(workers: Sequence[_Worker]) -> list[_Worker]:
    return [worker for worker in workers if worker.number is not None]


def _idle(workers: list[_Worker]) -> _Worker:
    """Return a live one that waits for work, a new one where there is none."""
    for worker in [worker for worker in workers if worker.number is None]:
        if worker.is_alive():
            return worker
        workers.remove(worker)
        worker.dismiss()
    workers.append(_Worker())
    return workers[-1]


def _reported(workers: Sequence[_Worker]) -> list[_Worker]:
    """Wait until some of those that work have answered or ended."""
    ready = wait([worker.pipe for worker in _busy(workers)])
    return [worker for worker in workers if worker.pipe in ready]


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.dismiss()
    for worker in workers:
        worker.await_end()


# --- in the worker --------------------------------------------------------------------------------


def work(pipe_fd: int, parent: int) -> None:
    """Work until the parent has nothing more, needs no answer, or is gone."""
    faulthandler.enable()  # native code that crashes shows where it was called
    end_with_parent(parent)
    with Connection(pipe_fd) as pipe, suppress(EOFError, OSError):
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _answer(work: bytes) -> bytes:
    """Do a pickled piece of work; return what it came to, pickled, also what cannot be."""
    try:
        function, item = pickle.loads(work)
        return pickle.dumps(_Answer(function(item)))
    except Exception as error:
        trace = f"In its process:\n{traceback.format_exc()}"
        error.add_note(trace)
        try:
            answer = pickle.dumps(_Answer(error=error))
            pickle.loads(answer)
        except Exception:
            said = WorkerError(f"{type(error).__name__}: {error}.", trace)
            return pickle.dumps(_Answer(error=said))
        return answer
