"""Stores measured values in a `car.toml` without changing the rest of it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from car.settings import load_settings
from pixelopolis.errors import SettingsError


def set_keys(path: Path, table: str, values: Mapping[str, Any]) -> None:
    """Set keys of one table of a settings file; comments and everything else stay.

    Args:
        path: a car.toml that can be loaded.
        table: a top-level table, as `[board]` or `board = {...}` on one line.
        values: numbers, strings, or lists of them.

    Raises:
        SettingsError: the file has an unsupported layout, or a value is no valid setting; nothing
            was written.
    """
    before = path.read_text(encoding="utf-8")
    wanted = tomllib.loads(before)
    wanted[table] = {**wanted.get(table, {}), **values}
    after = before
    for key, value in values.items():
        after = _set(after, table, key, json.dumps(value))
    try:
        right = tomllib.loads(after) == wanted
    except tomllib.TOMLDecodeError:
        right = False
    if not right:
        lines = ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
        raise SettingsError(
            f"{path}: the table {table!r} is laid out so that it cannot be changed safely.",
            f"Write into it yourself: {lines}.",
        )
    new = path.with_name(path.name + ".new")
    new.write_text(after, encoding="utf-8")
    try:
        load_settings(new)
    except SettingsError:
        new.unlink()
        raise
    new.replace(path)


def _set(text: str, table: str, key: str, value: str) -> str:
    """Return the text with one key set; the caller verifies it."""
    inline = re.search(rf"^{table}\s*=\s*\{{(.*)\}}", text, re.MULTILINE)
    if inline:
        body = inline[1]
        old = re.search(rf"(?<![\w-]){key}\s*=\s*(\[[^\]]*\]|\"[^\"]*\"|[^,\s]+)", body)
        if old:
            body = f"{body[: old.start()]}{key} = {value}{body[old.end() :]}"
        else:
            body = f"{body.rstrip()}, {key} = {value}"
        return text[: inline.start(1)] + body + text[inline.end(1) :]
    header = re.search(rf"^\[{table}\][^\n]*\n", text, re.MULTILINE)
    if header is None:
        return text
    following = re.search(r"^\[", text[header.end() :], re.MULTILINE)
    end = header.end() + following.start() if following else len(text)
    body = text[header.end() : end]
    old = re.search(rf"^{key}[ \t]*=[ \t]*(\[[^\]]*\]|\"[^\"]*\"|[^\s#]+)", body, re.MULTILINE)
    if old:
        body = f"{body[: old.start()]}{key} = {value}{body[old.end() :]}"
    else:
        body = f"{key} = {value}\n{body}"
    return text[: header.end()] + body + text[end:]
