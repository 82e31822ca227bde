"""Runs changes: each in a copy of this tree, in its own process, with a time-out.

The copies are in a temporary folder; the tree itself is only read. Processes fork from one that has
already imported the libraries, which saves most of a short trial's time.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.changes import Change
from tests.support.paths import ROOT

OWN = ("tests", "car", "server", "station", "sim", "training", "pixelopolis")
LIBRARIES = (
    "pytest",
    "hypothesis",
    "numpy",
    "pydantic",
    "networkx",
    "shapely",
    "aiohttp",
    "pymongo",
)
PYTEST_ARGS = (
    *("-x", "-q", "--tb=line", "-p", "no:cacheprovider", "--hypothesis-profile=mutants"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # libraries, imported before
)
TIMEOUT_S = 20.0
TIMEOUT_FACTOR = 5.0
"""A trial's time-out: this factor of the time without a change, plus a constant."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A change and its result; `killed` if a test detected it, also by a time-out."""

    change: Change
    killed: bool
    timed_out: bool
    seconds: float


class Workshop:
    """Copies of the tree, one for each of `jobs` workers.

    Args:
        folder: of the copies.
        jobs: parallel trials.
    """

    def __init__(self, folder: Path, jobs: int) -> None:
        self.jobs = jobs
        self._free: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._usual_s: dict[tuple[str, ...], float] = {}
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload(list(LIBRARIES))
        self._lock = threading.Lock()
        for i in range(jobs):
            copy = folder / str(i)
            _copy_tree(copy)
            self._free.put(copy)

    def check(self, suites: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
        """Run tests without any change and measure their time; yield suites that fail."""
        suites = list(dict.fromkeys(suites))
        with ThreadPoolExecutor(self.jobs) as pool:
            for suite, (code, seconds) in zip(suites, pool.map(self._usual, suites), strict=True):
                self._usual_s[suite] = seconds
                if code != 0:
                    yield suite

    def try_all(
        self, changes: Iterable[tuple[Change, tuple[str, ...]]], tell: Callable[[Trial], None]
    ) -> list[Trial]:
        """Try changes with their tests (which `check` has run); `tell` is called after each
        trial."""
        with ThreadPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(self._try, change, suite, tell) for change, suite in changes]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _usual(self, suite: tuple[str, ...]) -> tuple[int | None, float]:
        with self._copy() as copy:
            return self._run(copy, suite, timeout_s=600.0, keep_bytecode=True)

    def _try(self, change: Change, suite: tuple[str, ...], tell: Callable[[Trial], None]) -> Trial:
        with self._copy() as copy:
            file = copy / change.file
            original = file.read_bytes()
            file.write_text(change.mutated)
            try:
                limit_s = TIMEOUT_S + TIMEOUT_FACTOR * self._usual_s[suite]
                code, seconds = self._run(copy, suite, limit_s, keep_bytecode=False)
            finally:
                file.write_bytes(original)
        trial = Trial(change, code != 0, code is None, seconds)
        with self._lock:
            tell(trial)
        return trial

    @contextlib.contextmanager
    def _copy(self) -> Iterator[Path]:
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def _run(
        self, copy: Path, suite: tuple[str, ...], timeout_s: float, keep_bytecode: bool
    ) -> tuple[int | None, float]:
        """Return the exit code, None after a time-out, and the duration."""
        process = self._forks.Process(target=_test, args=(str(copy), suite, keep_bytecode))
        begin_s = time.monotonic()
        process.start()
        process.join(timeout_s)
        code = process.exitcode
        if process.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # child processes end with it
                os.killpg(process.pid, signal.SIGKILL)
        process.join()
        return code, time.monotonic() - begin_s


def _test(copy: str, suite: tuple[str, ...], keep_bytecode: bool) -> None:
    """Run tests in a copy, in a fresh process; never returns."""
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.chdir(copy)
    sys.dont_write_bytecode = not keep_bytecode
    for name in [name for name in sys.modules if name.split(".")[0] in OWN]:
        del sys.modules[name]  # packages of the tree itself, not of the copy
    sys.path[:] = [copy, *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT)]
    os.environ["PYTHONPATH"] = copy
    silence = os.open(
        os.environ.get("MUTANTS_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND
    )
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    import pytest

    os._exit(pytest.main([*PYTEST_ARGS, "--rootdir", copy, *suite]))


def _end_with_parent() -> None:
    """End this trial, which may hang, and its child processes when the parent is gone."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(os.getpgid(0), signal.SIGKILL)


def _copy_tree(to: Path) -> None:
    """Copy the working tree's files that git knows."""
    named = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, named.stdout.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
