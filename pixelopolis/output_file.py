"""Checks that output files and folders can be written, before the work begins."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pixelopolis.errors import SettingsError


def check_output_file(file: Path, suffixes: Sequence[str], option: str) -> None:
    """Check that a file can be written.

    Args:
        file: the file to write.
        suffixes: allowed suffixes, in lower case.
        option: its option's name, for the message.

    Raises:
        SettingsError: a wrong suffix, a folder of that name, a missing parent folder, or no
            permission.
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
    """Check that a folder can be created or written into, without creating it.

    Args:
        folder: an existing folder, or one to create with its parents.
        option: its option's name, for the message.

    Raises:
        SettingsError: a file of that name, or no permission.
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
