"""A user's own panoramas: which of a folder are for training and which for evaluation."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Literal

from pixelopolis.errors import DatasetError

Use = Literal["training", "evaluation"]

SUFFIXES: Final = (".hdr", ".exr", ".jpg", ".jpeg", ".png")
EVALUATION_PART: Final = 0.25
"""Part of all panoramas that is kept for evaluation."""


def panorama_files(folder: Path, use: Use) -> tuple[str, ...]:
    """Return a folder's panoramas for one use, by name; the two uses never share a picture.

    The digest of its bytes puts each on its side, so that neither a new name nor more pictures
    move it to the other one. A side may be empty: then its looks have the shipped skies alone.

    Raises:
        DatasetError: when the folder holds no panoramas or cannot be read.
    """
    try:
        found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
        sides = [(_for_evaluation(p.read_bytes()), p) for p in found]
    except OSError as error:
        raise DatasetError(
            f"--panoramas {str(folder)!r} cannot be read: {error.strerror}.",
            "Name a folder of equirectangular pictures.",
        ) from error
    if not found:
        raise DatasetError(
            f"--panoramas {str(folder)!r} holds no panoramas ({', '.join(SUFFIXES)}).",
            "Put equirectangular pictures (twice as wide as high) there.",
        )
    return tuple(str(p.resolve()) for side, p in sides if side == (use == "evaluation"))


def _for_evaluation(data: bytes) -> bool:
    return hashlib.sha256(data).digest()[0] < 256 * EVALUATION_PART
