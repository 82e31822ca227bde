"""Builds parts of the firmware for tests."""

import fcntl
import os
import shutil
import subprocess
from functools import cache

import pytest

from sim.hardware.firmware_program import BoardKind, check_program
from tests.support.paths import ROOT

FIRMWARE = ROOT / "firmware"
BUILD = FIRMWARE / "build"


def need(program: str, package: str) -> None:
    """Skip a test whose program is missing, or fail it where no test may be skipped."""
    if shutil.which(program) is None:
        reason = f"{program} is not installed (Debian: apt-get install {package})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@cache
def make(*targets: str) -> str:
    """Build targets of firmware/Makefile; return the output.

    One process of the tests builds at a time: another one would load a file that is half written.
    """
    command = ["make", "-C", str(FIRMWARE), *targets]
    with (FIRMWARE / "Makefile").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cross_make(*targets: str) -> str:
    """Build targets that need the ARM compiler."""
    need("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi")
    return make(*targets)


def build_board(kind: BoardKind) -> None:
    """Build the program of a kind of board; fail with the output of make or QEMU."""
    if kind is not BoardKind.DEVICE:
        make(kind.value)
    check_program(kind)
