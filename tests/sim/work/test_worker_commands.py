"""Commands with worker processes that are killed, ended or lose a worker."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from pixelopolis.cli.main import app
from sim.lane_data import dataset as datasets
from sim.lane_data.dataset import write_lane_dataset
from sim.lane_data.plan import plan_sessions

WAIT_S = 60.0
"""Limit for broken code."""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux can tie a process to its parent"
)

LANE = ("data", "lane", "--cities", "square,curvy", "--driven", "0", "--seed", "3")
SMALL = (*LANE, "--poses", "130")
SESSIONS = plan_sessions(["square", "curvy"], 130, 0, 3)
"""Sessions that `SMALL` writes: two for each city."""
COMMANDS: dict[str, tuple[str, ...]] = {
    "data lane": (*LANE, "--poses", "4000"),
    "data signs": ("data", "signs", "--images", "2000", "--seed", "3"),
    "evaluate lane": (*("evaluate", "lane", "--looks", "6", "--metres", "900"), "--plain"),
    "evaluate rides": ("evaluate", "rides", "--encounters", "200", "--minutes", "20"),
    "evaluate localisation": ("evaluate", "localisation"),
    "evaluate lane --sweep": (
        *("evaluate", "lane", "--city", "straight", "--looks", "6", "--metres", "900"),
        *("--sweep", "exposure"),
    ),
}


@contextmanager
def command(words: tuple[str, ...], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run one in a group of its own, as a terminal does."""
    out = ("--out", str(folder)) if words[0] == "data" else ()
    with subprocess.Popen(
        [sys.executable, "-m", "pixelopolis", *words, *out, "--jobs", "2", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def wait_until(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end_s
        time.sleep(0.01)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "sim.work.processes" in " ".join(child.cmdline())]


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("data lane", signal.SIGKILL),
        ("data signs", signal.SIGTERM),
        ("evaluate lane", signal.SIGTERM),
        ("evaluate rides", signal.SIGINT),
        ("evaluate localisation", signal.SIGKILL),
        ("evaluate lane --sweep", signal.SIGINT),
    ],
)
def test_no_worker_outlives_its_command(name: str, number: signal.Signals, tmp_path: Path) -> None:
    with command(COMMANDS[name], tmp_path / "out") as process:
        wait_until(process, lambda: len(workers_of(process)) == 2)
        children = psutil.Process(process.pid).children(recursive=True)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        _, errors = process.communicate(timeout=WAIT_S)
    assert psutil.wait_procs(children, timeout=WAIT_S)[1] == []
    expected = {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130, signal.SIGTERM: 143}
    assert process.returncode == expected[number]
    assert "Traceback" not in errors
    assert "Error" not in errors


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the dataset that nobody disturbs."""
    out = tmp_path_factory.mktemp("undisturbed")
    write_lane_dataset(out, SESSIONS, 1)
    return out


def test_a_command_that_was_told_to_end_goes_on(tmp_path: Path, undisturbed: Path) -> None:
    with command(SMALL, tmp_path) as process:
        wait_until(process, lambda: bool(list(tmp_path.glob("labels/*.commands.csv"))))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_S)
    assert process.returncode == 143
    assert not (tmp_path / "dataset.json").exists()
    write_lane_dataset(tmp_path, SESSIONS, 1)
    assert digest(tmp_path) == digest(undisturbed)


def test_lost_workers_cost_their_chunks_time_and_nothing_else(
    tmp_path: Path, undisturbed: Path
) -> None:
    with command(SMALL, tmp_path) as process:
        # one is in the middle of its chunk, and the other has not finished
        wait_until(process, lambda: any(tmp_path.glob("images/*/*.jpg")))
        for worker, number in zip(
            workers_of(process), (signal.SIGKILL, signal.SIGSEGV), strict=True
        ):
            worker.send_signal(number)
        printed, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, errors
    assert json.loads(printed)["frames"] == sum(session.frames for session in SESSIONS)
    for number in (signal.SIGKILL, signal.SIGSEGV):
        assert f"its process was ended by {number.name}; tried again" in errors
    assert digest(tmp_path) == digest(undisturbed)


def test_what_a_lost_worker_has_finished_is_kept(undisturbed: Path) -> None:
    chunk = [session for session in SESSIONS if session.city == "square"]
    times = {path: path.stat().st_mtime_ns for path in undisturbed.glob("images/*/*")}
    assert datasets._write_chunk(undisturbed, chunk) == sum(session.frames for session in chunk)
    assert {path: path.stat().st_mtime_ns for path in times} == times


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("data", "lane", "--poses", "0", "--driven", "0"), "--poses 0 and --driven 0"),
        (("data", "lane", "--cities", " , "), "--cities"),
        (("data", "lane", "--floors", "0.5", "--plain"), "--floors 0.5"),
        (("data", "lane", "--floors", "0.5", "--drive", "car/models/lane.tflite"), "--floors 0.5"),
        (("data", "lane", "--cities", "", "--drive", "car/models/lane.tflite"), "--cities"),
        (("evaluate", "rides", "--encounters", "0", "--minutes", "0"), "--minutes 0"),
        (("evaluate", "localisation", "--dropoffs", "0", "--passages", "0"), "--passages 0"),
    ],
)
def test_who_asks_for_nothing_is_told_so(
    words: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    out = ("--out", str(tmp_path / "out")) if words[0] == "data" else ()
    result = CliRunner().invoke(app, [*words, *out])
    assert result.exit_code == 1
    assert "PX103" in str(result.exception)
    assert named in str(result.exception)
    assert not (tmp_path / "out").exists()
