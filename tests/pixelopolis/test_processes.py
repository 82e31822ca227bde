from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from pixelopolis.processes import ChildProcess, Processes

WAIT_S = 20.0

STUBBORN_WITH_CHILD = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN) if "stubborn" in sys.argv else None
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""


async def child_pid(part: ChildProcess) -> int:
    async with asyncio.timeout(WAIT_S):
        while "child" not in part.last_words():  # noqa: ASYNC110 (another process writes it)
            await asyncio.sleep(0.02)
    return int(part.last_words().split()[-1])


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def gone(*pids: int) -> bool:
    for _ in range(int(WAIT_S / 0.02)):
        if not any(runs(pid) for pid in pids):
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.fixture
def deaths() -> list[ChildProcess]:
    return []


async def test_nothing_is_left_behind_grandchildren_neither(
    tmp_path: Path, deaths: list[ChildProcess]
) -> None:
    async with Processes(tmp_path, deaths.append) as processes:
        part = await processes.start("tool", sys.executable, "-c", STUBBORN_WITH_CHILD)
        child = await child_pid(part)
        assert runs(child)
    assert await gone(part.pid, child)
    assert deaths == []
    assert part.how_it_ended == "was ended by SIGTERM"


async def test_what_ignores_us_is_killed(
    tmp_path: Path, deaths: list[ChildProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelopolis.processes.GRACE_S", 0.2)
    async with Processes(tmp_path, deaths.append) as processes:
        part = await processes.start("tool", sys.executable, "-c", STUBBORN_WITH_CHILD, "stubborn")
        child = await child_pid(part)
        await processes.stop("tool")
        assert await gone(part.pid, child)
    assert part.how_it_ended == "was ended by SIGKILL"


async def test_a_death_is_told_with_its_last_words(
    tmp_path: Path, deaths: list[ChildProcess]
) -> None:
    told = asyncio.Event()

    def died(part: ChildProcess) -> None:
        deaths.append(part)
        told.set()

    async with Processes(tmp_path, died) as processes:
        await processes.start("tool", sys.executable, "-c", "raise SystemExit('no cable')")
        async with asyncio.timeout(WAIT_S):
            await told.wait()
    (part,) = deaths
    assert part.how_it_ended == "ended with exit code 1"
    assert part.last_words() == "no cable"
    assert part.log == tmp_path / "tool.log"


async def test_a_killed_part_is_started_again_without_its_old_children(
    tmp_path: Path, deaths: list[ChildProcess]
) -> None:
    async with Processes(tmp_path, deaths.append) as processes:
        first = await processes.start("tool", sys.executable, "-c", STUBBORN_WITH_CHILD)
        child = await child_pid(first)
        first.process.send_signal(signal.SIGKILL)
        await first.process.wait()
        assert runs(child)
        second = await processes.restart(first)
        assert await gone(child)
        assert second.pid != first.pid
        assert processes.parts["tool"] is second
    assert await gone(second.pid)


def test_killing_the_demo_ends_its_parts(tmp_path: Path) -> None:
    demo = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from pixelopolis.processes import Processes
        async def main():
            async with Processes(Path(sys.argv[1]), print) as processes:
                part = await processes.start("tool", sys.executable, "-c", sys.argv[2])
                while "child" not in part.last_words():
                    await asyncio.sleep(0.02)
                print(part.pid, part.last_words().split()[-1], flush=True)
                await asyncio.sleep(600)
        asyncio.run(main())
        """
    )
    argv = [sys.executable, "-c", demo, str(tmp_path), STUBBORN_WITH_CHILD]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        assert all(runs(pid) for pid in pids)
        process.kill()
        process.wait(WAIT_S)
    assert asyncio.run(gone(*pids))


async def test_who_fails_to_take_note_of_a_death_is_told_himself(tmp_path: Path) -> None:
    failed: asyncio.Queue[Exception] = asyncio.Queue()

    def died(part: ChildProcess) -> None:
        raise RuntimeError(f"cannot restart {part.name}")

    async with Processes(tmp_path, died, failed.put_nowait) as processes:
        await processes.start("tool", sys.executable, "-c", "raise SystemExit(3)")
        async with asyncio.timeout(WAIT_S):
            assert str(await failed.get()) == "cannot restart tool"
