"""Reads picture files completely: a damaged file is an error, never a picture with gray parts.

OpenCV silently fills in what a JPEG file lacks. libjpeg notices most damage (early end, invalid
code, excess bytes) and warns; here its warnings are errors. Changes that yield another valid
picture remain unnoticed: JPEG has no checksum.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from pixelopolis.errors import DatasetError
from pixelopolis.model_io.crops import Image

Report = Callable[[int, int], None]
"""Called with (pictures read, pictures in total)."""

FAULTS_NAMED: Final = 5
"""Maximum number of unusable pictures named in one message."""

_JPEG_START: Final = b"\xff\xd8"
_DAMAGE: Final = ("Corrupt JPEG data", "Premature end")
"""Prefixes of libjpeg's warnings about lost picture content (its jerror.h). Others, such as the
"Invalid SOS parameters" of some phone cameras, leave the picture whole.

A few "extraneous bytes before marker" may be harmless, but can be the only sign of damage: of 1200
pictures with restarts and one flipped bit each, 17 had at most 4 and no other sign, and 14 of those
looked wrong. libjpeg does not report up to 4 bytes before the end.
"""

_MARKER: Final = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""JPEG markers except restarts, which are inside a scan (ITU-T T.81, table B.1)."""

_SEQUENTIAL: Final = (0xC0, 0xC1)
_END: Final = 0xD9
_SCAN: Final = 0xDA
_APPLICATION: Final = range(0xE0, 0xF0)
_WITHOUT_LENGTH: Final = (0x01, 0xD8, _END)
_WHOLE_SPECTRUM: Final = b"\x00\x3f\x00"
"""End of a sequential scan's header; libjpeg warns of anything else and ignores it."""

_Item = TypeVar("_Item")
_Read = TypeVar("_Read")


def read_picture(path: Path) -> Image:
    """Return a picture file's pixels (height, width, 3) uint8 RGB, rotated by its EXIF tag.

    Raises:
        DatasetError: the file cannot be read, is not a picture, or is incomplete.
    """
    return np.asarray(read_pixels(path, cv2.IMREAD_COLOR), dtype=np.uint8)


def read_pixels(path: Path, flags: int) -> NDArray[Any]:
    """Return a picture file's pixels (height, width, 3) RGB, of the type selected by the flags.

    Args:
        path: the file.
        flags: OpenCV's `IMREAD_COLOR`, with `IMREAD_ANYDEPTH` for 16-bit and floating pixels.

    Raises:
        DatasetError: the file cannot be read, is not a picture, or is incomplete.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    if damage := _jpeg_damage(data):
        raise _unusable(path, f"is damaged: {damage}")
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # for an empty file
        bgr = None
    if bgr is None:
        raise _unusable(path, "is not a picture that can be decoded, or not all of it")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def _jpeg_damage(data: bytes) -> str:
    """Return the damage that libjpeg finds; "" for intact files and other formats."""
    if not data.startswith(_JPEG_START):
        return ""
    warning = _first_warning(data)
    if warning and not warning.startswith(_DAMAGE):  # it hides later ones
        warning = _first_warning(_without_oddities(data))
    return warning if warning.startswith(_DAMAGE) else ""


def _first_warning(jpeg: bytes) -> str:
    """Return libjpeg's first warning, "" if none.

    All bytes are checked, but pixels are computed at one eighth of the size only; OpenCV decodes
    the picture itself, since it also applies the EXIF rotation.
    """
    try:
        simplejpeg.decode_jpeg(jpeg, "GRAY", min_height=1, min_width=1)
    except ValueError as error:
        return str(error)
    return ""


def _without_oddities(jpeg: bytes) -> bytes:
    """Return a JPEG with the same scans, without what libjpeg warns of and ignores.

    That is odd application segments, and the spectrum fields of a sequential JPEG's scans.
    """
    result = bytearray(_JPEG_START)
    at = len(result)
    sequential = False
    while found := _MARKER.search(jpeg, at):
        result += jpeg[at : found.start()]
        marker = found[1][0]
        length = 0
        if marker not in _WITHOUT_LENGTH:
            length = int.from_bytes(jpeg[found.end() : found.end() + 2], "big")
        at = found.end() + length
        sequential |= marker in _SEQUENTIAL
        if marker not in _APPLICATION:
            result += jpeg[found.start() : at]
        if marker == _SCAN and sequential and at <= len(jpeg):
            result[-len(_WHOLE_SPECTRUM) :] = _WHOLE_SPECTRUM
        if marker == _END:
            break
    return bytes(result + jpeg[at:])


def _unusable(path: Path, what: str) -> DatasetError:
    return DatasetError(
        f"Picture {str(path)!r} {what}.",
        "Copy or record it again, or remove it and what labels it from the dataset.",
    )


def read_each(
    items: Sequence[_Item], read: Callable[[_Item], _Read], report: Report | None = None
) -> Iterator[_Read]:
    """Yield what `read` returns for each item, in order, using threads.

    OpenCV and simplejpeg release Python's lock while they work.

    Raises:
        DatasetError: after all items, if `read` raised it for any; gives their number and names the
            first.
    """
    faults: list[DatasetError] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for i, result in enumerate(pool.map(_caught(read), items)):
            if isinstance(result, DatasetError):
                faults.append(result)
            elif not faults:
                yield result
            if report and ((i + 1) % 100 == 0 or i + 1 == len(items)):
                report(i + 1, len(items))
    if len(faults) > 1:
        named = " ".join(fault.message for fault in faults[:FAULTS_NAMED])
        raise DatasetError(
            f"{len(faults)} of {len(items)} pictures cannot be used. {named}",
            faults[0].next_step,
        )
    if faults:
        raise faults[0]


def _caught(read: Callable[[_Item], _Read]) -> Callable[[_Item], _Read | DatasetError]:
    def tried(item: _Item) -> _Read | DatasetError:
        try:
            return read(item)
        except DatasetError as error:
            return error

    return tried
