"""Pages that show a terminal, run as their reader would: commands typed, output compared.

A page has blocks of three kinds. Others are not touched.

    ```console              a terminal: what is typed stands behind `$ `, its output below. `...` is
                            anything, as a line any lines; `^C` is typed after all above it was said
    ```toml title="F"       a file that the reader writes
    ```                     anything else
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.paths import ROOT

WAIT_S: Final = 600.0
"""For what a command shall say; a busy machine takes its time."""

INTERRUPT: Final = "^C"
REFUSED: Final = "[PX"
"""Begins an error that a page shows on purpose; every other command must end well."""

BLOCK: Final = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Typed:
    """One command, and what the page says that it prints."""

    line: str
    output: tuple[str, ...]

    @property
    def shown(self) -> list[str]:
        """The output up to where it is interrupted."""
        return (
            [*self.output[: self.output.index(INTERRUPT)]] if self.interrupted else [*self.output]
        )

    @property
    def interrupted(self) -> bool:
        return INTERRUPT in self.output


@dataclass(frozen=True)
class Written:
    """A file of a page."""

    name: str
    text: str


def steps(page: str) -> Iterator[Typed | Written]:
    """Read what a page's reader does, in order."""
    for language, title, text in BLOCK.findall(page):
        if title:
            yield Written(title, text)
        elif language == "console":
            yield from _typed(text)


def _typed(text: str) -> Iterator[Typed]:
    parts = re.split(r"^\$ ", text.replace("\\\n", ""), flags=re.MULTILINE)
    assert parts[0] == "", f"a terminal begins with a prompt, not with {parts[0]!r}"
    for part in parts[1:]:
        line, *output = part.rstrip("\n").split("\n")
        yield Typed(" ".join(line.split()), tuple(output))


def says(shown: list[str], said: str) -> bool:
    """Whether a terminal said what a page shows, however it fills up and wraps its lines."""
    pattern = "".join(
        ".*" if line.strip() == "..." else ".*".join(map(_words, line.split("..."))) + r"\s*"
        for line in shown
    )
    return re.fullmatch(rf"\s*{pattern}\s*", said, re.DOTALL) is not None


def _words(text: str) -> str:
    return r"\s+".join(map(re.escape, text.split())) if text.strip() else r"\s*"


@dataclass
class Reader:
    """Somebody with one terminal and a folder; `swap` has other words for some of the page's."""

    folder: Path
    swap: Mapping[str, str]
    _jobs: list[tuple[subprocess.Popen[bytes], Path]] = field(default_factory=list)

    def follow(self, page: str) -> None:
        """Do what a page says; fail at the first thing that is not as it says."""
        for before, after in self.swap.items():
            page = page.replace(before, after)
        try:
            for step in steps(page):
                if isinstance(step, Written):
                    (self.folder / step.name).write_text(step.text, "utf-8")
                else:
                    self._type(step)
            assert [job.args for job, _ in self._jobs if job.poll() is None] == [], "left running"
        finally:
            for job, _ in self._jobs:
                _end(job, signal.SIGKILL)

    def _type(self, typed: Typed) -> None:
        if typed.line.startswith("kill "):
            for name in shlex.split(typed.line)[1:]:
                job, said = self._jobs[int(name.removeprefix("%")) - 1]
                assert _end(job, signal.SIGTERM) == 0, said.read_text()
            return
        job, said = self._start(typed.line.removesuffix("&"))
        in_background = typed.line.endswith("&")
        if in_background:
            self._jobs.append((job, said))
        try:
            if in_background or typed.interrupted:
                self._wait(job, typed.shown, said)
            if typed.interrupted:
                _end(job, signal.SIGINT)
            elif not in_background:
                job.wait(WAIT_S)
        finally:
            if not in_background:
                _end(job, signal.SIGKILL)
        if not in_background:
            text = said.read_text("utf-8")
            shown = [line for line in typed.output if line != INTERRUPT]
            assert says(shown, text), f"$ {typed.line}\n{text}"
            fine = typed.interrupted or job.returncode == 0
            assert fine or text.startswith(REFUSED), f"$ {typed.line}\n{text}"

    def _start(self, line: str) -> tuple[subprocess.Popen[bytes], Path]:
        said = self.folder / f".said-{time.monotonic_ns()}"
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = os.environ | {"PATH": path, "COLUMNS": "100", "PYTHONUNBUFFERED": "1"}
        with said.open("wb") as out:
            job = subprocess.Popen(
                ["bash", "-c", line],
                cwd=self.folder,
                env=environment | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return job, said

    def _wait(self, job: subprocess.Popen[bytes], shown: list[str], said: Path) -> None:
        until_s = time.monotonic() + WAIT_S
        while not says([*shown, "..."], said.read_text("utf-8")):
            text = f"$ {job.args}\n{said.read_text('utf-8')}"
            assert job.poll() is None, f"ended: {text}"
            assert time.monotonic() < until_s, f"after {WAIT_S} s: {text}"
            time.sleep(0.1)


def _end(job: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """Send a signal to a command and all that it started, as a terminal does, and wait for it."""
    if job.poll() is None:
        os.killpg(job.pid, number)
    return job.wait(60)
