"""Which changes are tried: a sample that edits elsewhere do not shuffle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from tests.mutants.changes import Change, Place, change_at, places_of

Module = tuple[str, str]
"""A file's text, and the pattern of the definitions that count."""


def draw(seed: int, most: int, modules: Mapping[str, Module]) -> Iterator[Change]:
    """Yield a random sample of all changes, each as probable as any other, without repetition.

    A change's turn depends on the seed and on its own line: an edit of other lines leaves the
    sample as it is, but for those changes that the new lines bring into it.

    Args:
        seed: of the sample.
        most: its size.
        modules: by the names of their files.
    """
    places = [p for file, (text, only) in modules.items() for p in places_of(text, file, only)]
    places.sort(key=lambda place: _turn_of(seed, place))
    drawn: set[tuple[str, str]] = set()
    for place in places:
        if len(drawn) == most:
            return
        change = change_at(modules[place.file][0], place)
        if change is not None and (change.file, change.mutated) not in drawn:
            drawn.add((change.file, change.mutated))
            yield change


def _turn_of(seed: int, place: Place) -> bytes:
    key = (str(seed), place.file, place.line, place.operator, str(place.same))
    return hashlib.sha256("\0".join(key).encode()).digest()
