"""Models are loaded without log messages; errors of native code are shown."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pixelopolis.model_io.litert import native_stderr_filtered
from tests.support.paths import ROOT


@pytest.mark.parametrize("closed", [False, True])
def test_a_model_is_loaded_without_a_word(closed: bool) -> None:
    load = "from car.perception.lane_network import load_lane_model; load_lane_model()"
    program = f"import os; os.close(2); {load}" if closed else load
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_lines_to_keep_are_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with native_stderr_filtered(lambda line: b"keep" in line):
        os.write(2, b"keep 1\ndrop\nkeep 2\n")
    assert capfd.readouterr().err == "keep 1\nkeep 2\n"


def test_after_an_error_everything_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with native_stderr_filtered(lambda _: False):
            os.write(2, b"why\n")
            raise ValueError("fails")

    with pytest.raises(ValueError, match="fails"):
        fail()
    assert capfd.readouterr().err == "why\n"
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "later\n"
