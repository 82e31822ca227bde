"""The tutorial on training, as its reader follows it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.console import Reader
from tests.support.paths import ROOT


@pytest.mark.training
@pytest.mark.timeout(1800)
@pytest.mark.skipif(
    find_spec("tensorflow") is None, reason="TensorFlow is not installed (make setup-training)"
)
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    page = ROOT / "docs" / "tutorials" / "first-training.md"
    Reader(tmp_path, {}).follow(page.read_text("utf-8"))
