"""Print line and branch coverage of the core, from what gcov wrote. Standard library only.

`python3 tools/coverage.py OBJECT_FOLDER SOURCE.c ... [--least PERCENT]`, run in `firmware/`; exits
with 1 when either is below `--least`. A branch counts when it was taken, as gcov counts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple


class Coverage(NamedTuple):
    """How much of a file was run, and what was not (line, or line and branch)."""

    lines: int
    lines_run: int
    branches: int
    branches_run: int
    missed: tuple[str, ...]


def read_gcov(objects: list[Path]) -> dict[str, dict[str, Any]]:
    """Return gcov's report for each source file."""
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        names = [str(path.resolve()) for path in objects]
        command = ["gcov", "--json-format", "--branch-probabilities", *names]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        for report in Path(folder).glob("*.gcov.json.gz"):
            for file in json.loads(gzip.decompress(report.read_bytes()))["files"]:
                files[file["file"]] = file
    return files


def coverage_of(file: dict[str, Any]) -> Coverage:
    missed = []
    branches = branches_run = run = 0
    for line in file["lines"]:
        number = line["line_number"]
        run += line["count"] > 0
        if line["count"] == 0:
            missed.append(str(number))
        for index, branch in enumerate(line["branches"]):
            branches += 1
            branches_run += branch["count"] > 0
            if branch["count"] == 0 < line["count"]:
                missed.append(f"{number} branch {index}")
    return Coverage(len(file["lines"]), run, branches, branches_run, tuple(missed))


def percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--least", type=float, default=0.0)
    arguments = parser.parse_args()
    files = read_gcov(sorted(arguments.folder.glob("*.gcda")))
    total = [0, 0, 0, 0]
    print(f"{'':24}{'lines':>8}{'run %':>8}{'branches':>10}{'taken %':>9}  missed lines")
    for source in arguments.sources:
        if source not in files:
            print(f"{source}: never run", file=sys.stderr)
            return 1
        seen = coverage_of(files[source])
        total = [a + b for a, b in zip(total, seen[:4], strict=True)]
        print(
            f"{source:24}{seen.lines:8}{percent(seen.lines_run, seen.lines):8.1f}"
            f"{seen.branches:10}{percent(seen.branches_run, seen.branches):9.1f}"
            f"  {', '.join(seen.missed)}"
        )
    lines, branches = percent(total[1], total[0]), percent(total[3], total[2])
    print(f"{'all':24}{total[0]:8}{lines:8.1f}{total[2]:10}{branches:9.1f}")
    return int(min(lines, branches) < arguments.least)


if __name__ == "__main__":
    sys.exit(main())
