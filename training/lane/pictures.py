"""Images of lane datasets, decoded to network inputs and cached."""

from __future__ import annotations

import hashlib
import inspect
import os
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pixelopolis.errors import DatasetError
from pixelopolis.model_io import crops, inputs, pictures
from pixelopolis.model_io.crops import FULL_HEIGHT_PX, LANE_HEIGHT_PX, LANE_WIDTH_PX, Image
from pixelopolis.model_io.pictures import Report, read_each, read_picture

CACHE_NAMES: Final = {False: "lane_inputs.npz", True: "lane_inputs_whole.npz"}
"""By whether the network takes whole frames."""


def read_pictures(
    folder: Path, paths: Sequence[Path], whole: bool, cache: bool, report: Report | None
) -> NDArray[np.uint8]:
    """Return the images (n, 40, 120, 3), or (n, 80, 120, 3) of `whole` frames, uint8 YUV.

    Args:
        folder: of the cache.
        paths: of the images.
        whole: use scaled whole frames instead of their bottom quarters.
        cache: read and write the cache.
        report: progress callback.

    Raises:
        DatasetError: an image is missing, damaged or of another shape.
    """
    mark = _fingerprint(paths)
    file = folder / CACHE_NAMES[whole]
    if cache and (kept := _read_cache(file, mark)) is not None:
        return kept
    images = _decode_all(paths, whole, report)
    if cache:
        _write_cache(file, mark, images)
    return images


def _fingerprint(paths: Sequence[Path]) -> str:
    """Return a digest of all files' names, sizes and times, and of the preprocessing's source."""
    sources = "".join(map(inspect.getsource, (crops, inputs, pictures)))
    digest = hashlib.sha256(sources.encode())
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise DatasetError(
                f"Picture {path}, named in the labels, cannot be read: {error.strerror}.",
                "Copy the missing pictures, or remove their lines from the labels.",
            ) from error
        name = f"{path.parent.name}/{path.name}"
        digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _read_cache(file: Path, mark: str) -> NDArray[np.uint8] | None:
    try:
        with np.load(file, allow_pickle=False) as kept:
            if str(kept["fingerprint"]) == mark:
                return np.asarray(kept["images_yuv"], dtype=np.uint8)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass
    return None


def _write_cache(file: Path, mark: str, images: NDArray[np.uint8]) -> None:
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            np.savez(stream, fingerprint=np.array(mark), images_yuv=images)
        part.replace(file)
    except OSError:  # a read-only or full disk: the cache only saves time
        part.unlink(missing_ok=True)


def _decode_all(paths: Sequence[Path], whole: bool, report: Report | None) -> NDArray[np.uint8]:
    height = FULL_HEIGHT_PX if whole else LANE_HEIGHT_PX
    images = np.empty((len(paths), height, LANE_WIDTH_PX, 3), dtype=np.uint8)
    for i, image in enumerate(read_each(paths, partial(lane_picture, whole=whole), report)):
        images[i] = image
    return images


def lane_picture(path: Path, *, whole: bool = False) -> Image:
    """Read an image as a network's input (40, 120, 3) or (80, 120, 3) uint8 YUV.

    Raises:
        DatasetError: a damaged image, or of another shape.
    """
    rgb = seen_part(path, whole=whole)
    return inputs.lane_full_input(rgb) if whole else inputs.lane_input(rgb)


def seen_part(path: Path, *, whole: bool = False) -> Image:
    """Read the part of an image that a network's input is made from (h, w, 3) uint8 RGB.

    Takes a whole portrait frame or, if that suffices, its bottom quarter (three times as wide as
    high).

    Raises:
        DatasetError: a damaged image, or of another shape.
    """
    rgb = read_picture(path)
    height, width = rgb.shape[:2]
    if height > width:
        return rgb if whole else crops.lane_crop(rgb)
    if whole:
        raise DatasetError(
            f"{path} is {width} x {height} px, which is no whole portrait frame.",
            "This network sees whole frames: write them with `pixelopolis data lane --whole`.",
        )
    if width != 3 * height:
        raise DatasetError(
            f"{path} is {width} x {height} px.",
            "Expected a portrait frame, or its bottom quarter, three times as wide as high.",
        )
    return rgb
