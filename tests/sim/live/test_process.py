"""Parts of the real-time simulator: the city, messages to the renderer, camera sockets."""

import asyncio
import math
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from pixelopolis.errors import MissingPartError, SettingsError
from pixelopolis.geometry import Pose
from pixelopolis.newest import Newest
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.control_table import BOARD, BOARD_ID, XL430, BoardRegister, MotorRegister
from pixelopolis.vehicle.virtual_camera import HEADER
from sim.hardware import firmware_program as board_program
from sim.hardware.dynamixel import Instruction, encode
from sim.hardware.firmware_program import BoardKind
from sim.live.camera_sockets import CameraSocket, encode_frame
from sim.live.process import Pace, Realtime, RealtimeSettings
from sim.live.render_messages import LiveScene, RenderTask
from sim.live.town import LiveTown
from sim.physics.lockstep import STEP_S
from sim.physics.vehicle import BodyMotion

pytestmark = pytest.mark.realtime

angles = st.floats(-math.pi, math.pi)
places = st.floats(-10, 10)
moving = st.tuples(st.builds(Pose, places, places, angles), st.builds(BodyMotion, places, places))


@given(st.floats(0, 1e9), st.booleans(), st.lists(moving, max_size=5))
def test_scenes_travel_unchanged(
    time_s: float, bird: bool, cars: list[tuple[Pose, BodyMotion]]
) -> None:
    scene = LiveScene(time_s, bird, tuple(cars))
    assert len(scene.encode()) == LiveScene.size(len(cars))
    assert LiveScene.decode(scene.encode()) == scene


def test_tasks_travel_unchanged() -> None:
    task = RenderTask("square", {"car1": "/somewhere/car1.camera"}, Camera(height_m=0.3), 7)
    assert RenderTask.from_json(task.to_json()) == task


class TownHost:
    """Drives a city's cars by packets, with a manual clock."""

    def __init__(self, town: LiveTown) -> None:
        self.town = town
        self.now_s = 10.0

    def write(self, car: str, device: int, name: str, value: int) -> None:
        register = (BOARD if device == BOARD_ID else XL430)[name]
        data = register.address.to_bytes(2, "little") + register.encode(value)
        self.town.cars[car].bus.receive(encode(device, Instruction.WRITE, data), self.now_s)

    def step(self, seconds: float, alive: tuple[str, ...] = ()) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            for car in alive:
                self.town.cars[car].bus.receive(encode(BOARD_ID, Instruction.PING), self.now_s)
            self.town.step(self.now_s)

    def drive(self, car: str, units: int) -> None:
        self.step(STEP_S)
        self.write(car, BOARD_ID, BoardRegister.MOTOR_POWER, 1)
        self.step(0.3)
        self.write(car, 2, MotorRegister.DRIVE_MODE, 1)
        for motor in (1, 2):
            self.write(car, motor, MotorRegister.OPERATING_MODE, 1)
            self.write(car, motor, MotorRegister.TORQUE_ENABLE, 1)
            self.write(car, motor, MotorRegister.GOAL_VELOCITY, units)


def test_packets_move_a_car_and_silence_stops_it() -> None:
    host = TownHost(LiveTown(load_city("straight"), 1, seed=3))
    (start,) = host.town.poses
    host.drive("car1", 180)
    host.step(1.0, alive=("car1",))
    ((moving, motion),) = host.town.moving
    (before,) = host.town.state()["cars"]
    # one second at 0.136 m/s, less the motor's delay and lag, with tolerance for wheels and slip
    assert 0.10 < start.distance_m(moving) < 0.14
    assert before["v_mps"] == pytest.approx(0.136, rel=0.05)
    assert motion.speed_mps == pytest.approx(0.136, rel=0.05)
    assert before["torque"] == [True, True]
    host.step(1.0)
    (after,) = host.town.state()["cars"]
    assert abs(after["v_mps"]) < 1e-3
    assert after["torque"] == [False, False]
    assert after["board_faults"] == ["host_silent"]


def test_the_same_seed_gives_the_same_drive() -> None:
    def drive(seed: int) -> tuple[Pose, ...]:
        host = TownHost(LiveTown(load_city("pixelopolis"), 2, seed))
        host.drive("car2", 150)
        host.step(0.5, alive=("car2",))
        return host.town.poses

    assert drive(4) == drive(4)
    assert drive(4) != drive(5)


def test_cars_stand_where_their_software_thinks_they_do() -> None:
    city = load_city("pixelopolis")
    town = LiveTown(city, 3)
    assert list(town.cars) == ["car1", "car2", "car3"]
    for place, pose in zip(spawn_places(city, 3), town.poses, strict=True):
        assert pose == city.edges[place.edge].curve.pose_at(place.s_m)


def test_too_many_cars_are_refused() -> None:
    with pytest.raises(SettingsError, match="cars: 500"):
        LiveTown(load_city("straight"), 500)


def test_a_board_that_is_not_built_is_named_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(board_program, "HOST_BUILD", tmp_path / "nothing")
    settings = RealtimeSettings("straight", 1, tmp_path / "sim", board=BoardKind.HOST)
    with pytest.raises(MissingPartError, match="--board host"):
        Realtime(settings)
    assert not (tmp_path / "sim").exists()


def test_cars_that_drive_into_each_other_are_counted() -> None:
    town = LiveTown(load_city("pixelopolis"), 2)
    first, second = (car.vehicle for car in town.cars.values())
    second.pose = first.pose.ahead(0.1)
    town.step(1.0)
    town.step(1.005)
    assert town.state()["collisions"] == 1


def test_a_late_step_shows_in_the_pace() -> None:
    pace = Pace()
    for late_s in (0.0, STEP_S, 2 * STEP_S):
        pace.note(late_s)
    pace.skip(0.25)
    assert (pace.steps, pace.late_steps, pace.max_late_ms) == (3, 1, 10.0)
    assert pace.skipped_s == 0.25


async def test_newest_skips_what_nobody_read() -> None:
    newest: Newest[str] = Newest()
    waiting = asyncio.create_task(newest.after(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    newest.put("first")
    newest.put("second")
    assert await waiting == (2, "second")
    assert await newest.after(1) == (2, "second")


def picture(shade: int) -> bytes:
    return encode_frame(np.full((320, 240, 3), shade, np.uint8), float(shade))


@pytest.fixture
async def camera() -> AsyncIterator[tuple[CameraSocket, Path]]:
    # a short path: a Unix socket's has at most 107 bytes
    with tempfile.TemporaryDirectory(prefix="px") as folder:
        path = Path(folder) / "car1.camera"
        socket = CameraSocket(path)
        await socket.start()
        yield socket, path
        await socket.close()
        assert not path.exists()
        assert socket.viewers == 0


async def read_frame(reader: asyncio.StreamReader) -> tuple[float, bytes]:
    magic, width, height, channels, time_s = HEADER.unpack(await reader.readexactly(HEADER.size))
    assert (magic, width, height, channels) == (b"PXF1", 240, 320, 3)
    return time_s, await reader.readexactly(width * height * channels)


@asynccontextmanager
async def client(camera: CameraSocket, path: Path) -> AsyncIterator[asyncio.StreamReader]:
    viewers = camera.viewers
    reader, writer = await asyncio.open_unix_connection(path)
    for _ in range(100):
        if camera.viewers > viewers:
            break
        await asyncio.sleep(0.01)
    assert camera.viewers == viewers + 1
    try:
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def test_every_client_gets_the_frames(camera: tuple[CameraSocket, Path]) -> None:
    async with client(*camera) as first, client(*camera) as second:
        for shade in (1, 2):
            camera[0].publish(picture(shade))
            for reader in (first, second):
                time_s, pixels = await read_frame(reader)
                assert time_s == shade
                assert pixels == bytes([shade]) * (320 * 240 * 3)


async def test_a_slow_client_skips_frames_and_holds_nobody_up(
    camera: tuple[CameraSocket, Path],
) -> None:
    async with client(*camera) as slow, client(*camera) as quick:
        for shade in range(1, 41):
            camera[0].publish(picture(shade))
            assert (await read_frame(quick))[0] == shade
        times: list[float] = []
        while not times or times[-1] < 40:
            times.append((await read_frame(slow))[0])
    assert times == sorted(times)
    # buffered frames, then at once the newest
    assert len(times) < 10


async def test_a_client_that_leaves_is_forgotten(camera: tuple[CameraSocket, Path]) -> None:
    async with client(*camera):
        pass
    for shade in range(200):
        camera[0].publish(picture(shade))
        await asyncio.sleep(0.01)
        if not camera[0].viewers:
            break
    assert camera[0].viewers == 0
