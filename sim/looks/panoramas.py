"""Splits a user's panoramas into those for training and those for evaluation."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Literal

from pixelopolis.errors import DatasetError

Use = Literal["training", "evaluation"]

SUFFIXES: Final = (".hdr", ".exr", ".jpg", ".jpeg", ".png")
EVALUATION_PART: Final = 0.25
"""Share of all panoramas that is kept for evaluation."""


def panorama_files(folder: Path, use: Use) -> tuple[str, ...]:
    """Return a folder's panoramas for one use, by name; the two uses never share one.

    The digest of its content assigns a panorama, so that renaming or adding files moves none to the
    other use. The result may be empty: such looks show the built-in skies alone.

    Raises:
        DatasetError: the folder holds no panoramas or cannot be read.
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
