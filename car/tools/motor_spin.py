"""Spins the wheels for a while through the board driver, to test a car."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from car.board.base import BoardThread
from car.board.status import BoardStatus
from car.driving.types import WheelReading
from pixelopolis.errors import BoardError

CONNECT_S: Final = 5.0
POLL_S: Final = 0.05
"""Interval between two goals, as in the control thread."""


@dataclass(frozen=True, slots=True)
class Spin:
    """The motion of the wheels, (left, right)."""

    seconds: float
    goal_rad_s: tuple[float, float]
    turned_rad: tuple[float, float]
    interrupted: bool
    status: BoardStatus


def spin(
    board: BoardThread,
    goal_rad_s: tuple[float, float],
    seconds: float,
    on_reading: Callable[[float, tuple[float, float], BoardStatus], None],
) -> Spin:
    """Turn the wheels, then stop and close the board; Ctrl-C ends it early.

    Args:
        board: not started yet.
        goal_rad_s: (left, right), forward positive.
        seconds: how long.
        on_reading: called with elapsed seconds, measured speeds and the board's status.

    Raises:
        BoardError: the board is not ready, was lost, or the stop could not be confirmed.
    """
    interrupted = False
    first = last = None
    gone_s = 0.0
    try:
        board.start()
        board.wait_connected(CONNECT_S)
        began_s = time.monotonic()
        while gone_s < seconds:
            status = board.status()
            if not status.connected:
                raise BoardError(status.problem, "The wheels were stopped.")
            board.set_goal(*goal_rad_s, time.monotonic())
            time.sleep(min(POLL_S, max(seconds - gone_s, 0.0)))
            gone_s = time.monotonic() - began_s
            reading = board.reading()
            if reading is not None:
                first = first or reading
                on_reading(gone_s, _speeds(last, reading), board.status())
                last = reading
    except KeyboardInterrupt:
        interrupted = True
    finally:
        board.close()
    status = board.status()
    if not status.stop_confirmed:
        raise BoardError(
            "The wheels' stop could not be confirmed.", "Look at the wheels; switch the car off."
        )
    turned = (0.0, 0.0)
    if first is not None and last is not None:
        turned = (last.left_rad - first.left_rad, last.right_rad - first.right_rad)
    return Spin(round(gone_s, 3), goal_rad_s, turned, interrupted, status)


def _speeds(before: WheelReading | None, now: WheelReading) -> tuple[float, float]:
    if before is None or now.measured_s <= before.measured_s:
        return 0.0, 0.0
    took_s = now.measured_s - before.measured_s
    return (now.left_rad - before.left_rad) / took_s, (now.right_rad - before.right_rad) / took_s
