"""Operators' passwords: argon2id, with the parameters of RFC 9106's second recommendation."""

from __future__ import annotations

from functools import cache
from typing import Final

from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError

from pixelopolis.errors import SettingsError

MIN_CHARS: Final = 12
MAX_CHARS: Final = 200

_HASHER: Final = PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)


@cache
def _nobodys() -> str:
    return _HASHER.hash("the password of a user who does not exist")


def hash_password(password: str) -> str:
    """Return what is stored of a password. Takes about 0.1 s and 64 MiB.

    Raises:
        SettingsError: it is too short or too long.
    """
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise SettingsError(
            f"password: it has {len(password)} characters, not {MIN_CHARS} to {MAX_CHARS}.",
            "Choose another, for example five words.",
        )
    return _HASHER.hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Return whether a password is the stored one; without one, take as long and return False."""
    try:
        _HASHER.verify(_nobodys() if stored is None else stored, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None
