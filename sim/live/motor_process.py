"""A car's motors, wheels and, if requested, board as a process.

`python -m sim.live.motor_process DIR BOARD` serves them at DIR/car1.bus. BOARD is a kind of board,
or `direct` for powered motors without one. Prints `ready`; ends when its standard input ends. For
measurements, and for programs that use motors without cars.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

from pixelopolis.errors import PixelopolisError
from pixelopolis.geometry import Pose
from sim.hardware.boards import Boards
from sim.hardware.bus import MotorLine, VirtualBus
from sim.hardware.firmware_program import BoardKind
from sim.hardware.motor import MOTOR_BOOT_S
from sim.live.renderer_link import first_of
from sim.live.town import TownCar
from sim.physics.lockstep import STEP_S
from sim.physics.vehicle import Vehicle

CAR: Final = "car1"
DIRECT: Final = "direct"


async def serve(directory: Path, board: str) -> None:
    """Serve until standard input ends.

    Raises:
        BoardError: the board's program fails.
        MissingPartError: the board's program is missing.
    """
    kind = BoardKind.DEVICE if board == DIRECT else BoardKind(board)
    bus = VirtualBus() if board == BoardKind.DEVICE else MotorLine()
    if board == DIRECT:
        bus.set_power(True, time.monotonic() - MOTOR_BOOT_S)
    async with Boards(kind, directory, {CAR: bus}) as boards:
        car = TownCar(Vehicle(Pose(0.0, 0.0, 0.0)), bus)

        async def step() -> None:
            due_s = time.monotonic()
            while True:
                await asyncio.sleep(STEP_S)
                now_s = time.monotonic()
                boards.serve(now_s)
                while due_s <= now_s:
                    car.step(now_s)
                    car.vehicle.step(STEP_S)
                    due_s += STEP_S

        await first_of(step(), boards.wait_ready(), boards.wait_broken())
        print("ready", flush=True)
        await first_of(step(), boards.wait_broken(), asyncio.to_thread(sys.stdin.read))


def main() -> None:
    try:
        asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
    except PixelopolisError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
