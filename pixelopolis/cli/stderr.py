"""A standard error that never fails."""

from __future__ import annotations

import sys
from typing import Any


class Stderr:
    """The current standard error; output that cannot be written is dropped.

    A full disk or a closed pipe must not end the run that reports its progress there.
    """

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except (OSError, ValueError, AttributeError):  # full, closed or absent
            return len(text)

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr or sys.__stdout__, name)
