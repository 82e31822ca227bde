"""Runs the whole city on one machine: database and server, simulator, and one process per car."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp

from pixelopolis.addresses import check_port, free_ports, origin, public_host
from pixelopolis.city.route import Place
from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from pixelopolis.demo.operator import DemoOperator, make_operator
from pixelopolis.errors import MissingPartError, PixelopolisError
from pixelopolis.identity.private_file import write_private
from pixelopolis.processes import ChildProcess, Processes
from pixelopolis.supervision import Tasks
from server.identity.certificates import CA_FILE
from sim.hardware.firmware_program import BoardKind, check_program

READY_TIMEOUT_S: Final = 120.0
REPORT_AFTER_S: Final = 15.0
LOOK_AGAIN_S: Final = 0.1
MAX_RESTARTS: Final = 3
"""Restarts of the server, as by a service manager, before giving up."""

SERVER, SIMULATOR = "server", "sim"


class PartEndedError(PixelopolisError, RuntimeError):
    """A required process of the demo has ended."""

    code = "PX601"


@dataclass(frozen=True)
class DemoSettings:
    """Settings of `pixelopolis demo`.

    `host` is where everything listens; with 0.0.0.0, phones on the same network can reach it too.
    """

    city: str
    cars: int
    port: int
    seed: int
    data: Path
    host: str = "127.0.0.1"
    model: Path | None = None
    """The cars' lane model; the shipped one by default."""
    board: BoardKind = BoardKind.DEVICE


@dataclass
class DemoCity:
    """The running parts and their addresses.

    Args:
        settings: what to start.
        say: called with a line of text for the user whenever something happens.
    """

    settings: DemoSettings
    say: Callable[[str], None]
    url: str = ""
    sim_url: str = ""
    car_urls: dict[str, str] = field(default_factory=dict)
    operator: DemoOperator | None = None

    def __post_init__(self) -> None:
        self._restarts = 0
        self._tls_port = 0
        self._fatal: asyncio.Future[None] | None = None
        self._tasks = Tasks(self._fail)
        self._processes = Processes(self.settings.data / "logs", self._on_exit, self._fail)
        self._run_dir: Path | None = None
        self._public_host = public_host(self.settings.host)

    async def __aenter__(self) -> DemoCity:
        spawn = spawn_places(load_city(self.settings.city), self.settings.cars)
        check_port(self.settings.host, self.settings.port)
        check_program(self.settings.board)
        self._fatal = asyncio.get_running_loop().create_future()
        await self._processes.__aenter__()
        try:
            await self._start(spawn)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.close()
        # cars first: they stop their wheels and announce the disconnect while the others listen
        await self._processes.stop(*(name for name in self.car_urls if name in self.parts))
        await self._processes.__aexit__(None, None, None)
        if self._run_dir is not None:
            shutil.rmtree(self._run_dir, ignore_errors=True)

    @property
    def restarts(self) -> int:
        return self._restarts

    @property
    def parts(self) -> dict[str, ChildProcess]:
        return self._processes.parts

    async def failure(self) -> None:
        """Wait until a required part has ended.

        Raises:
            PartEndedError: always, once that happens.
        """
        if self._fatal is not None:
            await asyncio.shield(self._fatal)

    async def _start(self, spawn: tuple[Place, ...]) -> None:
        began_s = time.monotonic()
        # paths of sockets must be short; the data folder's may be too long
        run_dir = self._run_dir = Path(tempfile.mkdtemp(prefix="pixelopolis-"))
        host, names = self.settings.host, [f"car{i + 1}" for i in range(len(spawn))]
        sim_port, self._tls_port, *car_ports = free_ports(host, 2 + len(names))
        self.url = origin(self._public_host, self.settings.port)
        self.sim_url = origin(self._public_host, sim_port)
        self.car_urls = {
            name: origin(self._public_host, port)
            for name, port in zip(names, car_ports, strict=True)
        }
        await self._pixelopolis(
            SIMULATOR,
            *("--city", self.settings.city, "--cars", str(len(names)), "--dir", str(run_dir)),
            *("--http-host", host, "--http-port", str(sim_port)),
            *("--seed", str(self.settings.seed), "--board", self.settings.board),
        )
        await self._pixelopolis(
            SERVER,
            *("--city", self.settings.city, "--host", host, "--port", str(self.settings.port)),
            *("--data", str(self.settings.data), "--bird-url", f"{self.sim_url}/bird.mjpg"),
            *("--tls-port", str(self._tls_port)),
        )
        self._write_info(ready=False)
        ready = asyncio.gather(
            self._wait("The simulator", partial(self._simulator_lacks, run_dir / "ready")),
            self._start_cars(dict(zip(names, zip(spawn, car_ports, strict=True), strict=True))),
        )
        failing = asyncio.create_task(self.failure())
        try:
            await asyncio.wait((ready, failing), return_when=asyncio.FIRST_COMPLETED)
            if failing.done():
                failing.result()
            await ready
        finally:
            ready.cancel()
            failing.cancel()
            await asyncio.gather(ready, failing, return_exceptions=True)
        self._write_info(ready=True)
        self.say(f"Everything is ready after {time.monotonic() - began_s:.1f} s.")

    async def _start_cars(self, cars: Mapping[str, tuple[Place, int]]) -> None:
        """Enroll each car as an operator would, once the server is there, and start it."""
        assert self._run_dir is not None
        await self._wait("The server", self._server_lacks)
        self.operator = await make_operator(self.url, self.settings.data)
        for name, (place, port) in cars.items():
            config = self._run_dir / f"{name}.toml"
            config.write_text(self._car_toml(name, place, self._run_dir, port), encoding="utf-8")
            await self.operator.enroll(config)
            await self._pixelopolis("car", "--config", str(config), name=name)
        self._write_info(ready=False)
        await asyncio.gather(*(self._wait(name, partial(self._car_lacks, name)) for name in cars))

    async def _pixelopolis(self, command: str, *options: str, name: str = "") -> None:
        argv = (sys.executable, "-m", "pixelopolis", command, *options)
        await self._processes.start(name or command, *argv)

    def _car_toml(self, name: str, place: Place, run_dir: Path, port: int) -> str:
        model = self.settings.model
        lines = [
            f"id = {json.dumps(name)}",
            f"city = {json.dumps(self.settings.city)}",
            *([f"model = {json.dumps(str(model.resolve()))}"] if model else []),
            f"seed = {self.settings.seed}",
            f"start = {{edge = {json.dumps(place.edge)}, s_m = {place.s_m}}}",
            f"camera = {{source = {json.dumps(f'virtual:{run_dir / name}.camera')}}}",
            f"board = {{port = {json.dumps(str(run_dir / f'{name}.bus'))}}}",
            f"server = {{url = {json.dumps(origin(self._public_host, self._tls_port, 'wss'))}, "
            f"ca = {json.dumps(str(self.settings.data / 'tls' / CA_FILE))}}}",
            f'stream = {{host = "{self.settings.host}", port = {port}, '
            f'public_host = "{self._public_host}"}}',
        ]
        return "\n".join(lines) + "\n"

    def _write_info(self, ready: bool) -> None:
        """Write `demo.json`: addresses, process ids and logs, for people and tests."""
        card = {
            "ready": ready,
            "url": self.url,
            "sim_url": self.sim_url,
            "cars": self.car_urls,
            "parts": {p.name: {"pid": p.pid, "log": str(p.log)} for p in self.parts.values()},
        }
        if self.operator is not None:
            card["operator"] = {"name": self.operator.name, "password": self.operator.password}
        write_private(self.settings.data / "demo.json", json.dumps(card, indent=2).encode())

    # --- readiness -----------------------------------------------------------------------------

    async def _wait(self, what: str, missing: Callable[[], Awaitable[str]]) -> None:
        """Wait until nothing is missing; report what is if it takes long."""
        began_s = time.monotonic()
        reported = ""
        while lacks := await missing():
            waited_s = time.monotonic() - began_s
            if waited_s > READY_TIMEOUT_S:
                raise MissingPartError(
                    f"{what} is not ready after {READY_TIMEOUT_S:.0f} s: {lacks}.",
                    f"Look into the logs in {self.settings.data / 'logs'}.",
                )
            if waited_s > REPORT_AFTER_S and lacks != reported:
                self.say(f"{what} is not ready yet: {lacks.rstrip('.')}.")
                reported = lacks
            await asyncio.sleep(LOOK_AGAIN_S)
        self.say(f"{what} is ready ({time.monotonic() - began_s:.1f} s).")

    @staticmethod
    async def _simulator_lacks(ready: Path) -> str:
        return "" if await asyncio.to_thread(ready.exists) else "it is still drawing"

    async def _server_lacks(self) -> str:
        answer = await self.get(f"{self.url}/healthz")
        return "no answer yet" if answer is None else ""

    async def _car_lacks(self, name: str) -> str:
        status = await self.car_status(name)
        if not status:
            return "no answer by way of the server yet"
        if not status["board"]["connected"]:
            return f"board: {status['board']['problem']}"
        return str(status["camera"]["trouble"])

    async def car_status(self, name: str) -> Any:
        """Return a car's `/status`; None if it does not answer, or has no link to the server."""
        token = await self.operator.view_token(name) if self.operator else None
        if token is None:
            return None
        return await self.get(f"{self.car_urls[name]}/status?token={token}")

    @staticmethod
    async def get(url: str) -> Any:
        """Return the JSON document at an address, {} for other content, None for no answer."""
        timeout = aiohttp.ClientTimeout(total=5)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as got:
                if got.status != 200:
                    return None
                is_json = got.content_type == "application/json"
                return await got.json() if is_json else {}
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    # --- failures ------------------------------------------------------------------------------

    def _on_exit(self, part: ChildProcess) -> None:
        self.say(f"{part.name} {part.how_it_ended}. Its log: {part.log}")
        ready = self._restarts < MAX_RESTARTS
        cars_left = [n for n in self.car_urls if n in self.parts and _runs(self.parts[n])]
        if part.name == SERVER and ready and part.exit_code not in (0, 1, 2):
            self._restarts += 1
            self.say("The server is started again; cars keep their orders meanwhile.")
            self._tasks.spawn(self._restart(part), f"the restart of {part.name}")
        elif part.name in self.car_urls and cars_left and self._all_started:
            self.say(f"{part.name} stands still where it was; {', '.join(cars_left)} drive on.")
        else:
            words = part.last_words()
            self._fail(
                PartEndedError(
                    f"{part.name} {part.how_it_ended}. The end of its log:\n{words}\n",
                    f"All of it: {part.log}",
                )
            )

    @property
    def _all_started(self) -> bool:
        return all(name in self.parts for name in (SIMULATOR, SERVER, *self.car_urls))

    async def _restart(self, part: ChildProcess) -> None:
        await self._processes.restart(part)
        self._write_info(ready=True)

    def _fail(self, error: Exception) -> None:
        """End the demo with an error of a part or of its supervision."""
        if self._fatal is not None and not self._fatal.done():
            self._fatal.set_exception(error)


def _runs(part: ChildProcess) -> bool:
    return part.exit_code is None
