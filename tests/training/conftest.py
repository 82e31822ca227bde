"""TensorFlow and Mesa's software renderer crash each other in one process.

Tests that import TensorFlow are therefore collected only if this folder is named (`make
test-training`), never in a run that also renders.
"""

from __future__ import annotations

from pathlib import Path

import pytest

NEEDS_TENSORFLOW = 'pytest.importorskip("tensorflow"'
"""What such a file says."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked_for = any("tests/training" in argument for argument in config.args)
    if asked_for or collection_path.suffix != ".py":
        return None
    return NEEDS_TENSORFLOW in collection_path.read_text("utf-8") or None
