"""The process that stops the wheels of an original board whose car process is gone."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from car.board.original import stop_guard


class Line:
    """A serial port with scripted answers, and a clock that advances with reads."""

    def __init__(self, *answers: bytes | OSError, deaf_s: float = 0.0) -> None:
        self.answers = list(answers)
        self.now_s = 50.0
        self.deaf_until_s = 50.0 + deaf_s
        self.written: list[bytes] = []
        self.opened: list[tuple[str, int]] = []
        self.naps: list[float] = []

    def open(self, port: str, baud: int, *, timeout: float, exclusive: bool) -> Line:
        assert (timeout, exclusive) == (0, True)
        self.opened.append((port, baud))
        if self.now_s < self.deaf_until_s:
            raise OSError("busy")
        return self

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def read(self, size: int) -> bytes:
        assert size >= 1024
        answer = self.answers.pop(0) if self.answers else b""
        if isinstance(answer, OSError):
            raise answer
        return answer

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now_s += seconds

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch):
    def put(line: Line) -> Line:
        monkeypatch.setattr(stop_guard, "serial", SimpleNamespace(Serial=line.open))
        monkeypatch.setattr(stop_guard, "time", line)
        return line

    return put


def test_it_sends_the_command_until_the_board_confirms_it(plug) -> None:
    line = plug(Line(b"", b"BUSY", b"..STOP LEFT RIGHT.."))
    assert stop_guard.stop("/dev/x", 9600, b"STOP\n", 60.0) is True
    assert line.written == [b"STOP\n"] * 3
    assert line.opened == [("/dev/x", 9600)], "opened once"
    assert line.naps == [0.25] * 3, "the board is deaf for 0.13 s"


def test_a_cable_may_be_plugged_in_again(plug) -> None:
    line = plug(Line(OSError("gone"), b"STOP LEFT RIGHT"))
    assert stop_guard.stop("/dev/x", 9600, b"STOP\n", 60.0) is True
    assert len(line.opened) == 2
    line = plug(Line(b"STOP LEFT RIGHT", deaf_s=50.0))
    assert stop_guard.stop("/dev/x", 9600, b"STOP\n", 60.0) is True
    assert set(line.naps) == {0.25}


def test_patience_ends(plug) -> None:
    for line in (plug(Line()), plug(Line(deaf_s=99.0))):
        plug(line)
        assert stop_guard.stop("/dev/x", 9600, b"STOP\n", 3.0) is False
        assert line.now_s - 50.0 == pytest.approx(3.0)
    line = plug(Line())
    assert stop_guard.stop("/dev/x", 9600, b"STOP\n", 0.0) is False
    assert not line.opened


@pytest.mark.parametrize(
    ("said", "patience_s"),
    [(b"", 60.0), (b".!x", 60.0), (b"!", 3.0), (b".!", 3.0), (b".", None), (b"!.", None)],
)
@pytest.mark.parametrize("stopped", [True, False])
def test_only_a_goodbye_at_the_end_lets_the_wheels_turn(
    said: bytes, patience_s: float | None, stopped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def stop(*arguments: object) -> bool:
        asked.append(arguments)
        return stopped

    monkeypatch.setattr(stop_guard, "stop", stop)
    monkeypatch.setattr(stop_guard.sys, "argv", ["guard", "/dev/x", "115200", "STOP"])
    monkeypatch.setattr(stop_guard.sys, "stdin", SimpleNamespace(buffer=io.BytesIO(said)))
    code = stop_guard.main()
    if patience_s is None:
        assert (code, asked) == (0, [])
    else:
        assert asked == [("/dev/x", 115200, b"STOP\n", patience_s)]
        assert code == (0 if stopped else 1)
