"""Worker processes on this computer, each working on one item at a time.

Every worker has its own pipe and shares no lock, so that one that dies cannot harm another. Its
item is retried in a new process. Workers never outlive the process that started them, and Ctrl-C
reaches only that one.
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
"""How long an idle worker may take to end."""

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
    """Yield `function(item)` for every item, in order; see `sim.work.workers.run_all`.

    Raises:
        WorkerError: `TRIES` processes in a row ended without a result for one item, or no process
            can be started.
        Exception: whatever `function` raises.
    """
    upcoming = deque(range(len(items)))
    losses: dict[int, list[Loss]] = {}
    answers: dict[int, _Answer] = {}
    workers: list[_Worker] = []
    end = len(items)  # the first item that fails: later ones are not started
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
    """The result of an item, or the error that it raised."""

    value: Any = None
    error: Exception | None = None

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class _Worker:
    """The parent's view of a worker process.

    Attributes:
        number: of its item, None while it is idle.
        pipe: readable once it has answered or ended.
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
                    start_new_session=True,  # Ctrl-C is for the parent, which ends the worker
                )
            except OSError as error:
                raise WorkerError(
                    f"no process can be started: {error.strerror}.", "Try fewer --jobs."
                ) from error

    def begin(self, number: int, work: bytes) -> None:
        self.number = number
        with suppress(OSError):  # it has already ended, which its pipe will show
            self.pipe.send_bytes(work)

    def take(self) -> tuple[int, _Answer | None]:
        """Return its item's number and the answer, None if it ended without one."""
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
        """Wait for its end; describe it."""
        self.pipe.close()
        return Loss(self._process.wait(), self._oom_kills, oom_kills())

    def dismiss(self) -> None:
        """End it: by closing its input if it is idle, otherwise at once."""
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
    """Return a live idle worker, or a new one."""
    for worker in [worker for worker in workers if worker.number is None]:
        if worker.is_alive():
            return worker
        workers.remove(worker)
        worker.dismiss()
    workers.append(_Worker())
    return workers[-1]


def _reported(workers: Sequence[_Worker]) -> list[_Worker]:
    """Wait until some busy workers have answered or ended; return them."""
    ready = wait([worker.pipe for worker in _busy(workers)])
    return [worker for worker in workers if worker.pipe in ready]


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.dismiss()
    for worker in workers:
        worker.await_end()


# --- in the worker --------------------------------------------------------------------------------


def work(pipe_fd: int, parent: int) -> None:
    """Work until the parent has no more items, needs no answer, or is gone."""
    faulthandler.enable()  # print the stack when native code crashes
    end_with_parent(parent)
    with Connection(pipe_fd) as pipe, suppress(EOFError, OSError):
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _answer(work: bytes) -> bytes:
    """Do a pickled item; return the pickled answer, or an error if it cannot be pickled."""
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
