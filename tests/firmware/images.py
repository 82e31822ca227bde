"""The firmware's images for tests that need them built."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "firmware"
BUILD = FIRMWARE / "build"


def need(program: str, package: str) -> None:
    """Skip a test whose program is missing; where everything must be tested, fail it."""
    if shutil.which(program) is None:
        reason = f"{program} is not installed (Debian: apt-get install {package})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@cache
def make(*targets: str) -> str:
    """Build targets of firmware/Makefile; return what was printed."""
    need("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi")
    command = ["make", "-C", str(FIRMWARE), *targets]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
