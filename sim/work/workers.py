"""One way to spread work: in this process, over several, or over a Ray cluster (extra `ray`).

Results depend on the items alone, so all three give the same.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import lru_cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from pixelopolis.errors import MissingPartError, SettingsError, WorkerError
from sim.work.lost_work import TRIES
from sim.work.processes import over_processes

LOCAL: Final = "local"
"""A cluster that is started on this computer for one run."""

ANSWER_S: Final = 5.0
"""How long the head of a cluster may take to answer; Ray itself would wait for minutes."""

STORE_BYTES: Final = 100 << 20
"""Size of Ray's shared memory on this computer; results are small."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_all(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int | None = None,
    cluster: str | None = None,
    name: Callable[[Item], str] = str,
) -> Iterator[Result]:
    """Yield `function(item)` for every item, in order.

    After a failure, Ctrl-C or the end of the iteration, no item is started. Items of lost processes
    are retried, in `TRIES` processes in all.

    Args:
        function: a module's, or a partial of one, so that it can be sent to other processes.
        items: plain values, for the same reason.
        jobs: parallel calls, 1 being this process; None is 1, or all CPUs of a cluster.
        cluster: None for local processes, otherwise a Ray cluster: `LOCAL`, "auto" for the one that
            this computer belongs to, or HOST:PORT of its head.
        name: names an item in an error.

    Raises:
        MissingPartError: Ray is not installed.
        SettingsError: no cluster answers.
        WorkerError: processes repeatedly ended without a result, or run other code than this one.
        Exception: whatever `function` raises, locally or in a cluster.
    """
    if cluster is not None:
        yield from _over_ray(function, items, jobs, cluster, name)
    elif jobs is None or jobs == 1:
        yield from map(function, items)
    else:
        yield from over_processes(function, items, jobs, name)


# --- Ray ------------------------------------------------------------------------------------------


def _over_ray(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int | None,
    cluster: str,
    name: Callable[[Item], str],
) -> Iterator[Result]:
    # Ray reports lost processes on stdout, which may be reserved for a JSON document
    with redirect_stdout(sys.stderr), connected(cluster, jobs) as ray:
        task = ray.remote(max_retries=TRIES - 1)(_same_code)
        code = code_digest()
        upcoming: Iterator[int] = iter(range(len(items)))
        running: dict[Any, int] = {}
        finished: dict[int, Any] = {}
        try:
            for wanted in range(len(items)):
                while wanted not in finished:
                    for number in islice(upcoming, (jobs or len(items)) - len(running)):
                        running[task.remote(code, function, items[number])] = number
                    [answer], _ = ray.wait(list(running))
                    finished[running.pop(answer)] = answer
                    try:
                        ray.get(answer)
                    except ray.exceptions.RayError:  # raised again in its turn below
                        upcoming = iter(())
                yield ray.get(finished.pop(wanted))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError as error:  # after Ray has tried again
            raise WorkerError(
                f"{name(items[wanted])}: {TRIES} times in a row the process that worked on it "
                f"ended without an answer ({type(error).__name__}).",
                "Ray's logs on the machine where it was may tell: /tmp/ray/session_latest/logs.",
            ) from error
        finally:
            for answer in running:
                ray.cancel(answer, force=True)


@contextmanager
def connected(cluster: str, jobs: int | None = None) -> Iterator[Any]:
    """Connect to a cluster and yield Ray; runs inside it need not connect again.

    Raises:
        MissingPartError, SettingsError: as `run_all`.
    """
    try:
        import ray  # noqa: PLC0415  an extra, and slow to import
        import ray.exceptions  # noqa: PLC0415
    except ImportError as error:
        raise MissingPartError(
            f"--ray needs the library {error.name!r}.", "pip install 'pixelopolis[ray]'"
        ) from error
    if ray.is_initialized():
        yield ray
        return
    settings: dict[str, Any] = {}
    if cluster == LOCAL:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
        settings = {
            "num_cpus": jobs,
            "include_dashboard": False,
            "object_store_memory": STORE_BYTES,
            "_node_ip_address": "127.0.0.1",
        }
    previous_handler = signal.getsignal(signal.SIGTERM)
    try:
        _check_answers(cluster)
        ray.init(cluster, log_to_driver=False, logging_level="error", **settings)
        # Ray would print stacks and abort, or end with another exit code
        signal.signal(signal.SIGTERM, previous_handler)
    except (OSError, ValueError, RuntimeError) as error:
        raise SettingsError(
            f"--ray {cluster!r}: no Ray cluster answers ({error}).",
            "Is this machine part of it (`ray status`)? Begin one with `ray start --head`, or say "
            f"`--ray {LOCAL}`.",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(cluster: str) -> None:
    host, colon, port = cluster.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), ANSWER_S).close()


def _same_code(code: str, function: Callable[[Item], Result], item: Item) -> Result:
    """Do one item on a computer of the cluster, if it has the same code."""
    if code_digest() != code:
        raise WorkerError(
            f"{socket.gethostname()} has other code or models of Pixelopolis than this machine.",
            "Install the same version on every machine of the cluster.",
        )
    return function(item)


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return the SHA-256 of code, cities and models, on which figures depend."""
    digest = hashlib.sha256()
    for package in ("pixelopolis", "car", "sim"):
        root = Path(str(files(package)))
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(root.parent).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
