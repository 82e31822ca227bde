"""The file of a car's keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pixelopolis.identity.key_file import keys_of, write_key_file
from pixelopolis.identity.signatures import public_text
from tests.support.credentials import SERVER_KEY, key_of


def test_what_is_written_is_read_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "car.key"
    write_key_file(file, key_of("car1"), SERVER_KEY.public_key())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key, view_key = keys_of(file.read_bytes())
    assert key.private_bytes_raw() == key_of("car1").private_bytes_raw()
    assert public_text(view_key) == public_text(SERVER_KEY.public_key())


@pytest.mark.parametrize("kind", ["nothing", "cut", "no key", "another kind of key"])
def test_what_is_no_key_file_is_refused(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "car.key"
    write_key_file(file, key_of("car1"), SERVER_KEY.public_key())
    whole = file.read_bytes()
    public = whole[whole.index(b"-----BEGIN PUBLIC") :]
    other = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    texts = {
        "nothing": b"",
        "cut": whole[:150],
        "no key": b"what is this?" + public,
        "another kind of key": other + public,
    }
    with pytest.raises(ValueError, match=r"."):
        keys_of(texts[kind])
