"""A serial cable between car and board that can be unplugged and disturbed."""

from __future__ import annotations

import asyncio
import os
import random
import termios
import time
import tty
from pathlib import Path
from typing import Final

from sim.hardware.dynamixel import Instruction, Parser
from sim.hardware.serial_port import READ_SIZE, SerialPort

NOISE_BYTES: Final = 24
"""Bytes per poll while the cable is noisy: a fifth of the line's capacity."""


class Cable:
    """Passes bytes between two ptys in an event loop.

    Args:
        car_end: path of the car's serial port.
        board_end: the board's pty.
        seed: for the noise.

    Attributes:
        frame_s: time of the host's last valid packet.
        noisy: the board gets noise instead of the car's bytes.
        mute: the board gets nothing.
    """

    def __init__(self, car_end: Path, board_end: Path, seed: int) -> None:
        self.frame_s = 0.0
        self.noisy = False
        self.mute = False
        self._car_end, self._board_end = car_end, board_end
        self._random = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._parser = Parser()
        self._car: SerialPort | None = None
        self._board: int | None = None
        self.plug()

    def plug(self) -> None:
        if self._car is None:
            self._car = SerialPort(self._car_end)
            self._loop.add_reader(self._car.fd, self._from_car)

    def pull(self) -> None:
        """Unplug both ends: the car's port disappears, and the board has no host."""
        if self._car is not None:
            self._loop.remove_reader(self._car.fd)
            self._car.close()
            self._car = None
        self._leave_board()

    def look(self) -> None:
        """Reopen the board's end if needed, and send noise."""
        if self._car is not None and self._board is None:
            try:
                fd = os.open(self._board_end, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
                _set_up(fd)
            except (OSError, termios.error):
                return
            self._board = fd
            self._loop.add_reader(fd, self._from_board)
        if self.noisy:
            self._send(self._random.randbytes(NOISE_BYTES))

    def _from_car(self) -> None:
        assert self._car is not None
        data = self._car.read()
        if self.noisy or self.mute:
            return
        if any(p.crc_ok and p.instruction != Instruction.STATUS for p in self._parser.feed(data)):
            self.frame_s = time.monotonic()
        self._send(data)

    def _send(self, data: bytes) -> None:
        if self._board is None:
            return
        try:
            os.write(self._board, data)
        except BlockingIOError:
            return
        except OSError:
            self._leave_board()

    def _from_board(self) -> None:
        assert self._board is not None
        try:
            data = os.read(self._board, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._leave_board()
        elif self._car is not None:
            self._car.write(data)

    def _leave_board(self) -> None:
        if self._board is not None:
            self._loop.remove_reader(self._board)
            os.close(self._board)
            self._board = None


def _set_up(fd: int) -> None:
    """Set a terminal to raw mode at the board's rate."""
    tty.setraw(fd)
    settings = termios.tcgetattr(fd)
    settings[4] = settings[5] = termios.B1000000
    termios.tcsetattr(fd, termios.TCSANOW, settings)
