"""Tools for building and testing the core: header generator, fuzzing, coverage, mutations."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    BUS_BAUD,
    LEFT_MOTOR_ID,
    MOTOR_BAUDS,
    RIGHT_MOTOR_ID,
    XL430,
)
from tests.support.firmware_build import FIRMWARE, make

TABLE = FIRMWARE.parent / "pixelopolis" / "vehicle" / "control_table.toml"


def tool(name: str) -> ModuleType:
    sys.path.insert(0, str(FIRMWARE / "tools"))
    try:
        return __import__(name)
    finally:
        sys.path.pop(0)


def generate(table: Path, header: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, FIRMWARE / "tools" / "control_table.py", table, header]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_header_says_what_the_table_says(tmp_path: Path) -> None:
    header = tmp_path / "build" / "control_table.h"
    assert generate(TABLE, header).returncode == 0
    text = header.read_text()
    defined = dict(re.findall(r"^#define (\w+) (.*)$", text, re.MULTILINE))
    for prefix, table in (("BOARD", BOARD), ("XL430", XL430)):
        assert defined[f"{prefix}_TABLE_SIZE"] == f"{table.size}u"
        for register in table:
            if register.name.startswith("indirect"):
                continue
            name = f"{prefix}_{register.name.upper()}"
            assert defined[f"{name}_AT"] == f"{register.address}u"
            assert defined[f"{name}_SIZE"] == f"{register.size}u"
        for register_name, bits in table.bits.items():
            for bit, value in bits.items():
                assert defined[f"{prefix}_{register_name.upper()}_{bit.upper()}"] == f"{value}u"
    cells = [
        int(defined[f"XL430_INDIRECT_DATA_{first}_AT"][:-1]) + i
        for first in (1, 29)
        for i in range(int(defined[f"XL430_INDIRECT_DATA_{first}_COUNT"][:-1]))
    ]
    assert cells == list(XL430.indirect)
    assert defined["BOARD_DEVICE_ID"] == f"{BOARD_ID}u"
    assert defined["LEFT_MOTOR_ID"] == f"{LEFT_MOTOR_ID}u"
    assert defined["RIGHT_MOTOR_ID"] == f"{RIGHT_MOTOR_ID}u"
    assert defined["BUS_BAUD"] == f"{BUS_BAUD}u"
    assert defined["MOTOR_BAUDS"] == ", ".join(f"{baud}u" for baud in MOTOR_BAUDS)
    rows = re.findall(r"ROW\((\w+), (\d+)u", text)
    assert [(name, int(address)) for name, address in rows] == [(r.name, r.address) for r in BOARD]


def test_a_rule_that_the_core_does_not_know_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.toml"
    row = '{ name = "heartbeat",            address'
    assert row in TABLE.read_text()
    table.write_text(TABLE.read_text().replace(row, '{ values = [1], name = "heartbeat", address'))
    done = generate(table, tmp_path / "header.h")
    assert done.returncode == 1
    assert "board.heartbeat: the core knows no ['values']" in done.stderr
    assert not (tmp_path / "header.h").exists()
    assert generate(tmp_path / "none.toml", tmp_path / "header.h").returncode == 1


def test_the_generator_wants_two_paths() -> None:
    done = subprocess.run(
        [sys.executable, FIRMWARE / "tools" / "control_table.py"], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr[:6]) == (2, b"usage:")


def test_the_core_bears_random_bytes() -> None:
    make("build/host/fuzz")
    command = [FIRMWARE / "build" / "host" / "fuzz", "1000000", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "nothing wrong" in done.stdout


def test_the_tests_run_98_percent_of_the_core() -> None:
    pytest_few = f"{sys.executable} -m pytest --hypothesis-profile=few"
    command = ["make", "-C", FIRMWARE, "coverage", f"PYTEST={pytest_few}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_the_mutator_makes_one_change_at_a_time() -> None:
    mutate = tool("mutate")
    source = (
        "/* 1 < 2 */\n#define LIMIT 5u\nint f(int *a, int b) {\n    int c = *a + 10;\n"
        '    if (b <= 3 && !c)\n        b = 0;\n    g("x < 1");\n    return b;\n}\n'
    )
    made = [mutant.apply(source) for mutant in mutate.mutants_of("f.c", source)]
    assert len(set(made)) == len(made)
    for wanted in (
        "*a - 10",
        "*a + 11",
        "b < 3",
        "b > 3",
        "b <= 3 || !c",
        "if (!(b <= 3 && !c))",
        "        ;\n",
        "    ;\n    return",
    ):
        assert any(wanted in text for text in made), wanted
    assert all("/* 1 < 2 */\n#define LIMIT 5u\nint f(int *a, int b) {" in text for text in made)
    assert all('"x < 1"' in text or "    ;\n    return" in text for text in made)
    header = [
        mutant.apply("#define LIMIT 5u /* ms */\n")
        for mutant in mutate.mutants_of("f.h", "#define LIMIT 5u /* ms */\n")
    ]
    assert sorted(header) == [f"#define LIMIT {n}u /* ms */\n" for n in (4, 6)]
