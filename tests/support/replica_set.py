"""A MongoDB replica set of real mongods, whose members can be killed and come back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any, Self

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from pixelopolis.reaper import end_with_parent
from server.storage.embedded_mongod import find_mongod

NAME = "pixelopolis"
START_TIMEOUT_S = 120.0


class ReplicaSet:
    """`async with ReplicaSet(folder) as replicas`, then `replicas.uri`.

    Args:
        folder: for data and logs.
        members: how many.
        election_ms: how long a primary may be silent before another is elected.
    """

    def __init__(self, folder: Path, members: int = 3, election_ms: int = 2000) -> None:
        self._folder = folder
        self._election_ms = election_ms
        self._ports = [_free_port() for _ in range(members)]
        self._processes: dict[int, asyncio.subprocess.Process] = {}

    @property
    def uri(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"mongodb://{hosts}/?replicaSet={NAME}"

    async def __aenter__(self) -> Self:
        try:
            await asyncio.gather(*(self.start(port) for port in self._ports))
            await self._initiate()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        for process in self._processes.values():
            await process.wait()

    async def start(self, port: int) -> None:
        """Start one member, again or for the first time, and wait until it listens."""
        folder = self._folder / str(port)
        await asyncio.to_thread(partial(folder.mkdir, parents=True, exist_ok=True))
        self._processes[port] = await asyncio.create_subprocess_exec(
            await asyncio.to_thread(find_mongod),
            *("--dbpath", str(folder), "--logpath", str(folder / "mongod.log"), "--logappend"),
            *("--bind_ip", "127.0.0.1", "--port", str(port), "--replSet", NAME),
            *("--wiredTigerCacheSizeGB", "0.25", "--nounixsocket", "--oplogSize", "64"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            preexec_fn=partial(end_with_parent, os.getpid(), signal.SIGKILL),
        )
        end_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end_s:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            await writer.wait_closed()
            return
        raise TimeoutError(f"mongod at port {port} does not listen")

    async def primary(self) -> int:
        """Wait for a primary; return its port."""
        async with asyncio.timeout(START_TIMEOUT_S), AsyncMongoClient[Any](self.uri) as client:
            while True:
                with contextlib.suppress(PyMongoError):
                    hello = await client.admin.command("hello")
                    if hello.get("isWritablePrimary"):
                        return int(hello["me"].rsplit(":", 1)[1])
                await asyncio.sleep(0.1)

    async def kill_primary(self) -> int:
        """Kill the primary as by kill -9; return its port, for `start`."""
        port = await self.primary()
        self._processes[port].kill()
        await self._processes[port].wait()
        return port

    async def _initiate(self) -> None:
        members = [{"_id": i, "host": f"127.0.0.1:{port}"} for i, port in enumerate(self._ports)]
        settings = {"electionTimeoutMillis": self._election_ms, "heartbeatIntervalMillis": 500}
        config = {"_id": NAME, "version": 1, "members": members, "settings": settings}
        first = f"mongodb://127.0.0.1:{self._ports[0]}/?directConnection=true"
        async with AsyncMongoClient[Any](first) as client:
            await client.admin.command("replSetInitiate", config)
        await self.primary()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
