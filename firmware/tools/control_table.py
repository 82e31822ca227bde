"""Write the C header of the control tables from `pixelopolis/vehicle/control_table.toml`.

`python3 firmware/tools/control_table.py TABLE.toml HEADER.h`. Python's standard library only, so
that the firmware builds without the project's environment. The header holds for every register
`<DEVICE>_<NAME>_AT` (address), `_SIZE` (bytes), `_MAX` where a write is bound, and `_DEFAULT`;
`_AT` and `_COUNT` of each run of indirect data; the bits of flag registers; and the board's
registers once more as a list for its own memory.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PREFIXES = {"board": "BOARD", "xl430_w250": "XL430"}
UNSUPPORTED = ("values", "mask", "limit", "low", "high", "signed")
"""Rules that only motors have; the board's memory does not know them."""


def header(document: Mapping[str, Any], source: str) -> str:
    """Return the header's text.

    Raises:
        ValueError: for a rule of the board's registers that the core does not know.
    """
    lines = [
        f"/* Made from {source} by firmware/tools/control_table.py: do not edit. */",
        "#ifndef CONTROL_TABLE_H",
        "#define CONTROL_TABLE_H",
        "",
    ]
    for name, value in document["car"].items():
        numbers = value if isinstance(value, list) else [value]
        lines.append(f"#define {name.upper()} {', '.join(f'{number}u' for number in numbers)}")
    for section, prefix in PREFIXES.items():
        lines += ["", *_device(document[section], prefix)]
    lines += ["", *_board_registers(document["board"]["registers"]), "", "#endif", ""]
    return "\n".join(lines)


def _device(device: Mapping[str, Any], prefix: str) -> Iterator[str]:
    if "id" in device:
        yield f"#define {prefix}_DEVICE_ID {device['id']}u"
    ends = [row["address"] + row["size"] for row in device["registers"]]
    ends += [run["data"] + run["count"] for run in device.get("indirect", ())]
    yield f"#define {prefix}_TABLE_SIZE {max(ends)}u"
    for row in device["registers"]:
        name = f"{prefix}_{row['name'].upper()}"
        yield f"#define {name}_AT {row['address']}u"
        yield f"#define {name}_SIZE {row['size']}u"
        if row.get("default", -1) >= 0:
            yield f"#define {name}_DEFAULT {row['default']}u"
        if "max" in row:
            yield f"#define {name}_MAX {row['max']}u"
    for run in device.get("indirect", ()):
        name = f"{prefix}_INDIRECT_DATA_{run['first']}"
        yield f"#define {name}_AT {run['data']}u"
        yield f"#define {name}_COUNT {run['count']}u"
    for register, bits in device["bits"].items():
        for bit, value in bits.items():
            yield f"#define {prefix}_{register.upper()}_{bit.upper()} {value}u"


def _board_registers(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    yield "/* ROW(name, address, size, may be written, initial value, least and largest write) */"
    yield "#define BOARD_REGISTERS(ROW) \\"
    for row in rows:
        unknown = [rule for rule in UNSUPPORTED if rule in row]
        if unknown:
            raise ValueError(
                f"board.{row['name']}: the core knows no {unknown}; "
                "teach firmware/core/table.c the rule first."
            )
        writable = int(row["access"] == "rw")
        largest = row.get("max", 2 ** (8 * row["size"]) - 1)
        yield (
            f"    ROW({row['name']}, {row['address']}u, {row['size']}u, {writable}, "
            f"{row.get('default', 0)}u, {row.get('min', 0)}u, {largest}u) \\"
        )
    yield ""


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: control_table.py TABLE.toml HEADER.h", file=sys.stderr)
        return 2
    table, target = Path(arguments[0]), Path(arguments[1])
    try:
        document = tomllib.loads(table.read_text(encoding="utf-8"))
        text = header(document, table.name)
    except (OSError, ValueError, KeyError) as error:
        print(f"{table}: {error}", file=sys.stderr)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
