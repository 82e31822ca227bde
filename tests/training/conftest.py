"""TensorFlow and Mesa's software renderer crash each other in one process.

So tests that import TensorFlow are collected only when this folder is asked for by name
(`make test-training`), never in a run that also renders.
"""

from __future__ import annotations

from pathlib import Path

import pytest

NEEDS_TENSORFLOW = ("test_detector_training.py", "test_lane_networks.py", "test_lane_training.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked_for = any("tests/training" in argument for argument in config.args)
    if collection_path.name in NEEDS_TENSORFLOW and not asked_for:
        return True
    return None
