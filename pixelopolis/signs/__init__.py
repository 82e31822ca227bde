"""The sign classes that cars know, in the order of the original's label file, and their art."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

SIGN_CLASSES = (
    "Hand",
    "Go",
    "Slow",
    "Speed_limit",
    "No_parking",
    "Left",
    "Cross",
    "Plane",
    "Bump",
    "Stop_sign",
    "Traffic_light",
    "Left_or_through",
    "Sign01",
    "One_way",
    "Car",
    "Tokyo_tower",
    "Korean",
    "Church",
    "Planetarium",
    "Museum",
)

SIGN_SIZE_M = 0.08
"""Width and height of a board."""


@lru_cache(maxsize=len(SIGN_CLASSES))
def sign_svg(sign_class: str) -> str:
    """Return the board's picture as SVG text, square, its box 100 units wide.

    Raises:
        KeyError: for a class that is not in `SIGN_CLASSES`.
    """
    if sign_class not in SIGN_CLASSES:
        raise KeyError(sign_class)
    return files(__name__).joinpath(f"{sign_class.lower()}.svg").read_text(encoding="utf-8")
