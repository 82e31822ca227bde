"""Work gives the same in this process, over several and over Ray, and its failures say whose."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from pixelopolis.errors import (
    CityError,
    Fault,
    MissingPartError,
    PixelopolisError,
    SettingsError,
    WorkerError,
)
from sim.evaluation.lane_evaluation import evaluate_lane
from sim.evaluation.lane_runs import LaneEvaluation
from sim.work import workers
from sim.work.workers import LOCAL, connected, run_all
from tests.support.paths import ROOT
from tests.support.worker_items import (
    crash,
    fail_early,
    idle_or_crash,
    leave,
    odd,
    rasterizers,
    stay,
    worker,
)

TIMES = ("wall_s", "speed_up")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a cluster here; none of its processes may outlive it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # Ray keeps a token there
        before = family()
        with connected(LOCAL, 2):
            list(run_all(str, range(4), 2, LOCAL))
            processes = [process for process in family() if process not in before]
            assert any("raylet" in process.name() for process in processes)
            yield LOCAL
    assert psutil.wait_procs(processes, timeout=20)[1] == []


@pytest.fixture(params=["here", "processes", "ray"])
def way(request: pytest.FixtureRequest) -> tuple[int, str | None]:
    """Return jobs and cluster."""
    if request.param == "ray":
        return 2, request.getfixturevalue("cluster")
    return (1 if request.param == "here" else 2), None


def family() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_answers_come_in_order_and_an_error_comes_as_itself(way: tuple[int, str | None]) -> None:
    answers = run_all(partial(worker, 9), range(12), *way)
    assert [next(answers) for _ in range(9)] == [n * n for n in range(9)]
    with pytest.raises(CityError, match="item 9") as caught:
        next(answers)
    assert type(caught.value) is CityError
    assert caught.value.faults == (Fault("town", "bad"),)


@pytest.mark.parametrize("way", ["processes", "ray"], indirect=True)
def test_a_process_that_is_lost_is_named_by_its_work(
    way: tuple[int, str | None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WorkerError, match=r"look 1.*ended without an answer"):
        list(run_all(leave, range(3), *way, "look {}".format))
    assert capsys.readouterr().out == ""  # where a JSON document goes


def figures(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what depends on the machine."""
    looks = [figures(look) for look in document.get("by_look", [])]
    return {k: v for k, v in document.items() if k not in TIMES} | {"by_look": looks}


def test_a_drive_over_ray_has_the_same_figures_as_one_here(cluster: str) -> None:
    run = LaneEvaluation(("straight",), metres=0.5, looks=1, seed=3)
    here, there = evaluate_lane(run, 1), evaluate_lane(run, 2, cluster=cluster)
    assert figures(here) == figures(there)
    assert there["distance_m"] > 0.4


@pytest.mark.parametrize(
    ("way", "number"),
    [("processes", signal.SIGKILL), ("processes", signal.SIGSEGV), ("ray", signal.SIGKILL)],
    indirect=["way"],
)
def test_lost_work_is_tried_again(
    way: tuple[int, str | None], number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = run_all(partial(crash, tmp_path, number, 2), range(6), *way)
    assert list(answers) == [*range(6)]
    assert len(list(tmp_path.glob("1-*"))) == 4, "three tries, and its end"
    assert len(list(tmp_path.glob("[02345]-*"))) == 5, "nothing else was done twice"
    assert capsys.readouterr().out == ""  # where a JSON document goes


def test_work_that_is_lost_again_and_again_names_the_signal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers = run_all(
        partial(crash, tmp_path, signal.SIGSEGV, 9), range(3), 2, None, "look {}".format
    )
    assert next(answers) == 0
    with pytest.raises(WorkerError, match=r"look 1: 3 times .* was ended by SIGSEGV") as caught:
        next(answers)
    assert "memory" not in str(caught.value)
    assert [record.getMessage() for record in caplog.records] == [
        "look 1: its process was ended by SIGSEGV; tried again."
    ] * 2


def test_a_crash_shows_where_it_was_called(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    list(run_all(partial(crash, tmp_path, signal.SIGSEGV, 1), [1], 2))
    assert "in crash" in capfd.readouterr().err


def test_a_machine_that_has_no_more_processes_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(subprocess, "Popen", full)
    with pytest.raises(WorkerError, match="Resource temporarily unavailable"):
        list(run_all(str, [1, 2], 2))


def test_what_cannot_travel_is_an_error_with_its_trace() -> None:
    with pytest.raises(WorkerError, match=r"OddError: no paint(.|\n)*in odd"):
        list(run_all(odd, [1], 2))
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        list(run_all(odd, [2], 2))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc names the threads")
def test_nobody_renders_with_threads_of_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LP_NUM_THREADS", "2")
    assert list(run_all(rasterizers, [0], 2)) == [[]]


def test_who_stops_asking_stops_the_work(tmp_path: Path) -> None:
    before = family()
    answers = run_all(partial(stay, tmp_path), range(50), 2)
    next(answers)
    answers.close()
    assert family() == before
    assert len(list(tmp_path.iterdir())) <= 6  # four that end and two that were worked on


@pytest.mark.parametrize("way", ["processes", "ray"], indirect=True)
def test_nothing_is_begun_after_a_failure_that_waits_for_its_turn(
    way: tuple[int, str | None], tmp_path: Path
) -> None:
    answers = run_all(partial(fail_early, tmp_path), range(5), *way)
    assert next(answers) == 0
    with pytest.raises(CityError, match="item 1"):
        next(answers)
    assert sorted(mark.name for mark in tmp_path.iterdir()) == ["0", "1"]


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="no way to wait and leave it to its parent")
def test_a_process_lost_without_work_costs_no_work_a_try(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers = run_all(partial(idle_or_crash, tmp_path), range(2), 2)
    idle = next(answers)
    os.kill(idle, signal.SIGKILL)
    os.waitid(os.P_PID, idle, os.WEXITED | os.WNOWAIT)
    (tmp_path / "go").touch()
    assert next(answers) != idle
    assert [record.getMessage() for record in caplog.records] == [
        "1: its process was ended by SIGSEGV; tried again."
    ] * 2


def test_ctrl_c_ends_every_process_without_a_word() -> None:
    code = """
        import signal
        from sim.work.workers import run_all
        from tests.support.worker_items import begin

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
        try:
            list(run_all(begin, range(9), 2))
        except KeyboardInterrupt:
            print("interrupted")
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, errors = process.communicate(timeout=30)
    assert (out, errors) == ("interrupted\n", "")


def test_a_machine_with_other_code_is_refused() -> None:
    same = workers.code_digest()
    assert workers._same_code(same, str, 5) == "5"
    with pytest.raises(WorkerError, match="other code"):
        workers._same_code(same[::-1], str, 5)


@pytest.mark.parametrize("address", ["nowhere", "auto", "127.0.0.1:1"])
def test_a_cluster_that_does_not_answer_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(SettingsError, match=f"--ray '{address}'"):
        list(run_all(str, [1], None, address))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPartError, match=r"pixelopolis\[ray\]") as caught:
        list(run_all(str, [1], None, LOCAL))
    assert isinstance(caught.value, PixelopolisError)
