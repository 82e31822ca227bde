"""The wheel in a clean environment, with each of its extras (`make test-wheel`)."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.credentials import write_key
from tests.support.paths import ROOT

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(900)]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = [e for e in PROJECT["optional-dependencies"] if e not in ("dev", "docs")]
START_S = 240.0


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from files known to git, so that no other file can help."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "--outdir", str(out), str(source), cwd=out)
    (built,) = out.glob("*.whl")
    return built


def run(*argv: str, cwd: Path, expect: int = 0, env: dict[str, str] | None = None) -> str:
    """Run a program without access to our source tree; return its output."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=clean_environment() | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stdout
    return done.stdout


def clean_environment() -> dict[str, str]:
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "MONGODB_URI")
    return {k: v for k, v in os.environ.items() if k not in hidden} | {"COLUMNS": "200"}


class Installed:
    """The wheel with one extra in its own environment."""

    def __init__(self, folder: Path, wheel: Path, extra: str) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        venv.create(folder / "venv", symlinks=True)
        what = f"{wheel}[{extra}]" if extra else str(wheel)
        # uv reads a package once for all environments; pip would take most of the tests' time
        install = ("-m", "uv", "pip", "install", "--python", str(self.bin / "python"), "--quiet")
        pins = ("--constraint", str(ROOT / "constraints.txt"))
        run(sys.executable, *install, *pins, what, cwd=folder)

    def __call__(self, *line: str, expect: int = 0) -> str:
        return run(str(self.bin / "pixelopolis"), *line, cwd=self.folder, expect=expect)

    @contextmanager
    def service(self, *line: str, says: str, env: dict[str, str] | None = None) -> Iterator[str]:
        """Start a command that runs until Ctrl-C, wait for an output, and end it."""
        with subprocess.Popen(
            [str(self.bin / "pixelopolis"), *line],
            cwd=self.folder,
            env=clean_environment() | (env or {}),
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
                        yield found[0]
                        break
                else:
                    raise AssertionError(said)
                process.send_signal(signal.SIGINT)
                said += process.stdout.read()
                assert process.wait(60) == 0, said
                assert "Traceback" not in said, said
            finally:
                process.kill()


def mongod_path() -> dict[str, str]:
    """Return PATH with our environment's mongod, which the extra `server` does not bring."""
    spec = find_spec("fiftyone")
    folders = [str(Path(f) / "db" / "bin") for f in (spec.submodule_search_locations or ())] if (
        spec) else []  # fmt: skip
    return {"PATH": os.pathsep.join([*folders, os.environ["PATH"]])}


# --- the main command of each extra -------------------------------------------------------------


def bare(part: Installed) -> None:
    assert json.loads(part("city", "check", "pixelopolis", "--json"))["edges"] == 15
    said = part("sim", expect=1)
    assert re.search(r"\[PX104\] .*pip install 'pixelopolis\[sim\]'", said)


def car(part: Installed) -> None:
    settings = part.folder / "car.toml"
    settings.write_text(
        'id = "car1"\ncity = "pixelopolis"\ncamera = {source = "virtual:none.camera"}\n'
        'board = {port = "none.bus"}\nserver = {url = "ws://127.0.0.1:9"}\n'
        'stream = {host = "127.0.0.1", port = 0}\n'
    )
    write_key(part.folder / "car.key", "car1")
    with part.service("car", "--config", str(settings), says="live view at"):
        pass
    assert "[PX302]" in part("motors", "scan", "--port", "none.bus", expect=1)


def server(part: Installed) -> None:
    line = ("server", "--port", "18791", "--data", "data")
    with part.service(*line, says="Open http", env=mongod_path()):
        pass


def sim(part: Installed) -> None:
    line = ("sim", "--cars", "1", "--dir", str(part.folder / "s"), "--http-port", "0")
    with part.service(*line, says="ready http"):
        pass
    part("city", "draw", "pixelopolis", "--out", "town.png")
    assert (part.folder / "town.png").stat().st_size > 10_000


def demo(part: Installed) -> None:
    with part.service("demo", "--port", "0", "--cars", "1", says="Pixelopolis is open"):
        pass


def training(part: Installed) -> None:
    data = str(part.folder / "data")
    make = ("data", "lane", "--out", data, "--cities", "pixelopolis,grid:2x2:101,track:1")
    ours = (sys.executable, "-m", "pixelopolis", *make)
    run(*ours, "--poses", "240", "--driven", "0", "--jobs", "1", cwd=ROOT)
    part("train", "lane", "--data", data, "--out", "run", "--epochs", "1", "--batch", "16")
    assert list((part.folder / "run").glob("*.keras"))


def plots(part: Installed) -> None:
    drive = ("evaluate", "lane", "--city", "straight", "--metres", "2", "--looks", "1", "--plain")
    part(*drive, "--sweep", "exposure", "--value", "0.5", "--value", "1", "--plot", "chart.svg")
    assert "<svg" in (part.folder / "chart.svg").read_text()


def ray(part: Installed) -> None:
    drive = ("evaluate", "lane", "--city", "straight", "--metres", "2", "--looks", "1", "--plain")
    assert "autonomy" in part(*drive, "--ray", "local", "--jobs", "1")


MAIN = {
    "": bare,
    "car": car,
    "server": server,
    "sim": sim,
    "demo": demo,
    "training": training,
    "ray": ray,
    "plots": plots,
}


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_the_commands_of_an_extra_start(extra: str, wheel: Path, tmp_path: Path) -> None:
    try:
        part = Installed(tmp_path, wheel, extra)
        assert "A miniature city" in part("--help")
        MAIN[extra](part)
    finally:
        shutil.rmtree(tmp_path / "venv", ignore_errors=True)  # up to 2 GB each


def test_the_wheel_has_towns_models_signs_pages_and_shaders(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    packages = ("pixelopolis/", "car/", "server/", "station/", "sim/", "training/")
    ours = {name for name in names if name.startswith(packages)}
    assert len(ours) > 300
    assert ours - inside == set()
