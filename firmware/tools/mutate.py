"""Mutation testing of the core: does a test notice when one token of it is wrong?

`python3 tools/mutate.py --mutants 50 --seed 1`, run in `firmware/`. Each mutant is built as the
shared library and run against the Python tests of the core, then under the sanitizers against
random bytes, until something fails or everything has passed.
Changes: a relation, an arithmetic or logical operator, a constant, a condition negated, a statement
left out. A mutant that does not compile, or whose machine code is the same, is none and another is
drawn. Standard library only; the tests need the project's environment (`--pytest`).
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FIRMWARE = Path(__file__).parent.parent
TESTS = ("board", "stopping", "dxl", "bus_arbiter", "same_answers")
"""Of `tests/firmware`, the quickest first."""
CPU_LIMIT_S = 60
"""Processor time after which a test counts as hanging; a good one of `TESTS` takes some seconds."""

FUZZED_BYTES = "1000000"

SWAPS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "&&": ("||",),
    "||": ("&&",),
    "+": ("-",),
    "-": ("+",),
    "*": ("+",),
    "/": ("*",),
    "%": ("/",),
    "<<": (">>",),
    ">>": ("<<",),
    "+=": ("-=",),
    "-=": ("+=",),
    "|=": ("&=",),
    "&": ("|",),
    "|": ("&",),
    "^": ("|",),
    "true": ("false",),
    "false": ("true",),
}
TOKEN = re.compile(
    r"""/\*.*?\*/|//[^\n]*|^\s*\#(?:[^\n\\]|\\.|\\\n)*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
    r"""|0[xX][0-9a-fA-F]+[uU]?|\d+[uU]?|\w+|<<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\|"""
    r"""|\+=|-=|\*=|/=|%=|\|=|&=|\^=|\S""",
    re.DOTALL | re.MULTILINE,
)
NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)([uU]?)$")
LIMIT = re.compile(r"^#define (\w+) (\d+)u", re.MULTILINE)
CONDITION = re.compile(r"\b(?:if|while)\s*\(")
STATEMENT = re.compile(
    r"^[ \t]+(?!return|break|continue|case|default|const|static|struct|enum|uint|size_t|bool|char)"
    r"[\w*][^;{}\n]*;[ \t]*$",
    re.MULTILINE,
)


class Mutant(NamedTuple):
    """One change of one file."""

    file: str
    start: int
    end: int
    text: str
    kind: str

    def apply(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.end :]


def mutants_of(file: str, source: str) -> Iterator[Mutant]:
    """Yield every change that could be made; in a header, of its limits."""
    if file.endswith(".h"):
        for match in LIMIT.finditer(source):
            value = int(match.group(2))
            # one microsecond more or less is nobody's fault
            others = (value + 1, value - 1) if value < 100 else (2 * value, value // 2)
            for other in others:
                what = f"{match.group(1)} is {other}"
                yield Mutant(file, *match.span(2), str(other), what)
        return
    previous = ""
    for match in TOKEN.finditer(source):
        token = match.group()
        if token.startswith(("/*", "//", "#", '"', "'")) or token.lstrip().startswith("#"):
            continue
        start, end = match.span()
        # a star or an ampersand behind an operator or a type is no arithmetic
        binary = re.fullmatch(r"[\w)\]]+", previous) and source[start - 1 : start].isspace()
        if token in SWAPS and (binary or token in ("true", "false") or len(token) > 1):
            spaced = source[end : end + 1].isspace()
            if spaced or token in ("true", "false"):
                for other in SWAPS[token]:
                    yield Mutant(file, start, end, other, f"{token} becomes {other}")
        if number := NUMBER.match(token):
            value = int(number.group(1), 0)
            for other in {value + 1, max(0, value - 1)} - {value}:
                yield Mutant(file, start, end, f"{other}{number.group(2)}", f"{token} is {other}")
        previous = token
    for match in CONDITION.finditer(source):
        depth, at = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(source[at], 0)
            at += 1
        condition = source[match.end() : at - 1]
        if "/*" not in condition:
            negated = f"!({condition})"
            yield Mutant(file, match.end(), at - 1, negated, "condition negated")
    for match in STATEMENT.finditer(source):
        line = match.group()
        indent = line[: len(line) - len(line.lstrip())]
        yield Mutant(file, *match.span(), f"{indent};", f"left out: {line.strip()}")


def limit_cpu() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 5))


class Bench:
    """Builds and tries mutants in a folder of its own."""

    def __init__(self, folder: Path, pytest: str) -> None:
        self._folder = folder
        self._pytest = shlex.split(pytest)
        core = FIRMWARE / "core"
        self._sources = {path.name: path.read_text("utf-8") for path in sorted(core.glob("*.[ch]"))}
        self._original = self._build(None)
        if self._original is None:
            raise SystemExit("The core itself does not compile: run make library first.")

    def sources(self) -> dict[str, str]:
        return self._sources

    def _build(self, mutant: Mutant | None) -> bytes | None:
        """Return the library's code, None when it does not compile."""
        core = self._folder / "core"
        core.mkdir(parents=True, exist_ok=True)
        for name, source in self._sources.items():
            changed = mutant is not None and name == mutant.file
            (core / name).write_text(mutant.apply(source) if changed else source, "utf-8")
        files = [str(core / name) for name in self._sources if name.endswith(".c")]
        library = self._folder / "libboard.so"
        command = ["gcc", "-std=c11", "-O1", "-w", "-Iinclude", f"-I{core}", "-Ibuild", "-shared"]
        command += ["-fPIC", "-Wl,--build-id=none", "-o", str(library), "tests/library.c", *files]
        done = subprocess.run(command, cwd=FIRMWARE, capture_output=True, check=False)
        if done.returncode:
            return None
        code = self._folder / "code"
        sections = ["-j.text", "-j.rodata"]
        subprocess.run(["objcopy", "-Obinary", *sections, str(library), str(code)], check=True)
        return code.read_bytes()

    def _fuzzed(self) -> bool:
        """Tell whether the sanitizers bear random bytes at the sources as built last."""
        program = self._folder / "fuzz"
        core = self._folder / "core"
        command = ["gcc", "-std=c11", "-O1", "-w", "-Iinclude", f"-I{core}", "-Ibuild"]
        command += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-o", str(program)]
        command += ["tests/fuzz.c", *map(str, sorted(core.glob("*.c")))]
        subprocess.run(command, cwd=FIRMWARE, check=True)
        done = subprocess.run(
            [program, FUZZED_BYTES, "1"], capture_output=True, preexec_fn=limit_cpu, check=False
        )
        return done.returncode == 0

    def is_new(self, mutant: Mutant) -> bool:
        code = self._build(mutant)
        return code is not None and code != self._original

    def killer(self) -> str:
        """Return the test that fails with the library as built last, "" for none."""
        environment = os.environ | {"BOARD_LIBRARY": str(self._folder / "libboard.so")}
        for name in TESTS:
            command = [*self._pytest, "-x", "-q", "-p", "no:cacheprovider"]
            command.append(f"../tests/firmware/test_{name}.py")
            done = subprocess.run(
                command,
                cwd=FIRMWARE,
                env=environment,
                capture_output=True,
                text=True,
                preexec_fn=limit_cpu,
                check=False,
            )
            if done.returncode == -signal.SIGXCPU:
                return f"{name} (hung)"
            if done.returncode:
                found = re.search(r"^FAILED \S+::(\S+)", done.stdout, re.MULTILINE)
                return found.group(1) if found else f"{name} (ended with {done.returncode})"
        return "" if self._fuzzed() else "fuzz"


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutation testing of the core.")
    parser.add_argument("--mutants", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pytest", default=f"{FIRMWARE.parent}/.venv/bin/python -m pytest")
    arguments = parser.parse_args()
    bench = Bench(FIRMWARE / "build" / "mutants", arguments.pytest)
    if killer := bench.killer():
        print(f"The unchanged core fails {killer}: mend that first.", file=sys.stderr)
        return 1
    sources = bench.sources()
    # first the file, by its length, then the change: no kind of change drowns the others
    candidates = [m for file, source in sources.items() for m in mutants_of(file, source)]
    random.Random(arguments.seed).shuffle(candidates)
    survivors = []
    tried = 0
    begun_s = time.monotonic()
    for mutant in candidates:
        if tried == arguments.mutants:
            break
        if not bench.is_new(mutant):
            continue
        tried += 1
        killer = bench.killer()
        line = sources[mutant.file].count("\n", 0, mutant.start) + 1
        if STATEMENT.match(sources[mutant.file], mutant.start):
            line = sources[mutant.file].count("\n", 0, mutant.end) + 1
        where = f"{mutant.file}:{line}: {mutant.kind}"
        print(f"{tried:3} {'killed by ' + killer if killer else 'SURVIVED':60} {where}", flush=True)
        if not killer:
            survivors.append(where)
    print(
        f"{tried} mutants of {len(candidates)} (seed {arguments.seed}), "
        f"{tried - len(survivors)} noticed, {len(survivors)} survived, "
        f"{time.monotonic() - begun_s:.0f} s"
    )
    for where in survivors:
        print(f"survived: {where}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
