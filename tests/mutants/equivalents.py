"""Changes that no test can notice, or that none should, with the reason.

They count as not killed all the same; a reason only saves the next reader's time.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Equivalent:
    file: str
    before: str
    after: str
    reason: str


EQUIVALENTS: tuple[Equivalent, ...] = ()
