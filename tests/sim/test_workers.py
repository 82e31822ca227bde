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
from sim.workers import LOCAL, run_all

RAY = pytest.param(2, LOCAL, id="ray")
EVERY_WAY = (pytest.param(1, None, id="here"), pytest.param(2, None, id="processes"), RAY)
ELSEWHERE = EVERY_WAY[1:]


@pytest.fixture(autouse=True, scope="module")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # Ray keeps a token there
        yield


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


@pytest.fixture
def helpers() -> Iterator[list[psutil.Process]]:
    """Hold processes that a test has seen at work; none of them may outlive it."""
    seen: list[psutil.Process] = []
    yield seen
    assert psutil.wait_procs(seen, timeout=20)[1] == []


def family() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@pytest.mark.parametrize(("jobs", "cluster"), EVERY_WAY)
def test_answers_come_in_order_and_an_error_comes_as_itself(
    jobs: int, cluster: str | None, helpers: list[psutil.Process]
) -> None:
    before = family()
    answers = run_all(partial(worker, 9), range(12), jobs, cluster)
    assert [next(answers)[0] for _ in range(9)] == [n * n for n in range(9)]
    if cluster == LOCAL:
        helpers += [p for p in family() if p not in before]
        assert any("raylet" in p.name() for p in helpers)
    with pytest.raises(CityError, match="item 9") as caught:
        next(answers)
    assert type(caught.value) is CityError
    assert caught.value.faults == (Fault("town", "bad"),)


@pytest.mark.parametrize(("jobs", "cluster"), ELSEWHERE)
def test_a_process_that_is_lost_is_named_by_its_work(
    jobs: int, cluster: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WorkerError, match=r"look 1.*ended without an answer"):
        list(run_all(leave, range(3), jobs, cluster, "look {}".format))
    assert capsys.readouterr().out == ""  # where a JSON document goes


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
        import time
        from sim.workers import run_all

        def work(item):
            print("begun", flush=True)
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
    with pytest.raises(SettingsError, match=f"--ray '{address}'"):
        list(run_all(str, [1], None, address))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPartError, match=r"pixelopolis\[ray\]") as caught:
        list(run_all(str, [1], None, LOCAL))
    assert isinstance(caught.value, PixelopolisError)
