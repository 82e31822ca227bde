"""Work gives the same in this process, over several and over Ray, and its failures say whose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
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
from sim import workers
from sim.evaluation_runs import LaneRun, evaluate_lane
from sim.workers import LOCAL, connected, run_all

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


def worker(broken: int, item: int) -> tuple[int, str]:
    """Take longer for early items; one of them cannot be done."""
    time.sleep(0.02 * max(0, 5 - item))
    if item == broken:
        raise CityError(f"item {item} is no town.", "Take another.", (Fault("town", "bad"),))
    return item * item, os.environ.get("LP_NUM_THREADS", "")


def leave(item: int) -> int:
    if item == 1:
        os._exit(3)
    return item


def family() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_answers_come_in_order_and_an_error_comes_as_itself(way: tuple[int, str | None]) -> None:
    answers = run_all(partial(worker, 9), range(12), *way)
    assert [next(answers)[0] for _ in range(9)] == [n * n for n in range(9)]
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
    run = LaneRun(("pixelopolis", "straight"), metres=1.0, looks=2, seed=3)
    here, there = evaluate_lane(run, 1), evaluate_lane(run, 2, cluster=cluster)
    assert figures(here) == figures(there)
    assert there["distance_m"] > 0.9


def test_processes_render_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LP_NUM_THREADS", raising=False)
    assert list(run_all(partial(worker, -1), [7], 2)) == [(49, "1")]


def test_who_stops_asking_stops_the_work(tmp_path: Path) -> None:
    marks = [tmp_path / f"{n}" for n in range(50)]
    answers = run_all(Path.touch, marks, 2)
    next(answers)
    answers.close()
    assert not marks[-1].exists()


def test_ctrl_c_ends_every_process_without_a_word(tmp_path: Path) -> None:
    code = """
        import os, time
        from sim.workers import run_all

        def work(item):
            os.write(1, b"begun\\n")
            time.sleep(60)

        if __name__ == "__main__":
            try:
                list(run_all(work, range(9), 2))
            except KeyboardInterrupt:
                print("interrupted")
    """
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(code))
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(root)},
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
