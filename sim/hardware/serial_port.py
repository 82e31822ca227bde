"""Raw byte lines: a pty as a car's USB cable, and a Unix socket as a line to a program."""

from __future__ import annotations

import asyncio
import os
import pty
import socket
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Final

READ_SIZE: Final = 4096
BAUDS: Final = {
    termios.B9600: 9_600,
    termios.B57600: 57_600,
    termios.B115200: 115_200,
    termios.B1000000: 1_000_000,
    termios.B2000000: 2_000_000,
    termios.B3000000: 3_000_000,
    termios.B4000000: 4_000_000,
}
"""Rates of Dynamixel motors that POSIX terminals support; 4.5 Mbit/s is not among them."""


class SerialPort:
    """A pty with a fixed path.

    Args:
        link: path of the symbolic link to make; an existing one is replaced.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        # holding the car's end open keeps the pty alive while no car has it open
        self.fd, self._car_end = pty.openpty()
        tty.setraw(self._car_end)
        os.set_blocking(self.fd, False)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._car_end))

    @property
    def baud(self) -> int | None:
        """The rate that the car has set, None for one that no motor has."""
        output_rate = termios.tcgetattr(self._car_end)[5]
        return BAUDS.get(output_rate)

    def read(self) -> bytes:
        """Return the bytes that have arrived, b"" for none."""
        try:
            return os.read(self.fd, READ_SIZE)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Send what fits; the rest is lost, as on a line without a reader."""
        try:
            os.write(self.fd, data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Close the pty: the car's reads and writes fail from now on."""
        self.link.unlink(missing_ok=True)
        os.close(self.fd)
        os.close(self._car_end)


class UnixLine:
    """A line to one program: a listening Unix socket, and its latest client.

    Needs a running event loop, which calls `on_data` when there are bytes to `read`.

    Args:
        path: of the socket; an existing one is replaced.
        on_data: see above; spurious calls are possible.
        on_connect: called when a program has connected.
    """

    def __init__(
        self,
        path: Path,
        on_data: Callable[[], None],
        on_connect: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._on_data, self._on_connect = on_data, on_connect
        self._loop = asyncio.get_running_loop()
        self._peer: socket.socket | None = None
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.setblocking(False)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except BlockingIOError:  # it has already disconnected
            return
        self._drop()
        peer.setblocking(False)
        self._peer = peer
        self._loop.add_reader(peer, self._on_data)
        self._on_connect()

    def read(self) -> bytes:
        """Return the bytes that have arrived, b"" for none."""
        if self._peer is None:
            return b""
        try:
            data = self._peer.recv(READ_SIZE)
        except BlockingIOError:
            return b""
        except ConnectionError:
            data = b""
        if not data:
            self._drop()
        return data

    def write(self, data: bytes) -> None:
        """Send what fits; the rest is lost, as on a line without a reader."""
        if self._peer is None:
            return
        try:
            self._peer.send(data)
        except BlockingIOError:
            return
        except ConnectionError:
            self._drop()

    def _drop(self) -> None:
        if self._peer is not None:
            self._loop.remove_reader(self._peer)
            self._peer.close()
            self._peer = None

    def close(self) -> None:
        self._drop()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._path.unlink(missing_ok=True)
