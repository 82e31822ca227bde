"""Every help page fits a terminal of 80 columns."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from pixelopolis.cli.main import app
from tests.support.commands import all_commands

COMMANDS = list(all_commands())
GROUPS = ["", *sorted({words.split()[0] for words in COMMANDS if " " in words})]


@pytest.mark.parametrize("words", [*GROUPS, *COMMANDS])
def test_help_fits(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(app, [*words.split(), "--help"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if re.search(r"\{'|\[\]|<\w+\.|\w\.\.\.$", line)] == []
    assert not re.search(r"\w-\n *\w", result.output), "a word is cut"


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_is_explained(words: str) -> None:
    command = all_commands()[words]
    assert [p.name for p in command.parameters if not p.info.help] == []
