"""The server under test: a process with its own mongod, observed from outside."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import psutil

from pixelopolis.demo.city import free_ports
from server.identity.certificates import CA_FILE
from tests.support.paths import ROOT

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0
FAILED = re.compile(r"failed and is restarting|mongod ended")


@dataclass
class Served:
    """A server process.

    Args:
        city: its name.
        folder: for data and log.
        source: checkout whose code runs; empty for this one.
        with_tls: it listens with TLS too, by its own authority.
    """

    city: str
    folder: Path
    source: str = ""
    with_tls: bool = False
    base: str = ""
    tls_base: str = ""
    rss_mb: list[tuple[float, float]] = field(default_factory=list)
    """(monotonic seconds, MB) of the server, sampled by `watch`."""

    @property
    def ca(self) -> Path:
        """Certificate of the server's own authority."""
        return self.folder / "data" / "tls" / CA_FILE

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    async def start(self) -> None:
        """Start it and wait until it serves."""
        port, tls_port = free_ports("127.0.0.1", 2)
        self.base, self.tls_base = f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}"
        tls = ("--tls-port", str(tls_port)) if self.with_tls else ()
        root = self.source or str(ROOT)
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "pixelopolis", "server", "--city", self.city),
                *("--port", str(port), "--data", str(self.folder / "data"), *tls),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=root,
                env={**os.environ, "PYTHONPATH": root, "MONGODB_URI": "", "COLUMNS": "200"},
            )
        self._seen = psutil.Process(self._process.pid)
        end_s = time.monotonic() + START_TIMEOUT_S
        async with aiohttp.ClientSession() as session:
            while not await self._is_well(session):
                if self._process.returncode is not None or time.monotonic() > end_s:
                    raise RuntimeError(f"the server does not serve: {self.log.read_text()[-2000:]}")
                await asyncio.sleep(0.1)
        self._mongod = self._mongods()

    async def stop(self) -> int:
        """Stop it like Ctrl-C; return its exit status."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()

    async def watch(self) -> None:
        """Sample its memory once a second."""
        while self._process.returncode is None:
            self.rss_mb.append((time.monotonic(), self._seen.memory_info().rss / 1e6))
            await asyncio.sleep(1.0)

    def memory(self, from_s: float) -> tuple[float, float]:
        """Return memory in MB after warming up and at the end: medians of ten samples each."""
        warm = [mb for at_s, mb in self.rss_mb if at_s >= from_s]
        return (round(median(warm[:10]), 1), round(median(warm[-10:]), 1)) if warm else (0.0, 0.0)

    def series(self) -> list[float]:
        """Return twenty memory samples in MB, evenly from the start to now."""
        step = max(1, len(self.rss_mb) // 20)
        return [round(mb, 1) for _, mb in self.rss_mb[::step]]

    def cpu_s(self) -> float:
        """Return its CPU time, without mongod."""
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    async def ended(self) -> list[str]:
        """Return every part of the server that ended or failed, in words."""
        text = self.log.read_text(errors="replace")
        found = [line.strip() for line in text.splitlines() if FAILED.search(line)]
        if self._process.returncode is not None:
            found.append(f"the server ended with {self._process.returncode}")
        elif self._mongods() != self._mongod:
            found.append("mongod ended")
        else:
            async with aiohttp.ClientSession() as session:
                if not await self._is_well(session):
                    found.append("healthz does not answer 200")
        return found

    def mongodb_uri(self) -> str:
        """Return the URI of its mongod."""
        words = psutil.Process(next(iter(self._mongod))).cmdline()
        return f"mongodb://127.0.0.1:{words[words.index('--port') + 1]}/?directConnection=true"

    def log_facts(self) -> dict[str, Any]:
        """Return the size of its log."""
        text = self.log.read_text(errors="replace")
        return {"log_lines": text.count("\n"), "tracebacks": text.count("Traceback (most")}

    def _mongods(self) -> frozenset[int]:
        children = self._seen.children(recursive=True)
        return frozenset(child.pid for child in children if child.name() == "mongod")

    async def _is_well(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with asyncio.timeout(10.0), session.get(f"{self.base}/healthz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
