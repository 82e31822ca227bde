"""Picture output: sheets of tiles, JPEG encoding, and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from pixelopolis.model_io.crops import Image

DEFAULT_QUALITY: Final = 95
"""JPEG quality, OpenCV's own default."""


def tiled(tiles: Sequence[Image], columns: int, background: int = 255) -> Image:
    """Return images (h, w, 3) of equal width in rows of `columns`, each row as high as its highest.

    Args:
        tiles: at least one.
        columns: width of the sheet in tiles, even if there are fewer.
        background: gray level 0..255 of empty areas.
    """
    height, width = max(tile.shape[0] for tile in tiles), tiles[0].shape[1]
    rows = -(-len(tiles) // columns)
    page = np.full((rows * height, columns * width, 3), background, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * height, number % columns * width
        page[top : top + tile.shape[0], left : left + width] = tile
    return page


def encode_jpeg(image_rgb: Image, quality: int) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(".jpg", cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def write_picture(file: Path, image_rgb: Image, jpeg_quality: int = DEFAULT_QUALITY) -> bool:
    """Write an image in the format of its suffix; return False for an unknown folder or format."""
    png = file.suffix.lower() == ".png"
    options = [] if png else [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
    try:
        return cv2.imwrite(str(file), cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), options)
    except cv2.error:  # unknown format
        return False
