"""The sign classes that cars know, in the order of the original's label file, and their art."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class SignSolid:
    """The box that a sign fills: across its face, into it, and up.

    `in_the_round`: it stands on the ground and looks the same from all sides; else it is a board
    at the height that the town's file says.
    """

    width_m: float = SIGN_SIZE_M
    depth_m: float = 0.004
    height_m: float = SIGN_SIZE_M
    in_the_round: bool = False

    def low_m(self, centre_m: float) -> float:
        """Return how high its lower edge is; `centre_m` is the height of a board's centre."""
        return 0.0 if self.in_the_round else centre_m - self.height_m / 2


def sign_solid(sign_class: str) -> SignSolid:
    """Return the box that a sign of a class fills.

    Raises:
        KeyError: for a class that is not in `SIGN_CLASSES`.
    """
    if sign_class not in SIGN_CLASSES:
        raise KeyError(sign_class)
    return SignSolid()


@lru_cache(maxsize=len(SIGN_CLASSES))
def sign_svg(sign_class: str) -> str:
    """Return the board's picture as SVG text, square, its box 100 units wide.

    Raises:
        KeyError: for a class that is not in `SIGN_CLASSES`.
    """
    if sign_class not in SIGN_CLASSES:
        raise KeyError(sign_class)
    return files(__name__).joinpath(f"{sign_class.lower()}.svg").read_text(encoding="utf-8")
