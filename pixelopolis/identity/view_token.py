"""Short-lived tokens for live views: signed by the server, checked by the car. Pure.

A car knows the server's public key since its enrollment, so no request is needed to check one.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pixelopolis.identity.signatures import is_signed, sign

VALID_S: Final = 60.0
"""A view must be opened within this time."""

MAX_VIEW_S: Final = 600.0
"""An open view is closed after this time; a new token opens it again."""

SKEW_S: Final = 5.0
"""How far the clocks of server and car may differ."""

MAX_CHARS: Final = 300


def make_view_token(key: Ed25519PrivateKey, camera: str, now_s: float) -> str:
    """Return a token that opens one camera's view for `VALID_S`.

    Args:
        key: the server's.
        camera: a car's serial, in which `~` does not occur.
        now_s: seconds since the epoch.
    """
    said = f"{camera}~{int(now_s + VALID_S)}"
    return f"{said}~{sign(key, _message(said))}"


def opens_view(key: Ed25519PublicKey, token: str, camera: str, now_s: float) -> bool:
    """Return whether a token opens a camera's view now."""
    said, _, signature = token.rpartition("~")
    whose, _, until = said.rpartition("~")
    if len(token) > MAX_CHARS or whose != camera or not (until.isascii() and until.isdecimal()):
        return False
    left_s = int(until[:15]) - now_s
    is_now = -SKEW_S <= left_s <= VALID_S + SKEW_S
    return is_now and is_signed(key, _message(said), signature)


def _message(said: str) -> bytes:
    return f"pixelopolis view\0{said}".encode()
