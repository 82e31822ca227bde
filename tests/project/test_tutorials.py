"""Every tutorial, as its reader follows it: commands run, files written, output compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelopolis.demo.city import free_ports
from tests.support.console import Reader, Typed, Written, says, steps
from tests.support.paths import ROOT

TUTORIALS = ROOT / "docs" / "tutorials"
IN_TRAINING = "first-training.md"
"""Its commands need TensorFlow: tests/training."""
PORTS = ("8080", "8090", "8091")
"""Ports in the pages, which may be in use here."""


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name", sorted(p.name for p in TUTORIALS.glob("first-*.md") if p.name != IN_TRAINING)
)
def test_a_tutorial_does_what_it_says(name: str, tmp_path: Path) -> None:
    ports = map(str, free_ports("127.0.0.1", len(PORTS)))
    Reader(tmp_path, dict(zip(PORTS, ports, strict=True))).follow(
        (TUTORIALS / name).read_text("utf-8")
    )


@pytest.mark.parametrize("page", sorted(TUTORIALS.glob("first-*.md")), ids=lambda page: page.stem)
def test_a_tutorial_has_commands(page: Path) -> None:
    assert [step for step in steps(page.read_text("utf-8")) if isinstance(step, Typed)]


PAGE = """
```toml title="a.txt"
one
```

```console
$ cat a.txt
one
$ sleep 60 &
$ echo 1 2 \\
    3
1 ... 3
$ bash -c 'echo ready; sleep 60'
ready
^C
$ kill %1
```
"""


def test_what_a_reader_does() -> None:
    assert [*steps(PAGE)] == [
        Written("a.txt", "one\n"),
        Typed("cat a.txt", ("one",)),
        Typed("sleep 60 &", ()),
        Typed("echo 1 2 3", ("1 ... 3",)),
        Typed("bash -c 'echo ready; sleep 60'", ("ready", "^C")),
        Typed("kill %1", ()),
    ]


def test_a_page_is_followed(tmp_path: Path) -> None:
    page = PAGE.replace("sleep 60 &", "trap 'exit 0' TERM; sleep 60 & wait &")
    Reader(tmp_path, {"one": "two"}).follow(page)
    assert (tmp_path / "a.txt").read_text() == "two\n"


@pytest.mark.parametrize(
    "block",
    [
        "$ echo one\ntwo",
        "$ echo one",
        "$ false",
        "$ sleep 60 &",
        "$ cat none\n...",
        "$ true\n^C\n.",
    ],
)
def test_a_page_that_is_wrong_fails(block: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        Reader(tmp_path, {}).follow(f"```console\n{block}\n```\n")


def test_a_command_that_ends_too_soon_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended"):
        Reader(tmp_path, {}).follow("```console\n$ echo one &\ntwo\n```\n")


@pytest.mark.parametrize(
    ("shown", "said", "right"),
    [
        (["a", "...", "d"], "a\nb\nc\nd\n", True),
        (["a", "...", "d"], "a\nd\n", True),
        (["a ... c"], "a  b  c", True),
        (["a b"], "a\nb\n", True),
        (["a"], "a\nb\n", False),
        (["a", "..."], "b\na\n", False),
        ([], "", True),
        ([], "a", False),
    ],
)
def test_what_a_terminal_said(shown: list[str], said: str, right: bool) -> None:
    assert says(shown, said) is right
