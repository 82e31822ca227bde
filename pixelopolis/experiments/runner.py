"""Runs steps as parallel processes; finished steps are kept on disk and not repeated.

    DIR/<step>/step.json     its words, and a digest of them and of everything it depends on
    DIR/<step>/made/         output files of its command
    DIR/<step>/result.json   its command's JSON and run time; only if it succeeded
    DIR/logs/<step>.log      output of its command

A step whose digest differs from the one on disk starts over.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pixelopolis
from pixelopolis.experiments.steps import Step, fingerprints, given_up, runnable
from pixelopolis.processes import ChildProcess, Processes

ONE_THREAD: Final = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
"""Parallel processes slow each other down if each uses all cores: BLAS and TensorFlow."""

CRASHES: Final = 1
"""Retries of a step killed by a signal; it continues if it can. One of the first 150 steps crashed
in native code and never again with the same seed; its dependents should not be lost. Other commands
retry lost work too (docs/decisions/0033)."""

_SOURCES: Final = str(Path(pixelopolis.__file__).parents[1])

ONE_LINE: Final = {"COLUMNS": "1000"}
"""Keeps a step's error on one line, so that the log's last line contains all of it."""


@dataclass
class Outcome:
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The JSON documents of finished steps."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Their run times, including those of an earlier run."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why the other steps have no result."""


@dataclass(frozen=True, slots=True)
class StepListener:
    begun: Callable[[Step], None] = lambda _: None
    ended: Callable[[Step, str], None] = lambda _step, _fault: None
    """Called with "" or why it failed; also for steps that were finished before."""


async def run_steps(
    steps: Sequence[Step],
    folder: Path,
    jobs: int,
    listener: StepListener | None = None,
    program: Sequence[str] = (sys.executable, "-m", "pixelopolis"),
) -> Outcome:
    """Run unfinished steps, `jobs` at a time; a failure stops only its dependents.

    Args:
        steps: each after its dependencies.
        folder: holds the folders of all steps.
        jobs: parallel processes.
        listener: callbacks.
        program: the command that runs the steps' words.

    Raises:
        SettingsError: the steps are not a valid plan.
    """
    listener = listener or StepListener()
    digests = fingerprints(steps)
    outcome = Outcome()
    for step in steps:
        if (document := _finished(folder / step.name, digests[step.name])) is not None:
            _keep(outcome, step, document)
            listener.ended(step, "")
    begun = set(outcome.results)
    running: dict[asyncio.Task[str], Step] = {}
    async with Processes(folder / "logs", lambda _: None) as processes:
        try:
            while True:
                for step in runnable(steps, outcome.results, begun)[: jobs - len(running)]:
                    begun.add(step.name)
                    listener.begun(step)
                    job = _run(step, folder, digests[step.name], processes, program)
                    running[asyncio.create_task(job)] = step
                if not running:
                    break
                ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    step, fault = running.pop(task), task.result()
                    document = None if fault else _finished(folder / step.name, digests[step.name])
                    if document is None:
                        outcome.failed[step.name] = fault
                    else:
                        _keep(outcome, step, document)
                    listener.ended(step, fault)
        finally:
            # before their processes are killed: that is not a crash to retry
            for task in running:
                task.cancel()
    for name, reason in given_up(steps, outcome.failed).items():
        outcome.failed[name] = reason
        listener.ended(next(step for step in steps if step.name == name), reason)
    return outcome


def _keep(outcome: Outcome, step: Step, document: dict[str, Any]) -> None:
    outcome.results[step.name] = document["result"]
    outcome.seconds[step.name] = document["seconds"]


def _finished(folder: Path, digest: str) -> dict[str, Any] | None:
    document = _read(folder / "result.json")
    return document if document and document["digest"] == digest else None


async def _run(
    step: Step, folder: Path, digest: str, processes: Processes, program: Sequence[str]
) -> str:
    """Run one command; return "" or why it failed."""
    place = folder / step.name
    before = _read(place / "step.json")
    if not (step.goes_on and before and before["digest"] == digest):
        shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, exist_ok=True)
    _write(place / "step.json", {"digest": digest, "words": step.words})
    answer_file = place / "answer.json"
    answer_file.unlink(missing_ok=True)
    began_s = time.monotonic()
    for _ in range(CRASHES + 1):
        part = await processes.start(
            step.name,
            *(*program, *step.words, "--json"),
            out=answer_file,
            cwd=folder,
            env={**ONE_THREAD, **ONE_LINE, "PYTHONPATH": _SOURCES},
        )
        await part.process.wait()
        await processes.stop(step.name)  # what it may have left behind
        if part.exit_code is not None and part.exit_code >= 0:
            break
    if part.exit_code != 0:
        return _fault(part)
    answer = _read(answer_file)
    if answer is None:
        return "it printed no JSON document"
    answer_file.unlink()
    seconds = round(time.monotonic() - began_s, 1)
    _write(place / "result.json", {"digest": digest, "seconds": seconds, "result": answer})
    return ""


def _fault(part: ChildProcess) -> str:
    said = part.last_words(1).strip() or "it printed nothing"
    return f"{part.how_it_ended}: {said} (all of it in {part.log})"


def _read(file: Path) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return document


def _write(file: Path, document: dict[str, Any]) -> None:
    part = file.with_suffix(".part")
    part.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(file)
