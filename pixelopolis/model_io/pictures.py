"""Pictures of files, decoded whole: a torn or damaged file is an error, never a picture with grey.

OpenCV fills up what a JPEG file lacks and says nothing. libjpeg notices most damage (the file ends
early, a code is none, bytes are left over) and warns; here its warnings are heeded. What is left
are changes that make another valid picture: JPEG has no checksum.
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
"""Told (pictures read, pictures in all)."""

FAULTS_NAMED: Final = 5
"""Of several pictures that cannot be used, so many are named in one message."""

_JPEG_START: Final = b"\xff\xd8"
_DAMAGE: Final = ("Corrupt JPEG data", "Premature end")
"""How libjpeg's warnings of lost picture content begin (its jerror.h). Others, such as the
"Invalid SOS parameters" of some telephones' cameras, leave the picture whole.

A few "extraneous bytes before marker" may be harmless, but can also be all that tells of damage:
of 1200 pictures with restarts and one flipped bit each, 17 had at most 4 and no other sign, and 14
of those looked wrong. libjpeg itself says nothing of up to 4 bytes before the end.
"""

_MARKER: Final = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""Of a JPEG, but for those of restarts, which are inside a scan (ITU-T T.81, table B.1)."""

_SEQUENTIAL: Final = (0xC0, 0xC1)
_END: Final = 0xD9
_SCAN: Final = 0xDA
_APPLICATION: Final = range(0xE0, 0xF0)
_WITHOUT_LENGTH: Final = (0x01, 0xD8, _END)
_WHOLE_SPECTRUM: Final = b"\x00\x3f\x00"
"""How the header of a sequential scan ends; libjpeg warns of anything else, and ignores it."""

_Item = TypeVar("_Item")
_Read = TypeVar("_Read")


def read_picture(path: Path) -> Image:
    """Return a picture file's pixels (height, width, 3) uint8 RGB, turned as its EXIF tag says.

    Raises:
        DatasetError: the file cannot be read, is no picture, or is not whole.
    """
    return np.asarray(read_pixels(path, cv2.IMREAD_COLOR), dtype=np.uint8)


def read_pixels(path: Path, flags: int) -> NDArray[Any]:
    """Return a picture file's pixels (height, width, 3) RGB, of the type that the flags ask for.

    Args:
        path: of the file.
        flags: OpenCV's `IMREAD_COLOR`, with `IMREAD_ANYDEPTH` for 16-bit and floating pixels.

    Raises:
        DatasetError: the file cannot be read, is no picture, or is not whole.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    if damage := _jpeg_damage(data):
        raise _unusable(path, f"is damaged: {damage}")
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # of an empty file
        bgr = None
    if bgr is None:
        raise _unusable(path, "is not a picture that can be decoded, or not all of it")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def _jpeg_damage(data: bytes) -> str:
    """Say what libjpeg finds missing or wrong; the empty string of whole and of other files."""
    if not data.startswith(_JPEG_START):
        return ""
    warning = _first_warning(data)
    if warning and not warning.startswith(_DAMAGE):  # it hides those that come after it
        warning = _first_warning(_without_oddities(data))
    return warning if warning.startswith(_DAMAGE) else ""


def _first_warning(jpeg: bytes) -> str:
    """Return what libjpeg says first, the empty string when it says nothing.

    Every byte is looked at, but pixels are made for an eighth of the size only: OpenCV makes the
    picture, as it also turns it by its EXIF tag.
    """
    try:
        simplejpeg.decode_jpeg(jpeg, "GRAY", min_height=1, min_width=1)
    except ValueError as error:
        return str(error)
    return ""


def _without_oddities(jpeg: bytes) -> bytes:
    """Return a JPEG with the same scans and nothing that libjpeg warns of and ignores.

    Those are odd segments of applications, and the spectrum of the scans of a sequential JPEG.
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
    """Yield what `read` returns for each item, in order, read by threads.

    OpenCV and simplejpeg let go of Python's lock while they work.

    Raises:
        DatasetError: when everything was read, if `read` raised it for any item; it says of how
            many, and names the first.
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
