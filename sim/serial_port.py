"""A virtual serial port: a pseudo-terminal that a car opens as it opens its USB cable."""

from __future__ import annotations

import os
import pty
import tty
from pathlib import Path

READ_SIZE = 4096


class SerialPort:
    """One pseudo-terminal under a name of our choice.

    Args:
        link: path of the symbolic link to make; what stands there is replaced.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        # our own copy of the car's end keeps the terminal alive while no car has it open
        self.fd, self._car_end = pty.openpty()
        tty.setraw(self._car_end)
        os.set_blocking(self.fd, False)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._car_end))

    def read(self) -> bytes:
        """Return what has arrived, b"" for nothing."""
        try:
            return os.read(self.fd, READ_SIZE)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Send what fits; the rest is lost, as on a wire that nobody reads."""
        try:
            os.write(self.fd, data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Unplug the cable: the car's reads and writes fail from now on."""
        self.link.unlink(missing_ok=True)
        os.close(self.fd)
        os.close(self._car_end)
