"""Checks a lane dataset: its content, and images that cannot be used for training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pixelopolis.errors import DatasetError
from pixelopolis.model_io.voc.check import DataFinding
from training.lane.label_files import COMMANDS, read_rows
from training.lane.pictures import seen_part

UNLABELED: Final = "picture without label"
"""A kind of finding that is not a fault."""


def is_lane_dataset(folder: Path) -> bool:
    return any((folder / "labels").glob("*.csv"))


def check_lane(folder: Path, done: Callable[[int, int], None]) -> dict[str, Any]:
    """Read every row and every image of a lane dataset.

    Args:
        folder: with images/ and labels/, in our or the original's layout.
        done: called with (images read, images in total).

    Returns:
        The counts `images`, `kinds` and `commands` (rows with a steering), and `findings`; `faults`
        is not 0 if the dataset has faults.

    Raises:
        DatasetError: no labels, or a malformed line.
    """
    rows = read_rows(folder)
    findings = []
    for number, row in enumerate(rows, start=1):
        name = _name(folder, row.image)
        if not row.image.is_file():
            findings.append(DataFinding("missing picture", name, detail="named in the labels"))
        else:
            try:
                seen_part(row.image)
            except DatasetError as error:
                findings.append(DataFinding("unusable picture", name, detail=error.message))
        done(number, len(rows))
    faults = len(findings)
    labeled = {row.image for row in rows}
    for path in sorted((folder / "images").glob("*/*")):
        if path not in labeled:
            findings.append(DataFinding(UNLABELED, _name(folder, path)))
    return {
        "images": len(rows),
        "kinds": dict(Counter(row.kind for row in rows)),
        "commands": {
            str(command): sum(math.isfinite(row.steering[i]) for row in rows)
            for i, command in enumerate(COMMANDS)
        },
        "faults": faults,
        "findings_by_kind": dict(Counter(finding.kind for finding in findings)),
        "findings": [finding.document() for finding in findings],
    }


def _name(folder: Path, image: Path) -> str:
    images = folder / "images"
    return str(image.relative_to(images)) if image.is_relative_to(images) else str(image)
