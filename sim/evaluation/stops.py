"""How soon the wheels are stopped after each kind of failure.

Each row lets the car of a `StopRig` drive, injects a failure, waits until the motors' goal is zero
and the wheels are at rest, repairs it, and waits until the car drives again.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from car.driving.behavior import CAMERA_STOP_S, LINK_STOP_S
from pixelopolis.vehicle.control_table import BOARD, BoardButton, BoardRegister
from sim.evaluation.stop_rig import StopRig
from sim.hardware.board import FULL_BATTERY_MV, NO_BUTTON
from sim.hardware.firmware_program import BoardKind

RELEASING: Final = ("board", "power")
"""Layers that stop the wheels and then release their torque."""
TOLERANCE_MS: Final = 30.0
"""Allowed excess: the simulator's step of 5 ms, and delays of a busy computer."""
SETTLE_S: Final = 0.3
"""Driving time before a failure, plus a random amount up to the same, to vary the phase."""
STOP_S: Final = 15.0
RESET_S: Final = 0.2
"""How long the reset button is pressed."""


@dataclass(frozen=True)
class Failure:
    """One kind of failure, and the layer that stops the wheels.

    Attributes:
        name: of the row.
        stopped_by: "board" (goal zero, then torque off), "power" (its switch in the motors' power),
            "motors" (their Bus Watchdog) or "driver"; "nobody" for a low battery, which is only
            reported.
        promised_ms: limit from `since` to goal zero; None if the car drives on.
        happen: injects the failure.
        mend: repairs it.
        since: time of the last sign of life; without it, times count from the failure itself.
    """

    name: str
    stopped_by: str
    promised_ms: float | None
    happen: Callable[[StopRig], Awaitable[None]]
    mend: Callable[[StopRig], Awaitable[None]]
    since: Callable[[StopRig], float] | None = None


def last_host_frame(rig: StopRig) -> float:
    return rig.cable.frame_s


async def _freeze(rig: StopRig) -> None:
    rig.signal_car(signal.SIGSTOP)


async def _thaw(rig: StopRig) -> None:
    rig.signal_car(signal.SIGCONT)


async def _kill(rig: StopRig) -> None:
    await rig.kill_car()


async def _start_again(rig: StopRig) -> None:
    await rig.start_car()


async def _pull(rig: StopRig) -> None:
    rig.cable.pull()


async def _plug(rig: StopRig) -> None:
    rig.cable.plug()


async def _noise(rig: StopRig) -> None:
    rig.cable.noisy = True


async def _quiet(rig: StopRig) -> None:
    rig.cable.noisy = False


async def _no_pictures(rig: StopRig) -> None:
    rig.camera_on = False


async def _pictures(rig: StopRig) -> None:
    rig.camera_on = True


async def _no_server(rig: StopRig) -> None:
    rig.desk.reachable.clear()


async def _server(rig: StopRig) -> None:
    rig.desk.reachable.set()


async def _battery_low(rig: StopRig) -> None:
    rig.bus.pins.battery_mv = _limit_mv(BoardRegister.BATTERY_LOW_MV) - 100


async def _battery_empty(rig: StopRig) -> None:
    rig.bus.pins.battery_mv = _limit_mv(BoardRegister.BATTERY_EMPTY_MV) - 100


async def _charged(rig: StopRig) -> None:
    rig.bus.pins.battery_mv = FULL_BATTERY_MV


async def _press_stop(rig: StopRig) -> None:
    rig.bus.pins.buttons = BoardButton.ESTOP


async def _release_stop(rig: StopRig) -> None:
    """Release the stop button and press reset."""
    rig.bus.pins.buttons = NO_BUTTON
    await asyncio.sleep(RESET_S)
    rig.bus.pins.buttons = BoardButton.RESET
    await asyncio.sleep(RESET_S)
    rig.bus.pins.buttons = NO_BUTTON


async def _kill_board(rig: StopRig) -> None:
    rig.kill_board()


async def _revive_board(rig: StopRig) -> None:
    rig.revive_board()


def _limit_mv(register: BoardRegister) -> int:
    return BOARD[register].default or 0


CAR_LATE_MS: Final = 70.0
"""The driver decides at least every 50 ms; the board thread passes it on within 20 ms."""
BUS_WATCHDOG_MS: Final = 200.0
"""The timeout of the motors' Bus Watchdog that the car sets."""
BATTERY_MS: Final = 500.0
"""The voltage is smoothed with a time constant of 128 ms (firmware/core/battery.h)."""
BUTTON_MS: Final = 10.0
"""A stop button counts after 3 ms (firmware/core/buttons.h), at the simulator's next step."""
HOST_TIMEOUT_MS: Final = float(BOARD[BoardRegister.HOST_TIMEOUT_MS].default or 0)

CAMERA_MS: Final = CAMERA_STOP_S * 1000 + CAR_LATE_MS
SERVER_MS: Final = LINK_STOP_S * 1000 + CAR_LATE_MS

FAILURES: Final = (
    Failure("host silent", "board", HOST_TIMEOUT_MS, _freeze, _thaw, last_host_frame),
    Failure("host killed", "board", HOST_TIMEOUT_MS, _kill, _start_again, last_host_frame),
    Failure("cable pulled", "board", HOST_TIMEOUT_MS, _pull, _plug, last_host_frame),
    Failure("garbage on the link", "board", HOST_TIMEOUT_MS, _noise, _quiet, last_host_frame),
    Failure(
        "board killed",
        "motors",
        BUS_WATCHDOG_MS,
        _kill_board,
        _revive_board,
        lambda rig: rig.motors_heard_s,
    ),
    Failure(
        "camera stalled", "driver", CAMERA_MS, _no_pictures, _pictures, lambda rig: rig.frame_s
    ),
    Failure("server lost", "driver", SERVER_MS, _no_server, _server, lambda rig: rig.desk.heard_s),
    Failure("battery low", "nobody", None, _battery_low, _charged),
    Failure("battery empty", "power", BATTERY_MS, _battery_empty, _charged),
    Failure("e-stop pressed", "power", BUTTON_MS, _press_stop, _release_stop),
)


async def measure_stops(
    kind: BoardKind,
    directory: Path,
    rounds: int,
    seed: int,
    report: Callable[[int], None] = lambda _done: None,
) -> dict[str, Any]:
    """Return the rows of one kind of board by name.

    Args:
        kind: kind of board.
        directory: for sockets and ptys; a short path.
        rounds: repetitions of every failure.
        seed: for pauses and noise.
        report: gets the number of failures done.

    Raises:
        MissingPartError: the board's program is missing.
        RigError: the wheels did not stop, or the car did not drive again.
    """
    pauses = random.Random(seed)
    times: dict[str, list[dict[str, float]]] = {failure.name: [] for failure in FAILURES}
    done = 0
    async with StopRig(kind, directory, seed).running() as rig:
        for _ in range(rounds):
            for failure in FAILURES:
                settled = False
                while not settled:  # a busy computer may have stopped the car meanwhile
                    await rig.until("the car drives", lambda: rig.at_speed)
                    await asyncio.sleep(SETTLE_S * (1 + pauses.random()))
                    settled = rig.at_speed
                times[failure.name].append(await _let_fail(rig, failure))
                done += 1
                report(done)
    return {failure.name: _row(failure, times[failure.name]) for failure in FAILURES}


async def _let_fail(rig: StopRig, failure: Failure) -> dict[str, float]:
    """Return times in s: to goal zero (or the report), to rest, and to driving again.

    `held_up` is the longest pause of the measuring loop, and so the error of the times.
    """
    began_s, rig.held_up_s = time.monotonic(), 0.0
    await failure.happen(rig)
    try:
        if failure.promised_ms is None:
            said_s = await rig.until(
                f"{failure.name}: the car reports it", lambda: rig.reports(failure.name), STOP_S
            )
            return {"reported": said_s - began_s, "held_up": rig.held_up_s}
        # a busy computer may stop the wheels briefly: the stop that lasts counts
        what = f"{failure.name}: the wheels are at rest and stay so"
        rest_s = await rig.until(what, lambda: rig.at_rest and not rig.driven, STOP_S)
        zero_s, released_s = rig.goal_zero_s, rig.released_s
        held_up_s = rig.held_up_s
        since_s = failure.since(rig) if failure.since else began_s
    finally:
        await failure.mend(rig)
    mended_s = time.monotonic()
    again_s = await rig.until(f"{failure.name}: the car drives again", lambda: rig.at_speed)
    times = {"goal_zero": zero_s - since_s, "at_rest": rest_s - since_s, "held_up": held_up_s}
    if failure.stopped_by in RELEASING:
        times["torque_off"] = released_s - since_s
    return times | {"drives_again": again_s - mended_s}


def _row(failure: Failure, times: list[dict[str, float]]) -> dict[str, Any]:
    """Return the worst times of all rounds in ms, and every time to goal zero."""
    row: dict[str, Any] = {"stopped_by": failure.stopped_by, "promised_ms": failure.promised_ms}
    for key in times[0]:
        row[f"{key}_ms"] = round(max(each[key] for each in times) * 1e3, 1)
    if failure.promised_ms is not None:
        row["goal_zero_each_ms"] = [round(each["goal_zero"] * 1e3, 1) for each in times]
        row["kept"] = row["goal_zero_ms"] <= failure.promised_ms + TOLERANCE_MS
    return row
