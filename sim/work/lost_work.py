"""Error messages for processes that ended without a result."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pixelopolis.errors import WorkerError
from pixelopolis.processes import how_it_ended

TRIES: Final = 3
"""Number of processes lost on one item before it is given up."""

VMSTAT: Final = Path("/proc/vmstat")

CRASHES: Final = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP}
)
"""Signals with which native code ends its own process."""


@dataclass(frozen=True, slots=True)
class Loss:
    """How one process ended.

    Attributes:
        exit_code: as in `subprocess`: the negative signal number if there was one.
        oom_kills_before: the kernel's count of out-of-memory kills at its start, None if unknown.
        oom_kills_after: the same when its end was noticed.
    """

    exit_code: int
    oom_kills_before: int | None = None
    oom_kills_after: int | None = None

    @property
    def how(self) -> str:
        """Describe it, to follow "its process"."""
        return how_it_ended(self.exit_code)

    @property
    def next_step(self) -> str:
        if -self.exit_code == signal.SIGKILL:
            if self.oom_kills_before is None or self.oom_kills_after is None:
                return "Was there too little memory, or did someone kill it? `dmesg` may tell."
            if self.oom_kills_after > self.oom_kills_before:
                return "The kernel ended processes for want of memory: try fewer --jobs."
            return "Someone killed it; memory had not run out."
        if -self.exit_code in CRASHES:
            return "Native code crashed, a library or a driver: report it with this line."
        return "See what it said above."


def lost(what: str, losses: Sequence[Loss]) -> WorkerError:
    """Return the error for an item all of whose processes ended without a result."""
    hows = list(dict.fromkeys(loss.how for loss in losses))
    tries = f"{len(losses)} times in a row " if len(losses) > 1 else ""
    return WorkerError(
        f"{what}: {tries}the process that worked on it ended without an answer; it "
        f"{', then '.join(hows)}.",
        losses[-1].next_step,
    )


def oom_kills(file: Path = VMSTAT) -> int | None:
    """Return the kernel's count of out-of-memory kills, None if unknown."""
    try:
        lines = file.read_text("ascii").splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None
