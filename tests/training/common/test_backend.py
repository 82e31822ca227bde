"""TensorFlow is imported without its log."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed (make setup-training)")


def test_nothing_is_said_before_our_own_output() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "from training.common.backend import tf; import sys\n"
            "print(float(tf.constant(1.0) + 1)); print('ours', file=sys.stderr)",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert (said.stdout, said.stderr) == ("2.0\n", "ours\n")
