"""The firmware for tests that need it built."""

import subprocess
from functools import cache
from pathlib import Path

from pixelopolis.board_program import BoardKind, check_program

FIRMWARE = Path(__file__).parents[2] / "firmware"


@cache
def build(kind: BoardKind) -> None:
    """Build what a kind of board needs; fail with what make or QEMU lacks."""
    if kind is not BoardKind.DEVICE:
        done = subprocess.run(
            ["make", "-C", str(FIRMWARE), kind], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    check_program(kind)
