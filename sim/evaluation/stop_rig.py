"""A car's process on a test bench: board, motors, cable, camera and server that can fail.

Everything except the car and an external board program runs here, in real time, in one event loop.
The car is the real program without its detector; its camera shows a gray floor and its order is
long.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from aiohttp import WSMsgType, web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from pixelopolis.errors import PixelopolisError
from pixelopolis.geometry import Pose
from pixelopolis.identity.key_file import write_key_file
from pixelopolis.processes import ChildProcess, Processes
from pixelopolis.vda5050.frames import decode_from_car, encode
from pixelopolis.vda5050.order import Order
from pixelopolis.vda5050.order_progress import make_order
from pixelopolis.vda5050.state import State
from pixelopolis.vehicle.camera import FRAME_S
from sim.hardware.boards import Boards
from sim.hardware.bus import MotorLine, VirtualBus
from sim.hardware.cable import Cable
from sim.hardware.firmware_program import BoardKind, board_sockets
from sim.live.camera_sockets import CameraSocket, encode_frame
from sim.physics.lockstep import STEP_S, straight_route
from sim.physics.vehicle import Vehicle

CAR: Final = "car1"
CITY: Final = "pixelopolis"
WAY_M: Final = 200.0
"""Length of the order: some 25 minutes of driving."""
LOOK_S: Final = 0.001
WAIT_S: Final = 60.0
"""Limit for what must happen; a car's start takes some ten seconds on a busy computer."""
AT_SPEED_RAD_S: Final = 1.0
AT_REST_RAD_S: Final = 0.05


class RigError(PixelopolisError, RuntimeError):
    """Something that must happen on the test bench did not happen."""

    code = "PX602"


class OneOrderServer:
    """A server that gives one long order and can fall silent.

    Attributes:
        heard_s: time of its last message to the car.
        reachable: cleared while the network is down.
        state: the car's last state.
    """

    def __init__(self) -> None:
        self.heard_s = 0.0
        self.reachable = asyncio.Event()
        self.reachable.set()
        self.state: State | None = None
        self.port = 0
        self._orders = 0
        city = load_city(CITY)
        self._city = city
        self.start = spawn_places(city, 1)[0]
        app = web.Application()
        app.router.add_post("/api/cars/{serial}/challenge", self._challenge)
        app.router.add_get("/api/cars/{serial}/link", self._link)
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)

    async def open(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        self.reachable.set()
        await self._runner.cleanup()

    async def _challenge(self, _: web.Request) -> web.Response:
        """Give a nonce; on the bench nobody checks what the car makes of it."""
        await self.reachable.wait()
        return web.json_response({"nonce": "nonce", "server_time_s": time.time()})

    async def _link(self, request: web.Request) -> web.StreamResponse:
        await self.reachable.wait()
        link = web.WebSocketResponse(autoping=False)
        await link.prepare(request)
        self.heard_s = time.monotonic()
        with suppress(ConnectionError):  # the car may have reconnected
            await self._converse(link)
        return link

    async def _converse(self, link: web.WebSocketResponse) -> None:
        asked = False
        async for frame in link:
            await self.reachable.wait()
            if frame.type is WSMsgType.PING:
                await link.pong(frame.data)
                self.heard_s = time.monotonic()
            if frame.type is not WSMsgType.TEXT:
                continue
            said = decode_from_car(frame.data)
            if isinstance(said, State):
                self.state = said
                if not said.order_id and not asked:
                    asked = True
                    await link.send_str(encode(self._order()))
                    self.heard_s = time.monotonic()

    def _order(self) -> Order:
        self._orders += 1
        route = straight_route(self._city, self.start, WAY_M)
        return make_order(
            self._city,
            route,
            order_id=f"stops-{self._orders}",
            order_update_id=0,
            released_edges=len(route.edges),
            header_id=self._orders,
            serial_number=CAR,
            timestamp=datetime.now(UTC),
        )


class StopRig:
    """A context manager that runs one car on the bench and cleans up.

    Args:
        kind: kind of board.
        directory: for sockets and ptys; a short path.
        seed: for noise and pauses.

    Attributes:
        bus: the motors.
        cable: between car and board.
        desk: its server.
        frame_s: time of the camera's last frame.
        camera_on: whether frames are sent.
        goal_zero_s: time when the motors' goal last became zero.
        motors_heard_s: time of the motors' last packet before that.
        released_s: time when they last lost torque.
        held_up_s: longest pause of the measuring loop since this was set to 0.
        board_dead: the simulated board (`BoardKind.DEVICE`) does nothing.
    """

    def __init__(self, kind: BoardKind, directory: Path, seed: int) -> None:
        self.kind = kind
        self.bus: MotorLine = VirtualBus(seed) if kind is BoardKind.DEVICE else MotorLine(seed)
        self.desk = OneOrderServer()
        self.vehicle = Vehicle(Pose(0.0, 0.0, 0.0))
        self.camera_on = True
        self.board_dead = False
        self.frame_s = 0.0
        self.goal_zero_s = 0.0
        self.motors_heard_s = 0.0
        self.held_up_s = 0.0
        self.released_s = 0.0
        self.cable: Cable
        self._seed = seed
        self._directory = directory
        self._boards = Boards(kind, directory, {CAR: self.bus})
        self._processes = Processes(directory, self._died)
        self._config = directory / f"{CAR}.toml"
        self._killed = 0

    def _died(self, part: ChildProcess) -> None:
        if part.pid != self._killed:
            print(part.name, part.how_it_ended, part.last_words(), file=sys.stderr)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[StopRig]:
        """Run the whole bench.

        Raises:
            BoardError: the board's program fails.
            MissingPartError: the board's program is missing.
            RigError: the car does not drive.
        """
        camera = CameraSocket(self._directory / f"{CAR}.camera")
        port = self._directory / f"{CAR}.usb"
        await camera.start()
        await self.desk.open()
        tasks: list[asyncio.Task[None]] = []
        try:
            async with self._boards, self._processes:
                self.cable = Cable(port, board_sockets(self._directory, CAR).bus, self._seed)
                tasks += [
                    asyncio.create_task(work)
                    for work in (self._live(), self._film(camera), self._boards.wait_broken())
                ]
                try:
                    await self._boards.wait_ready()
                    self._write_config(port)
                    self._write_key()
                    await self.start_car()
                    yield self
                finally:
                    await self._processes.stop(*self._processes.parts)
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    self.cable.pull()
        finally:
            await self.desk.close()
            await camera.close()

    def _write_config(self, port: Path) -> None:
        place = self.desk.start
        self._config.write_text(
            f'id = "{CAR}"\n'
            f'city = "{CITY}"\n'
            f"start = {{edge = {json.dumps(place.edge)}, s_m = {place.s_m}}}\n"
            f"camera = {{source = {json.dumps(f'virtual:{self._directory / CAR}.camera')}}}\n"
            f"board = {{port = {json.dumps(str(port))}}}\n"
            f'server = {{url = "ws://127.0.0.1:{self.desk.port}"}}\n'
            "detector = {use = false}\n",
            encoding="utf-8",
        )

    def _write_key(self) -> None:
        """Make the car one that is enrolled."""
        view_key = Ed25519PrivateKey.generate().public_key()
        file = self._config.with_suffix(".key")
        write_key_file(file, Ed25519PrivateKey.generate(), view_key)

    # --- failures and their repair ------------------------------------------------------------

    async def start_car(self) -> None:
        argv = (sys.executable, "-m", "pixelopolis", "car", "--config", str(self._config))
        await self._processes.start(CAR, *argv)

    def signal_car(self, number: int) -> None:
        os.kill(self._processes.parts[CAR].pid, number)

    async def kill_car(self) -> None:
        """Send SIGKILL to the process that talks to the board."""
        part = self._processes.parts[CAR]
        self._killed = part.pid
        os.kill(part.pid, 9)
        await part.process.wait()

    def kill_board(self) -> None:
        """Send SIGKILL to the board's program; a simulated board stops working."""
        if self.kind is BoardKind.DEVICE:
            self.board_dead = self.cable.mute = True
        else:
            os.kill(self._boards.pid(CAR), 9)

    def revive_board(self) -> None:
        """Start the board again; a killed program was already restarted."""
        if isinstance(self.bus, VirtualBus) and self.board_dead:
            self.board_dead = self.cable.mute = False
            self.bus.board.reboot(time.monotonic())

    # --- measurements ---------------------------------------------------------------------------

    @property
    def driven(self) -> bool:
        return any(self.bus.wheel_goal_rad_s)

    @property
    def torque(self) -> bool:
        return any(motor.torque for motor in self.bus.motors)

    @property
    def at_speed(self) -> bool:
        return self.driven and max(self.vehicle.wheel_rad_s) > AT_SPEED_RAD_S

    def reports(self, fault: str) -> bool:
        """Return whether the car's state contains a board fault such as `battery low`."""
        state = self.desk.state
        return state is not None and any(
            fault.replace(" ", "_") in (error.error_description or "") for error in state.errors
        )

    @property
    def at_rest(self) -> bool:
        return max(map(abs, self.vehicle.wheel_rad_s)) < AT_REST_RAD_S

    async def until(self, what: str, true: Callable[[], bool], limit_s: float = WAIT_S) -> float:
        """Wait for a condition; return the time when it held.

        Raises:
            RigError: it did not hold within the limit.
        """
        end_s = time.monotonic() + limit_s
        while not true():
            if time.monotonic() > end_s:
                log = self._processes.parts[CAR].last_words() if self._processes.parts else ""
                raise RigError(
                    f"--board {self.kind}: {what}: not within {limit_s:.0f} s. The car says: {log}",
                    "Measure again when the computer is less busy.",
                )
            await asyncio.sleep(LOOK_S)
        return time.monotonic()

    # --- simulation -----------------------------------------------------------------------------

    async def _live(self) -> None:
        """Step physics and watchdogs at the simulator's pace; poll the cable more often."""
        due_s = time.monotonic()
        goal, driven, torque = (0.0, 0.0), False, False
        looked_s = due_s
        while True:
            await asyncio.sleep(LOOK_S)
            self.cable.look()
            now_s = time.monotonic()
            self.held_up_s, looked_s = max(self.held_up_s, now_s - looked_s), now_s
            if driven and not self.driven:
                self.goal_zero_s, self.motors_heard_s = (
                    now_s,
                    max(motor.heard_s for motor in self.bus.motors),
                )
            if torque and not self.torque:
                self.released_s = now_s
            driven, torque = self.driven, self.torque
            if now_s < due_s:
                continue
            self._boards.serve(now_s)
            self.bus.observe(self.vehicle.wheel_rad, self.vehicle.wheel_rad_s)
            if self.board_dead:
                MotorLine.step(self.bus, now_s)
            else:
                self.bus.step(now_s)
            while due_s <= now_s:
                if self.bus.wheel_goal_rad_s != goal:
                    goal = self.bus.wheel_goal_rad_s
                    self.vehicle.set_goal(*goal)
                self.vehicle.step(STEP_S)
                due_s += STEP_S

    async def _film(self, camera: CameraSocket) -> None:
        gray = np.full((320, 240, 3), 128, np.uint8)
        while True:
            await asyncio.sleep(FRAME_S)
            if self.camera_on:
                self.frame_s = time.monotonic()
                camera.publish(encode_frame(gray, self.frame_s))
