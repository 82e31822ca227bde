"""Runs commands with only an extra's libraries: `python -m tests.support.blocked`.

Reads JSON with the refused top-level modules, command lines, and packages to import; prints how
each command line ended.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from pixelopolis.errors import PixelopolisError


class Refusing:
    """An import finder that hides some packages, as if they were not installed."""

    def __init__(self, refused: Sequence[str]) -> None:
        self._refused = frozenset(refused)

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> None:
        if name.partition(".")[0] in self._refused:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def outcome(line: Sequence[str]) -> dict[str, Any]:
    """Return how a command line ended: its exit code, or its error."""
    from pixelopolis.cli.main import command_line

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            command_line()(list(line), standalone_mode=True)
    except SystemExit as ended:
        return {"code": ended.code or 0, "said": said.getvalue()}
    except PixelopolisError as error:
        return {"code": 1, "error": error.code, "said": str(error)}
    except Exception as error:
        return {"code": 1, "error": type(error).__name__, "said": repr(error)}
    return {"code": 0, "said": said.getvalue()}


def import_all(package: str) -> list[str]:
    """Import every module of a package; return the failures with their reasons."""
    failed = []
    parent = importlib.import_module(package)
    for found in pkgutil.walk_packages(parent.__path__, f"{package}."):
        try:
            importlib.import_module(found.name)
        except (ImportError, PixelopolisError) as error:
            failed.append(f"{found.name}: {error}")
    return failed


def main() -> None:
    request = json.load(sys.stdin)
    sys.meta_path.insert(0, Refusing(request["refused"]))  # type: ignore[arg-type]
    answers = {
        "lines": [outcome(line) for line in request["lines"]],
        "failed": [fault for name in request["packages"] for fault in import_all(name)],
    }
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
