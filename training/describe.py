"""Adds metadata to exported .tflite files, from the card beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pixelopolis.errors import ModelError
from training.common.export import write
from training.detector import card as detector
from training.lane import card as lane

CARDS: Final[dict[str, Any]] = {"lane keeping": lane, "signs and cars": detector}
"""The module that writes a card, by its task."""


def describe(folder: Path, name: str) -> dict[str, Any]:
    """Write metadata into the files of NAME.json's model, and rewrite the card and its page.

    No weight or operator changes; files that already have this metadata stay the same bytes.

    Returns:
        The card.

    Raises:
        ModelError: there is no such card, or one of its files is missing.
    """
    try:
        card: dict[str, Any] = json.loads((folder / f"{name}.json").read_text("utf-8"))
        kind = CARDS[card["task"]]
        contents = {file: (folder / file).read_bytes() for file in card["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder / name}.json does not name a model's task and files: {error!r}.",
            "Name a folder that `pixelopolis export` has written into, and the model's --name.",
        ) from error
    described, files = kind.described(card, contents)
    write(folder, {**files, **kind.pages(described)})
    return dict(described)
