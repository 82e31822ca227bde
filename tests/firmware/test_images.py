"""The images for boards: they build, fit the chip, and start with a valid vector table."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.tools.sizes import memory, use
from tests.support.firmware_build import BUILD, FIRMWARE, cross_make
from tests.support.headers import NUCLEOS, read_header

STACK_BYTES = 4096


@pytest.fixture(params=NUCLEOS)
def board(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    cross_make(name)
    return name


def words(image: Path) -> list[int]:
    content = image.read_bytes()
    return [int.from_bytes(content[at : at + 4], "little") for at in range(0, len(content) - 3, 4)]


def binary(board: str) -> Path:
    return BUILD / board / f"pixelopolis-{board}.bin"


def test_the_vector_table_starts_the_chip(board: str) -> None:
    table = words(binary(board))
    (flash, flash_size), (ram, ram_size) = memory(board)["FLASH"], memory(board)["RAM"]
    assert flash == 0x08000000
    assert table[0] == ram + ram_size
    assert table[0] % 8 == 0
    header = "stm32f4.h" if "f4" in board else "stm32l4.h"
    interrupts = read_header(header).interrupts
    handled = {1, 2, 3, 15, 16 + interrupts["USART1"], 16 + interrupts["USART2"]}
    for number in range(1, 16 + max(interrupts["USART1"], interrupts["USART2"]) + 1):
        if number not in handled:
            assert table[number] == 0, number
            continue
        assert table[number] % 2 == 1, "Thumb"
        assert flash <= table[number] < flash + binary(board).stat().st_size
        assert binary(board).stat().st_size < flash_size


def test_images_fit_their_chips(board: str) -> None:
    used = use(binary(board).with_suffix(".elf"))
    assert 0 < used.flash <= used.flash_size
    assert used.flash == binary(board).stat().st_size
    assert STACK_BYTES < used.ram <= used.ram_size


def test_sizes_are_printed() -> None:
    printed = cross_make("sizes")
    for name in (*NUCLEOS, "qemu"):
        row = rf"^{name} +flash +[\d,]+ of +[\d,]+ bytes .* RAM +[\d,]+ of"
        assert re.search(row, printed, re.M)


def test_two_builds_are_the_same_to_the_byte(board: str, tmp_path: Path) -> None:
    shutil.copytree(FIRMWARE, tmp_path / "firmware", ignore=shutil.ignore_patterns("build"))
    table = Path("pixelopolis", "vehicle", "control_table.toml")
    (tmp_path / table).parent.mkdir(parents=True)
    shutil.copy(FIRMWARE.parent / table, tmp_path / table)
    command = ["make", "-C", str(tmp_path / "firmware"), board, f"PYTHON={sys.executable}"]
    subprocess.run(command, check=True, capture_output=True)
    again = tmp_path / "firmware" / binary(board).relative_to(FIRMWARE)
    assert again.read_bytes() == binary(board).read_bytes()
    elf = again.with_suffix(".elf")
    assert elf.read_bytes() == binary(board).with_suffix(".elf").read_bytes()


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    """Without it, nothing for boards is built, and the reason is given."""
    cross_make("qemu")  # skipped where there is none anyway
    command = ["make", "-C", str(FIRMWARE), "nucleo-f411re", "ARM=no-such-", f"BUILD={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi" in done.stderr
