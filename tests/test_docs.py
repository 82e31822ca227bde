"""References in the docs are valid: links, files and commands."""

import re
from pathlib import Path
from typing import Any

import pytest

from pixelopolis.cli.main import command_line
from tests.support.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "firmware" / "README.md"])
TOP = ("pixelopolis", "car", "server", "station", "sim", "training", "firmware", "tests", "docs")

BUILT = "firmware/build/"
"""Exists only after `make firmware`."""


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def page(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text("utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(rf"`((?:{'|'.join(TOP)})/[\w./-]*)`", page.read_text("utf-8"))
    kept = [name for name in named if not name.startswith(BUILT)]
    assert [name for name in kept if not (ROOT / name).exists()] == []


def test_commands_that_are_shown_exist(page: Path) -> None:
    shown = re.findall(r"`pixelopolis ((?:[a-z]+ ?)+)", page.read_text("utf-8"))
    missing = []
    for words in shown:
        command: Any = command_line()
        for word in words.split():
            known = getattr(command, "commands", None)
            if known is None:  # a command; arguments follow
                break
            if word not in known:
                missing.append(words)
                break
            command = known[word]
    assert missing == []


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(
        r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \|$", (folder / "README.md").read_text(), re.M
    )
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name for _, name, _ in listed] == pages
    for number, name, title in listed:
        assert (folder / name).read_text("utf-8").startswith(f"# {number}: {title}\n")
