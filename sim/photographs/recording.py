"""A recording: photographs in the order in which a car took them, with what its driver did."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PAUSE_S: Final = 0.5
"""Photographs further apart than this are of different stretches."""
FAULTS_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Photograph:
    """One picture file and what was recorded with it."""

    image: Path
    steering: float
    """The driver's, in [-1, 1], left negative."""
    time_s: float
    stretch: str
    """Photographs of one stretch follow each other without a pause."""
    gyro: tuple[float, float, float] | None = None
    """Turn rates about the axes of an inertial sensor, in its own units."""


@dataclass(slots=True)
class Recording:
    """Photographs in order, and what could not be used.

    Attributes:
        name: of its folder.
        photographs: in the order of time.
        unusable: number of rows or pictures that were left out.
        faults: what was wrong with the first of them.
        is_ours: taken by our camera in its nominal mounting, so that nothing is to be fitted.
    """

    name: str
    photographs: list[Photograph] = field(default_factory=list)
    unusable: int = 0
    faults: list[str] = field(default_factory=list)
    is_ours: bool = False

    def leave_out(self, fault: str) -> None:
        self.unusable += 1
        if len(self.faults) < FAULTS_NAMED:
            self.faults.append(fault)


def cut_into_stretches(photographs: list[Photograph]) -> list[list[Photograph]]:
    """Return runs of photographs of one stretch each, without pauses or steps back in time."""
    runs: list[list[Photograph]] = []
    for photograph in photographs:
        last = runs[-1][-1] if runs else None
        goes_on = (
            last is not None
            and last.stretch == photograph.stretch
            and 0 <= photograph.time_s - last.time_s <= PAUSE_S
        )
        if goes_on:
            runs[-1].append(photograph)
        else:
            runs.append([photograph])
    return runs


def at_most(photographs: list[Photograph], most: int, blocks: int = 8) -> list[Photograph]:
    """Return at most so many photographs, as blocks in a row from all over the recording."""
    if len(photographs) <= most:
        return photographs
    size = max(1, most // blocks)
    count = max(1, most // size)
    starts = [i * (len(photographs) - size) // max(count - 1, 1) for i in range(count)]
    return [each for start in starts for each in photographs[start : start + size]]
