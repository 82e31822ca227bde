"""Panoramas from files of equirectangular images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import OpenEXR
from numpy.typing import NDArray

from pixelopolis.errors import DatasetError, RenderError
from pixelopolis.model_io.pictures import read_pixels
from sim.render.sky.sky import HEIGHT_PX, LOW_RAD, WIDTH_PX

MIDDLE_GRAY: Final = 0.18
"""Target of the geometric mean of luminance (the key value of E. Reinhard et al., Photographic Tone
Reproduction for Digital Images, SIGGRAPH 2002)."""
WHITE: Final = 4.0
"""The scaled luminance that becomes white (their L_white)."""


def panorama_from(path: Path) -> NDArray[np.uint8]:
    """Return a panorama (435, 1536, 3) uint8, bottom row first, from an equirectangular image.

    Images with high dynamic range are tone mapped, others are used as they are.

    Raises:
        RenderError: the file cannot be read or is not twice as wide as high.
    """
    rgb = _read_exr(path) if path.suffix.lower() == ".exr" else _read(path)
    height, width = rgb.shape[:2]
    if abs(width / height - 2) > 0.02 or height < 128:
        raise RenderError(
            f"panorama {str(path)!r}: expected twice as wide as high and at least 256x128, "
            f"found {width}x{height}.",
            "Export it as a full equirectangular panorama (360 by 180 degrees).",
        )
    if rgb.dtype == np.uint16:
        rgb = np.asarray(rgb / 257.0, dtype=np.uint8)
    if rgb.dtype != np.uint8:
        rgb = _tone_mapped(np.asarray(rgb, dtype=np.float32))
    kept = rgb[: round(height * (math.pi / 2 - LOW_RAD) / math.pi)]
    small = cv2.resize(kept, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    # in files, columns run clockwise and rows downward; in the renderer the other way
    return np.ascontiguousarray(np.asarray(small, dtype=np.uint8)[::-1, ::-1])


def _read(path: Path) -> NDArray[Any]:
    try:
        return read_pixels(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except DatasetError as error:
        raise RenderError(
            f"panorama {str(path)!r} cannot be read. {error.message}",
            "Is it a whole .hdr, .jpg or .png picture?",
        ) from error


def _read_exr(path: Path) -> NDArray[np.float32]:
    """Read with the format's own library: OpenCV's wheels are built without it."""
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            found = {name: channel.pixels for name, channel in file.channels().items()}
        missing = [name for name in "RGB" if name not in found]
        if missing:
            raise RenderError(
                f"panorama {str(path)!r} has no channel {', '.join(missing)}, "
                f"only {', '.join(found)}.",
                "Export it with the channels R, G and B.",
            )
        return np.stack([np.asarray(found[name], dtype=np.float32) for name in "RGB"], axis=-1)
    except RenderError:  # is a RuntimeError too
        raise
    except (RuntimeError, ValueError) as error:  # ValueError: channels of different sizes
        raise RenderError(
            f"panorama {str(path)!r} cannot be read: {error}.",
            "Is it a whole .exr picture, without subsampled channels?",
        ) from error


def _tone_mapped(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    linear = np.nan_to_num(np.maximum(linear, 0), posinf=1e4)
    light = linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    scale = MIDDLE_GRAY / np.exp(np.log(light + 1e-6).mean())
    scaled = light * scale
    shown = scaled * (1 + scaled / WHITE**2) / (1 + scaled)
    color = linear * (shown / np.maximum(light, 1e-9))[..., None]
    return np.asarray(np.round(255 * np.clip(color, 0, 1) ** (1 / 2.2)), dtype=np.uint8)
