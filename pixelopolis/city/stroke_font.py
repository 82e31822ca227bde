"""A small single-stroke font, so that drawing labels needs no installed font.

Each glyph is a list of polylines on a grid 4 wide and 6 high, y up; lower-case letters are drawn
as capitals. Missing characters are left blank.
"""

from __future__ import annotations

from typing import Final

ADVANCE: Final = 5.4
HEIGHT: Final = 6.0

_GLYPHS: Final = {
    "0": "03 04 15 26 35 44 42 31 20 11 02 03",
    "1": "14 26 20,10 30",
    "2": "04 15 26 35 44 43 00 40",
    "3": "05 16 36 45 44 33 13,33 42 41 30 10 01",
    "4": "30 36 02 42",
    "5": "46 06 03 14 34 43 41 30 10 01",
    "6": "45 36 16 05 01 10 30 41 42 33 13 02",
    "7": "06 46 10",
    "8": "13 04 05 16 36 45 44 33 13 02 01 10 30 41 42 33",
    "9": "01 10 30 41 45 36 16 05 04 13 33 44",
    "A": "00 04 26 44 40,02 42",
    "B": "00 06 36 45 44 33 03,33 42 41 30 00",
    "C": "45 36 16 05 01 10 30 41",
    "D": "00 06 26 44 42 20 00",
    "E": "46 06 00 40,03 33",
    "F": "46 06 00,03 33",
    "G": "45 36 16 05 01 10 30 41 43 23",
    "H": "00 06,40 46,03 43",
    "I": "16 36,26 20,10 30",
    "J": "36 31 20 10 01",
    "K": "06 00,46 02,13 40",
    "L": "06 00 40",
    "M": "00 06 23 46 40",
    "N": "00 06 40 46",
    "O": "05 16 36 45 41 30 10 01 05",
    "P": "00 06 36 45 44 33 03",
    "Q": "05 16 36 45 41 30 10 01 05,22 40",
    "R": "00 06 36 45 44 33 03,23 40",
    "S": "45 36 16 05 04 13 33 42 41 30 10 01",
    "T": "06 46,26 20",
    "U": "06 01 10 30 41 46",
    "V": "06 20 46",
    "W": "06 10 24 30 46",
    "X": "00 46,06 40",
    "Y": "06 23 46,23 20",
    "Z": "06 46 00 40",
    "-": "13 33",
    "_": "00 40",
    ".": "20 21",
    ":": "21 22,24 25",
    "'": "26 24",
    "&": "40 04 05 16 25 24 02 01 10 20 42",
    "/": "00 46",
}


def text_width(text: str) -> float:
    """Return the width of a text in grid units."""
    return max(0.0, len(text) * ADVANCE - (ADVANCE - 4))


def text_path(text: str, x: float, y: float, height: float) -> str:
    """Return the SVG path data of a text centered at (x, y), capitals `height` high, y down."""
    scale = height / HEIGHT
    left = x - text_width(text) * scale / 2
    base = y + height / 2
    data: list[str] = []
    for number, character in enumerate(text.upper()):
        for stroke in _GLYPHS.get(character, "").split(","):
            places = (
                (left + (number * ADVANCE + int(p[0])) * scale, base - int(p[1]) * scale)
                for p in stroke.split()
            )
            points = [f"{px:.1f} {py:.1f}" for px, py in places]
            if points:
                data.append("M" + "L".join(points))
    return "".join(data)
