"""The words of the docs are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PARTS = ("pixelopolis", "car", "server", "sim", "training")
PAGES = sorted((ROOT / "docs" / "explanation").glob("*.md"))


@pytest.fixture(scope="module")
def defined() -> set[str]:
    text = "\n".join(
        path.read_text("utf-8") for part in PARTS for path in ROOT.glob(f"{part}/**/*.py")
    )
    return set(re.findall(r"^(?:class )?([A-Z][a-z]\w+)(?: = |\(|:)", text, re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_classes_that_are_named_exist(page: Path, defined: set[str]) -> None:
    named = re.findall(r"`([A-Z][a-z]+[A-Z]\w+)(?:\.\w+)?`", page.read_text("utf-8"))
    assert [name for name in named if name not in defined] == []


def test_a_word_stands_once_in_the_glossary() -> None:
    lines = (ROOT / "docs" / "explanation" / "glossary.md").read_text("utf-8").splitlines()
    words = [line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")]
    words = [word for cell in words for word in cell.split(", ") if word != "word"]
    assert len(words) > 100
    assert sorted(words) == sorted(set(words))
