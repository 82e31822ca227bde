"""Colors of panoramas: what rooms and skies are painted with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def rgb(red: float, green: float, blue: float) -> Field:
    return np.array((red, green, blue), dtype=np.float32)


def mix(under: Field, over: tuple[float, float, float], cover: NDArray[np.generic]) -> Field:
    """Blend a color over an image; in place if `cover` is boolean."""
    if cover.dtype == np.bool_:
        under[cover] = over
        return under
    weight = cover.astype(np.float32)[..., None]
    return np.asarray(under + (rgb(*over) - under) * weight, dtype=np.float32)


def within(value: Field, period: float, low: float, high: float) -> NDArray[np.bool_]:
    part = np.mod(value, period)
    return (part >= low) & (part < high)
