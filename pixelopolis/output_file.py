"""Files and folders that are written when work is done are checked before it begins."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pixelopolis.errors import SettingsError


def check_output_file(file: Path, suffixes: Sequence[str], option: str) -> None:
    """Find out whether a file can be given a name.

    Args:
        file: to be written.
        suffixes: the endings that it may have, in lower case.
        option: names it in the message.

    Raises:
        SettingsError: another ending, a folder of that name, no folder to lie in, or no right or
            way to write there.
    """
    if file.suffix.lower() not in suffixes:
        raise SettingsError(
            f"{option} {str(file)!r}: expected a name that ends in {' or '.join(suffixes)}.",
            "Choose such a name.",
        )
    try:
        if file.is_dir():
            raise SettingsError(f"{option} {str(file)!r} is a folder.", "Name a file.")
        if not file.parent.is_dir():
            raise SettingsError(
                f"{option} {str(file)!r}: there is no folder {str(file.parent)!r}.",
                "Make it first.",
            )
        was_there = file.exists()
        with file.open("ab"):
            pass
        if not was_there:
            file.unlink()
    except OSError as error:
        raise SettingsError(
            f"{option} {str(file)!r} cannot be written: {error.strerror}.", "Name another file."
        ) from error


def check_output_folder(folder: Path, option: str) -> None:
    """Find out whether a folder can be made, or written into, without making it.

    Args:
        folder: that is there, or is to be made with all folders above it.
        option: names it in the message.

    Raises:
        SettingsError: a file of that name, or no right or way to write there.
    """
    there = folder
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise SettingsError(
            f"{option} {str(folder)!r}: {str(there)!r} cannot be written into: {error.strerror}.",
            "Name another folder.",
        ) from error
