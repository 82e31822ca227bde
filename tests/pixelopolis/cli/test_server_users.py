"""Operators are added, listed and removed by command, beside a running server or without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pixelopolis.cli.main import app, as_known

PASSWORD = "correct horse battery staple"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MONGODB_URI", raising=False)
    return tmp_path / "data"


def users(data: Path, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["server", "users", *words, "--data", str(data)], input=typed)


def test_users_are_kept(data: Path) -> None:
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    for name, role in (("ada", "admin"), ("bob", "viewer")):
        added = users(data, "add", name, "--role", role, typed=typed)
        assert added.exit_code == 0, added.output
        assert PASSWORD not in added.output
    users(data, "remove", "bob")
    assert json.loads(users(data, "list", "--json").stdout) == [{"name": "ada", "role": "admin"}]


@pytest.mark.parametrize(
    ("words", "typed", "named"),
    [
        (("add", "a b"), f"{PASSWORD}\n{PASSWORD}\n", "'a b' is not 1 to 40"),
        (("add", "ada"), "short\nshort\n", "5 characters"),
    ],
)
def test_what_cannot_be_added_is_named(
    data: Path, words: tuple[str, ...], typed: str, named: str
) -> None:
    result = users(data, *words, typed=typed)
    assert isinstance(result.exception, Exception)
    assert named in str(as_known(result.exception))


def test_without_a_password_nothing_is_begun(data: Path) -> None:
    result = users(data, "add", "ada")
    assert "standard input has none" in str(as_known(result.exception))  # type: ignore[arg-type]
    assert not data.exists()


def test_one_line_is_the_password(data: Path) -> None:
    assert users(data, "add", "ada", typed=f"{PASSWORD}\n").exit_code == 0


@pytest.mark.parametrize("words", [("list",), ("remove", "ada")])
def test_no_database_is_made_where_none_was(data: Path, words: tuple[str, ...]) -> None:
    result = users(data, *words)
    assert "no server has kept a database there" in str(as_known(result.exception))  # type: ignore[arg-type]
    assert not data.exists()
