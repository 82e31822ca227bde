"""Which kind of board a car has."""

from __future__ import annotations

from car import original_frames
from car.board import Board
from car.board_thread import BoardThread
from car.original_board import OriginalBoard
from car.settings import BoardSettings
from pixelopolis.control_table import BUS_BAUD


def make_board(settings: BoardSettings) -> BoardThread:
    """Return the driver for a car's board, not yet started."""
    if settings.kind == "original":
        return OriginalBoard(
            settings.port, settings.baud or original_frames.BAUD, settings.frame_chars
        )
    return Board(
        settings.port,
        settings.baud or BUS_BAUD,
        mirrored=settings.mirrored,
        battery_gain=settings.battery_gain,
    )
