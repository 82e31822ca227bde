"""`pixelopolis sim` as a process: real ptys, images and signals."""

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from car.board.dynamixel_board import DynamixelBoard
from pixelopolis.city.sources import load_city
from pixelopolis.vehicle.virtual_camera import HEADER

pytestmark = pytest.mark.realtime

START_S = 120.0
"""Limit for broken code; a busy computer without a GPU needs some ten seconds."""


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"never happened: {what}"
        time.sleep(0.02)


@dataclass
class Simulator:
    process: subprocess.Popen[str]
    folder: Path
    url: str = ""

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=30) as response:
            return bytes(response.read())

    def post(self, path: str, body: object) -> Any:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read())

    def state(self) -> Any:
        return json.loads(self.get("/state"))

    def car(self) -> Any:
        return self.state()["cars"][0]

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def start(folder: Path, *more: str, env: dict[str, str] | None = None) -> Simulator:
    command = [
        str(Path(sys.executable).with_name("pixelopolis")),
        *("sim", "--city", "straight", "--cars", "1", "--dir", str(folder)),
        *("--http-port", "0", "--seed", "1", *more),
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (env or {}),
    )
    return Simulator(process, folder)


def ready(simulator: Simulator) -> Simulator:
    file = simulator.folder / "ready"
    wait_until(
        lambda: file.exists() or simulator.process.poll() is not None, "ready", timeout_s=START_S
    )
    assert simulator.process.poll() is None, simulator.process.communicate()
    simulator.url = json.loads(file.read_text())["url"]
    return simulator


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with tempfile.TemporaryDirectory(prefix="px") as folder:
        simulator = start(Path(folder))
        try:
            yield ready(simulator)
        finally:
            children = simulator.children()
            # a connected viewer must not delay the end
            viewer = urllib.request.urlopen(simulator.url + "/bird.mjpg", timeout=30)
            viewer.readline()
            simulator.process.send_signal(signal.SIGINT)
            out, errors = simulator.process.communicate(timeout=30)
            viewer.close()
        # a clean shutdown: no error, process or file is left
        assert simulator.process.returncode == 0, errors
        assert "Traceback" not in errors
        assert re.match(r"ready http://127\.0\.0\.1:\d+\n", out)
        assert not any(child.is_running() for child in children)
        assert list(Path(folder).glob("*")) == []


def read_frames(simulator: Simulator, count: int) -> list[tuple[float, NDArray[np.uint8]]]:
    frames = []
    with socket.socket(socket.AF_UNIX) as camera:
        camera.settimeout(30)
        camera.connect(str(simulator.folder / "car1.camera"))
        stream = camera.makefile("rb")
        for _ in range(count):
            magic, width, height, channels, time_s = HEADER.unpack(stream.read(HEADER.size))
            assert (magic, width, height, channels) == (b"PXF1", 240, 320, 3)
            pixels = np.frombuffer(stream.read(height * width * 3), np.uint8)
            frames.append((time_s, pixels.reshape(height, width, 3)))
        stream.close()
    return frames


def test_the_state_is_the_truth_about_the_cars(sim: Simulator) -> None:
    state = sim.state()
    assert [car["id"] for car in state["cars"]] == ["car1"]
    assert state["collisions"] == 0
    assert state["physics"]["rate_hz"] == 200
    steps = state["physics"]["steps"]
    wait_until(lambda: sim.state()["physics"]["steps"] > steps + 100, "physics goes on")


def test_the_camera_sees_the_road(sim: Simulator) -> None:
    frames = read_frames(sim, 3)
    times = [time_s for time_s, _ in frames]
    assert times == sorted(set(times))
    assert times[-1] <= time.monotonic()
    near = frames[-1][1][-80:]
    # a road with two lines: neither uniform nor black
    assert near.std() > 10
    assert near.mean() > 20


def test_the_view_from_above(sim: Simulator) -> None:
    picture = cv2.imdecode(np.frombuffer(sim.get("/bird.jpg"), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (480, 640, 3)
    assert picture.std() > 10


def test_the_stream_from_above_goes_on(sim: Simulator) -> None:
    with urllib.request.urlopen(sim.url + "/bird.mjpg", timeout=30) as stream:
        assert "multipart/x-mixed-replace" in stream.headers["Content-Type"]
        for _ in range(3):
            assert stream.readline() == b"--frame\r\n"
            assert stream.readline() == b"Content-Type: image/jpeg\r\n"
            length = int(stream.readline().split(b":")[1])
            assert stream.readline() == b"\r\n"
            assert stream.read(length)[:2] == b"\xff\xd8"
            assert stream.readline() == b"\r\n"


def test_a_car_drives_and_its_picture_changes(sim: Simulator) -> None:
    board = DynamixelBoard(str(sim.folder / "car1.bus"))
    board.start()
    try:
        board.wait_connected(30.0)
        before, (_, first) = sim.car(), read_frames(sim, 1)[0]

        def driven() -> bool:
            board.set_goal(4.0, 4.0, time.monotonic())
            now = sim.car()
            moved_m = abs(now["x_m"] - before["x_m"]) + abs(now["y_m"] - before["y_m"])
            return bool(moved_m > 0.1)

        wait_until(driven, "10 cm driven")
        (_, last) = read_frames(sim, 1)[0]
        assert np.abs(last.astype(int) - first).mean() > 1
        reading = board.reading()
        assert reading is not None
        assert reading.left_rad > 2.0
    finally:
        board.close()
    assert board.status().stop_confirmed
    wait_until(lambda: abs(sim.car()["v_mps"]) < 0.001, "it stands")
    assert sim.car()["torque"] == [False, False]


def test_faults_on_request(sim: Simulator) -> None:
    board = DynamixelBoard(str(sim.folder / "car1.bus"))
    board.start()
    try:
        board.wait_connected(30.0)
        sim.post("/fault", {"car": "car1", "kind": "lost_packets", "rate": 0.2})
        lost = board.status().lost_packets
        wait_until(lambda: board.status().lost_packets > lost + 5, "packets are lost")
        sim.post("/fault", {"car": "car1", "kind": "silent_right"})
        assert sim.car()["fault"] == "silent_right"
        wait_until(lambda: "right motor" in board.status().problem, "the motor is named")
        sim.post("/fault", {"car": "car1", "kind": "none"})
        board.wait_connected(30.0)
    finally:
        board.close()


def test_a_car_is_carried_to_another_place(sim: Simulator) -> None:
    city = load_city("straight")
    edge = list(city.edges.values())[-1]
    before = sim.car()
    sim.post("/place", {"car": "car1", "edge": edge.id, "s_m": 0.2, "left_m": 0.03, "turn_deg": 9})
    want = edge.curve.pose_at(0.2).ahead(0.0, 0.03, math.radians(9))
    after = sim.car()
    assert (after["x_m"], after["y_m"]) == pytest.approx((want.x_m, want.y_m), abs=1e-3)
    assert math.cos(after["heading_rad"] - want.heading_rad) == pytest.approx(1, abs=1e-4)
    assert (after["x_m"], after["y_m"]) != (before["x_m"], before["y_m"])


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/fault", {"car": "car1", "kind": "explode"}, 400, "kind"),
        ("/fault", {"car": "car1", "kind": "lost_packets", "rate": 2}, 400, "rate"),
        ("/fault", {"car": "car7", "kind": "none"}, 404, "car7"),
        ("/place", {"car": "car7", "edge": "1", "s_m": 0}, 404, "car7"),
        ("/place", {"car": "car1", "edge": "no such edge", "s_m": 0}, 404, "no such edge"),
        ("/place", {"car": "car1", "edge": "1", "s_m": 99}, 404, "99"),
        ("/place", {"car": "car1", "edge": "1", "s_m": 0.1, "left_m": 3}, 400, "left_m"),
    ],
)
def test_wrong_requests(sim: Simulator, path: str, body: object, status: int, words: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        sim.post(path, body)
    with caught.value as answer:
        assert answer.code == status
        error = json.loads(answer.read())["error"]
    assert words in error["message"]
    assert error["next_step"]


def test_a_taken_port_is_a_clear_error(sim: Simulator, tmp_path: Path) -> None:
    port = sim.url.rsplit(":", 1)[1]
    other = start(tmp_path, "--http-port", port)
    _, errors = other.process.communicate(timeout=START_S)
    assert other.process.returncode == 1
    assert "PX103" in errors
    assert f"--http-port {port}" in errors
    assert "Traceback" not in errors
    assert list(tmp_path.glob("*")) == []


def test_a_folder_with_a_long_name_is_a_clear_error(tmp_path: Path) -> None:
    simulator = start(tmp_path / ("long" * 30))
    _, errors = simulator.process.communicate(timeout=START_S)
    assert simulator.process.returncode == 1
    assert "--dir" in errors


def test_no_opengl_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "vendors").mkdir()
    simulator = start(
        tmp_path / "sim", env={"__EGL_VENDOR_LIBRARY_DIRS": str(tmp_path / "vendors")}
    )
    _, errors = simulator.process.communicate(timeout=START_S)
    assert simulator.process.returncode == 1
    assert "PX501" in errors
    assert "libegl1" in errors
    assert "Traceback" not in errors


def test_the_renderer_ends_with_its_parent() -> None:
    with tempfile.TemporaryDirectory(prefix="px") as folder:
        simulator = start(Path(folder))
        try:
            wait_until(lambda: bool(simulator.children()), "the child")
            children = simulator.children()
        finally:
            simulator.process.kill()
            simulator.process.communicate()
        wait_until(lambda: not any(child.is_running() for child in children), "the child ends")


def test_a_renderer_that_crashes_is_named_with_its_signal() -> None:
    with tempfile.TemporaryDirectory(prefix="px") as folder:
        simulator = start(Path(folder))
        wait_until(lambda: bool(simulator.children()), "the child")
        [renderer] = simulator.children()
        renderer.send_signal(signal.SIGSEGV)
        _, errors = simulator.process.communicate(timeout=START_S)
        assert simulator.process.returncode == 1
        assert "[PX501] The renderer was ended by SIGSEGV." in errors
        assert list(Path(folder).glob("*")) == []


def test_an_early_interrupt_ends_it() -> None:
    with tempfile.TemporaryDirectory(prefix="px") as folder:
        simulator = start(Path(folder))
        wait_until(lambda: bool(simulator.children()), "the child")
        children = simulator.children()
        simulator.process.send_signal(signal.SIGTERM)
        out, errors = simulator.process.communicate(timeout=START_S)
        assert (simulator.process.returncode, out) == (0, ""), errors
        assert not any(child.is_running() for child in children)
        assert list(Path(folder).glob("*")) == []
