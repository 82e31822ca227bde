"""A process that stops the wheels of an original board if the car's process dies.

That board has no watchdog: if its host were killed, the wheels would turn forever. This program
waits for the end of its input. If the last thing read was not GOODBYE, the car died without
stopping: the program opens the port and sends the stop command until the board confirms it.

It is run as a script and needs only pyserial.
"""

from __future__ import annotations

import sys
import time
from typing import Final

import serial

GOODBYE: Final = b"."
TRY_ONCE_MORE: Final = b"!"
"""The car could not stop the wheels either and waits for this process."""
PATIENCE_S: Final = 60.0
"""Long enough to plug a cable back in."""
LAST_TRY_S: Final = 3.0
EVERY_S: Final = 0.25
"""The board takes 0.13 s per command and ignores input meanwhile."""
CONFIRMED: Final = b"STOP LEFT RIGHT"


def stop(port: str, baud: int, command: bytes, patience_s: float) -> bool:
    """Send the stop command until the board confirms it; return whether it did."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        try:
            with serial.Serial(port, baud, timeout=0, exclusive=True) as line:
                while time.monotonic() < end_s:
                    line.write(command)
                    time.sleep(EVERY_S)
                    if CONFIRMED in line.read(4096):
                        return True
        except OSError:
            # the port of a process that was just killed may take a moment to become free
            time.sleep(EVERY_S)
    return False


def main() -> int:
    port, baud, command = sys.argv[1:]
    last = b""
    while data := sys.stdin.buffer.read(1):
        last = data
    if last == GOODBYE:
        return 0
    patience_s = LAST_TRY_S if last == TRY_ONCE_MORE else PATIENCE_S
    return 0 if stop(port, int(baud), command.encode() + b"\n", patience_s) else 1


if __name__ == "__main__":
    raise SystemExit(main())
