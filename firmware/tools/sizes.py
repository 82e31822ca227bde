"""Say how much of a chip's flash and RAM each image takes.

`python3 firmware/tools/sizes.py IMAGE.elf...`. The folder of an image is named as its board, whose
sizes stand in `firmware/ports/BOARD/memory.ld`. RAM counts the stack that is set aside. Python's
standard library only.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PORTS = Path(__file__).parents[1] / "ports"


class Use(NamedTuple):
    """Bytes, used and there."""

    flash: int
    flash_size: int
    ram: int
    ram_size: int


def use(image: Path) -> Use:
    """Return what an image takes of its chip."""
    size = ("arm-none-eabi-size", str(image))
    counted = subprocess.run(size, check=True, capture_output=True, text=True).stdout
    text, data, bss = map(int, counted.splitlines()[1].split()[:3])
    limits = memory(image.parent.name)
    return Use(text + data, limits["FLASH"][1], data + bss, limits["RAM"][1])


def memory(board: str) -> dict[str, tuple[int, int]]:
    """Return (first address, bytes) of a board's memories."""
    script = (PORTS / board / "memory.ld").read_text("utf-8")
    found = re.findall(r"(\w+) \(\w+\) : ORIGIN = (0x\w+), LENGTH = (\d+)K", script)
    return {name: (int(origin, 16), int(kib) * 1024) for name, origin, kib in found}


def main(images: list[str]) -> None:
    for image in map(Path, images):
        used = use(image)
        print(
            f"{image.parent.name:14} flash {used.flash:6,} of {used.flash_size:9,} bytes"
            f" ({used.flash / used.flash_size:5.1%})   RAM {used.ram:6,} of"
            f" {used.ram_size:7,} ({used.ram / used.ram_size:5.1%})"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
