"""The sign classes, in the order of the original's label file: art and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal

from pixelopolis.vehicle.dimensions import CAR_HEIGHT_M

SIGN_CLASSES: Final = (
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

CAR: Final = "Car"
BOARD_CLASSES: Final = tuple(name for name in SIGN_CLASSES if name != CAR)
"""What stands beside the streets."""

SIGN_SIZE_M: Final = 0.08
"""Width and height of a board."""


@dataclass(frozen=True, slots=True)
class SignSolid:
    """The bounding box of a sign without its pole: across its face, into it, and up.

    `in_the_round`: a model of a landmark, which looks the same from all sides; else it is a board.
    """

    width_m: float = SIGN_SIZE_M
    depth_m: float = 0.004
    height_m: float = SIGN_SIZE_M
    in_the_round: bool = False

    def low_m(self, center_m: float) -> float:
        """Return the height of its lower edge; `center_m` is that of its center."""
        return center_m - self.height_m / 2


BOARD: Final = SignSolid()

LANDMARKS: Final[Mapping[str, SignSolid]] = MappingProxyType(
    {
        name: SignSolid(0.084, 0.084, height_m, in_the_round=True)
        for name, height_m in (
            ("Tokyo_tower", 0.12),
            ("Korean", 0.10),
            ("Church", 0.12),
            ("Planetarium", 0.10),
            ("Museum", 0.10),
        )
    }
)
"""Classes that stand beside the road as models, each on a plinth of its own width."""

Light = Literal["green", "amber", "red"]
LIGHTS: Final[tuple[Light, ...]] = ("green", "amber", "red")
"""States of a traffic light."""


def sign_solid(sign_class: str) -> SignSolid:
    """Return the bounding box of a sign class.

    Raises:
        KeyError: the class is not in `SIGN_CLASSES`.
    """
    if sign_class not in SIGN_CLASSES:
        raise KeyError(sign_class)
    return LANDMARKS.get(sign_class, BOARD)


def class_height_m(sign_class: str) -> float:
    """Return how high things of a class are, a car's body and mast included.

    Raises:
        KeyError: for a class that is not in `SIGN_CLASSES`.
    """
    return CAR_HEIGHT_M if sign_class == CAR else sign_solid(sign_class).height_m


@lru_cache(maxsize=len(SIGN_CLASSES) + len(LIGHTS))
def sign_svg(sign_class: str, light: Light = "green") -> str:
    """Return a sign's picture as square SVG text, its box 100 units wide.

    Args:
        sign_class: one of `SIGN_CLASSES`.
        light: state of a traffic light; ignored for other classes.

    Raises:
        KeyError: the class is not in `SIGN_CLASSES`.
    """
    if sign_class not in SIGN_CLASSES:
        raise KeyError(sign_class)
    name = sign_class.lower()
    if sign_class == "Traffic_light" and light != "green":
        name = f"{name}_{light}"
    return files(__name__).joinpath(f"{name}.svg").read_text(encoding="utf-8")
