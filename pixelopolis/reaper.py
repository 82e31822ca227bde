"""Ends processes when their starter is gone, however it ended.

`python -m pixelopolis.reaper` reads lines on stdin: `+GROUP` and `-GROUP` for process groups that
began and ended. At the end of its input, also when its parent is killed, it ends the remaining
groups. A single process without children does not need it: it asks the kernel for the same
(`end_with_parent`).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import Final

GRACE_S: Final = 20.0
PR_SET_PDEATHSIG: Final = 1
"""Linux, prctl(2)."""


def end_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Ask Linux to send this process a signal when its parent ends, however it ends.

    Args:
        parent: id of the process that started this one. The kernel watches the starting thread.
        number: the signal.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent:  # it ended before the request
        os.kill(os.getpid(), number)


def alive(group: int) -> bool:
    """Return whether a process group has members; our dead children count until waited for."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_groups(groups: Iterable[int]) -> None:
    """Ask process groups to end, and kill what is left of them after a while."""
    left = {group for group in groups if alive(group)}
    for number, wait_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, 2.0)):
        for group in left:
            if alive(group):
                os.killpg(group, number)
        until_s = time.monotonic() + wait_s
        while left and time.monotonic() < until_s:
            time.sleep(0.05)
            left = {group for group in left if alive(group)}


def main() -> None:
    """Read groups until the parent is gone, then end them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        change, group = line[:1], int(line[1:])
        (groups.add if change == "+" else groups.discard)(group)
    end_groups(groups)


if __name__ == "__main__":
    main()
