"""Commands that a signal ends: exit codes, and no further work."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from pixelopolis.cli import main
from pixelopolis.cli.common import run_until_signal
from pixelopolis.processes import how_it_ended


@pytest.fixture(autouse=True)
def own_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_what_is_told_to_end_cleans_up_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned: list[str] = []

    def command() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            cleaned.append("yes")

    monkeypatch.setattr(main, "command_line", lambda: command)
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert (caught.value.code, cleaned) == (143, ["yes"])
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "the next one ends it at once"


def test_a_librarys_exit_code_does_not_hide_the_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    def command() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except SystemExit:  # as Ray does while it waits
            sys.exit(1)

    monkeypatch.setattr(main, "command_line", lambda: command)
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 143


def test_other_exit_codes_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "command_line", lambda: lambda: sys.exit(2))
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_work_is_told_by_which_signal_it_was_ended(number: signal.Signals) -> None:
    told: list[int] = []
    ended: list[str] = []

    async def work() -> str:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleanly")
        return "never"

    assert await run_until_signal(work(), told.append) is None
    assert (told, ended) == ([number], ["cleanly"])


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-11, "was ended by SIGSEGV"),
        (-(signal.SIGRTMIN + 3), f"was ended by signal {signal.SIGRTMIN + 3}"),
    ],
)
def test_an_end_in_words(exit_code: int, words: str) -> None:
    assert how_it_ended(exit_code) == words
