"""Passwords are stored so that they cannot be read."""

from __future__ import annotations

import pytest

from pixelopolis.errors import SettingsError
from server.identity.passwords import MAX_CHARS, MIN_CHARS, hash_password, is_password


def test_only_the_password_itself_is_the_password() -> None:
    stored = hash_password("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert is_password(stored, "correct horse battery")
    assert not is_password(stored, "correct horse batterY")
    assert stored != hash_password("correct horse battery")


@pytest.mark.parametrize("stored", [None, "", "$argon2id$", "plain"])
def test_nothing_is_the_password_of_who_has_none(stored: str | None) -> None:
    for password in ("", "plain", "the password of a user who does not exist"):
        assert not is_password(stored, password)


@pytest.mark.parametrize("length", [0, MIN_CHARS - 1, MAX_CHARS + 1])
def test_too_short_or_too_long_a_password_is_refused_without_being_shown(length: int) -> None:
    with pytest.raises(SettingsError, match=f"{length} characters") as refused:
        hash_password("q" * length)
    assert "qqq" not in str(refused.value)
