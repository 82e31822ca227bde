"""Runs parts as processes, each with its own group and log file, none left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pixelopolis.reaper import GRACE_S, alive
from pixelopolis.supervision import Tasks


def how_it_ended(exit_code: int) -> str:
    """Return how a process ended, as words that follow "the process".

    Args:
        exit_code: as in `subprocess`: the negative signal number if a signal ended it.
    """
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:  # a real-time signal has no name
        return f"was ended by signal {-exit_code}"


@dataclass(frozen=True)
class ChildProcess:
    name: str
    argv: tuple[str, ...]
    log: Path
    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        return self.process.returncode

    @property
    def how_it_ended(self) -> str:
        return "still runs" if self.exit_code is None else how_it_ended(self.exit_code)

    def last_words(self, lines: int = 8) -> str:
        """Return the end of its log."""
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


class Processes:
    """Starts and ends parts; a context manager that leaves nothing behind.

    Args:
        log_dir: folder of the parts' log files, which are appended to.
        on_death: called with a part that ended unexpectedly.
        on_failure: called if `on_death` failed, so that a death does not go unnoticed.
    """

    def __init__(
        self,
        log_dir: Path,
        on_death: Callable[[ChildProcess], None],
        on_failure: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self.parts: dict[str, ChildProcess] = {}
        self._log_dir = log_dir
        self._on_death = on_death
        self._ending: set[int] = set()
        self._tasks = Tasks(on_failure)
        self._watchers: dict[int, asyncio.Task[None]] = {}
        self._reaper: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        self._reaper = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pixelopolis.reaper",
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop(*self.parts)
        if self._reaper is not None and self._reaper.stdin is not None:
            self._reaper.stdin.close()
            await self._reaper.wait()

    async def start(
        self,
        name: str,
        *argv: str,
        out: Path | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> ChildProcess:
        """Start a part; its output goes to its log, or its stdout to `out`."""
        log = self._log_dir / f"{name}.log"
        with log.open("ab") as said, (out or log).open("ab") as printed:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=printed,
                stderr=said,
                start_new_session=True,
                cwd=cwd,
                env={
                    **os.environ,
                    "PYTHONUNBUFFERED": "1",
                    "OPENCV_LOG_LEVEL": "ERROR",
                    **(env or {}),
                },
            )
        self._update_reaper("+", process.pid)
        part = ChildProcess(name, argv, log, process)
        self.parts[name] = part
        self._watchers[part.pid] = self._tasks.spawn(self._watch(part), f"watching {name}")
        return part

    async def restart(self, part: ChildProcess) -> ChildProcess:
        """Restart a part as it was, after ending what is left of it."""
        await self._end(part)
        return await self.start(part.name, *part.argv)

    async def stop(self, *names: str) -> None:
        """End parts at the same time: SIGTERM, then SIGKILL for whatever is left."""
        await asyncio.gather(*(self._end(self.parts[name]) for name in names))

    async def _watch(self, part: ChildProcess) -> None:
        await part.process.wait()
        if part.pid not in self._ending:
            self._on_death(part)

    async def _end(self, part: ChildProcess) -> None:
        watcher = self._watchers.get(part.pid)
        if watcher is None:  # ended long ago: its id may have been reused
            return
        self._ending.add(part.pid)
        if part.exit_code is None:
            part.process.terminate()
            try:
                async with asyncio.timeout(GRACE_S):
                    await part.process.wait()
            except TimeoutError:
                pass
        # first the part itself, which ends its children best; then those that it left behind
        for number in (signal.SIGTERM, signal.SIGKILL):
            if await self._group_ends(part.pid, number):
                break
        await part.process.wait()
        await asyncio.wait([watcher])  # its failure was reported
        self._watchers.pop(part.pid, None)
        self._update_reaper("-", part.pid)

    @staticmethod
    async def _group_ends(group: int, number: signal.Signals) -> bool:
        if not alive(group):
            return True
        os.killpg(group, number)
        for _ in range(max(1, round(GRACE_S / 0.05))):
            if not alive(group):
                return True
            await asyncio.sleep(0.05)
        return False

    def _update_reaper(self, change: str, group: int) -> None:
        if self._reaper is not None and self._reaper.stdin is not None:
            self._reaper.stdin.write(f"{change}{group}\n".encode())
