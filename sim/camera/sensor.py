"""Effects of a camera on an image, as pure functions, in a real camera's order.

Lens (defocus, distortion, vignette), shutter (motion blur, rolling shutter, flicker), sensor noise,
tone curve, JPEG.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelopolis.model_io.picture_output import encode_jpeg
from sim.looks.look import Look
from sim.looks.sensor import Sensor

Image = NDArray[np.uint8]
Field = NDArray[np.float32]


def distorted_focal_px(width_px: int, across_rad: float, k1: float) -> float:
    """Return the focal length at which the middle row spans `across_rad`."""
    edge = math.tan(across_rad / 2)
    # distorted radius of the ray at `edge`: the smaller root of k1 edge r² - r + edge = 0
    seen = 2 * edge / (1 + math.sqrt(1 - 4 * k1 * edge**2))
    return width_px / 2 / seen


def undistort(places: NDArray[np.floating[Any]], k1: float) -> Field:
    """Return the pinhole coordinates of distorted points (..., 2), both in focal lengths."""
    squared = (places**2).sum(axis=-1, keepdims=True)
    return np.asarray(places / (1 + k1 * squared), dtype=np.float32)


def distort(rays: NDArray[np.floating[Any]], k1: float) -> Field:
    """Return the distorted coordinates of pinhole points (..., 2): the inverse of `undistort`.

    Points beyond the lens's edge are moved to the edge.
    """
    squared = (rays**2).sum(axis=-1, keepdims=True)
    root = np.sqrt(np.maximum(1 - 4 * k1 * squared, 0))
    return np.asarray(2 * rays / (1 + root), dtype=np.float32)


@lru_cache(maxsize=8)
def tone_curve(gamma: float, contrast: float, haze: float) -> Image:
    """Return a tone curve as a lookup table (256,)."""
    value = (np.arange(256) / 255) ** gamma
    value = value + contrast * (value * value * (3 - 2 * value) - value)
    return np.asarray(np.round(255 * (haze + (1 - haze) * np.clip(value, 0, 1))), dtype=np.uint8)


def smear(image: Image, dx_px: float, dy_px: float) -> Image:
    """Return the image blurred evenly along a vector."""
    reach = math.ceil(max(abs(dx_px), abs(dy_px)) / 2)
    if math.hypot(dx_px, dy_px) < 0.4 or not reach:
        return image
    size = 2 * reach + 1
    kernel = np.zeros((size, size), np.float32)
    steps = 4 * size
    for part in (np.arange(steps) + 0.5) / steps - 0.5:
        x, y = reach + part * dx_px, reach + part * dy_px
        column, row = int(x), int(y)
        fx, fy = x - column, y - row
        for r, c, weight in (
            (row, column, (1 - fx) * (1 - fy)),
            (row, column + 1, fx * (1 - fy)),
            (row + 1, column, (1 - fx) * fy),
            (row + 1, column + 1, fx * fy),
        ):
            if weight > 0:
                kernel[r, c] += weight
    kernel /= kernel.sum()
    return np.asarray(
        cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def lean(image: Image, height_px: int, from_middle: float, dx_px: float) -> Image:
    """Shear the rows, by `dx_px` over the whole frame's height (rolling shutter).

    Args:
        image: rows (h, w, 3) of the frame.
        height_px: of the whole frame.
        from_middle: position of the first row, in frame heights below the frame's middle.
        dx_px: shift of the frame's last row to the right of its first.
    """
    if abs(dx_px) < 0.25:
        return image
    move = np.array([[1, dx_px / height_px, from_middle * dx_px], [0, 1, 0]], np.float32)
    size = (image.shape[1], image.shape[0])
    return np.asarray(
        cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8
    )


TREMBLING: Final = 0.01
"""Share of values whose last bit `tremble` flips."""

_BANK_PX: Final = 512


@lru_cache(maxsize=2)
def _noise_bank(blotches: bool) -> Field:
    """Return a tile of standard normal noise (512, 512, 3)."""
    rng = np.random.default_rng(20260)
    bank = rng.standard_normal((_BANK_PX, _BANK_PX, 3), dtype=np.float32)
    if blotches:
        bank = np.asarray(cv2.GaussianBlur(bank, (0, 0), 0.9), dtype=np.float32)
        bank /= bank.std()
    return bank


def _piece(bank: Field, shape: tuple[int, ...], rng: np.random.Generator) -> Field:
    """Return a random, randomly flipped crop of a noise tile.

    Drawing normal numbers for every image took longer than all other effects together.
    """
    rows, columns = shape[0], shape[1]
    if rows > _BANK_PX or columns > _BANK_PX:
        tiles = (-(-rows // _BANK_PX) + 1, -(-columns // _BANK_PX) + 1, 1)
        bank = np.tile(bank, tiles)
    top = int(rng.integers(bank.shape[0] - rows + 1))
    left = int(rng.integers(bank.shape[1] - columns + 1))
    piece = bank[top : top + rows, left : left + columns]
    way = int(rng.integers(4))
    return piece[:: 1 if way & 1 else -1, :: 1 if way & 2 else -1]


def add_noise(picture: Field, sensor: Sensor, rng: np.random.Generator) -> Field:
    """Add shot and read noise to an image of 0..255."""
    if sensor.shot_sigma <= 0 and sensor.read_sigma <= 0:
        return picture
    noise = _piece(_noise_bank(False), picture.shape, rng)
    if sensor.noise_grain > 0:
        blotches = _piece(_noise_bank(True), picture.shape, rng)
        noise = noise * math.sqrt(1 - sensor.noise_grain) + blotches * math.sqrt(sensor.noise_grain)
    brightness = np.clip(picture, 0, 255) * np.float32(sensor.shot_sigma**2 / 255)
    return np.asarray(picture + noise * np.sqrt(brightness + np.float32(sensor.read_sigma**2)))


def saturate(image: Image, saturation: float) -> Image:
    """Scale the saturation; luma (ITU-R BT.601) stays."""
    gray = (1 - saturation) * np.array([0.299, 0.587, 0.114])
    matrix = np.tile(gray, (3, 1)) + saturation * np.eye(3)
    return np.asarray(cv2.transform(image, matrix), dtype=np.uint8)


def jpeg(image: Image, quality: int) -> Image:
    """Return an RGB image after JPEG compression."""
    data = np.frombuffer(encode_jpeg(image, quality), np.uint8)
    back = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert back is not None, "what was encoded can be decoded"
    return np.asarray(cv2.cvtColor(back, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def tremble(image_rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return an image with the last bit of some values flipped.

    No camera shows the same twice. A rendered picture may, along a straight lane, and a car takes
    its camera for frozen then.
    """
    image = image_rgb.copy()
    values = image.reshape(-1)
    values[rng.integers(values.size, size=math.ceil(TREMBLING * values.size))] ^= 1
    return image


def apply_sensor(
    image_rgb: NDArray[np.uint8], look: Look, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return an image (h, w, 3) with the blur, noise, tone and compression of a look's sensor."""
    sensor = look.sensor
    if sensor.blur_px > 0.05:
        image_rgb = np.asarray(
            cv2.GaussianBlur(image_rgb, (0, 0), sensor.blur_px, borderType=cv2.BORDER_REPLICATE),
            dtype=np.uint8,
        )
    if sensor.noise_sigma <= 0:
        return image_rgb
    noise = rng.standard_normal(image_rgb.shape, dtype=np.float32) * sensor.noise_sigma
    return np.asarray(np.clip(image_rgb + noise + 0.5, 0, 255), dtype=np.uint8)
