"""Loads a town by name, from a generator's seed, or from a file: `load_city`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from pixelopolis.city.generators.grid import grid_city_text
from pixelopolis.city.generators.track import track_city_text
from pixelopolis.city.model import City
from pixelopolis.city.toml_file import parse_city
from pixelopolis.errors import CityError

MAX_FILE_BYTES: Final = 8 << 20


def shipped_cities() -> tuple[str, ...]:
    return tuple(
        sorted(
            entry.name.removesuffix(".toml")
            for entry in files(__package__).joinpath("cities").iterdir()
            if entry.name.endswith(".toml")
        )
    )


def load_city(name: str) -> City:
    """Return a town by name, by `grid:COLSxROWS:SEED` or `track:SEED`, or from a TOML file.

    Raises:
        CityError: there is no such town, or its file is faulty; lists every fault.
    """
    return parse_city(*city_text(name))


def city_text(name: str) -> tuple[str, str]:
    """Return a town's TOML text and the name of its source for messages; see `load_city`.

    Raises:
        CityError: there is no such town.
    """
    if name.startswith("grid:"):
        return grid_city_text(name), name
    if name.startswith("track:"):
        return track_city_text(name), name
    if name in shipped_cities():
        shipped = files(__package__).joinpath("cities", f"{name}.toml")
        return shipped.read_text(encoding="utf-8"), f"{name}.toml"
    return _file_text(name), name


def _file_text(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: not a valid path
        raise CityError(
            f"city {name!r} is neither a shipped town, a grid, a track, nor a readable file "
            f"({error}).",
            f"Use one of {', '.join(shipped_cities())}, grid:COLSxROWS:SEED, track:SEED, or a "
            "TOML file.",
        ) from error
    if len(content) > MAX_FILE_BYTES:
        raise CityError(
            f"city {name!r} has more than {MAX_FILE_BYTES >> 20} MiB.", "Is it a town's file?"
        )
    try:
        return content.decode("utf-8-sig")  # some editors write a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CityError(
            f"city {name!r} is not UTF-8 text: line {line}, {error}.", "Save it as UTF-8."
        ) from error
