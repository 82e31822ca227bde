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
from urllib.request import urlopen

import psutil
import pytest

from pixelopolis.demo.city import free_ports

READY_S = 180.0
"""A busy computer in CI is slow."""


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


def start_demo(data: Path, *options: str, cars: int = 2) -> RunningDemo:
    """Start a city and wait until it is ready."""
    data.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports("127.0.0.1", 1)
    argv = [sys.executable, "-m", "pixelopolis", "demo", "--cars", str(cars)]
    argv += ["--port", str(port), "--data", str(data), *options]
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


def get(url: str) -> Any:
    with urlopen(url, timeout=10) as answer:
        return json.load(answer)


def farthest_destination(demo: RunningDemo) -> dict[str, Any]:
    """Return a destination far from all cars, so that the ride takes long."""
    cars = get(f"{demo.sim_url}/state")["cars"]

    def apart_m(place: dict[str, Any]) -> float:
        return min(
            float(abs(place["x_m"] - car["x_m"]) + abs(place["y_m"] - car["y_m"])) for car in cars
        )

    farthest: dict[str, Any] = max(get(f"{demo.url}/api/city")["destinations"], key=apart_m)
    return farthest


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A city with two cars for all tests of a module."""
    demo = start_demo(tmp_path_factory.mktemp("demo"))
    yield demo
    demo.stop()


@pytest.fixture
def new_demo(tmp_path: Path) -> Iterator[Callable[..., RunningDemo]]:
    """Start cities for one test alone: `new_demo("--city", "square", cars=1)`."""
    started: list[RunningDemo] = []

    def start(*options: str, cars: int = 2) -> RunningDemo:
        demo = start_demo(tmp_path / f"demo{len(started)}", *options, cars=cars)
        started.append(demo)
        return demo

    yield start
    for demo in started:
        demo.stop()
