"""A service's log in a file: one record a line, however long, with what it is about."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from pixelopolis.cli.service_log import LogFormat, service_handler

LONG = "a ride " * 60


@pytest.fixture(params=LogFormat)
def logger(request: pytest.FixtureRequest) -> Iterator[logging.Logger]:
    log = logging.getLogger(f"test.service.{request.param}")
    log.propagate = False
    handler = service_handler(request.param)
    log.addHandler(handler)
    yield log
    log.removeHandler(handler)


def test_a_long_record_is_one_line(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.warning("%s", LONG)
    (line,) = capsys.readouterr().err.splitlines()
    assert LONG.strip() in line


def test_a_record_for_machines_says_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("test.machines")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler := service_handler(LogFormat.JSON))
    try:
        log.info("Ride %s ends.", "b1", extra={"ride": "b1", "car": "car1"})
        try:
            raise ValueError("odd")
        except ValueError:
            log.exception("It failed.")
    finally:
        log.removeHandler(handler)
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["message"], first["ride"], first["car"]) == ("Ride b1 ends.", "b1", "car1")
    assert (first["level"], first["logger"]) == ("INFO", "test.machines")
    assert first["time"].endswith("+00:00")
    assert "ValueError: odd" in second["traceback"]


def test_a_terminal_gets_lines_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert "Rich" in type(service_handler(LogFormat.TEXT)).__name__
    assert "Rich" not in type(service_handler(LogFormat.JSON)).__name__
