"""Settings of a server from a file, and backups by command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pixelopolis.cli.main import app, as_known
from server.http import app as whole


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    settings: list[Any] = []

    async def serve(asked: Any) -> None:
        settings.append(asked)

    monkeypatch.setattr(whole, "serve", serve)
    monkeypatch.setattr("logging.basicConfig", lambda **_: None)
    monkeypatch.delenv("MONGODB_URI", raising=False)
    return settings


def test_a_file_has_what_the_command_line_has_not(served: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('port = 8081\nhost = "0.0.0.0"\nkeep-days = 7\ncity = "square"\n')
    line = ["server", "--config", str(file), "--host", "127.0.0.1"]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    (settings,) = served
    assert (settings.port, settings.host, settings.keep_days) == (8081, "127.0.0.1", 7.0)
    assert settings.city.name == "square"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot = 8081\n", "there is no setting 'prot'"),
        ("port = \n", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(
    served: list[Any], tmp_path: Path, text: str | None, named: str
) -> None:
    file = tmp_path / "server.toml"
    if text is not None:
        file.write_text(text)
    result = CliRunner().invoke(app, ["server", "--config", str(file)])
    assert isinstance(result.exception, Exception)
    assert named in str(as_known(result.exception))
    file.write_text("port = 70000\n")
    assert CliRunner().invoke(app, ["server", "--config", str(file)]).exit_code == 2
    assert served == []


def test_a_data_folder_is_saved_and_restored_by_command(tmp_path: Path) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["server", *words], input="a long password\n" * 2)

    first, second, file = (str(tmp_path / name) for name in ("first", "second", "town.gz"))
    assert run("users", "add", "ada", "--data", first).exit_code == 0
    saved = run("backup", file, "--data", first)
    assert "1 documents" in saved.output, saved.exception
    assert "1 documents" in run("restore", file, "--data", second).output
    assert "ada: operator" in run("users", "list", "--data", second).output
