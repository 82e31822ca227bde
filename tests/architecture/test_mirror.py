"""Tests are in the folder that mirrors their module's folder."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import networkx as nx

from tests.architecture.modules import imports, sources
from tests.support.paths import ROOT

TESTED: Final = ("pixelopolis", "car", "server", "sim", "training")

ELSEWHERE: Final = {
    # modules that are tested with their users
    "car.settings_file": "tests/car/tools/test_motor_spin.py",
    "car.tools.battery_gain": "tests/car/tools/test_motor_spin.py",
    "car.tools.perception_bench": "tests/car/perception/test_detector.py",
    "pixelopolis.model_io.labels": "tests/training/common/test_metadata.py",
    "pixelopolis.model_io.lane_path": "tests/training/lane/test_networks.py",
    "pixelopolis.output_file": "tests/training/common/test_runs.py",
    "pixelopolis.refusals": "tests/server/test_booking_service.py",
    "pixelopolis.web.request_body": "tests/server/http/test_hostile_stations.py",
    "pixelopolis.vehicle.virtual_camera": "tests/car/camera/test_thread.py",
    "pixelopolis.web_address": "tests/server/test_peer_faults.py",
    "sim.hardware.cable": "tests/sim/evaluation/test_stops.py",
    "sim.hardware.motor_profile": "tests/sim/hardware/test_motor_manual.py",
    "sim.live.motor_process": "tests/sim/hardware/test_foreign_clients.py",
    "sim.physics.background_traffic": "tests/sim/evaluation/test_free_drives.py",
    "sim.physics.lockstep": "tests/sim/evaluation/test_path_drive.py",
    "sim.render.meshes.landmarks": "tests/sim/render/test_renderer.py",
    "sim.render.speed": "tests/sim/render/test_renderer.py",
    "training.common.export": "tests/training/lane/test_networks.py",
    "training.describe": "tests/training/lane/test_train.py",
    "training.lane.check": "tests/training/lane/test_data.py",
}


def imported_by(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@cache
def imported_by_tests() -> dict[Path, set[str]]:
    """Return the imports of the tests of each folder."""
    found: defaultdict[Path, set[str]] = defaultdict(set)
    for path in (ROOT / "tests").rglob("test_*.py"):
        names = found[path.parent.relative_to(ROOT / "tests")]
        names |= imported_by(ast.parse(path.read_text("utf-8")))
    return found


def without_a_test_in_place() -> Iterator[str]:
    """Yield modules that no test in the mirrored folder uses, directly or through a neighbor."""
    tested = imported_by_tests()
    users: defaultdict[str, set[str]] = defaultdict(set)
    for importer, imported in imports():
        users[imported].add(importer)
    for path in sources(*TESTED):
        if path.name in ("__init__.py", "__main__.py") or path.parts[1] == "cli":
            continue  # commands are tested as command lines: tests/pixelopolis/cli
        module = ".".join(path.with_suffix("").parts)
        folders = [folder for folder in path.parents if folder.parts]
        known = {name for folder in folders for name in tested[folder]}
        named = any((ROOT / "tests" / f / f"test_{path.name}").exists() for f in folders)
        if not named and not known & {module, *users[module]}:
            yield module


def test_every_module_has_a_test_where_its_folder_says() -> None:
    assert set(without_a_test_in_place()) - ELSEWHERE.keys() == set()


def test_tests_that_stand_elsewhere_do_so_for_a_reason() -> None:
    missing = set(without_a_test_in_place())
    assert ELSEWHERE.keys() - missing == set(), "these have a test in place"
    graph = nx.DiGraph(imports())
    for module, file in ELSEWHERE.items():
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        reached = {module, *nx.ancestors(graph, module)}
        assert reached & imported_by(tree), f"{file} does not reach {module}"
