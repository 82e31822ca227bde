"""The whole city as processes, for end-to-end tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest

from pixelopolis.demo.city import free_ports

READY_S = 180.0
"""A busy computer in CI is slow."""

RIDE_S = 300.0
AGAIN_S = 0.2


@dataclass
class RunningDemo:
    """`pixelopolis demo` in its own process."""

    process: subprocess.Popen[bytes]
    data: Path

    @property
    def card(self) -> dict[str, Any]:
        """Addresses, process ids and logs, as written by the demo."""
        document: dict[str, Any] = json.loads((self.data / "demo.json").read_text("utf-8"))
        return document

    @property
    def url(self) -> str:
        return str(self.card["url"])

    @property
    def sim_url(self) -> str:
        return str(self.card["sim_url"])

    def pid(self, part: str) -> int:
        return int(self.card["parts"][part]["pid"])

    def kill(self, part: str) -> None:
        """Send SIGKILL to one part."""
        os.kill(self.pid(part), signal.SIGKILL)

    def log(self) -> str:
        return (self.data / "demo.log").read_text("utf-8")

    def family(self) -> list[psutil.Process]:
        """All processes of the demo, itself included."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def wait_ready(self) -> None:
        until_s = time.monotonic() + READY_S
        while time.monotonic() < until_s:
            if self.process.poll() is not None:
                pytest.fail(f"the demo ended: {self.log()}")
            if (self.data / "demo.json").exists() and self.card["ready"]:
                return
            time.sleep(0.1)
        pytest.fail(f"the demo is not ready after {READY_S} s: {self.log()}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """End it like Ctrl-C; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)


def start_demo(data: Path, cars: int) -> RunningDemo:
    """Start a city and wait until it is ready."""
    data.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports("127.0.0.1", 1)
    argv = [sys.executable, "-m", "pixelopolis", "demo", "--cars", str(cars)]
    argv += ["--port", str(port), "--data", str(data)]
    with (data / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    demo = RunningDemo(process, data)
    try:
        demo.wait_ready()
    except BaseException:
        demo.stop()
        raise
    return demo


def get(url: str, token: str = "") -> Any:
    with urlopen(Request(url, headers=_bearer(token)), timeout=10) as answer:
        return json.load(answer)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def post(url: str, body: dict[str, Any], token: str = "") -> tuple[int, Any]:
    """Return the status and the JSON document of an answer."""
    headers = {"Content-Type": "application/json", **_bearer(token)}
    request = Request(url, json.dumps(body).encode(), headers)
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def until(what: str, condition: Callable[[], Any], timeout_s: float = RIDE_S) -> Any:
    """Wait until a condition returns a true value; a part that does not answer counts as false."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        try:
            found = condition()
        except (OSError, json.JSONDecodeError):
            found = None
        if found:
            return found
        time.sleep(AGAIN_S)
    return pytest.fail(f"{what}: not within {timeout_s} s")


tokens: dict[tuple[str, str], str] = {}
"""Of the stations that have booked, by server and device id."""


def ride(demo: RunningDemo, booking: dict[str, Any]) -> Any:
    """Return a booking as it is now."""
    return get(f"{demo.url}/api/bookings/{booking['id']}", booking["token"])


def book(demo: RunningDemo, destination: str, station: str) -> dict[str, Any]:
    """Book a ride as a station does; return it once it has a car."""
    who = demo.url, station
    token = tokens.get(who)
    if token is None:
        status, answer = post(f"{demo.url}/api/stations", {"device_id": station})
        assert status == 201, answer
        token = tokens[who] = answer["token"]
    body = {"station_device_id": station, "destination_id": destination, "language": "ja"}
    status, asked = post(f"{demo.url}/api/bookings", body, token)
    assert status == 201, asked

    def paired() -> dict[str, Any] | None:
        booking: dict[str, Any] = {**asked, **ride(demo, asked)}
        return booking if booking["car_id"] else None

    booking: dict[str, Any] = until("a car", paired)
    return booking


def truth(demo: RunningDemo, car: str) -> dict[str, Any]:
    """Return what the simulator knows of a car."""
    cars = get(f"{demo.sim_url}/state")["cars"]
    return next(each for each in cars if each["id"] == car)


def arrives(demo: RunningDemo, booking: dict[str, Any]) -> None:
    """Wait for the end of a ride, which must be its arrival."""
    until("arrival", lambda: ride(demo, booking)["state"] in ("arrived", "failed", "cancelled"))
    assert ride(demo, booking)["state"] == "arrived"


def all_gone(family: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(family, timeout=30)
    left = [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert left == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """The shipped city with two cars, for all tests of a module in order; the last may end it."""
    demo = start_demo(tmp_path_factory.mktemp("demo"), cars=2)
    yield demo
    demo.stop()


@pytest.fixture(scope="module")
def demo_of_one_car(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """As `demo`, with one car."""
    demo = start_demo(tmp_path_factory.mktemp("demo"), cars=1)
    yield demo
    demo.stop()
