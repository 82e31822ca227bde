"""What is said to people, where losing it harms nothing."""

from __future__ import annotations

import sys
from typing import Any


class Stderr:
    """Standard error as it is now; what it cannot take is dropped.

    A full disk, or a reader that has gone, must not end a drive of which it was told.
    """

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except (OSError, ValueError, AttributeError):  # full; closed; never there
            return len(text)

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr or sys.__stdout__, name)
