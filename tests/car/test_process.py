"""The whole car except its model: real threads, packets on a pty, and sockets."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from car.driving.types import LaneView, Sighting
from car.identity import CarIdentity
from car.process import CarProcess
from car.settings import CarSettings
from pixelopolis.city.route import Place
from pixelopolis.city.sources import load_city
from pixelopolis.errors import SettingsError
from pixelopolis.model_io.crops import Image
from pixelopolis.vda5050.order import InstantAction, InstantActions
from pixelopolis.vda5050.state import Connection, ConnectionState, ErrorLevel, State
from pixelopolis.vehicle.dimensions import WHEEL_RADIUS_M
from sim.hardware.bus import VirtualBus
from sim.hardware.serial_port import SerialPort
from sim.live.camera_sockets import CameraSocket, encode_frame
from tests.car.orders.test_server_link import FakeServer, order
from tests.support.credentials import identity_of, view_token, write_key
from tests.support.lane_models import Steers
from tests.support.original_car import OriginalCar

pytestmark = pytest.mark.realtime

WAIT_S = 20.0
CITY = load_city("pixelopolis")


class Broken(Steers):
    def look(self, _picture_rgb: Image) -> LaneView:
        raise ValueError("a model that fails")


class SeesASign:
    def detect(self, detector_input_rgb: Image) -> tuple[Sighting, ...]:
        assert detector_input_rgb.shape == (160, 240, 3)
        return (Sighting("Go", 0.9, (0.8, 0.4, 0.9, 0.5)),)


class BrokenDetector:
    def detect(self, detector_input_rgb: Image) -> tuple[Sighting, ...]:
        raise ValueError("a detector that fails")


class Wheels:
    """The simulator's virtual bus on a pty; wheels follow their goals at once."""

    def __init__(self, link: Path) -> None:
        self.bus = VirtualBus()
        self._port = SerialPort(link)
        self._angles = [0.0, 0.0]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        last_s = time.monotonic()
        while not self._stop.wait(0.001):
            now_s = time.monotonic()
            goals = self.bus.wheel_goal_rad_s
            for side in (0, 1):
                self._angles[side] += goals[side] * (now_s - last_s)
            last_s = now_s
            self.bus.observe(self._angles, goals)
            self.bus.step(now_s)
            answer = self.bus.receive(self._port.read(), now_s)
            if answer:
                self._port.write(answer)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._port.close()


@pytest.fixture
def wheels(tmp_path: Path) -> Iterator[Wheels]:
    wheels = Wheels(tmp_path / "car1.bus")
    yield wheels
    wheels.close()


@pytest.fixture
async def camera(tmp_path: Path) -> AsyncIterator[CameraSocket]:
    camera = CameraSocket(tmp_path / "car1.camera")
    await camera.start()
    yield camera
    await camera.close()


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    server = FakeServer()
    await server.server.start_server()
    yield server
    await server.server.close()


def identity(server: FakeServer) -> CarIdentity:
    return identity_of("car1")


def opened(car: CarProcess) -> str:
    """Return the address of the live view with a token."""
    return f"{car.video_url}?token={view_token('car1')}"


def settings(tmp_path: Path, server: FakeServer, **stream: Any) -> CarSettings:
    return CarSettings.model_validate(
        {
            "id": "car1",
            "city": "pixelopolis",
            "start": {"edge": "13", "s_m": 0.6},
            "camera": {"source": f"virtual:{tmp_path / 'car1.camera'}"},
            "board": {"port": str(tmp_path / "car1.bus")},
            "server": {"url": str(server.server.make_url("")).replace("http", "ws")},
            "stream": stream,
        }
    )


@contextlib.asynccontextmanager
async def frames(camera: CameraSocket, only: Image | None = None) -> AsyncIterator[None]:
    """Send uniform images of changing brightness, or one image repeatedly."""

    async def send() -> None:
        value = 0
        while True:
            value = (value + 1) % 200
            image = np.full((320, 240, 3), value, np.uint8) if only is None else only
            camera.publish(encode_frame(image, time.monotonic()))
            await asyncio.sleep(0.03)

    task = asyncio.create_task(send())
    try:
        yield
    finally:
        task.cancel()


@contextlib.asynccontextmanager
async def running(car: CarProcess) -> AsyncIterator[None]:
    task = asyncio.create_task(car.run())
    try:
        yield
    finally:
        car.stop()
        async with asyncio.timeout(WAIT_S):
            await task


async def state_with(server: FakeServer, *drive_states: str) -> State:
    async with asyncio.timeout(WAIT_S):
        while (state := await server.next_state()).info("driveState") not in drive_states:
            pass
    return state


async def status(car: CarProcess) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{opened(car).replace('video.mjpg', 'status')}") as answer,
    ):
        document: dict[str, Any] = await answer.json()
        return document


async def test_drives_an_order_shows_it_and_stands_still_at_the_end(
    tmp_path: Path, wheels: Wheels, camera: CameraSocket, server: FakeServer
) -> None:
    car = CarProcess(settings(tmp_path, server), CITY, Steers(), identity(server), SeesASign())
    async with running(car):
        first = await server.next_state()
        assert first.last_node_id == "at:13:600"
        assert first.info("video") == car.video_url
        async with frames(camera):
            await server.send(order())
            driving = await state_with(server, "driving")
            assert driving.order_id == "o1"
            async with asyncio.timeout(WAIT_S):
                while min(wheels.bus.wheel_goal_rad_s) < 1.0:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                async with aiohttp.ClientSession() as session, session.get(opened(car)) as video:
                    seen = set()
                    while len(seen) < 3:
                        seen.add(await video.content.readuntil(b"\xff\xd9"))
            waiting = await state_with(server, "waiting_for_grant")
            assert waiting.last_node_id == "at:13:600"
            # the stop line is at the end of the edge; the axle stops a little before it
            length_m = CITY.edges["13"].length_m - 0.6
            assert length_m - 0.15 < waiting.distance_since_last_node < length_m
            figures = await status(car)
            assert figures["board"]["connected"]
            assert figures["frames"] > 10
            assert figures["detector"]["looks"] > 3
            assert (
                0 < figures["frame_to_command_ms"]["p50"] <= figures["frame_to_command_ms"]["p99"]
            )
            await server.send(order(1))
            await state_with(server, "driving", "turning")
    assert wheels.bus.wheel_goal_rad_s == (0.0, 0.0)
    assert not wheels.bus.left.torque
    assert not wheels.bus.right.torque


async def test_drives_an_order_with_an_original_board(
    tmp_path: Path, camera: CameraSocket, server: FakeServer
) -> None:
    known = settings(tmp_path, server)
    board = known.board.model_copy(update={"kind": "original"})
    car = CarProcess(known.model_copy(update={"board": board}), CITY, Steers(), identity(server))
    with OriginalCar(tmp_path / "car1.bus") as original:
        async with running(car), frames(camera):
            await server.next_state()
            await server.send(order())
            await state_with(server, "driving")
            waiting = await state_with(server, "waiting_for_grant")
            length_m = CITY.edges["13"].length_m - 0.6
            assert length_m - 0.15 < waiting.distance_since_last_node < length_m
            # its estimate matches its wheels
            turned_rad = sum(original.vehicle.wheel_rad) / 2
            driven_m = turned_rad * WHEEL_RADIUS_M
            assert driven_m == pytest.approx(waiting.distance_since_last_node, abs=0.1)
        assert original.tokens[-1] == "pc0c0"


async def test_a_lost_camera_stops_the_car_and_it_says_so(
    tmp_path: Path, wheels: Wheels, camera: CameraSocket, server: FakeServer
) -> None:
    car = CarProcess(settings(tmp_path, server), CITY, Steers(), identity(server))
    async with running(car):
        async with frames(camera):
            await server.next_state()
            await server.send(order())
            await state_with(server, "driving")
        stale = await state_with(server, "stale")
        assert "camera" in (stale.info("waiting") or "")
        async with asyncio.timeout(WAIT_S):
            while wheels.bus.wheel_goal_rad_s != (0.0, 0.0):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with frames(camera):
            await state_with(server, "driving")


async def test_a_camera_that_repeats_a_picture_stops_the_car_and_makes_it_unfit(
    tmp_path: Path, wheels: Wheels, camera: CameraSocket, server: FakeServer
) -> None:
    car = CarProcess(settings(tmp_path, server), CITY, Steers(), identity(server))
    picture = np.random.default_rng(0).integers(0, 255, (320, 240, 3), np.uint8)
    async with running(car), frames(camera, picture):
        await server.next_state()
        await server.send(order())
        said: list[ErrorLevel | None] = []
        async with asyncio.timeout(WAIT_S):
            while not said:  # on a busy computer, other parts may report too
                errors = (await server.next_state()).errors
                said = [e.error_level for e in errors if "same picture" in str(e.error_description)]
        assert said == [ErrorLevel.FATAL]
        assert "same picture" in (await status(car))["camera"]["trouble"]
        async with asyncio.timeout(WAIT_S):
            while wheels.bus.wheel_goal_rad_s != (0.0, 0.0):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_an_emergency_stop_from_the_server_is_read_back_from_the_board(
    tmp_path: Path, wheels: Wheels, camera: CameraSocket, server: FakeServer
) -> None:
    def action(kind: str) -> InstantActions:
        told = InstantAction(action_type=kind, action_id=kind)
        now = datetime.now(UTC)
        return InstantActions(header_id=0, timestamp=now, serial_number="car1", actions=(told,))

    async def until(kind: str, result: str) -> State:
        async with asyncio.timeout(WAIT_S):
            while True:
                state = await server.next_state()
                for done in state.instant_action_states:
                    if (done.action_id, done.action_status) == (kind, result):
                        return state

    car = CarProcess(settings(tmp_path, server), CITY, Steers(), identity(server))
    async with running(car), frames(camera):
        await server.next_state()
        await server.send(order())
        await state_with(server, "driving")
        await server.send(action("emergencyStop"))
        state = await until("emergencyStop", "FINISHED")
        assert state.safety_state.active_emergency_stop == "REMOTE"
        assert not wheels.bus.motor_power
        assert (await status(car))["board"]["emergency_stop"] == "confirmed"
        await server.send(action("releaseEmergencyStop"))
        state = await until("releaseEmergencyStop", "FINISHED")
        await state_with(server, "driving")


@pytest.mark.parametrize("what", ["a model that fails", "a detector that fails"])
async def test_what_always_fails_keeps_the_wheels_still_and_the_car_unfit(
    what: str, tmp_path: Path, wheels: Wheels, camera: CameraSocket, server: FakeServer
) -> None:
    model = Broken() if what == "a model that fails" else Steers()
    car = CarProcess(settings(tmp_path, server), CITY, model, identity(server), BrokenDetector())
    async with running(car), frames(camera), asyncio.timeout(WAIT_S):
        await server.next_state()
        await server.send(order())
        while not (errors := [e for e in (await server.next_state()).errors if what in str(e)]):
            pass
        assert errors[0].error_level is ErrorLevel.FATAL
        assert wheels.bus.wheel_goal_rad_s == (0.0, 0.0)


async def test_an_address_in_use_is_named(
    tmp_path: Path, server: FakeServer, camera: CameraSocket
) -> None:
    car = CarProcess(
        settings(tmp_path, server, port=server.server.port), CITY, Steers(), identity(server)
    )
    with pytest.raises(SettingsError, match=f"127.0.0.1:{server.server.port}"):
        await car.run()


async def test_sigterm_stops_the_wheels_of_the_real_program(
    tmp_path: Path, wheels: Wheels, camera: CameraSocket, server: FakeServer
) -> None:
    wanted = settings(tmp_path, server)
    config = tmp_path / "car.toml"
    config.write_text(
        f"""
        id = "car1"
        city = "pixelopolis"
        start = {{edge = "13", s_m = 0.6}}
        camera = {{source = "{wanted.camera.source}"}}
        board = {{port = "{wanted.board.port}"}}
        server = {{url = "{wanted.server.url}"}}
        """
    )
    write_key(config.with_suffix(".key"), "car1")
    argv = (sys.executable, "-m", "pixelopolis", "car", "--config", str(config))
    process = await asyncio.create_subprocess_exec(*argv, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with frames(camera), asyncio.timeout(3 * WAIT_S):
            await server.received.get()
            await server.send(order())
            while max(wheels.bus.wheel_goal_rad_s) < 1.0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert wheels.bus.wheel_goal_rad_s == (0.0, 0.0)
    assert not wheels.bus.left.torque
    while isinstance(goodbye := await server.next(), State):
        pass
    while not server.received.empty():
        goodbye = server.received.get_nowait()
    assert isinstance(goodbye, Connection)
    assert goodbye.connection_state is ConnectionState.OFFLINE


def test_the_car_does_not_start_outside_its_town(tmp_path: Path) -> None:
    place = Place("13", 9.0)
    wrong = CarSettings.model_validate(
        {
            "id": "car1",
            "city": "pixelopolis",
            "start": {"edge": place.edge, "s_m": place.s_m},
            "camera": {"source": "0"},
            "board": {"port": "/dev/null"},
            "server": {"url": "ws://127.0.0.1:1"},
        }
    )
    with pytest.raises(SettingsError, match="beyond the end"):
        CarProcess(wrong, CITY, Steers(), identity_of("car1"))
