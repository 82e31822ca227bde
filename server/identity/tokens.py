"""Unguessable tokens. The database has their digests only. Pure but for the random numbers."""

from __future__ import annotations

import hashlib
import re
import secrets
from enum import StrEnum
from typing import Final


class TokenKind(StrEnum):
    """What a token is for; its text begins with this, so that it is recognized in a leak."""

    STATION = "pxs"
    RIDE = "pxr"
    OPERATOR = "pxo"


BYTES: Final = 32
_TOKEN: Final = re.compile(r"(px[sro])_[A-Za-z0-9_-]{43}")


def new_token(kind: TokenKind) -> str:
    """Return a new token with 256 random bits, in characters that headers and paths allow."""
    return f"{kind}_{secrets.token_urlsafe(BYTES)}"


def kind_of(token: str) -> TokenKind | None:
    """Return what a token says it is for; None if it has not the form of a token."""
    found = _TOKEN.fullmatch(token)
    return TokenKind(found[1]) if found else None


def digest(token: str) -> str:
    """Return what is stored of a token: with so many random bits a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
