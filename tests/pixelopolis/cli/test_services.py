"""Server, simulator and car as processes: over IPv6, and two using one folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.storage.embedded_mongod import find_mongod
from tests.pixelopolis.test_addresses import needs_ipv6
from tests.support.credentials import write_key
from tests.support.paths import ROOT

PROGRAM = [sys.executable, "-m", "pixelopolis"]


@contextmanager
def service(*line: str, says: str) -> Iterator[re.Match[str]]:
    """Start a command, wait for an output, and end it cleanly."""
    with subprocess.Popen(
        [*PROGRAM, *line],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        try:
            for text in process.stdout:
                said += text
                if found := re.search(says, said):
                    yield found
                    break
            else:
                raise AssertionError(said)
            process.send_signal(signal.SIGTERM)
            said += process.stdout.read()
            assert process.wait(60) == 0, said
        finally:
            process.kill()


def refused(*line: str) -> str:
    done = subprocess.run(
        [*PROGRAM, *line], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_server_alone_in_its_folder(host: str, tmp_path: Path) -> None:
    from aiohttp.test_utils import unused_port

    find_mongod()
    line = ("server", "--data", str(tmp_path / "data"), "--host", host, "--port")
    with service(*line, str(unused_port()), says=r"Open (http://\S+)") as found:
        shown = f"[{host}]" if ":" in host else host
        assert found[1].startswith(f"http://{shown}:")
        said = refused(*line, str(unused_port()))
        assert re.search(r"\[PX103\] --data '.*' is in use by process \d+ \(.* server ", said)


@needs_ipv6
def test_a_car_over_ipv6(tmp_path: Path) -> None:
    settings = tmp_path / "car.toml"
    settings.write_text(
        'id = "car1"\ncity = "pixelopolis"\ncamera = {source = "virtual:none.camera"}\n'
        'board = {port = "none.bus"}\nserver = {url = "ws://[::1]:9"}\n'
        'stream = {host = "::1", port = 0}\n'
    )
    write_key(settings.with_suffix(".key"), "car1")
    with service("car", "--config", str(settings), says=r"live view at (\S+)") as found:
        assert re.fullmatch(r"http://\[::1\]:\d+/video\.mjpg", found[1])


@needs_ipv6
def test_a_simulator_over_ipv6_alone_in_its_folder(tmp_path: Path) -> None:
    line = ("sim", "--cars", "1", "--dir", str(tmp_path), "--http-port", "0", "--http-host", "::1")
    with service(*line, says=r"ready (\S+)") as found:
        assert re.fullmatch(r"http://\[::1\]:\d+", found[1])
        assert "--dir" in (said := refused(*line))
        assert "is in use by process" in said
