"""Error messages for processes that ended without a result."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from sim.work.lost_work import Loss, lost, oom_kills


@pytest.mark.parametrize(
    ("exit_code", "before", "after", "how", "memory"),
    [
        (-signal.SIGSEGV, 0, 0, "was ended by SIGSEGV", ""),
        (-signal.SIGABRT, 0, 0, "was ended by SIGABRT", ""),
        (-signal.SIGSEGV, 0, 1, "was ended by SIGSEGV", ""),  # the OOM kill was another process
        (-signal.SIGKILL, 0, 0, "was ended by SIGKILL", "had not run out"),
        (-signal.SIGKILL, 3, 4, "was ended by SIGKILL", "try fewer --jobs"),
        (-signal.SIGKILL, None, None, "was ended by SIGKILL", "too little memory, or"),
        (-signal.SIGTERM, 0, 0, "was ended by SIGTERM", ""),
        (-(signal.SIGRTMIN + 3), 0, 0, f"was ended by signal {signal.SIGRTMIN + 3}", ""),
        (3, 0, 0, "ended with exit code 3", ""),
    ],
)
def test_memory_is_named_only_where_it_can_have_been(
    exit_code: int, before: int | None, after: int | None, how: str, memory: str
) -> None:
    loss = Loss(exit_code, before, after)
    assert loss.how == how
    error = lost("look 3", [loss])
    assert str(error).startswith("[PX105] look 3: the process that worked on it ended without")
    assert how in error.message
    assert memory in error.next_step
    assert ("memory" in str(error) or "jobs" in str(error)) == bool(memory)


def test_every_way_is_named_once() -> None:
    ways = [Loss(-signal.SIGSEGV), Loss(-signal.SIGSEGV), Loss(1)]
    assert lost("look 3", ways).message == (
        "look 3: 3 times in a row the process that worked on it ended without an answer; it was "
        "ended by SIGSEGV, then ended with exit code 1."
    )


def test_the_kernels_count_is_read(tmp_path: Path) -> None:
    file = tmp_path / "vmstat"
    assert oom_kills(file) is None
    file.write_text("nr_free_pages 5\n")
    assert oom_kills(file) is None
    file.write_text("nr_free_pages 5\noom_kill 12\noom_kill_other 9\n")
    assert oom_kills(file) == 12
