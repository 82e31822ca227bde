"""The color of each car, by which visitors tell them apart: the one place that says it.

The simulator paints its cars so, the map draws them so, and the page's words name it. A real car
wears a cover or a sticker of its color.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CarPaint:
    """A color: `name` is the key of its words on the page, `rgb` is "#rrggbb"."""

    name: str
    rgb: str


PAINTS: Final = (
    CarPaint("red", "#e5484d"),
    CarPaint("blue", "#3e63dd"),
    CarPaint("green", "#30a46c"),
    CarPaint("yellow", "#f5a524"),
    CarPaint("purple", "#8e4ec6"),
    CarPaint("turquoise", "#00a2c7"),
    CarPaint("pink", "#e93d82"),
    CarPaint("brown", "#7d5e54"),
)

_NUMBER: Final = re.compile(r"([0-9]{1,9})$")


def paint_of(serial: str) -> CarPaint:
    """Return a car's color.

    It goes by the number that the serial ends with (`car1` has the first), else by all of it.
    """
    number = _NUMBER.search(serial)
    index = int(number[1]) - 1 if number else zlib.crc32(serial.encode())
    return PAINTS[index % len(PAINTS)]
