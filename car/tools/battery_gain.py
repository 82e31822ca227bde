"""Calibrates the board's battery divider with a multimeter."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from car.tools.workbench import Workbench
from pixelopolis.errors import BoardError, SettingsError
from pixelopolis.vehicle.control_table import BOARD, BOARD_ID, BoardRegister

LOOKS: Final = 10
LOOK_S: Final = 0.05
_GAIN: Final = BOARD[BoardRegister.BATTERY_GAIN]


class Calibration(NamedTuple):
    """The board's voltage before and after, and the gain between."""

    before_mv: int
    after_mv: int
    gain: float


def read_voltage_mv(bench: Workbench) -> int:
    """Return the mean of several readings of the board's voltage.

    Raises:
        BoardError: there is no board.
    """
    if not bench.has_board:
        raise BoardError(
            f"No board answers on {bench.bus.name}.", "Connect the car's board, not an adapter."
        )
    total = 0
    for _ in range(LOOKS):
        total += bench.bus.read(BOARD_ID, BOARD, BoardRegister.BATTERY_MV)
        time.sleep(LOOK_S)
    return round(total / LOOKS)


def calibrate(bench: Workbench, before_mv: int, measured_mv: int) -> Calibration:
    """Set the gain that makes the board's voltage equal to the measured one.

    Args:
        bench: a workbench with a board.
        before_mv: the board's voltage at its present gain.
        measured_mv: voltage at the battery by multimeter.

    Raises:
        SettingsError: the two differ by more than a divider's tolerance.
    """
    old = bench.bus.read(BOARD_ID, BOARD, BoardRegister.BATTERY_GAIN)
    new = round(old * measured_mv / max(before_mv, 1))
    low, high = _GAIN.min or 0, _GAIN.max or 0
    if not low <= new <= high:
        raise SettingsError(
            f"{measured_mv / 1000:.2f} V were measured where the board says "
            f"{before_mv / 1000:.2f} V: a gain of {new * _GAIN.scale:.2f}, "
            f"not {low * _GAIN.scale:.1f} to {high * _GAIN.scale:.1f}.",
            "Measure at the battery while the board is on; check the divider's resistors.",
        )
    bench.bus.write(BOARD_ID, BOARD, BoardRegister.BATTERY_GAIN, new)
    return Calibration(before_mv, read_voltage_mv(bench), round(new * _GAIN.scale, 3))
