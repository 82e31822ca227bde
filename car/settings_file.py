"""Stores measured values in a `car.toml` without changing the rest of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from car.settings import load_settings
from pixelopolis.errors import SettingsError


def set_keys(path: Path, table: str, values: Mapping[str, Any]) -> None:
    """Set keys of one table of a settings file; comments and everything else stay.

    Args:
        path: a car.toml that can be loaded.
        table: a top-level table, however it is laid out.
        values: numbers, strings, or lists of them.

    Raises:
        SettingsError: a value is not a valid setting; nothing was written.
    """
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    section: Any = document.setdefault(table, tomlkit.table())
    for key, value in values.items():
        if key in section:
            section[key] = value
        else:
            section.append(key, value)  # `section[key] =` leaves out the space behind the comma
    new = path.with_name(path.name + ".new")
    new.write_text(tomlkit.dumps(document), encoding="utf-8")
    try:
        load_settings(new)
    except SettingsError:
        new.unlink()
        raise
    new.replace(path)
