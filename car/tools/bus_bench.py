"""Measures the duration of a control cycle on a serial port: write both motors, read both."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from car.board.motor_bus import LostPacketError, MotorBus, PacketError
from car.board.procedures import MOTORS, exchange, find_board, power_motors, prepare
from pixelopolis.errors import BoardError
from pixelopolis.vehicle.control_table import XL430, MotorRegister

BAUD: Final = 1_000_000
WARM_UP: Final = 20
GOAL: Final = 20
"""Velocity register to write."""

ORIGINAL_COMMAND_MS: Final = 129.0
"""Duration of one command of the original, computed from its text frames, baud rate and waits."""


def measure_cycles(
    port: str, cycles: int, board: bool, report: Callable[[int], None] = lambda _done: None
) -> dict[str, Any]:
    """Return times and losses of control cycles, executed by the car's own functions.

    Args:
        port: port of the board, or of the motors alone.
        cycles: how many.
        board: whether there is a board, which must first switch on the motors' power.
        report: called with the number of completed cycles.

    Raises:
        BoardError: board or motors do not answer.
    """
    bus = MotorBus(port, BAUD)
    try:
        if board:
            find_board(bus)
            power_motors(bus, time.monotonic, lambda: False)
        for motor, side in MOTORS.items():
            prepare(bus, motor, mirrored=side == "right")
            bus.write(motor, XL430, MotorRegister.TORQUE_ENABLE, 1)
        return _measure(bus, cycles, report)
    except PacketError as error:
        raise BoardError(
            f"{port}: {error}.", "Measure again when the computer is less busy."
        ) from error
    finally:
        bus.close()


def _measure(bus: MotorBus, cycles: int, report: Callable[[int], None]) -> dict[str, Any]:
    times_s = []
    lost = 0
    goals = dict.fromkeys(MOTORS, GOAL)
    began_s = time.perf_counter()
    for number in range(-WARM_UP, cycles):
        start_s = time.perf_counter()
        if number == 0:
            began_s, lost = start_s, 0
        try:
            exchange(bus, goals)
        except PacketError:
            lost += 1
        times_s.append(time.perf_counter() - start_s)
        report(max(0, number + 1))
    took_s = time.perf_counter() - began_s
    for motor in MOTORS:
        if bus.read(motor, XL430, MotorRegister.GOAL_VELOCITY) != GOAL:
            raise LostPacketError("the goal speeds did not arrive")
    ms = np.array(times_s[WARM_UP:]) * 1e3
    p50_ms = float(np.percentile(ms, 50))
    return {
        "p50_ms": round(p50_ms, 3),
        "p99_ms": round(float(np.percentile(ms, 99)), 3),
        "cycles_per_s": round(cycles / took_s, 1),
        "cycles": cycles,
        "lost": lost,
        "speedup_vs_original": round(ORIGINAL_COMMAND_MS / p50_ms, 1),
    }
