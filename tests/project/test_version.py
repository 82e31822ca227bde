"""One version: of pyproject.toml, and wherever it is repeated."""

import re
import subprocess
import sys
import tomllib

import yaml

from tests.support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VERSION = PROJECT["version"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_it_is_a_semantic_version() -> None:
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", VERSION)


def test_the_command_line_says_it() -> None:
    line = [sys.executable, "-m", "pixelopolis", "--version"]
    said = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said == f"pixelopolis {VERSION}\n", "`make setup` installs a new version"


def test_the_changelog_has_its_section_below_what_is_not_released() -> None:
    sections = re.findall(r"^## \[(.+?)\](.*)$", CHANGELOG, re.M)
    assert sections[0] == ("Unreleased", "")
    name, date = sections[1]
    assert name == VERSION
    assert re.fullmatch(r" - \d{4}-\d{2}-\d{2}", date)
    (section,) = re.findall(
        rf"^## \[{re.escape(VERSION)}\].*?\n(.*?)(?=^## |\Z)", CHANGELOG, re.M | re.S
    )
    assert re.search(r"^- ", section, re.M), "its notes"


def test_the_citation_has_it_and_says_the_same_of_the_project() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == VERSION
    assert citation["license"] == PROJECT["license"]
    assert citation["abstract"].rstrip(".") == PROJECT["description"]
