"""The log of a service: for people at a terminal, or one JSON object a line for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from pixelopolis.cli.common import console


class LogFormat(StrEnum):
    """How a service's log is written."""

    TEXT = "text"
    JSON = "json"


ABOUT: Final = ("ride", "car", "reason", "operator", "action", "target")
"""Fields of a record that a machine can search for."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what it is about."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {key: getattr(record, key) for key in ABOUT if hasattr(record, key)}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def service_handler(log_format: LogFormat) -> logging.Handler:
    """Return the handler of a service's log, on stderr.

    At a terminal lines are wrapped and colored; in a file or pipe each record is one line.
    """
    if log_format is LogFormat.TEXT and sys.stderr is not None and sys.stderr.isatty():
        from rich.logging import RichHandler

        handler: logging.Handler = RichHandler(console=console, show_path=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
        return handler
    handler = logging.StreamHandler(console.file)
    plain = logging.Formatter("%(asctime)s %(levelname)-8s %(message)s")
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else plain)
    return handler
