"""Text protocol of an original board (the firmware of 2020) at 9,600 bit/s. Pure.

A command is both wheels' speeds in motor units, left first, each as two base-24 digits of the value
+ 288, and a line feed. The published firmware reads characters 1 to 4 and so needs one more before
them; the published app sent only four. The board answers `read = TOKEN`, the speeds that it
understood, and `STOP LEFT RIGHT` if both are 0; it reports its battery every five seconds. Its
motor bus shares the line, so motor packets appear in between as noise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

BAUD: Final = 9_600
BASE: Final = 24
OFFSET: Final = 288
MAX_UNITS: Final = 311
"""312 would exceed the largest first digit."""
DIGITS: Final = "0123456789abcdefghijklmno"
PREFIX: Final = "p"
"""The character before a five-character command; the firmware ignores it."""
MAX_PENDING: Final = 4096
"""Maximum bytes kept without a line end; more is noise."""

LOW_PCT, EMPTY_PCT = 86, 82
"""The app's limits of the battery's `b` value, the divider voltage in percent of the ADC's range:
warn, and stop."""

_ECHO: Final = re.compile(r"read = (\S+)$")
_SPEEDS: Final = re.compile(r"(-?\d+)-(-?\d+) \|\| (-?\d+)-(-?\d+)$")
_BATTERY: Final = re.compile(r"^b(\d{1,3})$")


@dataclass(frozen=True, slots=True)
class Echo:
    """The board has read a command."""

    token: str


@dataclass(frozen=True, slots=True)
class Speeds:
    """How it understood the command: absolute (left, right) speeds in motor units."""

    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """It has commanded both motors to stop."""


@dataclass(frozen=True, slots=True)
class Torque:
    """Someone pressed its torque button."""

    on: bool


@dataclass(frozen=True, slots=True)
class Battery:
    """Battery voltage in percent of the ADC's range."""

    adc_pct: int


Said = Echo | Speeds | Stopped | Torque | Battery


def driveable(left: int, right: int) -> tuple[int, int]:
    """Return speeds that the board can execute: a right 0 would also stop the left wheel."""
    left, right = (max(-OFFSET, min(MAX_UNITS, units)) for units in (left, right))
    return left, right or (1 if left else 0)


def token(left: int, right: int, chars: int) -> str:
    """Return the command for two speeds in motor units, without its line feed.

    Args:
        left: -288 to 311.
        right: -288 to 311.
        chars: 4 or 5, see `board.frame_chars`.
    """
    digits = "".join(
        DIGITS[digit] for units in (left, right) for digit in divmod(units + OFFSET, BASE)
    )
    return digits if chars == 4 else PREFIX + digits


class Reader:
    """Extracts the board's messages from the noise of its motor bus."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[Said]:
        """Take in more bytes and return the messages they complete."""
        *lines, rest = (self._pending + data).split(b"\n")
        self._pending = rest[-MAX_PENDING:]
        said = (_meaning(line.decode("latin-1").rstrip("\r")) for line in lines)
        return [each for each in said if each is not None]


def _meaning(line: str) -> Said | None:
    if found := _ECHO.search(line):
        return Echo(found[1])
    if found := _SPEEDS.search(line):
        return Speeds(abs(int(found[1])), abs(int(found[3])))
    if found := _BATTERY.search(line):
        return Battery(int(found[1]))
    if line.endswith("STOP LEFT RIGHT"):
        return Stopped()
    if line.endswith("able Torque Mode"):
        return Torque(not line.endswith("Disable Torque Mode"))
    return None
