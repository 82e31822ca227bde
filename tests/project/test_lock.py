"""The locks: the pins of constraints.txt with hashes, and nothing of the machine that made them."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

LOCKS = sorted((ROOT / "locks").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]

APART = {"lerobot"}
"""Installed without its requirements by the Makefile, for its motors only."""

PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(
        r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.M
    )
}


def entries(lock: Path) -> list[tuple[Requirement, list[str]]]:
    """Return what a lock pins, each with its hashes; what else it says is an error."""
    text = lock.read_text("utf-8").replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        found.append((Requirement(requirement), hashes))
    return found


@pytest.fixture(params=LOCKS, ids=lambda path: path.stem)
def lock(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_there_is_one_for_each_image_and_for_building_working_and_the_docs() -> None:
    assert [path.stem for path in LOCKS] == ["build", "car", "demo", "dev", "docs", "server"]


def test_all_of_a_lock_is_pinned_as_in_the_constraints_and_hashed(lock: Path) -> None:
    for requirement, hashes in entries(lock):
        assert str(requirement.specifier) == f"=={PINS[canonicalize_name(requirement.name)]}"
        assert requirement.url is None
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)


def test_none_names_a_host_or_a_place_on_a_machine(lock: Path) -> None:
    assert re.findall(r"://|/|^\s*-(?!-hash=)", lock.read_text("utf-8"), re.M) == []


@pytest.mark.parametrize("extra", ["server", "car", "demo"])
def test_a_lock_has_what_its_extra_asks_for(extra: str) -> None:
    locked = {canonicalize_name(found.name) for found, _ in entries(ROOT / f"locks/{extra}.txt")}
    asked = [Requirement(text) for text in (*PROJECT["project"]["dependencies"], *EXTRAS[extra])]
    missing = {canonicalize_name(each.name) for each in asked} - locked - {"pixelopolis"}
    assert missing == set()


def test_together_they_have_every_pin_of_the_constraints() -> None:
    locked = {canonicalize_name(found.name) for path in LOCKS for found, _ in entries(path)}
    assert PINS.keys() - locked == APART
