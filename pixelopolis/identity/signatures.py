"""What cars and server sign, with Ed25519 keys (RFC 8032), and how keys travel as text."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LINK_SCHEME: Final = "PixelopolisCar"
"""Scheme of the `Authorization` header of a car's link; `NONCE.SIGNATURE` follows."""


def link_proof(serial: str, nonce: str) -> bytes:
    """Return what a car signs to open its link: the nonce that the server has given it."""
    return _parts("pixelopolis car link", serial, nonce)


def enrollment_proof(serial: str, code: str) -> bytes:
    """Return what a car signs to show that the key to be enrolled is its own."""
    return _parts("pixelopolis car enrollment", serial, code)


def sign(key: Ed25519PrivateKey, message: bytes) -> str:
    """Return a signature as base64url text without padding."""
    return to_text(key.sign(message))


def is_signed(key: Ed25519PublicKey, message: bytes, signature: str) -> bool:
    """Return whether a text is the key's signature of a message."""
    try:
        key.verify(from_text(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key as 43 characters of base64url."""
    return to_text(key.public_bytes_raw())


def public_key(text: str) -> Ed25519PublicKey:
    """Return a public key from its text.

    Raises:
        ValueError: the text is none.
    """
    return Ed25519PublicKey.from_public_bytes(from_text(text))


def to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """Return the bytes of `to_text`.

    Raises:
        ValueError: the text is not what `to_text` returns.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from error
    if to_text(data) != text:  # one text for the same bytes, so that none passes for another
        raise ValueError("not canonical")
    return data


def _parts(*parts: str) -> bytes:
    return "\0".join(parts).encode()
