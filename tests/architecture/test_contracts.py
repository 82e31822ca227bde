"""The import contracts of pyproject.toml hold, and each detects a violation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from tests.architecture.modules import PACKAGES, sources
from tests.support.paths import ROOT

CONTRACTS: Final[list[dict[str, Any]]] = tomllib.loads((ROOT / "pyproject.toml").read_text())[
    "tool"
]["importlinter"]["contracts"]

BREAKS: Final = {
    # beginning of the contract's name: (module, line that violates it)
    "Layers": ("pixelopolis/geometry.py", "import pixelopolis.city.model"),
    "Parts meet": ("server/fleet_manager.py", "import car.settings"),
    "The simulator imports of the car": ("sim/physics/world.py", "import car.orders.task"),
    "What decides is pure": ("car/driving/behavior.py", "import threading"),
    "A car plans no routes": ("car/settings.py", "import pixelopolis.city.routing"),
    "What orders mean": ("car/orders/task.py", "import time"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scratch")
    for path in (Path("pyproject.toml"), *sources(*PACKAGES)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    return folder


def test_each_contract_has_a_line_that_breaks_it() -> None:
    for contract in CONTRACTS:
        assert [b for b in BREAKS if contract["name"].startswith(b)] != [], contract["name"]
    assert len(BREAKS) == len(CONTRACTS)


def test_all_contracts_hold(scratch: Path) -> None:
    done = lint(scratch)
    assert done.returncode == 0, done.stdout
    assert f"{len(CONTRACTS)} kept, 0 broken" in done.stdout


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_contract_is_noticed(name: str, scratch: Path) -> None:
    file, line = BREAKS[name]
    kept = (scratch / file).read_text("utf-8")
    (scratch / file).write_text(f"{kept}\n\n{line}\n", "utf-8")
    try:
        done = lint(scratch)
    finally:
        (scratch / file).write_text(kept, "utf-8")
    assert done.returncode == 1
    broken = [text for text in done.stdout.splitlines() if text.endswith("BROKEN")]
    assert any(text.startswith(name) for text in broken), done.stdout


def test_the_simulator_may_import_what_drives_and_what_sees_and_nothing_else_of_the_car() -> None:
    """The contract lists what is forbidden, so new modules of the car must be added to it."""
    (contract,) = [c for c in CONTRACTS if c["name"].startswith("The simulator imports of the car")]
    parts = {
        f"car.{path.stem}"
        for path in (ROOT / "car").iterdir()
        if (path / "__init__.py").exists() or path.suffix == ".py"
    }
    allowed = {"car.__init__", "car.driving", "car.models", "car.perception"}
    assert parts - allowed == set(contract["forbidden_modules"])


def test_a_car_starts_without_what_plans_routes() -> None:
    code = "import sys, car.process; print({'networkx', 'pymongo'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
