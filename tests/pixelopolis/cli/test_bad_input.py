"""Every command with unusable input: a clear error, an exit code, no files left."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelopolis.cli import main
from pixelopolis.errors import BoardError
from tests.support.commands import Command, Parameter, all_commands, smallest_line
from tests.support.paths import ROOT

COMMANDS = all_commands()

WRITTEN = {
    ("city draw", "--out"): "map.svg",
    ("data check", "--pictures"): "sheets",
    ("data import", "--out"): "data",
    ("data lane", "--out"): "data",
    ("data lane", "--sheet"): "sheet.png",
    ("data signs", "--out"): "data",
    ("demo", "--data"): "data",
    ("evaluate frames", "--sheet"): "sheet.png",
    ("evaluate lane", "--plot"): "chart.svg",
    ("evaluate lane", "--worst"): "worst.png",
    ("evaluate original", "--docs"): "page.md",
    ("evaluate photographs", "--sheet"): "sheet.png",
    ("experiments", "--docs"): "page.md",
    ("experiments", "--out"): "runs",
    ("export detector", "--out"): "models",
    ("export lane", "--out"): "models",
    ("server", "--data"): "data",
    ("server enroll", "--data"): "data",
    ("server restore", "--data"): "data",
    ("server users add", "--data"): "data",
    ("sim", "--dir"): "ports",
    ("sim", "--sheet"): "sheet.png",
    ("train detector", "--out"): "run",
    ("train lane", "--out"): "run",
}
"""Options that name outputs; all other paths are inputs."""

MORE = {("evaluate lane", "--plot"): ["--sweep", "blur"]}
"""Options that another one requires."""

TRAINS = ("experiments", "export", "train")
"""They need TensorFlow first and are tested in tests/training."""


def end_of(
    line: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    """Run a command line; return its exit code and stderr."""
    monkeypatch.setattr(sys, "argv", ["pixelopolis", *line])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, capfd.readouterr().err


def options_of(kind: type) -> list[tuple[str, Parameter]]:
    return [
        (words, parameter)
        for words, command in COMMANDS.items()
        for parameter in command.parameters
        if parameter.kind is kind
    ]


@pytest.fixture(autouse=True)
def what_a_command_sets_up_for_its_process() -> Iterator[None]:
    """Take it back: handlers of signals, and what is logged."""
    handler = signal.getsignal(signal.SIGTERM)
    loggers = [logging.getLogger(name) for name in ("server", "aiohttp.access")]
    levels = [logger.level for logger in loggers]
    yield
    signal.signal(signal.SIGTERM, handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def tried(words: str) -> bool:
    return words.split(maxsplit=1)[0] not in TRAINS


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder that also holds temporary files."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "file").write_text("no folder")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def assert_refused(code: int, said: str, here: Path) -> None:
    assert code in (1, 2), said
    assert "Traceback" not in said
    assert code == 2 or re.search(r"\[PX\d{3}\] ", said), said
    assert sorted(str(p.relative_to(here)) for p in here.rglob("*")) == ["file", "tmp"]


def test_every_output_is_known_here() -> None:
    paths = {(words, parameter.flag) for words, parameter in options_of(Path)}
    assert set(WRITTEN) <= paths


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS.values() if tried(c.words)], ids=lambda c: c.words
)
def test_what_is_to_be_read_and_is_not_there(
    command: Command,
    here: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every input path and every city, one at a time."""
    for parameter in command.parameters:
        is_read = parameter.kind is Path and (command.words, parameter.flag) not in WRITTEN
        is_town = parameter.name in ("city", "cities")
        if not (is_read or is_town) or not parameter.flag:
            continue
        line = smallest_line(command, here / "missing")
        for (words, flag), name in WRITTEN.items():  # its outputs are usable
            if words == command.words and flag in line:
                line[line.index(flag) + 1] = str(here / name)
        line += [parameter.flag, str(here / "missing" / "town.toml")]
        assert_refused(*end_of(line, capfd, monkeypatch), here)


@pytest.mark.parametrize(
    ("words", "flag"), [k for k in WRITTEN if tried(k[0])], ids=lambda value: value
)
@pytest.mark.parametrize("how", ["below a file", "too long a name"])
def test_what_cannot_be_written_is_refused_before_the_work(
    words: str,
    flag: str,
    how: str,
    here: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = WRITTEN[words, flag]
    out = here / "file" / name if how == "below a file" else here / ("x" * 300 + name)
    line = smallest_line(COMMANDS[words], here / "missing")
    if flag in line:
        line[line.index(flag) + 1] = str(out)
    else:
        line += [flag, str(out), *MORE.get((words, flag), ())]
    if words == "city draw":
        line[2] = "pixelopolis"
    code, said = end_of(line, capfd, monkeypatch)
    assert_refused(code, said, here)
    if str(here / "missing") not in line:
        assert str(out)[:40] in said


def test_every_number_has_bounds() -> None:
    open_ended = [
        f"{words} {parameter.flag}"
        for kind in (int, float)
        for words, parameter in options_of(kind)
        if parameter.info.min is None or parameter.info.max is None
    ]
    assert open_ended == []


@pytest.mark.parametrize("value", ["nan", "inf", "-1e300", "1e300", "9" * 400, "x", ""])
def test_numbers_that_no_command_can_use(
    value: str, here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (int, float):
        for words, parameter in options_of(kind):
            if not tried(words):
                continue
            line = [*smallest_line(COMMANDS[words], here / "missing"), f"{parameter.flag}={value}"]
            assert_refused(*end_of(line, capfd, monkeypatch), here)


# --- unusable stdout and stderr -----------------------------------------------------------------


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run `line` in bash, with the command in $P."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; P='{sys.executable} -m pixelopolis'; {line}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("$P city check pixelopolis --json >/dev/full", 1, "standard output cannot be written"),
        ("$P city check pixelopolis --json >&-", 1, "standard output is closed"),
        ("$P city check pixelopolis --json | (exec <&-; sleep 1)", 141, ""),
        ("$P --help >/dev/full", 1, "No space left on device"),
        ("$P city check pixelopolis 2>/dev/full", 0, ""),
        ("$P city check pixelopolis 2>&-", 0, ""),
        ("$P city check nowhere 2>/dev/full", 1, ""),
    ],
)
def test_a_stream_that_takes_nothing(line: str, code: int, says: str) -> None:
    done = shell(line)
    assert done.returncode == code, done
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if not says:
        assert done.stderr == ""


def test_all_that_is_printed_is_printed_with_care() -> None:
    for file in (ROOT / "pixelopolis" / "cli").glob("*.py"):
        if file.name != "common.py":
            assert not re.search(r"typer\.echo\(|^\s*print\(", file.read_text(), re.M), file


# --- failures while running ---------------------------------------------------------------------


def outcome_of(
    raised: BaseException, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    def load_city(_: str) -> None:
        raise raised

    monkeypatch.setattr("pixelopolis.cli.city.load_city", load_city)
    return end_of(["city", "check", "pixelopolis"], capfd, monkeypatch)


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BoardError("no answer.", "Look at it."), 1, "[PX302] no answer. Look at it."),
        (PermissionError(13, "Permission denied", "/a"), 1, "[PX106] '/a': Permission denied."),
        (OSError(28, "No space left on device"), 1, "[PX106] No space left on device."),
        (ImportError("libGL.so.1: no such file", name="cv2"), 1, "[PX104] the library 'cv2'"),
    ],
)
def test_how_a_command_ends(
    raised: BaseException,
    code: int,
    says: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended, said = outcome_of(raised, capfd, monkeypatch)
    assert ended == code
    assert says in said


@pytest.mark.parametrize(
    "raised", [RuntimeError("ours"), ImportError("no such thing", name="sim.nothing")]
)
def test_a_fault_of_ours_is_shown_whole(
    raised: Exception, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(type(raised)):
        outcome_of(raised, capfd, monkeypatch)
