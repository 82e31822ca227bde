"""Folders show the architecture: few modules, no cycles, unique class names."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from typing import Final

import networkx as nx
import pytest

from tests.architecture.modules import PACKAGES, cycles, imports, siblings, sources
from tests.support.paths import ROOT

MAX_MODULES: Final = 15
"""Modules per folder; exempt are the command line, with a module per command, and tests."""

SAME_NAME: Final[dict[str, str]] = {}
"""Class names that may occur twice, with reasons."""


def test_no_folder_has_more_modules_than_one_can_overlook() -> None:
    counts = Counter(
        str(path.parent)
        for path in sources(*PACKAGES)
        if path.name not in ("__init__.py", "__main__.py")
    )
    assert counts.pop("pixelopolis/cli") > 0
    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES} == {}


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert cycles(nx.DiGraph(imports())) == []


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_no_package_imports_itself_by_way_of_its_siblings(depth: int) -> None:
    graph = siblings(depth)
    assert len(graph) > 20
    assert cycles(graph) == []


def test_a_cycle_would_be_seen() -> None:
    assert cycles(nx.DiGraph([*imports(), ("pixelopolis.errors", "car.driving.driver")])) != []


def test_a_class_name_means_one_thing() -> None:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sources(*PACKAGES):
        for node in ast.parse((ROOT / path).read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path))
    twice = {name: files for name, files in found.items() if len(files) > 1}
    assert {n: f for n, f in twice.items() if n not in SAME_NAME} == {}
    assert SAME_NAME.keys() <= twice.keys(), "an exception that is none any more"


def test_tests_mirror_the_packages() -> None:
    folders = {path.parent for path in sources(*PACKAGES)}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        place = path.parent.relative_to(ROOT / "tests")
        if place.parts and place.parts[0] in PACKAGES:
            assert place in folders, f"{path.relative_to(ROOT)} stands where no package is"


def test_helpers_of_tests_stand_apart() -> None:
    mirrored = [ROOT / "tests" / package for package in PACKAGES]
    helpers = [
        str(path.relative_to(ROOT))
        for folder in mirrored
        for path in folder.rglob("*.py")
        if not path.name.startswith("test_") and path.name not in ("__init__.py", "conftest.py")
    ]
    assert helpers == []
