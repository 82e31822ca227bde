"""A car's key file: its own private key, and the public key of its server, as PEM."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from pixelopolis.identity.private_file import write_private

_PUBLIC: Final = b"-----BEGIN PUBLIC KEY-----"


def write_key_file(file: Path, key: Ed25519PrivateKey, view_key: Ed25519PublicKey) -> None:
    """Write a key file with mode 0600.

    Args:
        file: replaced if it exists.
        key: the car's own.
        view_key: the server's, which signs tokens of live views.

    Raises:
        OSError: it cannot be written.
    """
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = view_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_private(file, private + public)


def keys_of(text: bytes) -> tuple[Ed25519PrivateKey, Ed25519PublicKey]:
    """Return both keys of a key file's bytes: the car's own, and its server's.

    Raises:
        ValueError: it is none.
    """
    private, mark, public = text.partition(_PUBLIC)
    try:
        key, view_key = load_pem_private_key(private, None), load_pem_public_key(mark + public)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from error
    if not (isinstance(key, Ed25519PrivateKey) and isinstance(view_key, Ed25519PublicKey)):
        raise ValueError("it has other keys than Ed25519")
    return key, view_key
