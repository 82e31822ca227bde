"""Skies by day and in the evening, over hills or a skyline, as panoramas.

Each function returns the colors (rows, columns, 3) of directions: azimuths of columns,
elevations of rows.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from pixelopolis.geometry import FloatArray
from sim.render.sky.painting import Field, mix


def _clouds(azimuth: Field, elevation: Field, seed: int) -> Field:
    """Return the cloud cover (0..1) in each direction: noise on a plane overhead."""
    height = np.maximum(np.sin(elevation), 0.0) + 0.10
    x = np.cos(azimuth) * np.cos(elevation) / height
    y = np.sin(azimuth) * np.cos(elevation) / height
    tile = _cloud_tile(seed)
    size = tile.shape[0]
    columns = np.mod(x * 42.0 + 17, size).astype(np.float32)
    rows = np.mod(y * 42.0 + 5, size).astype(np.float32)
    value = cv2.remap(tile, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    fade = np.clip(np.sin(elevation) / 0.12, 0, 1)
    return np.asarray(np.clip((value - 0.52) * 3.2, 0, 1) * fade, np.float32)


@lru_cache(maxsize=2)
def _cloud_tile(seed: int) -> Field:
    size = 512
    rng = np.random.default_rng(seed)
    frequency = np.fft.fftfreq(size, 1 / size)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    spectrum = np.where(radius > 2, 1.0, 0.0) / np.maximum(radius, 1.0) ** 1.7
    spectrum = spectrum * np.exp(2j * math.pi * rng.random((size, size)))
    noise: FloatArray = np.fft.ifft2(spectrum).real
    return np.asarray(0.5 + 0.22 * noise / noise.std(), np.float32)


def _ridge(azimuth: Field, rng: np.random.Generator, low: float, high: float) -> Field:
    """Return the elevation (radians) of a wavy skyline."""
    line = np.zeros_like(azimuth)
    for wave in (2, 3, 5, 8, 13, 21, 34):
        line += np.sin(wave * azimuth + rng.uniform(0, 6.28)) / wave**0.8
    return np.asarray(math.radians(low) + math.radians(high - low) * (0.5 + line / 4), np.float32)


def _skyline(azimuth: Field, rng: np.random.Generator) -> Field:
    """Return the elevation of a distant city's roofs."""
    steps = np.floor(azimuth / (2 * math.pi) * 150).astype(int)
    tall = rng.gamma(2.0, 1.1, 151)[steps] * (0.4 + 0.6 * np.sin(azimuth * 1.5) ** 2)
    return np.asarray(np.radians(tall), np.float32)


def _outdoors(
    azimuth: Field,
    elevation: Field,
    colors: dict[str, tuple[float, float, float]],
    seed: int,
) -> Field:
    rng = np.random.default_rng(seed)
    shape = np.broadcast_shapes(azimuth.shape, elevation.shape)
    height = np.broadcast_to(np.clip(np.sin(elevation), 0, 1) ** 0.55, shape)
    color = np.empty((*shape, 3), np.float32)
    color[:] = colors["low"]
    color = mix(color, colors["high"], height)
    glow = np.exp(-((np.angle(np.exp(1j * (azimuth - 0.8))) / 0.9) ** 2) - (elevation / 0.5) ** 2)
    color = mix(color, colors["glow"], glow * 0.7)
    cloud = _clouds(azimuth, np.broadcast_to(elevation, shape), seed)
    color = mix(color, colors["cloud"], cloud * 0.85)
    color = mix(color, colors["far"], elevation < _ridge(azimuth, rng, 1.0, 6.0))
    color = mix(color, colors["town"], elevation < _skyline(azimuth, rng))
    return mix(color, colors["near"], elevation < _ridge(azimuth, rng, -0.6, 2.0))


def day(azimuth: Field, elevation: Field) -> Field:
    colors = {
        "low": (0.80, 0.89, 0.97),
        "high": (0.25, 0.50, 0.86),
        "glow": (1.0, 0.98, 0.90),
        "cloud": (1.0, 1.0, 1.0),
        "far": (0.58, 0.70, 0.76),
        "town": (0.66, 0.70, 0.74),
        "near": (0.40, 0.56, 0.34),
    }
    return _outdoors(azimuth, elevation, colors, 3)


def evening(azimuth: Field, elevation: Field) -> Field:
    colors = {
        "low": (0.98, 0.72, 0.52),
        "high": (0.30, 0.36, 0.62),
        "glow": (1.0, 0.86, 0.55),
        "cloud": (0.95, 0.66, 0.60),
        "far": (0.46, 0.40, 0.50),
        "town": (0.36, 0.33, 0.42),
        "near": (0.26, 0.30, 0.26),
    }
    return _outdoors(azimuth, elevation, colors, 8)
