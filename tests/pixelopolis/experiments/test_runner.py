"""The runner with a small program that writes files and fails on demand."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from pixelopolis.experiments.runner import Outcome, StepListener, run_steps
from pixelopolis.experiments.steps import Step, made
from pixelopolis.processes import ChildProcess, Processes

PROGRAM = """
import json, os, pathlib, signal, sys
name, *needs = sys.argv[1:-1]
calls = pathlib.Path("calls")
with calls.open("a") as file:
    print(name, file=file)
out = pathlib.Path(name, "made")
before = sorted(p.name for p in out.iterdir()) if out.exists() else []
out.mkdir(parents=True, exist_ok=True)
(out / f"file{len(before)}").write_text(" ".join(pathlib.Path(n).read_text() for n in needs) + name)
print("some progress", file=sys.stderr)
crash = pathlib.Path(f"crash-{name}")
if crash.exists():
    times = int(crash.read_text()) - 1
    crash.write_text(str(times)) if times else crash.unlink()
    os.kill(os.getpid(), signal.SIGSEGV)
if pathlib.Path(f"fail-{name}").exists():
    print("Error: out of paint", file=sys.stderr)
    sys.exit(3)
print(json.dumps({"name": name, "before": before, "threads": os.environ["OMP_NUM_THREADS"]}))
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    return [sys.executable, str(file)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "steps").mkdir()
    return tmp_path / "steps"


def step(name: str, *needs: str, goes_on: bool = False) -> Step:
    return Step(name, (name, *(made(need, "file0") for need in needs)), needs, goes_on)


STEPS = [step("data"), step("train", "data"), step("drive", "train"), step("other")]


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().split()


async def test_all_steps_run_with_what_they_need(folder: Path, program: list[str]) -> None:
    seen: list[str] = []
    watch = StepListener(
        lambda s: seen.append(f"+{s.name}"), lambda s, fault: seen.append(f"-{s.name}{fault}")
    )
    outcome = await run_steps(STEPS, folder, 2, watch, program)
    assert outcome.failed == {}
    assert set(outcome.results) == {"data", "train", "drive", "other"}
    assert outcome.results["drive"] == {"name": "drive", "before": [], "threads": "1"}
    assert (folder / made("drive", "file0")).read_text() == "datatraindrive"
    assert sorted(seen) == sorted(f"{sign}{s.name}" for s in STEPS for sign in "+-")
    assert seen.index("-data") < seen.index("+train")


async def test_what_is_finished_is_not_run_again(folder: Path, program: list[str]) -> None:
    first = await run_steps(STEPS, folder, 1, None, program)
    again = await run_steps(STEPS, folder, 1, None, program)
    assert calls(folder) == ["data", "train", "drive", "other"]
    assert again == first


async def test_another_setting_runs_what_depends_on_it(folder: Path, program: list[str]) -> None:
    await run_steps(STEPS, folder, 1, None, program)
    changed = [STEPS[0], Step("train", ("train", "data/made/file0", "data/made/file0"), ("data",))]
    outcome = await run_steps([*changed, *STEPS[2:]], folder, 1, None, program)
    assert calls(folder)[4:] == ["train", "drive"]
    assert outcome.results["train"]["before"] == [], "the old files are gone"


async def test_a_failure_is_named_and_the_others_go_on(folder: Path, program: list[str]) -> None:
    (folder / "fail-train").touch()
    outcome = await run_steps(STEPS, folder, 1, None, program)
    assert set(outcome.results) == {"data", "other"}
    assert "exit code 3: Error: out of paint" in outcome.failed["train"]
    assert outcome.failed["drive"] == "needs train"
    (folder / "fail-train").unlink()
    mended = await run_steps(STEPS, folder, 1, None, program)
    assert mended.failed == {}
    assert mended.results["train"]["before"] == [], "what it left behind is removed"
    assert calls(folder).count("data") == 1


@pytest.mark.parametrize("times", [1, 2])
async def test_a_step_that_crashed_is_tried_once_more(
    folder: Path, program: list[str], times: int
) -> None:
    (folder / "crash-data").write_text(str(times))
    outcome = await run_steps([step("data")], folder, 1, None, program)
    assert calls(folder) == ["data", "data"]
    if times == 1:
        assert outcome.results["data"]["before"] == ["file0"], "it goes on"
    else:
        assert "was ended by SIGSEGV" in outcome.failed["data"]


async def test_a_step_that_we_end_is_no_crash_to_try_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: asyncio.Queue[ChildProcess] = asyncio.Queue()
    really_start = Processes.start

    async def start(self: Processes, *words: Any, **more: Any) -> ChildProcess:
        part = await really_start(self, *words, **more)
        started.put_nowait(part)
        return part

    monkeypatch.setattr(Processes, "start", start)
    code = "import time; time.sleep(600)"
    running = asyncio.create_task(
        run_steps([step("data")], folder, 1, None, [sys.executable, "-c", code])
    )
    first = await started.get()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert first.exit_code == -signal.SIGTERM
    assert started.empty()


async def test_a_training_finds_what_it_left_behind(folder: Path, program: list[str]) -> None:
    (folder / "fail-train").touch()
    steps = [step("train", goes_on=True)]
    await run_steps(steps, folder, 1, None, program)
    (folder / "fail-train").unlink()
    outcome = await run_steps(steps, folder, 1, None, program)
    assert outcome.results["train"]["before"] == ["file0"]


async def test_a_program_that_says_nothing_has_failed(folder: Path) -> None:
    outcome = await run_steps([step("data")], folder, 1, None, [sys.executable, "-c", "pass"])
    assert outcome == Outcome(failed={"data": "it printed no JSON document"})


async def test_a_result_that_was_cut_off_counts_for_nothing(
    folder: Path, program: list[str]
) -> None:
    await run_steps([step("data")], folder, 1, None, program)
    result = folder / "data" / "result.json"
    assert json.loads(result.read_text())["result"]["name"] == "data"
    result.write_text(result.read_text()[:20])
    outcome = await run_steps([step("data")], folder, 1, None, program)
    assert outcome.failed == {}
    assert calls(folder) == ["data", "data"]
