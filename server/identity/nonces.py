"""Nonces that cars sign: valid once, for a short time. Pure but for the random numbers.

None is stored before it is used: it carries its time, and a code that only this server can make.
So asking for many costs no memory.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from typing import Final

from pixelopolis.identity.signatures import from_text, to_text

VALID_S: Final = 10.0
_HEAD: Final = struct.Struct(">d16s")
_MAC_BYTES: Final = 16


class Nonces:
    """Makes and takes back the nonces of one server process."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._used: dict[str, float] = {}
        """When each used nonce would have ended."""

    def make(self, now_s: float) -> str:
        head = _HEAD.pack(now_s, secrets.token_bytes(16))
        return to_text(head + self._mac(head))

    def is_valid(self, nonce: str, now_s: float) -> bool:
        """Return whether a nonce is one of ours, not used, and not too old."""
        try:
            data = from_text(nonce)
        except ValueError:
            return False
        head, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        if len(head) != _HEAD.size or not hmac.compare_digest(mac, self._mac(head)):
            return False
        made_s = float(_HEAD.unpack(head)[0])
        return 0 <= now_s - made_s < VALID_S and nonce not in self._used

    def use(self, nonce: str, now_s: float) -> None:
        """Remember that a valid nonce is used; call it only once its signature is known as good."""
        self._used = {each: end_s for each, end_s in self._used.items() if end_s > now_s}
        self._used[nonce] = now_s + VALID_S

    def _mac(self, head: bytes) -> bytes:
        return hmac.digest(self._secret, head, "sha256")[:_MAC_BYTES]
