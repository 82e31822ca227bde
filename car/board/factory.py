"""Creates the board driver for a car's kind of board."""

from __future__ import annotations

from car.board.base import BoardThread
from car.board.dynamixel_board import DynamixelBoard
from car.board.original import protocol as original_frames
from car.board.original.board import OriginalBoard
from car.settings import BoardSettings
from pixelopolis.vehicle.control_table import BUS_BAUD


def make_board(settings: BoardSettings) -> BoardThread:
    """Return the driver for a car's board, not yet started."""
    if settings.kind == "original":
        return OriginalBoard(
            settings.port, settings.baud or original_frames.BAUD, settings.frame_chars
        )
    return DynamixelBoard(
        settings.port,
        settings.baud or BUS_BAUD,
        mirrored=settings.mirrored,
        battery_gain=settings.battery_gain,
    )
