"""Label files inside a model file: the meaning of each number of its outputs.

TFLite's metadata lists these files; they are in a zip archive after the model's own bytes, one
label per line. `training.common.metadata` writes them, a car compares them with what it expects.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pixelopolis.city.model import Turn
from pixelopolis.errors import ModelError
from pixelopolis.model_io.lane_path import COLUMNS

log = logging.getLogger(__name__)

LANE_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "steering": tuple(str(turn) for turn in Turn),
    "path": COLUMNS,
    "spread": tuple(str(turn) for turn in Turn),
}
"""Labels by output of a lane model."""


def label_file(output: str) -> str:
    """Return the name of the file with the labels of an output."""
    return f"{output}_labels.txt"


def read_labels(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the labels inside a .tflite file by output name; empty without metadata.

    Raises:
        ModelError: its archive cannot be read.
    """
    end = label_file("")
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                name.removesuffix(end): tuple(archive.read(name).decode("utf-8").splitlines())
                for name in archive.namelist()
                if name.endswith(end)
            }
    except zipfile.BadZipFile:
        if zipfile.is_zipfile(path):
            raise ModelError(*_unreadable(path, "its archive is damaged")) from None
        return {}
    except (OSError, UnicodeDecodeError, NotImplementedError, RuntimeError, EOFError) as error:
        raise ModelError(*_unreadable(path, str(error))) from error


def _unreadable(path: Path, why: str) -> tuple[str, str]:
    return f"The labels in model {str(path)!r} cannot be read: {why}.", "Copy the file again."


def check_labels(
    path: Path, found: Mapping[str, tuple[str, ...]], known: Mapping[str, tuple[str, ...]]
) -> None:
    """Compare a model's labels with the expected ones.

    Raises:
        ModelError: a label differs, or there are more or fewer.
    """
    for output in found.keys() & known.keys():
        if found[output] != known[output]:
            pairs = enumerate(zip(found[output], known[output], strict=False))
            other = [f"number {i} is {a!r}, not {b!r}" for i, (a, b) in pairs if a != b]
            counts = f"there are {len(found[output])}, not {len(known[output])}"
            raise ModelError(
                f"model {str(path)!r}: labels of {output!r}: {(other or [counts])[0]}.",
                "Use a model that was exported for this version of the program.",
            )


def log_labels(path: Path, labels: Mapping[str, tuple[str, ...]]) -> None:
    if labels:
        log.info("model %s: labels of %s", path.name, ", ".join(labels))
    else:
        log.info("model %s: no metadata, so the usual labels are assumed", path.name)
