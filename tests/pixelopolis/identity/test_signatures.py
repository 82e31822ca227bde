"""What cars sign, and keys as text."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.identity.signatures import (
    enrollment_proof,
    from_text,
    is_signed,
    link_proof,
    public_key,
    public_text,
    sign,
    to_text,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def test_a_signature_holds_for_its_key_and_message_alone() -> None:
    signature = sign(KEY, link_proof("car1", "n"))
    mine, other = KEY.public_key(), Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
    assert is_signed(mine, link_proof("car1", "n"), signature)
    for message in (
        link_proof("car2", "n"),
        link_proof("car1", "m"),
        enrollment_proof("car1", "n"),
    ):
        assert not is_signed(mine, message, signature)
    assert not is_signed(other.public_key(), link_proof("car1", "n"), signature)
    assert not is_signed(mine, link_proof("car1", "n"), signature[:-1])


def test_parts_cannot_be_moved_from_one_to_the_next() -> None:
    assert link_proof("car1", "2n") != link_proof("car12", "n")


@given(st.binary(max_size=40))
def test_bytes_have_one_text(data: bytes) -> None:
    assert from_text(to_text(data)) == data


@pytest.mark.parametrize("text", ["=", "A", "AB==", "é", "A+//", "AB", "QQ\n", "QR"])
def test_other_texts_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_text(text)


def test_a_key_travels_as_text() -> None:
    text = public_text(KEY.public_key())
    assert len(text) == 43
    assert public_text(public_key(text)) == text
    with pytest.raises(ValueError, match=r"."):
        public_key(text[:-4])
