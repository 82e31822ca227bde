"""A Dockerfile as its stages, as far as ours goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """A `FROM base AS name` and the instructions below it, as (word, rest of the line)."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        return [text for each, text in self.instructions if each == word]


def read_stages(file: Path) -> dict[str, Stage]:
    """Return the stages by name, in order."""
    stages: dict[str, Stage] = {}
    for line in file.read_text("utf-8").replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, text = line.split(maxsplit=1)
        if word == "FROM":
            base, _, name = text.split()
            stages[name] = Stage(base)
        else:
            stages[name].instructions.append((word, text))
    return stages


def in_force(stages: Mapping[str, Stage], name: str, word: str) -> list[str]:
    """Return what an instruction said in a stage and in those below it, the last one last."""
    if name not in stages:
        return []
    return [*in_force(stages, stages[name].base, word), *stages[name].all(word)]


def argv(stages: Mapping[str, Stage], name: str) -> list[str]:
    """Return what an image runs: its ENTRYPOINT and its CMD."""
    words: list[str] = []
    for word in ("ENTRYPOINT", "CMD"):
        words += json.loads(in_force(stages, name, word)[-1])
    return words
