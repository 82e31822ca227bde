"""Steps: our commands with dependencies on each other's files, as plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pixelopolis.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Step:
    """One command, `pixelopolis WORDS --json`, run in the folder that holds all steps' folders."""

    name: str
    """Also the name of its folder."""
    words: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """Steps whose files it reads."""
    goes_on: bool = False
    """Whether its command resumes what an interrupted one left behind."""

    @property
    def kind(self) -> str:
        return " ".join(self.words[:2])


def made(step: str, file: str = "") -> str:
    """Return the path of a step's output, as used in other steps' words."""
    return f"{step}/made/{file}" if file else f"{step}/made"


def fingerprints(steps: Sequence[Step]) -> dict[str, str]:
    """Return a digest of each step's words and those of everything it depends on.

    Raises:
        SettingsError: two steps have one name, or a step depends on a later or missing one.
    """
    digests: dict[str, str] = {}
    for step in steps:
        if step.name in digests:
            raise SettingsError(f"step {step.name!r} occurs twice.", "This is a fault of ours.")
        if missing := [need for need in step.needs if need not in digests]:
            raise SettingsError(
                f"step {step.name!r} needs {missing}, which do not come before it.",
                "This is a fault of ours.",
            )
        text = json.dumps([step.words, [digests[need] for need in step.needs]])
        digests[step.name] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return digests


def runnable(
    steps: Sequence[Step], done: Collection[str], begun: Collection[str]
) -> tuple[Step, ...]:
    """Return the steps that are not begun and whose needs are met, in the plan's order."""
    return tuple(
        step
        for step in steps
        if step.name not in begun and all(need in done for need in step.needs)
    )


def given_up(steps: Sequence[Step], failed: Mapping[str, str]) -> dict[str, str]:
    """Return why each dependent of a failed step cannot run, without the failed ones."""
    reasons: dict[str, str] = {}
    for step in steps:
        for need in step.needs:
            if need in failed or need in reasons:
                reasons.setdefault(step.name, f"needs {need}")
    return reasons
