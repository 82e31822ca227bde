"""A scripted drive over the firmware: the car's report matches its wheels' motion."""

import asyncio
import tempfile
import time
from pathlib import Path

import pytest

from car.board.dynamixel_board import DynamixelBoard
from car.driving.speed_profile import wheel_speeds_rad_s
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from pixelopolis.vehicle.speeds import CRUISE_MPS
from sim.hardware.boards import Boards
from sim.hardware.firmware_program import BoardKind, board_sockets
from sim.live.town import LiveTown
from sim.physics.expert import pursue
from sim.physics.lockstep import STEP_S, straight_route
from tests.support.firmware_build import build_board

pytestmark = pytest.mark.realtime

CITY = load_city("pixelopolis")
PATIENCE_S = 60.0
"""Limit for broken code; setting up the motors takes two seconds."""
MAX_LAG_S = 0.1
ROLLED_ON_RAD = 1.0
"""How far the wheels may roll after the last angles were read."""


class ScriptedDrive:
    """The expert steers; the car's own board thread does the rest."""

    def __init__(self, kind: BoardKind, drive_s: float) -> None:
        self.kind, self.drive_s = kind, drive_s
        self.town = LiveTown(CITY, 1, seed=3, board=kind)
        self.car = self.town.cars["car1"]
        start = spawn_places(CITY, 1)[0]
        self.path = RoutePath(CITY, straight_route(CITY, start, 2 * CRUISE_MPS * drive_s))
        self.way_m = self.start_m = self.path.route.start_s_m
        self.worst_m = 0.0
        self.driven_s = 0.0

    async def run(self, boards: Boards, board: DynamixelBoard) -> None:
        due_s = time.monotonic()
        end_s = due_s + 4 * self.drive_s + PATIENCE_S
        while self.driven_s < self.drive_s:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            now_s = time.monotonic()
            assert now_s < end_s, f"{self.driven_s:.1f} s driven; {board.status().problem}"
            boards.serve(now_s)
            self.town.step(now_s)
            due_s = max(due_s + STEP_S, now_s - MAX_LAG_S)
            if max(self.car.vehicle.wheel_rad_s) > 1.0:
                self.driven_s += STEP_S
            self.steer(board, now_s)

    async def end(self, boards: Boards, board: DynamixelBoard) -> None:
        """Close the car's side; it or the firmware releases the wheels."""
        closing = asyncio.create_task(asyncio.to_thread(board.close))
        end_s = time.monotonic() + PATIENCE_S
        while not closing.done() or any(motor.torque for motor in self.car.bus.motors):
            await asyncio.sleep(STEP_S)
            assert time.monotonic() < end_s, "the wheels were not released"
            boards.serve(time.monotonic())
            self.town.step(time.monotonic())

    def steer(self, board: DynamixelBoard, now_s: float) -> None:
        pose, curve = self.car.vehicle.pose, self.path.curve
        at = curve.project(pose.x_m, pose.y_m, self.way_m - 0.3, self.way_m + 0.3)
        self.way_m, self.worst_m = at.s_m, max(self.worst_m, abs(at.left_m))
        steering = pursue(curve, pose, self.way_m)
        board.set_goal(*wheel_speeds_rad_s(steering, CRUISE_MPS), now_s)


@pytest.mark.parametrize(
    ("kind", "drive_s"), [(BoardKind.DEVICE, 6.0), (BoardKind.HOST, 6.0), (BoardKind.QEMU, 15.0)]
)
async def test_a_drive_along_a_route(kind: BoardKind, drive_s: float) -> None:
    build_board(kind)
    drive = ScriptedDrive(kind, drive_s)
    with tempfile.TemporaryDirectory(prefix="px") as folder:
        async with Boards(kind, Path(folder), {"car1": drive.car.bus}) as boards:
            await boards.wait_ready()
            board = DynamixelBoard(str(board_sockets(Path(folder), "car1").bus))
            board.start()
            try:
                await drive.run(boards, board)
                assert boards.state("car1")["running"]
                assert boards.state("car1")["restarts"] == 0
            finally:
                await drive.end(boards, board)
    # it is slower only in turns and at the start
    assert drive.way_m - drive.start_m > 0.6 * CRUISE_MPS * drive_s
    assert drive.worst_m < 0.06, "it left the middle of its lane"
    reading = board.reading()
    assert reading is not None
    for angle_rad, true_rad in zip(
        (reading.left_rad, reading.right_rad), drive.car.vehicle.wheel_rad, strict=True
    ):
        # motion while a busy computer delayed the car is not counted
        assert 0.9 * true_rad - ROLLED_ON_RAD < angle_rad < true_rad + ROLLED_ON_RAD
